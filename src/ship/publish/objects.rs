//! Objects of a release at a store: keys, content types, and how long they may be cached. Pure.

use crate::tree::registry::{CRATES, INDEX};
use crate::tree::release::{Document, FileKind};

/// `Cache-Control` of what never changes.
pub const FOREVER: &str = "public, max-age=31536000, immutable";

/// `Cache-Control` of what does: it may be kept, and is asked for again each time.
pub const NEVER: &str = "no-cache";

/// Name of the document of a channel.
pub const LATEST: &str = "latest.json";

/// Object of a version, written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Key.
    pub key: String,
    /// Path in the directory of the release.
    pub path: String,
    /// Size in bytes; `None` for a list that the document does not contain.
    pub size: u64,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
    /// When it is written.
    pub step: Step,
}

/// Order of the objects: each one that names others comes after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Files of the version.
    Files,
    /// Its lists, which name the files.
    Lists,
    /// Packages of the registry.
    Crates,
}

/// Content types by the end of the name; the first that fits.
const TYPES: &[(&str, &str)] = &[
    (".cdx.json", "application/vnd.cyclonedx+json"),
    (".json", "application/json"),
    (".html", "text/html; charset=utf-8"),
    (".tar.gz", "application/gzip"),
    (".tar.xz", "application/x-xz"),
    (".tar.zst", "application/zstd"),
    (".zip", "application/zip"),
    (".deb", "application/vnd.debian.binary-package"),
    (".crate", "application/gzip"),
    // Text, so that `irm URL | iex` gets a string, and a browser shows it.
    (".sh", "text/plain; charset=utf-8"),
    (".ps1", "text/plain; charset=utf-8"),
    (".rb", "text/plain; charset=utf-8"),
    (".sha256", "text/plain; charset=utf-8"),
    (".sig", "text/plain; charset=utf-8"),
    (".minisig", "text/plain; charset=utf-8"),
    ("SHA256SUMS", "text/plain; charset=utf-8"),
];

/// Returns the content type of an object. Lines of an index have no suffix.
pub fn mime(key: &str) -> &'static str {
    if let Some((_, mime)) = TYPES.iter().find(|(end, _)| key.ends_with(end)) {
        return mime;
    }
    if key.contains(&format!("{INDEX}/")) {
        return "text/plain; charset=utf-8";
    }
    "application/octet-stream"
}

/// Returns the objects of a release in a channel that are written once: its whole directory, and
/// the packages of its registry in the registry of the channel. `lists` are the files that the
/// document does not list, with size and digest: itself, `SHA256SUMS`, and its signatures.
pub fn objects(
    release: &Document,
    channel: &str,
    lists: Vec<(&str, (u64, String))>,
) -> Vec<Object> {
    let version = &release.version;
    let mut objects = Vec::new();
    for file in &release.files {
        let mut add = |key: String, step: Step| {
            objects.push(Object {
                key,
                path: file.path.clone(),
                size: file.size,
                sha256: file.sha256.clone(),
                step,
            });
        };
        add(format!("{channel}/{version}/{}", file.path), Step::Files);
        if file.kind == FileKind::Crate {
            let name = file.path.strip_prefix(CRATES).unwrap_or(&file.path);
            add(format!("{channel}/{CRATES}{name}"), Step::Crates);
        }
    }
    for (path, (size, sha256)) in lists {
        objects.push(Object {
            key: format!("{channel}/{version}/{path}"),
            path: path.to_owned(),
            size,
            sha256,
            step: Step::Lists,
        });
    }
    objects.sort_by(|one, other| (one.step, &one.key).cmp(&(other.step, &other.key)));
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_file_has_its_type() {
        for (key, expected) in [
            ("main/1.0.0/chat-1.0.0-x.tar.gz", "application/gzip"),
            ("main/1.0.0/chat.cdx.json", "application/vnd.cyclonedx+json"),
            ("main/1.0.0/release.json", "application/json"),
            ("main/1.0.0/SHA256SUMS", "text/plain; charset=utf-8"),
            (
                "main/registry/index/ch/at/chat",
                "text/plain; charset=utf-8",
            ),
            ("main/registry/index/config.json", "application/json"),
            ("main/1.0.0/other", "application/octet-stream"),
        ] {
            assert_eq!(mime(key), expected, "{key}");
        }
    }
}
