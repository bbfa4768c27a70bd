//! The tools of a candidate, and the files by which xpkg names them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::invocation;
use crate::target::Target;
use crate::target::system::Libc;
use crate::toolchain::context::TargetContext;
use crate::toolchain::program::Program;

/// The tools of a candidate, as far as it has any.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    /// What cargo is told to link with.
    pub linker: Option<String>,
    pub cc: Option<Program>,
    pub cxx: Option<String>,
    pub ar: Option<String>,
    pub ranlib: Option<String>,
    /// Where the target's own libraries are looked for; `None`: nowhere.
    pub libraries: Option<Libraries>,
    pub zig: bool,
}

/// Where the target's libraries stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libraries {
    pub sysroot: Utf8PathBuf,
    /// Directories of `.pc` files.
    pub pkg_config: Vec<Utf8PathBuf>,
}

impl Libraries {
    /// The libraries of a Debian cross compiler, which stand among the host's: the target's
    /// multiarch directory.
    pub fn debian(target: &Target) -> Self {
        Self {
            sysroot: "/".into(),
            pkg_config: vec![
                format!("/usr/lib/{}/pkgconfig", target.gnu_name()).into(),
                "/usr/share/pkgconfig".into(),
            ],
        }
    }

    /// All that stands below a sysroot.
    pub fn below(sysroot: &Utf8Path, target: &Target) -> Self {
        let places = [
            format!("usr/lib/{}/pkgconfig", target.gnu_name()),
            "usr/lib/pkgconfig".to_owned(),
            "usr/share/pkgconfig".to_owned(),
        ];
        Self {
            sysroot: sysroot.to_owned(),
            pkg_config: places.iter().map(|place| sysroot.join(place)).collect(),
        }
    }
}

/// A file of xpkg's own that a variable names; it has to stand before cargo starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolFile {
    pub path: Utf8PathBuf,
    pub text: String,
    pub program: bool,
}

impl ToolFile {
    /// At a place that its text decides: cargo and CMake see that a path changed, not what stands
    /// there, and two runs with other settings must not write over each other.
    pub(super) fn new(case: &TargetContext, name: &str, text: String, program: bool) -> Self {
        Self::at(case.tools, name, text, program)
    }

    /// The same below a directory of xpkg's own.
    pub fn at(tools: &Utf8Path, name: &str, text: String, program: bool) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self {
            path: tools.join(format!("{:016x}", hasher.finish())).join(name),
            text,
            program,
        }
    }
}

/// A compiler that is called with words of its own, under a name of xpkg's.
pub fn script(
    case: &TargetContext,
    program: &Program,
    name: &str,
    words: &[String],
) -> (Program, ToolFile) {
    let real = program
        .path
        .as_ref()
        .map_or(program.program.as_str(), |path| path.as_str());
    let line = [real]
        .into_iter()
        .chain(words.iter().map(String::as_str))
        .map(invocation::quote)
        .collect::<Vec<_>>()
        .join(" ");
    let text = format!(
        "#!/bin/sh\n# Written by cargo xpkg for `{}`.\nexec {line} \"$@\"\n",
        case.target
    );
    let file = ToolFile::new(case, name, text, true);
    let scripted = Program {
        program: file.path.to_string(),
        machine: Some(case.target.gnu_name()),
        ..program.clone()
    };
    (scripted, file)
}

impl Tools {
    /// A C compiler and its companions, which stand beside it under its own name.
    pub fn of(case: &TargetContext, cc: &Program) -> Self {
        let there = |name: Option<String>| name.filter(|name| case.program(name).is_some());
        // A compiler for musl has its libraries somewhere of its own; Debian's for glibc, among the
        // host's.
        let libraries =
            (case.target.system.libc == Libc::Gnu).then(|| Libraries::debian(case.target));
        Self {
            linker: None,
            cc: Some(cc.clone()),
            cxx: there(cxx_name(&cc.program)),
            ar: there(tool_name(&cc.program, "ar")),
            ranlib: there(tool_name(&cc.program, "ranlib")),
            libraries,
            zig: false,
        }
    }

    pub fn linking(self, linker: &str) -> Self {
        Self {
            linker: Some(linker.to_owned()),
            ..self
        }
    }
}

/// `aarch64-linux-gnu-gcc-12` -> `aarch64-linux-gnu-g++-12`.
pub fn cxx_name(cc: &str) -> Option<String> {
    match cc.split_once("gcc") {
        Some((prefix, version)) => Some(format!("{prefix}g++{version}")),
        None => cc.ends_with("clang").then(|| format!("{cc}++")),
    }
}

/// `aarch64-linux-gnu-gcc-12` -> `aarch64-linux-gnu-ar`.
pub fn tool_name(cc: &str, tool: &str) -> Option<String> {
    cc.split_once("gcc").map(|(prefix, _)| {
        if prefix == "musl-" {
            tool.to_owned()
        } else {
            format!("{prefix}{tool}")
        }
    })
}
