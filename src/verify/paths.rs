//! Paths in lists and archives.

use crate::problem::code::{Code, CodeInfo, code};

/// Returns the first 12 digits of a digest, as messages show it.
pub fn head(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// Returns the reason why a path could lead out of the tree, as a clause (`is absolute`); `None` if
/// it is safe.
pub fn unsafe_path(path: &str) -> Option<&'static str> {
    let is_parent = |part: &str| part == "..";
    match path {
        "" => Some("is empty"),
        path if path.starts_with('/')
            || path.starts_with('\\')
            || path
                .get(1..3)
                .is_some_and(|drive| drive == ":\\" || drive == ":/") =>
        {
            Some("is absolute")
        }
        path if path.split(['/', '\\']).any(is_parent) => Some("has a `..` component"),
        path if path.contains('\0') => Some("contains a NUL"),
        _ => None,
    }
}

/// Names of devices on Windows, in any directory and with any suffix. Source: Microsoft, Naming
/// Files, Paths, and Namespaces.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Returns the reason why other systems unpack a path elsewhere or not at all, as a clause; `None`
/// if it is the same everywhere.
pub fn unportable_path(path: &str) -> Option<&'static str> {
    let is_device = |part: &str| {
        let stem = part
            .split('.')
            .next()
            .unwrap_or_default()
            .trim_end()
            .to_ascii_lowercase();
        // COM1 and LPT1, to 9.
        let numbered = stem
            .strip_prefix("com")
            .or_else(|| stem.strip_prefix("lpt"));
        let is_numbered = numbered.is_some_and(|number| matches!(number.as_bytes(), [b'1'..=b'9']));
        DEVICES.contains(&stem.as_str()) || is_numbered
    };
    let is_drive =
        |part: &str| matches!(part.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let is_cut = |part: &str| part != "." && part != ".." && part.ends_with(['.', ' ']);
    match path {
        path if path.contains('\\') => Some("has a `\\`, which Windows reads as a `/`"),
        path if path.split('/').any(is_device) => Some("is a device on Windows"),
        path if is_drive(path) => Some("begins with a drive of Windows"),
        path if path.split('/').any(is_cut) => {
            Some("has a part that ends with a dot or a space, which Windows removes")
        }
        _ => None,
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[PATH_UNSAFE, PATH_UNPORTABLE];

/// Code of a path in an archive that is another one on another system.
pub const PATH_UNPORTABLE: Code = code(&CodeInfo {
    name: "path-unportable",
    title: "a path is another one on another system",
    cause: "It has a backslash, a drive or a device's name of Windows, or a part that ends with a dot: \
            who unpacks it there gets another file, or none.",
    detection: "Every path in an archive is split into its parts.",
    fix: "Rename the file and pack it again.",
    page: "verify",
    sources: &["Microsoft, Naming Files, Paths, and Namespaces"],
    waivable: false,
});

/// Code of a path in a list or an archive that leads out of the tree.
pub const PATH_UNSAFE: Code = code(&CodeInfo {
    name: "path-unsafe",
    title: "a path leads out of the tree",
    cause: "It is absolute or has a `..` component: unpacked, it would write outside the \
            directory.",
    detection: "Every path in lists and archives is split into its components.",
    fix: "Pack or list it again with a path below the tree.",
    page: "verify",
    sources: &["Snyk, Zip Slip"],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_other_systems_read_otherwise_are_named() {
        let why = |path| unportable_path(path).unwrap_or("-");
        for path in ["a\\b", "\\a"] {
            assert_eq!(
                why(path),
                "has a `\\`, which Windows reads as a `/`",
                "{path}"
            );
        }
        for path in [
            "CON",
            "a/nul",
            "nul.txt/b",
            "Aux.tar.gz",
            "com1",
            "LPT9.log",
            "con .x",
        ] {
            assert_eq!(why(path), "is a device on Windows", "{path}");
        }
        assert_eq!(why("c:x"), "begins with a drive of Windows");
        for path in ["a./b", "a/b ", "a..."] {
            let cut = "has a part that ends with a dot or a space, which Windows removes";
            assert_eq!(why(path), cut, "{path}");
        }
        for path in [
            "console",
            "com",
            "com10",
            "a/b.con",
            "Foo::Bar.3pm",
            ".",
            "../a",
            "nulls",
            "a.b",
        ] {
            assert_eq!(why(path), "-", "{path}");
        }
    }
}
