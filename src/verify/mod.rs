//! The gate before a release: what was found, held against what is listed and against what each
//! target promises.
//!
//! Pure. [`crate::contents`] reads a subject into [`Entry`]s; everything from there on is decided
//! here.

pub mod expected;
mod judge;
pub mod listing;
pub mod policy;

pub use judge::{AcceptRule, VerifyOptions, accept, judge};

use serde::Serialize;

use crate::inspect::Binary;
use crate::problem::Code;

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
    /// It could not be read to its end, and why: the limits of [`crate::contents`], or the file
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
    /// The inspected program, or the clause that says why it is none.
    pub binary: Result<Box<Binary>, String>,
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

/// Everything that `verify` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Of this document's shape: 1.
    pub schema_version: u32,
    pub subject: String,
    pub kind: ArtifactsKind,
    /// The policy that it was held to: `default`, `strict`, `portable-linux`.
    pub policy: String,
    /// The file that lists the others, by its path; `None`: nothing lists them.
    pub listed_by: Option<String>,
    /// Every program, by path.
    pub files: Vec<FileReport>,
    /// What stands against a release, by path and code.
    pub findings: Vec<Finding>,
    /// What was let pass by someone's word.
    pub accepted: Vec<Accepted>,
    /// What was not checked, and why; it does not count as passed.
    pub skipped: Vec<Skipped>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    pub path: String,
    pub size: u64,
    pub sha256: String,
    /// The triple that it is held to.
    pub target: Option<String>,
    pub binary: Option<Box<Binary>>,
    /// What came of starting it, where that was asked for: `ran`, or `None`.
    pub ran: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: Code,
    /// `None`: the whole subject.
    pub path: Option<String>,
    pub target: Option<String>,
    pub found: String,
    pub expected: String,
    pub help: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    #[serde(flatten)]
    pub finding: Finding,
    /// `--reason`.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub path: String,
    pub what: String,
    pub why: String,
}

#[cfg(test)]
mod tests;
