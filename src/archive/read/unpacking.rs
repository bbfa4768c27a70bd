//! What is common to all archives: the entries gathered within limits, and streams that cannot grow
//! without end.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::archive::entry::{Entry, EntryKind, LONGEST_LIST, Ownership};
use crate::archive::limits::{Limits, may_list};
use crate::archive::packing::ARCHIVE_UNFIT;
use crate::archive::read::file::{self, PIECE, ReadLimits};

/// Why an archive cannot be read any further, as a clause.
pub type StopReason = String;

/// The entries of one archive as they come.
pub struct Unpacking<'a> {
    pub limits: &'a Limits,
    entries: Vec<Entry>,
    /// What is left of [`Limits::paths`] and [`Limits::lists`].
    paths: usize,
    lists: u64,
    piece: Vec<u8>,
    /// Whether the bytes of a file of this path are kept.
    kept: fn(&str) -> bool,
    /// By path, whose the directories are.
    directories: BTreeMap<String, Ownership>,
}

/// A path of an archive.
pub struct EntryName {
    pub path: String,
    /// Why nothing can be said of what has this path.
    pub wrong: Option<&'static str>,
}

impl<'a> Unpacking<'a> {
    pub fn new(limits: &'a Limits) -> Self {
        Self::keeping(limits, may_list)
    }

    /// The same, with other files kept than those that list others.
    pub fn keeping(limits: &'a Limits, kept: fn(&str) -> bool) -> Self {
        let (paths, lists) = (limits.paths, limits.lists);
        Self {
            limits,
            entries: Vec::new(),
            paths,
            lists,
            piece: vec![0; PIECE],
            kept,
            directories: BTreeMap::new(),
        }
    }

    /// Notes whose a directory is that is taken as an entry, too.
    pub fn owned(&mut self, path: &str, owned: Ownership) {
        self.directories.insert(path.to_owned(), owned);
    }

    /// What was noted of directories.
    pub fn directories(&mut self) -> BTreeMap<String, Ownership> {
        std::mem::take(&mut self.directories)
    }

    /// A path as the archive has it, without what says nothing: `./` before it and `/` after it.
    pub fn named(&self, bytes: &[u8]) -> EntryName {
        let wrong = match bytes {
            _ if bytes.len() > self.limits.path => {
                Some("its path is longer than any system allows")
            }
            _ if bytes.contains(&0) => Some("its path has a zero byte"),
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
        // What is all slashes is absolute, and stays that.
        let path = if path.is_empty() && bytes.starts_with(b"/") {
            "/"
        } else {
            path
        };
        EntryName {
            path: path.to_owned(),
            wrong,
        }
    }

    /// Takes one more entry, if there may be one more.
    pub fn push(&mut self, named: EntryName, what: EntryKind) -> Result<(), StopReason> {
        let EntryName { path, wrong } = named;
        if matches!(what, EntryKind::Directory)
            && wrong.is_none()
            && (path.is_empty() || path == ".")
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
            None if path.is_empty() => unfit("it is an entry without a name"),
            None => what,
        };
        self.entries.push(Entry { path, what });
        Ok(())
    }

    /// Reads one file of the archive; what goes wrong is said of this entry.
    pub fn file(&mut self, path: &str, mode: Option<u32>, from: &mut impl Read) -> EntryKind {
        let list = if (self.kept)(path) {
            self.lists.min(LONGEST_LIST)
        } else {
            0
        };
        match file::read(
            from,
            mode,
            &ReadLimits {
                program: self.limits.program,
                list,
                size: 0,
            },
            &mut self.piece,
        ) {
            Ok(file) => {
                self.lists -= file.list.as_ref().map_or(0, |list| list.len() as u64);
                EntryKind::File(file)
            }
            Err(error) => unfit(words(&error)),
        }
    }

    /// All that was found. Where reading stopped before the end, an entry without a path says why.
    pub fn finish(mut self, ended: Result<(), StopReason>) -> Vec<Entry> {
        if let Err(why) = ended {
            self.entries.push(Entry {
                path: String::new(),
                what: unfit(why),
            });
        }
        self.entries
    }
}

/// Bytes of an archive may stand in the words, and what they would do to a terminal must not.
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

/// An error and what it came from, on one line.
pub fn words(error: &dyn std::error::Error) -> String {
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

pub fn too_large(allowed: u64) -> String {
    format!("it unpacks to more than the {allowed} bytes that it may")
}

/// A stream that ends with an error where it has given too much.
pub struct Bounded<R> {
    from: R,
    left: u64,
    allowed: u64,
    /// Zero bytes at the end of what was read so far.
    pub zeros: u64,
    /// Once there was an error, there is only that: decoders do not promise what they do after one.
    failed: Option<String>,
}

impl<R: Read> Bounded<R> {
    pub fn new(from: R, allowed: u64) -> Self {
        Self::with_left(from, allowed, allowed)
    }

    /// A stream that is a part of what is allowed, of which so much is left.
    pub fn with_left(from: R, left: u64, allowed: u64) -> Self {
        Self {
            from,
            left,
            allowed,
            zeros: 0,
            failed: None,
        }
    }

    /// Bytes that may still come.
    pub fn left(&self) -> u64 {
        self.left
    }

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
                self.failed = Some(words(error));
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

/// The largest window of a Zstandard frame: what `zstd -d` takes without being asked, `--ultra -22`
/// and `--long` included.
const WINDOW: u64 = 128 * 1024 * 1024;

/// All frames of a Zstandard stream one after the other, with their checksums.
pub struct ZstdFrames<R> {
    from: R,
    decoder: FrameDecoder,
    open: bool,
    given: u64,
}

impl<R: BufRead> ZstdFrames<R> {
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

    /// Opens the next frame that is not to be skipped; false: there is none.
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

    /// What the frame says of itself is held against what came out of it.
    fn close(&self) -> io::Result<()> {
        if let Some(told) = self.decoder.get_checksum_from_data()
            && self.decoder.get_calculated_checksum() != Some(told)
        {
            return Err(io::Error::other("a checksum of Zstandard does not match"));
        }
        let told = self.decoder.content_size();
        if told != 0 && told != self.given {
            return Err(io::Error::other(
                "a frame of Zstandard has another size than it says",
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
