//! Packages of Debian: an `ar` of a version, control files and files to install. Source: deb(5).

use std::io::{self, Read, Write};

use md5::{Digest, Md5};

use crate::archive::entry::Ownership;
use crate::archive::packing::Compression;
use crate::archive::write::Member;
use crate::archive::write::stream::CompressedTar;

/// Writer of the files to install. Both tars are made in memory: their sizes stand before them.
pub struct DataTar {
    tar: CompressedTar<Vec<u8>>,
    /// Lines of `md5sums`.
    sums: String,
    /// Bytes of all files.
    installed: u64,
}

/// Control files: names with their texts and modes.
pub type ControlFiles = Vec<(&'static str, String, bool)>;

impl DataTar {
    /// Creates a tar. `time` is the mtime of every member, in seconds since 1970.
    ///
    /// # Errors
    /// The encoder cannot be created.
    pub fn new(time: u64) -> io::Result<Self> {
        Ok(Self {
            tar: CompressedTar::new(Vec::new(), Compression::Gzip, time)?,
            sums: String::new(),
            installed: 0,
        })
    }

    /// Adds a directory with mode 0755.
    ///
    /// # Errors
    /// Its path cannot be written.
    pub fn directory(&mut self, path: &str) -> io::Result<()> {
        let member = Member::Directory(Ownership::PLAIN);
        self.tar.put(path, &member, io::empty())
    }

    /// Adds a file.
    ///
    /// # Errors
    /// Reading failed, or `contents` has fewer bytes than `size`.
    pub fn file(
        &mut self,
        path: &str,
        size: u64,
        executable: bool,
        contents: impl Read,
    ) -> io::Result<()> {
        let mut reader = Summing {
            from: contents,
            sum: Md5::new(),
        };
        let member = Member::File { size, executable };
        self.tar.put(path, &member, &mut reader)?;
        let sum: String = reader
            .sum
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.sums.push_str(&format!("{sum}  {path}\n"));
        self.installed += size;
        Ok(())
    }

    /// Returns the size of all files in KiB, for `Installed-Size`.
    pub fn installed_size(&self) -> u64 {
        self.installed.div_ceil(1024).max(1)
    }

    /// Writes the package: `control` are its control files without `md5sums`.
    ///
    /// # Errors
    /// Writing failed.
    pub fn finish(self, to: &mut impl Write, control: ControlFiles, time: u64) -> io::Result<()> {
        let Self { tar, sums, .. } = self;
        let data = tar.finish()?;
        let mut files = control;
        files.push(("md5sums", sums, false));
        files.sort();
        let mut packed = CompressedTar::new(Vec::new(), Compression::Gzip, time)?;
        for (name, text, executable) in files {
            let member = Member::File {
                size: text.len() as u64,
                executable,
            };
            packed.put(name, &member, text.as_bytes())?;
        }
        let control = packed.finish()?;
        to.write_all(b"!<arch>\n")?;
        member(to, "debian-binary", b"2.0\n", time)?;
        member(to, "control.tar.gz", &control, time)?;
        member(to, "data.tar.gz", &data, time)
    }
}

/// Writes a member of an `ar`, which has an even size.
fn member(to: &mut impl Write, name: &str, bytes: &[u8], time: u64) -> io::Result<()> {
    let size = bytes.len();
    writeln!(
        to,
        "{name:<16}{time:<12}{:<6}{:<6}{:<8}{size:<10}`",
        0, 0, "100644"
    )?;
    to.write_all(bytes)?;
    if size % 2 == 1 {
        to.write_all(b"\n")?;
    }
    Ok(())
}

/// Reader that computes the MD5 of what is read, which dpkg compares files with.
struct Summing<R> {
    from: R,
    sum: Md5,
}

impl<R: Read> Read for Summing<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(piece)?;
        Digest::update(&mut self.sum, &piece[..read]);
        Ok(read)
    }
}
