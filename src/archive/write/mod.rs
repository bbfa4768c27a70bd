//! Writes archives, byte for byte the same on every machine: tars for image layers and releases,
//! the streams that compress them, and zips.
//!
//! Members are sorted by path, share one timestamp, and belong to root, or to the owner that the
//! base image gives a directory; names of owners are empty. The format is ustar, with a pax header
//! only before a path that does not fit. gzip's header has no time, name or system, and zlib-rs
//! compresses to the same bytes on every processor.

/// Packages of Debian.
pub mod deb;
/// Tars in a compressed stream.
pub mod stream;
/// Zips.
pub mod zip;

use std::io::{self, Read, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::archive::entry::Ownership;

/// Compression level of gzip: higher ones hardly make binaries smaller.
pub(super) const LEVEL: u32 = 6;

/// Operating system "unknown" in gzip's header, RFC 1952, 2.3.1.
const NO_SYSTEM: u8 = 255;

/// Member of a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// A directory with its mode and owner.
    Directory(Ownership),
    /// A symbolic link with its target, verbatim.
    Link(String),
    /// A regular file.
    File {
        /// Size in bytes.
        size: u64,
        /// Mode 0755 instead of 0644.
        executable: bool,
    },
}

/// Writer of one tar.
pub struct Layer<W: Write> {
    tar: Builder<W>,
    time: u64,
}

impl<W: Write> Layer<W> {
    /// Creates a writer to `to`. `time` is the mtime of every member, in seconds since 1970.
    pub fn new(to: W, time: u64) -> Self {
        Self {
            tar: Builder::new(to),
            time,
        }
    }

    /// Adds a member at a path without a leading `/`. The caller adds members in sorted order.
    ///
    /// # Errors
    /// Reading or writing failed, or `contents` has fewer bytes than `size`. Bytes beyond `size`
    /// are not read.
    pub fn put(&mut self, path: &str, member: &Member, contents: impl Read) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        let (kind, mode, size) = match member {
            Member::Directory(Ownership { mode, user, group }) => {
                header.set_uid(*user);
                header.set_gid(*group);
                (EntryType::Directory, *mode, 0)
            }
            Member::Link(_) => (EntryType::Symlink, 0o777, 0),
            Member::File { size, executable } => (
                EntryType::Regular,
                if *executable { 0o755 } else { 0o644 },
                *size,
            ),
        };
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        // Directories end with a slash, as every tar writes them.
        let path = if kind == EntryType::Directory {
            format!("{path}/")
        } else {
            path.to_owned()
        };
        let mut long: Vec<(&str, &[u8])> = Vec::new();
        if header.set_path(&path).is_err() {
            long.push(("path", path.as_bytes()));
            header.set_path("long")?;
        }
        if let Member::Link(target) = member
            && header.set_link_name_literal(target).is_err()
        {
            long.push(("linkpath", target.as_bytes()));
            header.set_link_name_literal("long")?;
        }
        self.tar.append_pax_extensions(long)?;
        header.set_cksum();
        let mut counted = Counted {
            from: contents.take(size),
            read: 0,
        };
        self.tar.append(&header, &mut counted)?;
        if counted.read < size {
            return Err(io::Error::other(format!(
                "it shrank from {size} to {} bytes while being read",
                counted.read
            )));
        }
        Ok(())
    }

    /// Writes the end of the stream and returns the inner writer.
    pub fn finish(self) -> io::Result<W> {
        self.tar.into_inner()
    }
}

/// Reader that counts the bytes read.
struct Counted<R> {
    from: R,
    /// Bytes read so far.
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(piece)?;
        self.read += read as u64;
        Ok(read)
    }
}

/// Compresses its input with gzip into reproducible bytes.
///
/// Deflate's output depends on how its input is split into writes, and a read may return any number
/// of bytes. So input is collected and passed on in pieces of [`PIECE`] bytes.
pub struct Gzip<W: Write> {
    packer: GzEncoder<W>,
    piece: Vec<u8>,
}

/// Bytes per write to the compressor.
pub(super) const PIECE: usize = 256 * 1024;

