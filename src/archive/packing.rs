//! How an archive is packed, by its first bytes.

use crate::problem::code::{Code, CodeInfo, code};

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Tar,
    Gzip,
    Zstd,
    Zip,
    /// Named or packed like an archive that is not read here, and the clause that says so.
    Foreign(&'static str),
}

impl Packing {
    /// By the first bytes; by the name only where these say nothing. `None`: a file like any other.
    pub fn of(first: &[u8], name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let named = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or one that is to be skipped, as parallel packers write.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            _ if first.get(257..262) == Some(b"ustar") || named(&[".tar"]) => Some(Self::Tar),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Some(Self::Foreign(
                "it is packed with xz, which is not read here",
            )),
            [b'B', b'Z', b'h', ..] => Some(Self::Foreign(
                "it is packed with bzip2, which is not read here",
            )),
            _ if named(&[".tar.gz", ".tgz", ".tar.zst", ".zip", ".tar.xz", ".tar.bz2"]) => Some(
                Self::Foreign("it is named like an archive and does not begin like one"),
            ),
            _ => None,
        }
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[ARCHIVE_UNFIT];

pub const ARCHIVE_UNFIT: Code = code(&CodeInfo {
    name: "archive-unfit",
    title: "an archive cannot be read in bounds",
    cause: "It is damaged, unpacks to more than it may, or its headers say what is not so.",
    detection: "Archives are read as a stream within limits of size, count and ratio, and \
                nothing is unpacked.",
    fix: "Pack it again; name the unpacked directory if it is really that large.",
    source: "README, verify",
    waivable: false,
});
