//! Candidates, and the choice among them.

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::project::linker::LinkerKind;
use crate::project::setting::{Setting, SettingOrigin};
use crate::toolchain::image::chosen::ResolvedImage;
use crate::toolchain::probe::report::{CompilerFinding, Report};
use crate::toolchain::program::Program;
use crate::toolchain::tools::ToolFile;

/// What links, what compiles C, and the environment that both need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    pub kind: LinkerKind,
    pub linker: Program,
    /// Compiles C for the target; `None`: nobody said, so cc-rs looks for itself.
    pub c_compiler: Option<Program>,
    /// Target-scoped variables, in the order they are printed.
    pub variables: Vec<Variable>,
    /// Files of xpkg's own that the variables name; they must stand before cargo starts.
    #[serde(skip)]
    pub files: Vec<ToolFile>,
    /// What archives, where xpkg or the user says so.
    #[serde(skip)]
    pub archiver: Option<String>,
    /// What is compiled before its first link, once on a machine.
    #[serde(skip)]
    pub first_uses: Vec<CacheWarmup>,
    /// It has a C++ compiler, or leaves that to cc-rs.
    #[serde(skip)]
    pub cxx: bool,
    /// The image in which all of it stands.
    pub image: Option<ResolvedImage>,
    /// A clause: why this one serves.
    pub reason: String,
}

impl Candidate {
    /// What the probes' reports about it are filed under.
    pub fn key(&self) -> String {
        let compiler = self
            .c_compiler
            .as_ref()
            .map_or("", |compiler| compiler.program.as_str());
        format!("{} {} {compiler}", self.kind.name(), self.linker.program)
    }
}

/// A variable of the target's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    pub name: String,
    pub value: String,
    pub set_by: SetBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetBy {
    Xpkg,
    /// The user has set it; it is shown, and left as it is.
    User,
    /// The image's own environment has it.
    Image,
}

impl Variable {
    pub fn ours(name: String, value: &str) -> Self {
        Self {
            name,
            value: value.to_owned(),
            set_by: SetBy::Xpkg,
        }
    }

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

/// A candidate that fell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    pub kind: LinkerKind,
    pub reason: String,
    /// A probe's finding stopped it.
    pub by_probe: bool,
}

/// The outcome for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolchainChoice {
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Who chose: `auto`, or the flag, variable or file that binds.
    pub chosen_by: String,
    pub refused: Vec<Rejected>,
    /// Variables of the user's that do not count for this target.
    pub passed_over: Vec<Setting>,
    /// What the probes say of its C compiler, where the graph holds C.
    pub report: Option<Report>,
    /// What is told and does not stop the run.
    pub findings: Vec<CompilerFinding>,
}

/// What zig compiles once for a target before it can link: its C library, and the C++ one where
/// that is called for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheWarmup {
    /// What a status line calls it.
    pub what: String,
    pub compiler: Utf8PathBuf,
    /// Name and text of the smallest program that needs it.
    pub source: (&'static str, &'static str),
    /// Stands among what zig keeps, and goes with it.
    pub marker: Utf8PathBuf,
}

/// `rust-lld: why (chosen by …)`, with the program where a kind has many.
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