impl<W: Write> Gzip<W> {
    /// Creates a compressor that writes to `to`.
    pub fn new(to: W) -> Self {
        let packer = GzBuilder::new()
            .mtime(0)
            .operating_system(NO_SYSTEM)
            .write(to, Compression::new(LEVEL));
        Self {
            packer,
            piece: Vec::with_capacity(PIECE),
        }
    }

    /// Writes the end of the stream and returns the inner writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.packer.write_all(&self.piece)?;
        self.packer.finish()
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.packer.write_all(&self.piece)?;
            self.piece.clear();
        }
        Ok(taken)
    }

    /// Does nothing: a flush would end a deflate block early and change the output.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(time: u64) -> Vec<u8> {
        let mut layer = Layer::new(Vec::new(), time);
        let long = format!("{}/{}", "d".repeat(150), "f".repeat(120));
        let owned = Ownership {
            mode: 0o1777,
            user: 1,
            group: 2,
        };
        layer
            .put("tmp", &Member::Directory(owned), io::empty())
            .unwrap();
        layer
            .put(
                "usr/app",
                &Member::File {
                    size: 3,
                    executable: true,
                },
                &b"app"[..],
            )
            .unwrap();
        layer
            .put("usr/link", &Member::Link("../app".to_owned()), io::empty())
            .unwrap();
        layer
            .put(
                &long,
                &Member::File {
                    size: 0,
                    executable: false,
                },
                io::empty(),
            )
            .unwrap();
        layer
            .put("very", &Member::Link("l".repeat(101)), io::empty())
            .unwrap();
        layer.finish().unwrap()
    }

    #[test]
    fn a_layer_is_reproducible() {
        let bytes = sample(1_700_000_000);
        assert_eq!(bytes, sample(1_700_000_000));
        let mut archive = tar::Archive::new(&bytes[..]);
        let seen: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let (path, link) = (
                    entry.path_bytes().into_owned(),
                    entry.link_name_bytes().map(|link| link.into_owned()),
                );
                let header = entry.header();
                assert_eq!(header.mtime().unwrap(), 1_700_000_000);
                assert_eq!(
                    (header.username().unwrap(), header.groupname().unwrap()),
                    (Some(""), Some(""))
                );
                let (mode, uid, gid) = (
                    header.mode().unwrap(),
                    header.uid().unwrap(),
                    header.gid().unwrap(),
                );
                let short = |bytes: Vec<u8>| {
                    String::from_utf8(bytes)
                        .unwrap()
                        .chars()
                        .take(8)
                        .collect::<String>()
                };
                format!(
                    "{} {mode:o} {uid}:{gid} {}",
                    short(path),
                    short(link.unwrap_or_default())
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                "tmp/ 1777 1:2 ",
                "usr/app 755 0:0 ",
                "usr/link 777 0:0 ../app",
                "dddddddd 644 0:0 ",
                "very 777 0:0 llllllll"
            ]
        );
    }

    #[test]
    fn a_file_that_shrank_is_an_error() {
        let put = |size, bytes: &[u8]| {
            Layer::new(Vec::new(), 0).put(
                "a",
                &Member::File {
                    size,
                    executable: false,
                },
                bytes,
            )
        };
        assert_eq!(
            put(3, b"ab").unwrap_err().to_string(),
            "it shrank from 3 to 2 bytes while being read"
        );
        put(1, b"ab").unwrap();
    }

    #[test]
    fn compression_does_not_depend_on_the_size_of_writes() {
        let text: Vec<u8> = (0..600_000u32)
            .flat_map(|n| (n / 7 * 31 % 977).to_le_bytes())
            .collect();
        let packed = |piece: usize| {
            let mut to = Gzip::new(Vec::new());
            text.chunks(piece)
                .for_each(|piece| to.write_all(piece).unwrap());
            to.finish().unwrap()
        };
        let whole = packed(text.len());
        // The header has no name, time or system.
        assert_eq!(whole[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, NO_SYSTEM]);
        for piece in [1, 512, 8192, 100_003, PIECE, PIECE + 1] {
            assert!(packed(piece) == whole, "{piece}");
        }
    }
}
