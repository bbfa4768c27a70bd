//! Contents of a directory, a file or an archive: the input of `verify`.

use serde::Serialize;

use crate::digest::Algorithm;
use crate::inspect::InspectError;
use crate::inspect::auditable::PackageList;
use crate::inspect::binary::Binary;
use crate::problem::code::Code;

/// Kind of the path that `verify` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactsKind {
    /// A directory, read recursively.
    Directory,
    /// A single file that is not an archive.
    File,
    /// An archive, or one compressed file, read as a stream without unpacking.
    Archive,
    /// An archive whose files are installed below `/`: `.deb`, `.rpm`, Alpine's `.apk`.
    Package,
}

impl ArtifactsKind {
    /// Returns true for what is read from one file that contains others.
    pub fn is_packed(self) -> bool {
        matches!(self, Self::Archive | Self::Package)
    }
}

/// Entries of one directory, file or archive, each read once.
#[derive(Debug, Clone)]
pub struct Artifacts {
    /// Kind of the path.
    pub kind: ArtifactsKind,
    /// Path as given on the command line.
    pub name: String,
    /// Entries sorted by path; in an archive a path may occur twice.
    pub entries: Vec<Entry>,
    /// Archives in a directory, sorted by path. They are entries, too.
    pub inside: Vec<Inside>,
}

/// Archive in a directory.
#[derive(Debug, Clone)]
pub struct Inside {
    /// Path of the archive below the directory.
    pub path: String,
    /// Contents of the archive. Archives in it are not looked into.
    pub contents: Artifacts,
}

/// One entry of a directory or an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the directory or archive, with `/` between its parts.
    pub path: String,
    /// Type and contents.
    pub what: EntryKind,
}

/// Type of an entry, with its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File(File),
    /// A symbolic link with its target, verbatim.
    Link(String),
    /// A hard link of an archive, with the path of the entry whose contents it shares.
    HardLink(String),
    /// A directory.
    Directory,
    /// A device, a socket or a pipe, with its name for messages (`a pipe`).
    Special(&'static str),
    /// An entry that could not be read completely: it exceeds a limit of
    /// [`crate::archive::limits`], or the file system reported an error.
    Unread {
        /// Code of the finding.
        code: Code,
        /// Reason, as a clause.
        why: String,
    },
}

/// Facts of one regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
    /// Permission bits; `None` if the source records none.
    pub mode: Option<u32>,
    /// Facts of the program, or the reason why the file is not one.
    pub binary: Result<Box<Binary>, InspectError>,
    /// Further digests that were asked for ([`Limits::digests`]), as lower-case hex digits.
    ///
    /// [`Limits::digests`]: crate::archive::limits::Limits::digests
    pub digests: Vec<(Algorithm, String)>,
    /// Contents of a file that is about others by its name or its first bytes
    /// ([`crate::archive::list_name`]), up to [`LONGEST_LIST`] bytes; `None` for any other file.
    pub list: Option<Vec<u8>>,
    /// Identity on the file system of a file with several hard links; `None` for any other file and
    /// in an archive.
    pub inode: Option<(u64, u64)>,
    /// Home directories of builders that its bytes name (`/home/ci`), a few at most.
    pub homes: Vec<String>,
    /// cargo-auditable's list of packages in a program, or the reason why it cannot be read, as a
    /// clause; `None` if there is none.
    pub packages: Option<Result<Box<PackageList>, String>>,
}

/// Maximum size in bytes of a file that lists others.
pub const LONGEST_LIST: u64 = 8 * 1024 * 1024;

impl File {
    /// Returns a digest of the file; `None` if it was not asked for.
    pub fn digest(&self, algorithm: Algorithm) -> Option<&str> {
        if algorithm == Algorithm::Sha256 {
            return Some(&self.sha256);
        }
        let known = self.digests.iter().find(|(known, _)| *known == algorithm);
        known.map(|(_, digest)| digest.as_str())
    }
}

impl Entry {
    /// Returns path and facts if this is a regular file.
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
    /// Permission bits.
    pub mode: u32,
    /// Numeric user id.
    pub user: u64,
    /// Numeric group id.
    pub group: u64,
}

impl Ownership {
    /// Default for directories: mode 0755, owned by root.
    pub const PLAIN: Self = Self {
        mode: 0o755,
        user: 0,
        group: 0,
    };
}
