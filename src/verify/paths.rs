//! Paths in lists and archives.

use crate::problem::code::{Code, CodeInfo, code};

/// The first digits of a digest, as messages have it.
pub fn head(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// What is wrong with a path that is to be below a tree; a clause.
pub fn unsafe_path(path: &str) -> Option<&'static str> {
    let part = |part: &str| part == "..";
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
        path if path.split(['/', '\\']).any(part) => Some("has a part `..`"),
        path if path.contains('\0') => Some("has a NUL in it"),
        _ => None,
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[PATH_UNSAFE];

pub const PATH_UNSAFE: Code = code(&CodeInfo {
    name: "path-unsafe",
    title: "a path leads out of the tree",
    cause: "It is absolute, has a part `..`, or ends in one: unpacked, it would write where \
            nobody expects it.",
    detection: "Every path in lists and archives is taken apart.",
    fix: "Pack or list it again by a path below the tree.",
    source: "Snyk, Zip Slip",
    waivable: false,
});
