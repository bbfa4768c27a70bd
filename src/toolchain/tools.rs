//! The tools of a candidate, and the files that xpkg generates to call them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::target::Target;
use crate::target::system::Libc;
use crate::toolchain::context::TargetContext;
use crate::toolchain::program::Program;

/// The tools of a candidate, as far as it has them.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    /// Program that cargo links with; `None` leaves rustc's default.
    pub linker: Option<String>,
    /// C compiler.
    pub cc: Option<Program>,
    /// C++ compiler.
    pub cxx: Option<String>,
    /// Archiver.
    pub ar: Option<String>,
    /// Program that indexes archives.
    pub ranlib: Option<String>,
    /// Search paths of the target's own libraries; `None` if it has none.
    pub libraries: Option<Libraries>,
    /// True if zig links.
    pub zig: bool,
}

/// Search paths of the target's libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libraries {
    /// Sysroot of the libraries; `/` if they are installed among the host's.
    pub sysroot: Utf8PathBuf,
    /// Directories of `.pc` files.
    pub pkg_config: Vec<Utf8PathBuf>,
}

impl Libraries {
    /// Returns the paths of a Debian cross compiler, whose libraries are installed among the
    /// host's, in the target's multiarch directory.
    pub fn debian(target: &Target) -> Self {
        Self {
            sysroot: "/".into(),
            pkg_config: vec![
                format!("/usr/lib/{}/pkgconfig", target.multiarch()).into(),
                "/usr/share/pkgconfig".into(),
            ],
        }
    }

    /// Returns the paths below a sysroot.
    pub fn below(sysroot: &Utf8Path, target: &Target) -> Self {
        let places = [
            format!("usr/lib/{}/pkgconfig", target.multiarch()),
            "usr/lib/pkgconfig".to_owned(),
            "usr/share/pkgconfig".to_owned(),
        ];
        Self {
            sysroot: sysroot.to_owned(),
            pkg_config: places.iter().map(|place| sysroot.join(place)).collect(),
        }
    }
}

/// A generated file that a variable names; it must exist before cargo starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolFile {
    /// Path, with a digest of the text in it.
    pub path: Utf8PathBuf,
    /// Content.
    pub text: String,
    /// True if it is executable.
    pub program: bool,
    /// Program that it starts with arguments of its own, if it is a script that does nothing else.
    pub starts: Option<Started>,
}

/// Program that a script starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Path of the program.
    pub path: Utf8PathBuf,
    /// Arguments that come before those of the caller.
    pub arguments: Vec<String>,
}

impl ToolFile {
    /// Returns the file at a path derived from its text: cargo and CMake notice a changed path, not
    /// changed content, and two runs with different settings must not overwrite each other's files.
    pub(super) fn new(case: &TargetContext, name: &str, text: String, program: bool) -> Self {
        let key = key(&case.named(&text));
        Self::in_directory(&case.generated().join(key), name, text, program)
    }

    /// Returns the same file below the given directory.
    pub fn at(tools: &Utf8Path, name: &str, text: String, program: bool) -> Self {
        Self::in_directory(&tools.join(key(&text)), name, text, program)
    }

    fn in_directory(directory: &Utf8Path, name: &str, text: String, program: bool) -> Self {
        Self {
            path: directory.join(name),
            text,
            program,
            starts: None,
        }
    }
}

/// Returns the name of a directory for a text.
fn key(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

impl Tools {
    /// Returns a C compiler with its companion tools that are on PATH.
    pub fn with_companions(case: &TargetContext, cc: &Program) -> Self {
        let installed = |name: Option<String>| name.filter(|name| case.program(name).is_some());
        // A compiler for musl has its libraries in a sysroot of its own; Debian's compiler for
        // glibc, among the host's.
        let libraries =
            (case.target.system.libc == Libc::Gnu).then(|| Libraries::debian(case.target));
        Self {
            linker: None,
            cc: Some(cc.clone()),
            cxx: installed(cxx_name(&cc.program)),
            ar: installed(tool_name(&cc.program, "ar")),
            ranlib: installed(tool_name(&cc.program, "ranlib")),
            libraries,
            zig: false,
        }
    }

    /// Adds the linker.
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
    // clang for one target, as llvm-mingw has it; plain clang has no tools of its own.
    let of_clang = || cc.strip_suffix("clang").filter(|prefix| !prefix.is_empty());
    let prefix = match cc.split_once("gcc") {
        Some((prefix, _)) => Some(prefix),
        None => of_clang(),
    };
    prefix.map(|prefix| {
        if prefix == "musl-" {
            tool.to_owned()
        } else {
            format!("{prefix}{tool}")
        }
    })
}
