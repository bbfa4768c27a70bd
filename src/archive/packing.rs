//! Detection of an archive's format by its first bytes.

use crate::problem::code::{Code, CodeInfo, code};

/// Format of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// A tar without compression.
    Tar,
    /// A gzip stream, expected to contain a tar.
    Gzip,
    /// A Zstandard stream, expected to contain a tar.
    Zstd,
    /// A zip.
    Zip,
    /// An archive by its name or signature that cannot be read, with the reason as a clause.
    Foreign(&'static str),
}

impl Packing {
    /// Detects the format by the first bytes, or by the name if these are inconclusive. Returns
    /// `None` for a file that is not an archive.
    pub fn of(first: &[u8], name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let named = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or a skippable frame as parallel compressors (pzstd) write first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            _ if first.get(257..262) == Some(b"ustar") || named(&[".tar"]) => Some(Self::Tar),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Some(Self::Foreign(
                "it is compressed with xz, which is not supported",
            )),
            [b'B', b'Z', b'h', ..] => Some(Self::Foreign(
                "it is compressed with bzip2, which is not supported",
            )),
            _ if named(&[".tar.gz", ".tgz", ".tar.zst", ".zip", ".tar.xz", ".tar.bz2"]) => Some(
                Self::Foreign("its name is an archive's, but its first bytes are not"),
            ),
            _ => None,
        }
    }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[ARCHIVE_UNFIT];

/// An archive that is damaged, contradicts itself or exceeds a limit.
pub const ARCHIVE_UNFIT: Code = code(&CodeInfo {
    name: "archive-unfit",
    title: "an archive cannot be read within the limits",
    cause: "It is damaged, unpacks to more than the limit, or its headers contradict each other.",
    detection: "Archives are read as a stream within limits of size, count and ratio, and \
                nothing is unpacked to disk.",
    fix: "Create it again; if it really is that large, verify the unpacked directory instead.",
    page: "verify",
    sources: &[],
    waivable: false,
});
