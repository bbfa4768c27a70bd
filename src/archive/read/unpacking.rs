//! Code shared by all archive formats: entries collected within limits, and streams of limited
//! size.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::archive::entry::{Entry, EntryKind, LONGEST_LIST, Ownership};
use crate::archive::limits::Limits;
use crate::archive::list_name::{is_crate_manifest, list_name};
use crate::archive::packing::ARCHIVE_UNFIT;
use crate::archive::read::budget::{Counter, Pool};
use crate::archive::read::file::{self, PIECE, ReadLimits};

/// Reason why an archive cannot be read any further, as a clause.
pub type StopReason = String;

/// Collector of the entries of one archive.
pub struct Unpacking<'a> {
    /// Limits of this archive.
    pub limits: &'a Limits,
    /// Bounds that it shares with the other archives of the subject.
    pub pool: &'a Pool,
    /// Directory that the following entries are put into, with a trailing `/`; empty for none.
    pub below: &'static str,
    entries: Vec<Entry>,
    /// Buffer for reading files.
    piece: Vec<u8>,
    /// Predicate of the paths whose contents are kept in memory.
    kept: fn(&str) -> bool,
    /// The archive is a release's: files that begin like a list are kept, too, and an entry that
    /// other programs unpack differently is not read.
    release: bool,
    /// Mode and owner of directories, by path.
    directories: BTreeMap<String, Ownership>,
}

/// Path of an archive's entry.
pub struct EntryName {
    /// Normalized path, cut at [`Limits::path`].
    pub path: String,
    /// Reason why the path is invalid, as a clause.
    pub wrong: Option<&'static str>,
    /// The entry has no path at all; `./`, the root, becomes empty by normalization only.
    is_nameless: bool,
}

impl<'a> Unpacking<'a> {
    /// Creates a collector for an archive of this name, which keeps the contents of files that list
    /// others, and of the manifest of a package of cargo.
    pub fn new(limits: &'a Limits, pool: &'a Pool, name: &str) -> Self {
        let kept: fn(&str) -> bool = if name.ends_with(".crate") {
            |path| list_name(path).is_some() || is_crate_manifest(path)
        } else {
            |path| list_name(path).is_some()
        };
        Self {
            release: true,
            ..Self::keeping(limits, pool, kept)
        }
    }

    /// Returns true if the archive is a release's, in which an entry that other programs unpack
    /// differently is a fault. A layer of an image has one reader only.
    pub fn is_release(&self) -> bool {
        self.release
    }

    /// Creates a collector that keeps the contents of files whose paths match `kept`.
    pub fn keeping(limits: &'a Limits, pool: &'a Pool, kept: fn(&str) -> bool) -> Self {
        Self {
            limits,
            pool,
            below: "",
            entries: Vec::new(),
            piece: vec![0; PIECE],
            kept,
            release: false,
            directories: BTreeMap::new(),
        }
    }

    /// Records mode and owner of a directory that is an entry, too.
    pub fn owned(&mut self, path: &str, owned: Ownership) {
        self.directories.insert(path.to_owned(), owned);
    }

    /// Takes the recorded modes and owners of directories, by path.
    pub fn directories(&mut self) -> BTreeMap<String, Ownership> {
        std::mem::take(&mut self.directories)
    }

