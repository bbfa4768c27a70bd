//! Code shared by all archive formats: entries collected within limits, and streams of limited
//! size.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::archive::entry::{Entry, EntryKind, LONGEST_LIST, Ownership};
use crate::archive::limits::Limits;
use crate::archive::list_name::list_name;
use crate::archive::packing::ARCHIVE_UNFIT;
use crate::archive::read::file::{self, PIECE, ReadLimits};

/// Reason why an archive cannot be read any further, as a clause.
pub type StopReason = String;

/// Collector of the entries of one archive.
pub struct Unpacking<'a> {
    /// Limits of this archive.
    pub limits: &'a Limits,
    entries: Vec<Entry>,
    /// Bytes left of [`Limits::paths`].
    paths: usize,
    /// Bytes left of [`Limits::lists`].
    lists: u64,
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
    /// Creates a collector that keeps the contents of files that list others.
    pub fn new(limits: &'a Limits) -> Self {
        Self {
            release: true,
            ..Self::keeping(limits, |path| list_name(path).is_some())
        }
    }

    /// Returns true if the archive is a release's, in which an entry that other programs unpack
    /// differently is a fault. A layer of an image has one reader only.
    pub fn is_release(&self) -> bool {
        self.release
    }

    /// Creates a collector that keeps the contents of files whose paths match `kept`.
    pub fn keeping(limits: &'a Limits, kept: fn(&str) -> bool) -> Self {
        let (paths, lists) = (limits.paths, limits.lists);
        Self {
            limits,
            entries: Vec::new(),
            paths,
            lists,
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
        EntryName {
            path: path.to_owned(),
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
        self.paths = self
            .paths
            .checked_sub(text)
            .ok_or_else(|| format!("its paths have more than {} bytes", self.limits.paths))?;
        let what = match wrong {
            Some(why) => unfit(why),
            None if path.is_empty() => unfit("its path is empty"),
            None => what,
        };
        self.entries.push(Entry { path, what });
        Ok(())
    }

    /// Reads one file of the archive. An error becomes the contents of this entry.
    pub fn file(&mut self, path: &str, mode: Option<u32>, from: &mut impl Read) -> EntryKind {
        let left = self.lists.min(LONGEST_LIST);
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
            },
            &mut self.piece,
        ) {
            Ok(file) => {
                self.lists -= file.list.as_ref().map_or(0, |list| list.len() as u64);
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

/// Reader that fails once it has returned more than the allowed bytes.
pub struct Bounded<R> {
    from: R,
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

impl<R: Read> Bounded<R> {
    /// Creates a reader of at most `allowed` bytes.
    pub fn new(from: R, allowed: u64) -> Self {
        Self::with_left(from, allowed, allowed)
    }

    /// Creates a reader that shares a limit of `allowed` bytes with others, of which `left` remain.
    pub fn with_left(from: R, left: u64, allowed: u64) -> Self {
        Self {
            from,
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
        self.from.read(&mut piece[..most])
    }
}

impl<R: Read> Read for Bounded<R> {
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

/// Maximum window of a Zstandard frame in bytes: the default of `zstd -d`, which covers `--ultra
/// -22` and `--long`.
const WINDOW: u64 = 128 * 1024 * 1024;

/// Reader of all concatenated frames of a Zstandard stream, which verifies their checksums.
pub struct ZstdFrames<R> {
    from: R,
    decoder: FrameDecoder,
    /// A frame is being read.
    open: bool,
    /// Bytes returned of the current frame.
    given: u64,
}

impl<R: BufRead> ZstdFrames<R> {
    /// Creates a reader of a compressed stream.
    pub fn new(from: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self {
            from,
            decoder,
            open: false,
            given: 0,
        }
    }

    /// Opens the next frame, ignoring skippable ones. Returns false at the end of the stream.
    fn open_next(&mut self) -> io::Result<bool> {
        while !self.from.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.from) {
                Ok(()) => {
                    self.given = 0;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(
                        &mut Read::by_ref(&mut self.from).take(length),
                        &mut io::sink(),
                    )? < length
                    {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// Checks the frame's checksum and content size against the decompressed data.
    fn close(&self) -> io::Result<()> {
        if let Some(checksum) = self.decoder.get_checksum_from_data()
            && self.decoder.get_calculated_checksum() != Some(checksum)
        {
            return Err(io::Error::other("a Zstandard checksum does not match"));
        }
        // 0: the frame's header has no content size.
        let declared = self.decoder.content_size();
        if declared != 0 && declared != self.given {
            return Err(io::Error::other(
                "a Zstandard frame has another size than its header declares",
            ));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if piece.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.open {
                self.open = self.open_next()?;
                if !self.open {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.from, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let read = self.decoder.read(piece)?;
            self.given += read as u64;
            if read > 0 {
                return Ok(read);
            }
            self.close()?;
            self.open = false;
        }
    }
}
