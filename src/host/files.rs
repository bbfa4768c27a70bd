//! File operations. Every operation that reports errors passes [`Host::op`].

use std::fs::{self, File};
use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::Hasher;
use crate::host::codes::FILE_ACCESS;
use crate::host::machine::Host;
use crate::host::regular;
use crate::problem::{Problem, Result};

/// Bytes of a file that is read as text: a link of a checkout may lead to what has no end.
const LARGEST_TEXT: u64 = 64 << 20;

/// Bytes of a file that is read whole.
const LARGEST_FILE: u64 = 1 << 30;

/// Reader of a regular file. A read fails after a signal.
pub struct FileReader<'a> {
    file: File,
    host: &'a Host,
}

impl<'a> FileReader<'a> {
    /// Creates a reader of an open file.
    pub fn new(host: &'a Host, file: File) -> Self {
        Self { file, host }
    }

    /// Returns device and inode of a file with several hard links; `None` for one with a single
    /// name, and on systems without inodes.
    pub fn inode(&self) -> Option<(u64, u64)> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let metadata = self.file.metadata().ok()?;
            (metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino()))
        }
        #[cfg(not(unix))]
        None
    }
}

impl io::Read for FileReader<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        // Not `ErrorKind::Interrupted`, after which readers try again.
        self.host
            .check_interrupted()
            .map_err(|problem| io::Error::other(problem.message))?;
        self.file.read(piece)
    }
}

impl io::Seek for FileReader<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Writer of a new file, which hashes and counts what is written.
pub struct FileWriter<'a> {
    file: io::BufWriter<File>,
    hasher: Hasher,
    size: u64,
    path: Utf8PathBuf,
    host: &'a Host,
}

impl io::Write for FileWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.host
            .check_interrupted()
            .map_err(|problem| io::Error::other(problem.message))?;
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        self.hasher.write(&bytes[..written])?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<'a> FileWriter<'a> {
    /// Creates a writer of an open file, which is empty.
    pub fn new(host: &'a Host, file: File, path: Utf8PathBuf) -> Self {
        Self {
            file: io::BufWriter::new(file),
            hasher: Hasher::default(),
            size: 0,
            path,
            host,
        }
    }

    /// Sets the permission bits, on systems that have them.
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        #[cfg(unix)]
        self.file
            .get_ref()
            .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
            .map_err(|error| cannot("write", &self.path, &error))?;
        #[cfg(not(unix))]
        let _ = mode;
        Ok(())
    }

    /// Flushes the file and returns its digest (64 lower-case hex digits) and size in bytes.
    pub fn finish(mut self) -> Result<(String, u64)> {
        io::Write::flush(&mut self.file).map_err(|error| cannot("write", &self.path, &error))?;
        Ok((self.hasher.finish(), self.size))
    }
}

impl Host {
    /// Checks before every file operation that no signal came; the tests inject faults here.
    ///
    /// # Errors
    /// `interrupted`, and the injected fault.
    pub fn op(&self, verb: &str, path: &Utf8Path) -> Result<()> {
        self.check_interrupted()?;
        self.cleanup_op(verb, path)
    }

    /// Does the same before an operation that cleans up, after a signal, too.
    ///
    /// # Errors
    /// The injected fault.
    pub fn cleanup_op(&self, verb: &str, path: &Utf8Path) -> Result<()> {
        #[cfg(feature = "test-fakes")]
        self.fault
            .strike()
            .map_err(|error| cannot(verb, path, &error))?;
        #[cfg(not(feature = "test-fakes"))]
        let _ = (verb, path);
        Ok(())
    }

    /// Creates a temporary directory, removed when it is dropped.
    pub fn scratch(&self) -> Result<tempfile::TempDir> {
        tempfile::Builder::new()
            .prefix("cargo-xpkg-")
            .tempdir()
            .map_err(|error| {
                cannot(
                    "create a directory in",
                    Utf8Path::new("the temporary directory"),
                    &error,
                )
            })
    }

    /// Returns true if something is at a path, even a broken link.
    pub fn exists(&self, path: &Utf8Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    /// Returns true if a path leads to a regular file. Links are followed.
    pub fn is_file(&self, path: &Utf8Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
    }

    /// Returns true if a path leads to something else than a directory. Reading it is an error
    /// unless it is a regular file: what is in the place of a file is not ignored. Links are
    /// followed.
    pub fn has_file(&self, path: &Utf8Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir())
    }

