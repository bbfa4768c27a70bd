//! What is read of a directory, a file or an archive: the input of `verify`.

use serde::Serialize;

use crate::inspect::InspectError;
use crate::inspect::binary::Binary;
use crate::problem::code::Code;

/// What `verify` was pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactsKind {
    Directory,
    File,
    /// `.tar.gz`, `.tar.zst`, `.tar` or `.zip`, read without being unpacked.
    Archive,
}

/// All that was found, each thing read once.
#[derive(Debug, Clone)]
pub struct Artifacts {
    pub kind: ArtifactsKind,
    /// As it was named.
    pub name: String,
    /// Sorted by path; in an archive a path may come twice.
    pub entries: Vec<Entry>,
}

/// One thing, by its path below the subject: `/` between the parts, as an archive or the file
/// system has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    pub what: EntryKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    File(File),
    /// A symbolic link and where it points, as it is written there.
    Link(String),
    /// A hard link of an archive: the path of the entry that it is one file with.
    HardLink(String),
    Directory,
    /// A device, a socket, a pipe.
    Special(&'static str),
    /// It could not be read to its end, and why: the limits of [`crate::archive::look`], or the file
    /// system's words.
    Unread {
        code: Code,
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub size: u64,
    /// 64 lower-case hex digits.
    pub sha256: String,
    /// Permission bits, where there are any.
    pub mode: Option<u32>,
    /// The inspected program, or why it is not one.
    pub binary: Result<Box<Binary>, InspectError>,
    /// Its bytes, where its name says that it lists others ([`LISTS`]) and it is no longer than
    /// [`LONGEST_LIST`].
    pub list: Option<Vec<u8>>,
    /// Directories of a builder's home that its bytes name (`/home/ci/.cargo`), a few at most.
    pub homes: Vec<String>,
}

/// Names of files that list others.
pub const LISTS: &[&str] = &[
    "manifest.json",
    "MANIFEST.txt",
    "SHA256SUMS",
    "sha256sums.txt",
    "SHA256SUMS.txt",
    "checksums.txt",
];

/// Bytes that such a file may have.
pub const LONGEST_LIST: u64 = 8 * 1024 * 1024;

impl Entry {
    pub fn file(&self) -> Option<(&str, &File)> {
        match &self.what {
            EntryKind::File(file) => Some((&self.path, file)),
            _ => None,
        }
    }
}

/// Mode bits and owner of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    pub mode: u32,
    pub user: u64,
    pub group: u64,
}

impl Ownership {
    /// A directory as it is made where nobody says otherwise.
    pub const PLAIN: Self = Self {
        mode: 0o755,
        user: 0,
        group: 0,
    };
}
