//! Layout of Microsoft's libraries, and the variable that names them to the linker.

use camino::Utf8Path;

use crate::target::Target;
use crate::toolchain::context::TargetContext;

/// Suffix of the triples.
const SUFFIX: &str = "pc-windows-msvc";

/// Names of the processors' directories: those of `xwin splat`, and Microsoft's own.
const ARCHES: &[(&str, &[&str])] = &[
    ("x86_64", &["x86_64", "x64"]),
    ("i686", &["x86"]),
    ("i586", &["x86"]),
    ("aarch64", &["aarch64", "arm64"]),
];

/// Directories of the headers below the root, in the order in which they are searched.
pub const HEADERS: &[&str] = &[
    "crt/include",
    "sdk/include/ucrt",
    "sdk/include/um",
    "sdk/include/shared",
];

/// A directory of libraries, and the one that shows that it is complete.
pub struct LibraryPlace {
    /// Directory below the root, without the processor's.
    pub directory: &'static str,
    /// A library of programs that load the C runtime.
    pub shared: &'static str,
    /// A library of programs that contain it.
    pub contained: &'static str,
}

/// Directories of the libraries, in the order in which they are searched.
pub const LIBRARIES: &[LibraryPlace] = &[
    LibraryPlace {
        directory: "crt/lib",
        shared: "msvcrt.lib",
        contained: "libcmt.lib",
    },
    LibraryPlace {
        directory: "sdk/lib/ucrt",
        shared: "ucrt.lib",
        contained: "libucrt.lib",
    },
    LibraryPlace {
        directory: "sdk/lib/um",
        shared: "kernel32.lib",
        contained: "kernel32.lib",
    },
];

/// Returns true for the targets that link with Microsoft's libraries.
pub fn is_msvc(target: &Target) -> bool {
    target.system.suffix == SUFFIX
}

/// Returns the names of a processor's directories, the first of `xwin splat`.
pub fn arch_names(target: &Target) -> &'static [&'static str] {
    ARCHES
        .iter()
        .find(|(prefix, _)| *prefix == target.arch.prefix)
        .map_or(&[], |(_, names)| names)
}

/// Returns the value of LIB, in which the linker looks for libraries.
pub fn library_path(case: &TargetContext) -> Option<String> {
    let sdk = case.target_facts.windows_sdk.as_ref()?.as_ref().ok()?;
    let directories: Vec<&str> = sdk.libraries.iter().map(|path| path.as_str()).collect();
    Some(directories.join(";"))
}

/// Returns the reason against a directory of libraries, by the names of the files in it; `None` if it
/// is complete. Windows' names are equal without regard to case, and Linux' are not.
pub fn lacking(directory: &Utf8Path, name: &str, found: &[String]) -> Option<String> {
    if found.iter().any(|file| file == name) {
        return None;
    }
    let other = found.iter().find(|file| file.eq_ignore_ascii_case(name));
    Some(match other {
        Some(other) => format!(
            "`{directory}` has `{other}` and no `{name}`: the names of its files must be in lower \
             case, too, as `xwin splat` makes them"
        ),
        None => format!("`{directory}` has no `{name}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_compared_with_case() {
        let names = ["Kernel32.Lib".to_owned(), "user32.lib".to_owned()];
        let lacking = |name: &str| lacking(Utf8Path::new("um"), name, &names);
        assert_eq!(lacking("user32.lib"), None);
        assert_eq!(
            lacking("kernel32.lib").unwrap(),
            "`um` has `Kernel32.Lib` and no `kernel32.lib`: the names of its files must be in lower \
             case, too, as `xwin splat` makes them"
        );
        assert_eq!(lacking("ws2_32.lib").unwrap(), "`um` has no `ws2_32.lib`");
    }
}
