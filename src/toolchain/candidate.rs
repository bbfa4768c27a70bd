//! Candidates, and the choice among them.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::project::linker::LinkerKind;
use crate::project::setting::{Setting, SettingOrigin};
use crate::toolchain::image::chosen::ResolvedImage;
use crate::toolchain::probe::report::{CompilerFinding, Report};
use crate::toolchain::program::Program;
use crate::toolchain::tools::{Started, ToolFile};

/// A linker, a C compiler, and the environment that both need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Kind of the linker.
    pub kind: LinkerKind,
    /// Program that links.
    pub linker: Program,
    /// C compiler for the target; `None` if neither xpkg nor the user sets one, so that cc-rs
    /// searches for it.
    pub c_compiler: Option<Program>,
    /// Target-scoped variables, in the order they are printed.
    pub variables: Vec<Variable>,
    /// xpkg's own files that the variables name; they must exist before cargo starts.
    #[serde(skip)]
    pub files: Vec<ToolFile>,
    /// Directory of xpkg's own programs that cargo must find; it comes first in PATH.
    #[serde(skip)]
    pub path: Option<Utf8PathBuf>,
    /// Variable with the emulator that starts the target's programs, if there is one; `env` prints
    /// it.
    #[serde(skip)]
    pub runner: Option<Variable>,
    /// Archiver (`ar`), if xpkg or the user sets one.
    #[serde(skip)]
    pub archiver: Option<String>,
    /// Programs compiled once per machine before the first link, to fill zig's cache.
    #[serde(skip)]
    pub cache_warmups: Vec<CacheWarmup>,
    /// True if a C++ compiler is available, or the choice of one is left to cc-rs.
    #[serde(skip)]
    pub cxx: bool,
    /// Image that contains the toolchain.
    pub image: Option<ResolvedImage>,
    /// Clause that says why this candidate serves.
    pub reason: String,
}

impl Candidate {
    /// Returns the key of the probes' report on this candidate.
    pub fn key(&self) -> String {
        let compiler = self
            .c_compiler
            .as_ref()
            .map_or("", |compiler| compiler.program.as_str());
        format!("{} {} {compiler}", self.kind.name(), self.linker.program)
    }
}

impl Candidate {
    /// Returns one of xpkg's own programs by the name that the variables have.
    fn own_file(&self, name: &str) -> Option<&ToolFile> {
        let is_named = |file: &&ToolFile| file.program && file.path.file_name() == Some(name);
        self.files.iter().find(is_named)
    }

    /// Returns the path of one of xpkg's own programs by the name that the variables have.
    pub fn own_program(&self, name: &str) -> Option<&Utf8Path> {
        Some(&self.own_file(name)?.path)
    }

    /// Returns what a script of xpkg's own starts, by the name that the variables have.
    pub fn started_by(&self, name: &str) -> Option<&Started> {
        self.own_file(name)?.starts.as_ref()
    }
}

/// A variable of the target's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Full name, mostly with the target in it.
    pub name: String,
    /// Value as cargo and build scripts read it.
    pub value: String,
    /// Origin of the value.
    pub set_by: SetBy,
}

/// Origin of a variable's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetBy {
    /// Set by xpkg.
    Xpkg,
    /// Set by the user; shown, and left unchanged.
    User,
    /// Set by the image's own environment.
    Image,
}

impl Variable {
    /// Returns a variable that xpkg sets.
    pub fn ours(name: String, value: &str) -> Self {
        Self {
            name,
            value: value.to_owned(),
            set_by: SetBy::Xpkg,
        }
    }

    /// Returns a variable that the user or the image has set.
    pub fn yours(setting: &Setting) -> Self {
        let set_by = if setting.place == SettingOrigin::Image {
            SetBy::Image
        } else {
            SetBy::User
        };
        Self {
            name: setting.name.clone(),
            value: setting.value.clone(),
            set_by,
        }
    }
}

/// A rejected candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Kind of the candidate.
    pub kind: LinkerKind,
    /// Clause that says why it was rejected.
    pub reason: String,
    /// True if a probe's finding caused the rejection.
    pub by_probe: bool,
}

/// The chosen toolchain of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolchainChoice {
    /// The candidate that passed.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Origin of the choice: `auto`, or the flag, variable or file that binds.
    pub chosen_by: String,
    /// Candidates that were tried before and rejected.
    pub rejected: Vec<Rejected>,
    /// User variables that are ignored for this target.
    pub ignored_variables: Vec<Setting>,
    /// Probe report on its C compiler, if the graph contains C.
    pub report: Option<Report>,
    /// Findings that are reported and do not stop the run.
    pub findings: Vec<CompilerFinding>,
}

/// A compile that zig does once per target before it can link: its C library, and libc++ if the
/// graph compiles C++.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheWarmup {
    /// Description for the status line.
    pub what: String,
    /// Wrapper to call.
    pub compiler: Utf8PathBuf,
    /// Name and text of the smallest program that needs the library.
    pub source: (&'static str, &'static str),
    /// File in zig's cache that records a finished warm-up; clearing the cache removes it, too.
    pub marker: Utf8PathBuf,
}

/// Formats `rust-lld: why (chosen by …)`, with the program if the kind has several.
pub fn choice(candidate: &Candidate, chosen_by: &str) -> String {
    let by = if chosen_by == "auto" || candidate.reason == chosen_by {
        String::new()
    } else {
        format!(" (chosen by {chosen_by})")
    };
    let program = &candidate.linker.program;
    let name = match candidate.kind {
        LinkerKind::Configured => format!("`{program}`"),
        LinkerKind::Gcc if program != candidate.kind.name() => format!("gcc `{program}`"),
        kind => kind.name().to_owned(),
    };
    format!("{name}: {}{by}", candidate.reason)
}