    /// Normalizes and checks a path: removes a leading `./` and a trailing `/`.
    pub fn entry_name(&self, bytes: &[u8]) -> EntryName {
        let wrong = match bytes {
            _ if bytes.len() > self.limits.path => {
                Some("its path is longer than any system allows")
            }
            _ if bytes.contains(&0) => Some("its path contains a NUL byte"),
            _ if str::from_utf8(bytes).is_err() => Some("its path is not UTF-8"),
            _ => None,
        };
        let path = String::from_utf8_lossy(&bytes[..bytes.len().min(self.limits.path)]);
        let mut path = path.trim_end_matches('/');
        // `.//etc` is not `/etc`.
        while let Some(rest) = path
            .strip_prefix("./")
            .filter(|rest| !rest.starts_with('/'))
        {
            path = rest;
        }
        // A path of slashes only is absolute and must remain so.
        let path = if path.is_empty() && bytes.starts_with(b"/") {
            "/"
        } else {
            path
        };
        // What is absolute remains so.
        let path = match self.below {
            "" => path.to_owned(),
            _ if path.is_empty() || path == "." || path.starts_with('/') => path.to_owned(),
            below => format!("{below}{path}"),
        };
        EntryName {
            path,
            wrong,
            is_nameless: bytes.is_empty(),
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// The number of entries or the total length of their paths exceeds the limits.
    pub fn push(&mut self, name: EntryName, what: EntryKind) -> Result<(), StopReason> {
        let EntryName {
            path,
            wrong,
            is_nameless,
        } = name;
        if matches!(what, EntryKind::Directory)
            && wrong.is_none()
            && (path.is_empty() && !is_nameless || path == ".")
        {
            return Ok(());
        }
        if self.entries.len() >= self.limits.entries {
            return Err(format!("it has more than {} entries", self.limits.entries));
        }
        let text = path.len()
            + if let EntryKind::Link(target) | EntryKind::HardLink(target) = &what {
                target.len()
            } else {
                0
            };
        if !self.pool.entries.take(1) {
            let most = self.limits.entries;
            return Err(format!(
                "the archives have more than {most} entries together"
            ));
        }
        if !self.pool.paths.take(text as u64) {
            let most = self.limits.paths;
            return Err(format!("its paths have more than {most} bytes"));
        }
        let what = match wrong {
            Some(why) => unfit(why),
            None if path.is_empty() => unfit("its path is empty"),
            None => what,
        };
        self.entries.push(Entry { path, what });
        Ok(())
    }

    /// Reads one file of the archive, of which no more than the declared bytes are held. An error
    /// becomes the contents of this entry.
    pub fn file(
        &mut self,
        path: &str,
        mode: Option<u32>,
        declared: u64,
        from: &mut impl Read,
    ) -> EntryKind {
        let left = self.pool.lists.left().min(LONGEST_LIST);
        let list = if (self.kept)(path) { left } else { 0 };
        match file::read(
            from,
            mode,
            &ReadLimits {
                program: self.limits.program,
                list,
                like_list: if self.release { left } else { 0 },
                digests: &self.limits.digests,
                size: 0,
                bound: declared,
                memory: &self.pool.memory,
            },
            &mut self.piece,
        ) {
            Ok(mut file) => {
                // Another reader may have taken what was left.
                let is_kept = |list: &Vec<u8>| self.pool.lists.take(list.len() as u64);
                file.list = file.list.filter(is_kept);
                EntryKind::File(file)
            }
            Err(error) => unfit(error_chain(&error)),
        }
    }

    /// Returns all entries. If reading stopped early, an entry with an empty path gives the reason.
    pub fn finish(mut self, ended: Result<(), StopReason>) -> Vec<Entry> {
        if self.release {
            self.check_hard_links();
        }
        if let Err(why) = ended {
            self.entries.push(Entry {
                path: String::new(),
                what: unfit(why),
            });
        }
        self.entries
    }
}

impl Unpacking<'_> {
    /// Marks hard links that come before their files: a program that unpacks in the archive's order
    /// fails, or links to what was there before.
    fn check_hard_links(&mut self) {
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            if matches!(entry.what, EntryKind::File(_)) {
                last.insert(&entry.path, at);
            }
        }
        let mut early = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            if let EntryKind::HardLink(to) = &entry.what
                && last
                    .get(to.trim_start_matches("./"))
                    .is_some_and(|file| *file > at)
            {
                early.push((
                    at,
                    format!("it is a hard link to `{to}`, which comes after it"),
                ));
            }
        }
        for (at, why) in early {
            self.entries[at].what = unfit(why);
        }
    }
}

/// Returns the kind of an entry that cannot be read. The reason may contain bytes of the archive,
/// so control characters are replaced and its length is limited.
pub fn unfit(why: impl AsRef<str>) -> EntryKind {
    const LONGEST: usize = 300;
    let shown = why.as_ref().chars().map(|letter| {
        if letter.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            letter
        }
    });
    EntryKind::Unread {
        code: ARCHIVE_UNFIT,
        why: shown.take(LONGEST).collect(),
    }
}

/// Returns an error with its sources on one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

/// Returns the reason for an archive that exceeds its unpacked size.
pub fn too_large(allowed: u64) -> String {
    format!("it unpacks to more than the allowed {allowed} bytes")
}

/// Reason for archives that exceed their unpacked size together.
const TOO_LARGE_TOGETHER: &str = "the archives unpack to more than is allowed together";

/// Reader that fails once it has returned more than the allowed bytes, or more than the archives of
/// a subject may together.
pub struct Bounded<'a, R> {
    from: R,
    /// Bytes left for all archives.
    total: &'a Counter,
    /// Bytes left of `allowed`.
    left: u64,
    /// Limit in bytes, for the error message.
    allowed: u64,
    /// Number of zero bytes at the end of the data read so far.
    pub zeros: u64,
    /// First error, returned by all later reads: decoders make no promise about reads after an
    /// error.
    failed: Option<String>,
}

impl<'a, R: Read> Bounded<'a, R> {
    /// Creates a reader of at most `allowed` bytes.
    pub fn new(from: R, allowed: u64, pool: &'a Pool) -> Self {
        Self::with_left(from, allowed, allowed, pool)
    }

    /// Creates a reader that shares a limit of `allowed` bytes with others, of which `left` remain.
    pub fn with_left(from: R, left: u64, allowed: u64, pool: &'a Pool) -> Self {
        Self {
            from,
            total: &pool.unpacked,
            left,
            allowed,
            zeros: 0,
            failed: None,
        }
    }

    /// Returns the bytes left of the limit.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Reads at most `left` bytes; fails if more follow.
    fn next(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let most = piece
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 && !piece.is_empty() {
            return match self.from.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other(too_large(self.allowed))),
            };
        }
        let read = self.from.read(&mut piece[..most])?;
        if !self.total.take(read as u64) {
            return Err(io::Error::other(TOO_LARGE_TOGETHER));
        }
        Ok(read)
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if let Some(failed) = &self.failed {
            return Err(io::Error::other(failed.clone()));
        }
        let read = self.next(piece).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.failed = Some(error_chain(error));
            }
        })?;
        self.left -= read as u64;
        self.zeros = match piece[..read].iter().rposition(|byte| *byte != 0) {
            Some(at) => (read - 1 - at) as u64,
            None => self.zeros + read as u64,
        };
        Ok(read)
    }
}
