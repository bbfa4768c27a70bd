//! The archive format that an archiver writes.

use serde::{Deserialize, Serialize};

/// Format of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArchiveFormat {
    /// System V's format with GNU's long names, which linkers for ELF index.
    Gnu,
    /// BSD's and macOS's format.
    Bsd,
    /// Not a readable archive; the reason.
    Broken(String),
}

/// Reads the format of an archive with one member whose name is too long for its header.
pub fn archive_format(bytes: &[u8]) -> ArchiveFormat {
    match bytes.strip_prefix(b"!<arch>\n") {
        None => ArchiveFormat::Broken("its output is not an archive".to_owned()),
        Some(members) if members.windows(3).any(|word| word == b"#1/") => ArchiveFormat::Bsd,
        Some(_) => ArchiveFormat::Gnu,
    }
}
