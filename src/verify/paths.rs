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

/// Codes that this file declares.
pub const CODES: &[Code] = &[PATH_UNSAFE];

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
