//! Bodies of requests, which are checked as they are sent.

use std::io::{self, Read, Seek, SeekFrom};

use camino::Utf8Path;
use md5::{Digest as _, Md5};

use crate::digest::Hasher;
use crate::host::codes::FILE_ACCESS;
use crate::host::files::FileReader;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::publish::s3::checksum::base64_of;

/// Body of a request.
pub enum Body<'a> {
    /// No body.
    Nothing,
    /// Bytes.
    Bytes(&'a [u8]),
    /// Bytes of its own.
    Owned(Vec<u8>),
    /// Part of a file.
    File(Checked<'a>),
}

/// Reader of a part of a file, which ends in an error instead of its last piece if its digest is
/// another one: a server then has no whole object, and keeps nothing.
pub struct Checked<'a> {
    /// Path of the file.
    pub path: &'a Utf8Path,
    file: FileReader<'a>,
    hasher: Option<Hasher>,
    /// Bytes that are left to read.
    pub left: u64,
    sha256: String,
    /// True if the digest is another one.
    pub is_changed: bool,
}

impl<'a> Checked<'a> {
    /// Opens `size` bytes of a file from `start` on, with this digest.
    ///
    /// # Errors
    /// `file-access`.
    pub fn open(
        host: &'a Host,
        path: &'a Utf8Path,
        start: u64,
        size: u64,
        sha256: &str,
    ) -> Result<Body<'a>> {
        let mut file = host.open_read(path)?;
        if start > 0 {
            file.seek(SeekFrom::Start(start))
                .map_err(|error| unreadable(path, &error))?;
        }
        Ok(Body::File(Self {
            path,
            file,
            hasher: Some(Hasher::default()),
            left: size,
            sha256: sha256.to_owned(),
            is_changed: false,
        }))
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(piece.len());
        let read = self.file.read(&mut piece[..most])?;
        self.left -= read as u64;
        if let Some(hasher) = &mut self.hasher {
            io::Write::write_all(hasher, &piece[..read])?;
        }
        let is_whole = match self.left {
            0 => self.hasher.take().map(Hasher::finish).as_ref() == Some(&self.sha256),
            _ => read > 0 || most == 0,
        };
        if is_whole {
            return Ok(read);
        }
        self.is_changed = true;
        Err(io::Error::other("the file was changed"))
    }
}

/// Counts and hashes what is written to it.
#[derive(Default)]
pub struct Counted {
    /// Hash so far.
    pub hasher: Hasher,
    /// Number of bytes so far.
    pub size: u64,
}

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size += bytes.len() as u64;
        self.hasher.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the MD5 of a part in base64 and its SHA-256 in hex, and adds it to the hash of the whole.
///
/// # Errors
/// `file-access`.
pub fn part_digests(
    host: &Host,
    path: &Utf8Path,
    start: u64,
    length: u64,
    whole: &mut Hasher,
) -> Result<(String, String)> {
    let mut file = host.open_read(path)?;
    let mut hash = || -> io::Result<(String, String)> {
        file.seek(SeekFrom::Start(start))?;
        let mut part = file.by_ref().take(length);
        let (mut md5, mut sha256) = (Md5::new(), Hasher::default());
        let mut piece = vec![0; 128 << 10];
        loop {
            let read = part.read(&mut piece)?;
            if read == 0 {
                break;
            }
            md5.update(&piece[..read]);
            io::Write::write_all(&mut sha256, &piece[..read])?;
            io::Write::write_all(whole, &piece[..read])?;
        }
        Ok((base64_of(&md5.finalize()), sha256.finish()))
    };
    hash().map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Utf8Path, error: &io::Error) -> Problem {
    let message = format!("cannot read `{path}`: {error}");
    Problem::new(FILE_ACCESS, message)
}
