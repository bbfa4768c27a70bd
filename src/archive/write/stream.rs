//! Tars in a compressed stream: `.tar.gz`, `.tar.xz`, `.tar.zst`.

use std::io::{self, Read, Write};

use lzma_rust2::{XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::archive::packing::Compression;
use crate::archive::write::{Gzip, Layer, Member};

/// Preset of xz: its own default. The dictionary of 8 MiB is within what every reader allows.
const XZ_PRESET: u32 = 6;

/// Writer of a compressed tar.
pub struct CompressedTar<W: Write> {
    tar: Layer<Encoder<W>>,
}

/// Stream that a tar is written to.
enum Encoder<W: Write> {
    Gzip(Box<Gzip<W>>),
    Xz(Box<XzWriter<W>>),
    /// The encoder pulls its input, and panics at an error of its output: it gets the whole tar
    /// from memory and writes there.
    Zstd(Vec<u8>, W),
}

impl<W: Write> CompressedTar<W> {
    /// Creates a writer to `to`. `time` is the mtime of every member, in seconds since 1970.
    ///
    /// # Errors
    /// The encoder cannot be created, or `compression` is one that is only read.
    pub fn new(to: W, compression: Compression, time: u64) -> io::Result<Self> {
        let encoder = match compression {
            Compression::Gzip => Encoder::Gzip(Box::new(Gzip::new(to))),
            Compression::Xz => {
                let writer = XzWriter::new(to, XzOptions::with_preset(XZ_PRESET))?;
                Encoder::Xz(Box::new(writer))
            }
            Compression::Zstd => Encoder::Zstd(Vec::new(), to),
            Compression::Bzip2 => return Err(io::Error::other("bzip2 is only read")),
        };
        Ok(Self {
            tar: Layer::new(encoder, time),
        })
    }

    /// Adds a member, as [`Layer::put`] does.
    ///
    /// # Errors
    /// Those of [`Layer::put`].
    pub fn put(&mut self, path: &str, member: &Member, contents: impl Read) -> io::Result<()> {
        self.tar.put(path, member, contents)
    }

    /// Writes the end of the stream and returns the inner writer.
    ///
    /// # Errors
    /// Writing failed.
    pub fn finish(self) -> io::Result<W> {
        match self.tar.finish()? {
            Encoder::Gzip(gzip) => gzip.finish(),
            Encoder::Xz(xz) => xz.finish(),
            Encoder::Zstd(tar, mut to) => {
                let packed = compress_to_vec(tar.as_slice(), CompressionLevel::Fastest);
                to.write_all(&packed)?;
                Ok(to)
            }
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(gzip) => gzip.write(bytes),
            Self::Xz(xz) => xz.write(bytes),
            Self::Zstd(tar, _) => tar.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compression_is_read_back_and_reproducible() {
        for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
            let pack = || {
                let mut tar = CompressedTar::new(Vec::new(), compression, 1_700_000_000).unwrap();
                let text = "a line of the same text\n".repeat(20_000);
                let member = Member::File {
                    size: text.len() as u64,
                    executable: false,
                };
                tar.put("top/text", &member, text.as_bytes()).unwrap();
                tar.finish().unwrap()
            };
            let packed = pack();
            assert!(packed == pack(), "{compression:?}");
            assert!(packed.len() < 20_000, "{compression:?}");
            let mut archive = tar::Archive::new(compression.decoder(packed.as_slice()));
            let mut entries = archive.entries().unwrap();
            let mut text = String::new();
            let mut entry = entries.next().unwrap().unwrap();
            entry.read_to_string(&mut text).unwrap();
            assert_eq!(text.lines().count(), 20_000);
        }
    }
}
