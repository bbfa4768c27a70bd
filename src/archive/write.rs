//! A layer: a tar that is the same bytes wherever and whenever it is made.
//!
//! Members come in the order of their paths, owned by root or by whom the base says, without names
//! of owners, of one time; ustar, and a pax header only before a path that does not fit. gzip's
//! header has neither time nor name nor system, and zlib-rs makes the same bytes on every
//! processor.

use std::io::{self, Read, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::archive::entry::Ownership;

/// Bins hardly shrink further beyond it.
const LEVEL: u32 = 6;

/// gzip's word for a system that is not known.
const NO_SYSTEM: u8 = 255;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    Directory(Ownership),
    /// Where it points, as it is written there.
    Link(String),
    File {
        /// Bytes.
        size: u64,
        executable: bool,
    },
}

/// A tar that is being written.
pub struct Layer<W: Write> {
    tar: Builder<W>,
    time: u64,
}

impl<W: Write> Layer<W> {
    /// `time` is that of every member, in seconds since 1970.
    pub fn new(to: W, time: u64) -> Self {
        Self {
            tar: Builder::new(to),
            time,
        }
    }

    /// Adds what stands at a path, which has no `/` before it. Whoever calls keeps the order.
    ///
    /// # Errors
    /// Reading or writing failed, or there are less bytes than `size`. What is more is left out.
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
                "it has {} bytes, and had {size} before",
                counted.read
            )));
        }
        Ok(())
    }

    /// Writes the end, and gives back what was written to.
    pub fn finish(self) -> io::Result<W> {
        self.tar.into_inner()
    }
}

struct Counted<R> {
    from: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(piece)?;
        self.read += read as u64;
        Ok(read)
    }
}

/// Packs what is written to it with gzip.
///
/// What comes out of deflate hangs on how its input was cut, and a read may give any number of
/// bytes. So it is cut anew.
pub struct Gzip<W: Write> {
    packer: GzEncoder<W>,
    piece: Vec<u8>,
}

/// Bytes that are packed at a time.
const PIECE: usize = 256 * 1024;

impl<W: Write> Gzip<W> {
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

    /// Writes the end, and gives back what was written to.
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

    /// Nothing: a flush would cut, too.
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
    fn a_layer_says_nothing_of_who_made_it() {
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
    fn a_file_that_shrank_is_no_member() {
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
            "it has 2 bytes, and had 3 before"
        );
        put(1, b"ab").unwrap();
    }

    #[test]
    fn packing_does_not_hang_on_how_the_bytes_come() {
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
        // No name, no time, no system.
        assert_eq!(whole[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, NO_SYSTEM]);
        for piece in [1, 512, 8192, 100_003, PIECE, PIECE + 1] {
            assert!(packed(piece) == whole, "{piece}");
        }
    }
}
