//! The format that an archiver writes.

use serde::{Deserialize, Serialize};

/// What an archiver writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArchiveFormat {
    Gnu,
    Bsd,
    /// Nothing that can be read, and why.
    Broken(String),
}

/// The format of an archive with one member whose name is too long for its header.
pub fn archive_format(bytes: &[u8]) -> ArchiveFormat {
    match bytes.strip_prefix(b"!<arch>\n") {
        None => ArchiveFormat::Broken("what it wrote is no archive".to_owned()),
        Some(members) if members.windows(3).any(|word| word == b"#1/") => ArchiveFormat::Bsd,
        Some(_) => ArchiveFormat::Gnu,
    }
}
