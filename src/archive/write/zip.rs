//! Zips: `.zip`, the archive that Windows opens by itself.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use crate::archive::write::{LEVEL, Member, PIECE};

/// 1980-01-01, the first date that a zip can record, in seconds since 1970.
const FIRST_TIME: u64 = 315_532_800;

/// Writer of a zip.
pub struct Zip<W: Write> {
    zip: ZipArchiveWriter<W>,
    time: UtcDateTime,
}

impl<W: Write> Zip<W> {
    /// Creates a writer to `to`. `time` is the mtime of every member, in seconds since 1970; a zip
    /// has none before 1980.
    pub fn new(to: W, time: u64) -> Self {
        let seconds = i64::try_from(time.max(FIRST_TIME)).unwrap_or(i64::MAX);
        Self {
            zip: ZipArchiveWriter::new(to),
            time: UtcDateTime::from_unix(seconds),
        }
    }

    /// Adds a file, or a directory with mode 0755. Links are not supported: Windows makes plain
    /// files of them.
    ///
    /// # Errors
    /// Reading or writing failed, `contents` has fewer bytes than the member's size, or the member
    /// is a link.
    pub fn put(&mut self, path: &str, member: &Member, contents: impl Read) -> io::Result<()> {
        let (size, executable) = match member {
            Member::Directory(_) => {
                let path = format!("{path}/");
                let directory = self.zip.new_dir(path.as_str());
                let directory = directory.last_modified(self.time).unix_permissions(0o755);
                directory.create().map_err(io::Error::other)?;
                return Ok(());
            }
            Member::Link(_) => return Err(io::Error::other("a zip has no links")),
            Member::File { size, executable } => (*size, *executable),
        };
        let mode = if executable { 0o755 } else { 0o644 };
        let file = self
            .zip
            .new_file(path)
            .compression_method(CompressionMethod::DEFLATE)
            .last_modified(self.time)
            .unix_permissions(mode);
        let (mut entry, config) = file.start().map_err(io::Error::other)?;
        let encoder = DeflateEncoder::new(&mut entry, Compression::new(LEVEL));
        let mut writer = config.wrap(encoder);
        let written = copy_in_pieces(contents.take(size), &mut writer)?;
        if written < size {
            return Err(io::Error::other(format!(
                "it shrank from {size} to {written} bytes while being read"
            )));
        }
        let (encoder, descriptor) = writer.finish().map_err(io::Error::other)?;
        encoder.finish()?;
        entry.finish(descriptor).map_err(io::Error::other)?;
        Ok(())
    }

    /// Writes the directory of the zip and returns the inner writer.
    ///
    /// # Errors
    /// Writing failed.
    pub fn finish(self) -> io::Result<W> {
        self.zip.finish().map_err(io::Error::other)
    }
}

/// Copies in pieces of one size, whatever a read returns: deflate's output depends on how its input
/// is split. Returns the number of bytes.
fn copy_in_pieces(mut from: impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut piece = Vec::with_capacity(PIECE);
    let mut copied = 0;
    loop {
        piece.clear();
        from.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(copied);
        }
        to.write_all(&piece)?;
        copied += piece.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::entry::Ownership;

    /// Returns one byte a read.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
            let length = piece.len().min(1);
            self.0.read(&mut piece[..length])
        }
    }

    fn pack(time: u64, contents: impl Read) -> Vec<u8> {
        let mut zip = Zip::new(Vec::new(), time);
        zip.put("top", &Member::Directory(Ownership::PLAIN), io::empty())
            .unwrap();
        let member = Member::File {
            size: 300_000,
            executable: true,
        };
        zip.put("top/app.exe", &member, contents).unwrap();
        zip.finish().unwrap()
    }

    #[test]
    fn a_zip_is_reproducible_and_has_modes_and_times() {
        let text: Vec<u8> = (0..75_000u32)
            .flat_map(|n| (n / 7 * 31 % 977).to_le_bytes())
            .collect();
        let bytes = pack(1_700_000_000, text.as_slice());
        assert!(bytes == pack(1_700_000_000, Slow(&text)));
        let archive = rawzip::ZipArchive::from_slice(&bytes).unwrap();
        let mut entries = archive.entries();
        let mut seen = Vec::new();
        while let Some(entry) = entries.next_entry().unwrap() {
            let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
            let mode = entry.mode().value() & 0o777;
            seen.push(format!(
                "{name} {mode:o} {}",
                entry.uncompressed_size_hint()
            ));
        }
        assert_eq!(seen, ["top/ 755 0", "top/app.exe 755 300000"]);
        // A time before 1980 cannot be recorded.
        assert!(pack(0, text.as_slice()) == pack(FIRST_TIME, text.as_slice()));
    }

    #[test]
    fn a_file_that_shrank_is_an_error() {
        let member = Member::File {
            size: 3,
            executable: false,
        };
        let put = Zip::new(Vec::new(), 0).put("a", &member, &b"ab"[..]);
        assert_eq!(
            put.unwrap_err().to_string(),
            "it shrank from 3 to 2 bytes while being read"
        );
    }
}