    /// Returns true if a path leads to a directory. Links are followed.
    pub fn is_dir(&self, path: &Utf8Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
    }

    /// Reads a whole file, of at most [`LARGEST_FILE`].
    pub fn read(&self, path: &Utf8Path) -> Result<Vec<u8>> {
        self.op("read", path)?;
        read_whole(path).map_err(|error| cannot("read", path, &error))
    }

    /// Reads a regular file of at most `largest` bytes. Anything else is an error, so that a pipe
    /// or a device does not block.
    pub fn read_small(&self, path: &Utf8Path, largest: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = self.open_read(path)?;
        // One byte more, as the file may grow.
        io::Read::take(file, largest.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| cannot("read", path, &error))?;
        if bytes.len() as u64 > largest {
            let error = io::Error::other(format!("it is larger than {largest} bytes"));
            return Err(cannot("read", path, &error));
        }
        Ok(bytes)
    }

    /// Reads a regular file of at most `largest` bytes as UTF-8.
    pub fn read_small_text(&self, path: &Utf8Path, largest: u64) -> Result<String> {
        String::from_utf8(self.read_small(path, largest)?).map_err(|_| {
            let error = io::Error::other("it is not UTF-8");
            cannot("read", path, &error)
        })
    }

    /// Opens a regular file to read it in pieces.
    pub fn open_read(&self, path: &Utf8Path) -> Result<FileReader<'_>> {
        self.op("read", path)?;
        let open = || {
            let file = regular::open(path)?;
            if file.metadata()?.is_file() {
                Ok(file)
            } else {
                Err(io::Error::other("it is not a regular file"))
            }
        };
        let file = open().map_err(|error| cannot("read", path, &error))?;
        Ok(FileReader::new(self, file))
    }

    /// Returns true if a file begins with `#!`.
    pub fn is_script(&self, path: &Utf8Path) -> bool {
        let mut first = [0; 2];
        regular::open(path)
            .and_then(|mut file| io::Read::read_exact(&mut file, &mut first))
            .is_ok()
            && &first == b"#!"
    }

    /// Reads a file of at most [`LARGEST_TEXT`] as UTF-8.
    pub fn read_text(&self, path: &Utf8Path) -> Result<String> {
        self.read_small_text(path, LARGEST_TEXT)
    }

    /// Writes a file, and replaces its contents if it exists.
    pub fn write(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        self.op("write", path)?;
        let write = || -> io::Result<()> {
            let mut file = regular::open_to_write(path)?;
            file.set_len(0)?;
            io::Write::write_all(&mut file, bytes)
        };
        write().map_err(|error| cannot("write", path, &error))
    }

    /// Creates a file to write it in pieces; an existing one is truncated.
    pub fn create(&self, path: &Utf8Path) -> Result<FileWriter<'_>> {
        self.op("write", path)?;
        let create = || -> io::Result<File> {
            let file = regular::open_to_write(path)?;
            file.set_len(0)?;
            Ok(file)
        };
        let file = create().map_err(|error| cannot("write", path, &error))?;
        Ok(FileWriter::new(self, file, path.to_owned()))
    }

    /// Renames a file on the same file system, in one step; an existing file is replaced.
    pub fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        self.op("write", to)?;
        fs::rename(from, to).map_err(|error| cannot("write", to, &error))
    }

    /// Replaces a file in one step: a reader sees the old one or the new one, never a part. Mode
    /// 0644.
    pub fn replace(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        self.replace_as(path, bytes, 0o644, false)
    }

    /// Does the same with a file of the user's: it is on the disk before it takes the old one's
    /// place, so that a power failure leaves one of the two.
    pub fn replace_durably(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        self.replace_as(path, bytes, 0o644, true)
    }

    /// Replaces a program, which may be running, in one step. Mode 0755.
    pub fn replace_program(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        self.replace_as(path, bytes, 0o755, false)
    }

    fn replace_as(&self, path: &Utf8Path, bytes: &[u8], mode: u32, is_durable: bool) -> Result<()> {
        self.op("write", path)?;
        let parent = path.parent().unwrap_or(Utf8Path::new("."));
        let write = || -> io::Result<()> {
            let builder = &mut tempfile::Builder::new();
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
            #[cfg(not(unix))]
            let _ = mode;
            let mut file = builder.tempfile_in(parent)?;
            io::Write::write_all(&mut file, bytes)?;
            if is_durable {
                file.as_file().sync_all()?;
            }
            // Closed before it is renamed: a program that is open for writing cannot be started
            // (ETXTBSY).
            file.into_temp_path()
                .persist(path)
                .map_err(|error| error.error)
        };
        write().map_err(|error| cannot("write", path, &error))
    }

    /// Appends to a file that other processes may append to as well.
    pub fn append(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        self.op("write", path)?;
        let mut file =
            regular::open_to_append(path).map_err(|error| cannot("write", path, &error))?;
        io::Write::write_all(&mut file, bytes).map_err(|error| cannot("write", path, &error))
    }

    /// Writes a program: mode 0755 whatever the umask.
    pub fn write_program(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        self.write(path, bytes)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))
                .map_err(|error| cannot("write", path, &error))?;
        }
        Ok(())
    }

    /// Returns the digest (64 lower-case hex digits) and size in bytes of a file, in bounded
    /// memory.
    pub fn hash(&self, path: &Utf8Path) -> Result<(String, u64)> {
        self.op("read", path)?;
        let mut file = regular::open(path).map_err(|error| cannot("read", path, &error))?;
        let mut hasher = Hasher::default();
        let size =
            io::copy(&mut file, &mut hasher).map_err(|error| cannot("read", path, &error))?;
        Ok((hasher.finish(), size))
    }

    /// Returns true if a file consists of exactly these bytes.
    pub fn holds(&self, path: &Utf8Path, bytes: &[u8]) -> bool {
        let is_as_long =
            |metadata: fs::Metadata| metadata.is_file() && metadata.len() == bytes.len() as u64;
        fs::metadata(path).is_ok_and(is_as_long)
            && read_whole(path).is_ok_and(|found| found == bytes)
    }

    /// Returns true if a text is in the first 16 MiB of a regular file. Also after a signal.
    pub fn has_text(&self, path: &Utf8Path, text: &str) -> bool {
        const LARGEST: u64 = 16 * 1024 * 1024;
        let mut bytes = Vec::new();
        let read = regular::open(path)
            .and_then(|file| io::Read::take(file, LARGEST).read_to_end(&mut bytes));
        read.is_ok() && memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    }

    /// Creates a hard link, or a copy if that is not possible: on another file system, or for a
    /// file of another user (`fs.protected_hardlinks`).
    pub fn link_or_copy(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        self.op("link", to)?;
        if fs::hard_link(from, to).is_ok() {
            Ok(())
        } else {
            self.copy(from, to)
        }
    }

    /// Returns the permission bits; `None` if nothing is there or the system has none.
    pub fn mode(&self, path: &Utf8Path) -> Option<u32> {
        #[cfg(unix)]
        let mode = fs::metadata(path).ok().map(|metadata| {
            std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777
        });
        #[cfg(not(unix))]
        let mode = Some(path).and(None);
        mode
    }

    /// Returns the text of a symbolic link; `None` if it is not a link, or its text is not UTF-8.
    pub fn link_text(&self, path: &Utf8Path) -> Option<String> {
        fs::read_link(path)
            .ok()?
            .into_os_string()
            .into_string()
            .ok()
    }

    /// Copies a file with its permissions.
    pub fn copy(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        self.op("copy", to)?;
        // Checked first: a pipe would be waited for.
        regular::open(from)
            .and_then(|_| fs::copy(from, to))
            .map(|_| ())
            .map_err(|error| cannot("write", to, &error))
    }

    /// Creates a directory and its parents.
    pub fn create_dir_all(&self, path: &Utf8Path) -> Result<()> {
        self.op("create", path)?;
        fs::create_dir_all(path).map_err(|error| cannot("create", path, &error))
    }

    /// Creates a directory, whose parent exists.
    pub fn create_dir(&self, path: &Utf8Path) -> Result<()> {
        self.op("create", path)?;
        fs::create_dir(path).map_err(|error| cannot("create", path, &error))
    }

    /// Creates a file with a name of its own, between `prefix` and `suffix`, and returns its path.
    pub fn unique_file(
        &self,
        parent: &Utf8Path,
        prefix: &str,
        suffix: &str,
        bytes: &[u8],
    ) -> Result<Utf8PathBuf> {
        self.op("create a file in", parent)?;
        let create = || -> io::Result<Utf8PathBuf> {
            let mut builder = tempfile::Builder::new();
            let mut file = builder.prefix(prefix).suffix(suffix).tempfile_in(parent)?;
            io::Write::write_all(&mut file, bytes)?;
            let (_, path) = file.keep().map_err(|error| error.error)?;
            Utf8PathBuf::from_path_buf(path)
                .map_err(|path| io::Error::other(format!("`{}` is not UTF-8", path.display())))
        };
        create().map_err(|error| cannot("create a file in", parent, &error))
    }

    /// Returns the identity of what is at a path, links not followed, as long as it exists: device
    /// and inode. `None` if nothing is there, or the system has none.
    pub fn file_id(&self, path: &Utf8Path) -> Option<String> {
        let metadata = fs::symlink_metadata(path).ok()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            Some(format!("{}:{}", metadata.dev(), metadata.ino()))
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            None
        }
    }

    /// Creates a directory in `parent` that is removed when it is dropped.
    pub fn temp_dir(&self, parent: &Utf8Path, prefix: &str) -> Result<tempfile::TempDir> {
        self.op("create a directory in", parent)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        // Not 0700, tempfile's default: a container may write to it as another user.
        #[cfg(unix)]
        builder
            .permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777));
        builder
            .tempdir_in(parent)
            .map_err(|error| cannot("create a directory in", parent, &error))
    }

    /// Removes a file.
    pub fn remove_file(&self, path: &Utf8Path) -> Result<()> {
        self.op("remove", path)?;
        fs::remove_file(path).map_err(|error| cannot("remove", path, &error))
    }

    /// Removes a directory and everything in it.
    pub fn remove_dir_all(&self, path: &Utf8Path) -> Result<()> {
        self.op("remove", path)?;
        fs::remove_dir_all(path).map_err(|error| cannot("remove", path, &error))
    }

    /// Removes a directory if it is empty.
    pub fn remove_empty_dir(&self, path: &Utf8Path) {
        let _ = fs::remove_dir(path);
    }

    /// Returns true if a file has mode 0755, as [`Self::write_program`] sets it.
    pub fn is_program(&self, path: &Utf8Path) -> bool {
        self.mode(path)
            .map_or_else(|| self.is_file(path), |mode| mode & 0o777 == 0o755)
    }

    /// Resolves the links in the part of a path that exists.
    pub fn resolve(&self, path: &Utf8Path) -> Utf8PathBuf {
        let mut rest = Vec::new();
        for ancestor in path.ancestors() {
            if let Some(real) = self.real_path(ancestor) {
                return rest
                    .iter()
                    .rev()
                    .fold(real, |real: Utf8PathBuf, name: &&str| real.join(name));
            }
            rest.extend(ancestor.file_name());
        }
        path.to_owned()
    }

    /// Creates cargo's target directory as cargo does, with a tag that makes backups skip it.
    pub fn create_target_dir(&self, path: &Utf8Path) -> Result<()> {
        if self.exists(path) {
            return Ok(());
        }
        self.create_dir_all(path)?;
        let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory \
                   tag created by cargo xpkg.\n# For information about cache directory tags see \
                   https://bford.info/cachedir/\n";
        self.write(&path.join("CACHEDIR.TAG"), tag.as_bytes())
    }
}

/// Reads a whole regular file.
fn read_whole(path: &Utf8Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::take(regular::open(path)?, LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other(format!(
            "it is larger than {LARGEST_FILE} bytes"
        )));
    }
    Ok(bytes)
}

/// Returns the problem of a file operation that the system refused: `cannot VERB `PATH`: REASON`.
pub fn cannot(verb: &str, path: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(FILE_ACCESS, format!("cannot {verb} `{path}`: {error}"))
}
