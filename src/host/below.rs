//! Files below a directory, reached without following any link.
//!
//! The paths of trees, contexts and archives come from files that others may have written. They are
//! checked where they are parsed; this is the second fence, where files are created and removed:
//! every component is opened from the directory before it, and a link is an error. No path can
//! lead out, even if another program exchanges a directory for a link in the meantime.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::Hasher;
use crate::host::files::{FileReader, FileWriter, cannot};
use crate::host::machine::Host;
use crate::problem::Result;

/// Directory below which files are created and removed. Links in its own path are followed.
pub struct Below<'a> {
    host: &'a Host,
    root: Utf8PathBuf,
    /// True if a signal is no reason to stop.
    cleans_up: bool,
    #[cfg(unix)]
    directory: std::os::fd::OwnedFd,
}

impl Host {
    /// Opens a directory, to create and remove files below it.
    pub fn below(&self, root: &Utf8Path) -> Result<Below<'_>> {
        self.op("open", root)?;
        self.below_as(root, false)
    }

    /// Opens a directory, to remove files below it after a signal, too.
    pub fn cleanup_below(&self, root: &Utf8Path) -> Result<Below<'_>> {
        self.cleanup_op("open", root)?;
        self.below_as(root, true)
    }

    fn below_as(&self, root: &Utf8Path, cleans_up: bool) -> Result<Below<'_>> {
        Ok(Below {
            host: self,
            root: root.to_owned(),
            cleans_up,
            #[cfg(unix)]
            directory: unix::open_root(root).map_err(|error| cannot("open", root, &error))?,
        })
    }
}

impl<'a> Below<'a> {
    /// Creates a directory and its parents.
    pub fn create_dir_all(&self, path: &str) -> Result<()> {
        self.op("create", path)?;
        let mut made = String::new();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if !made.is_empty() {
                made.push('/');
            }
            made.push_str(name);
            match self.parent(&made).and_then(|parent| parent.create_dir()) {
                // Of a link, the next step or the check of the last one fails.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => created.map_err(|error| self.cannot("create", path, &error))?,
            }
        }
        self.parent(&format!("{path}/."))
            .map(drop)
            .map_err(|error| self.cannot("create", path, &error))
    }

    /// Creates a file, which must not exist, to write it in pieces. Creates its parents, too.
    pub fn create(&self, path: &str) -> Result<FileWriter<'a>> {
        self.create_parent(path)?;
        self.op("write", path)?;
        let file = self
            .parent(path)
            .and_then(|parent| parent.create_file())
            .map_err(|error| self.cannot("write", path, &error))?;
        Ok(FileWriter::new(self.host, file, self.root.join(path)))
    }

    /// Writes a file, which must not exist, and creates its parents. With `mode`, its permission bits
    /// are these whatever the umask.
    pub fn write(&self, path: &str, bytes: &[u8], mode: Option<u32>) -> Result<()> {
        let mut writing = self.create(path)?;
        io::Write::write_all(&mut writing, bytes)
            .map_err(|error| self.cannot("write", path, &error))?;
        if let Some(mode) = mode {
            writing.set_mode(mode)?;
        }
        writing.finish().map(drop)
    }

    /// Copies a file of this machine with these permission bits, and returns its digest.
    pub fn copy_as(&self, from: &Utf8Path, path: &str, mode: u32) -> Result<String> {
        let mut reading = self.host.open_read(from)?;
        let mut writing = self.create(path)?;
        io::copy(&mut reading, &mut writing).map_err(|error| self.cannot("write", path, &error))?;
        writing.set_mode(mode)?;
        Ok(writing.finish()?.0)
    }

    /// Creates a hard link to a file of this machine, or a copy with its permission bits where it
    /// cannot be linked: on another file system, or when it belongs to another user
    /// (`fs.protected_hardlinks`).
    pub fn link_or_copy(&self, from: &Utf8Path, path: &str) -> Result<()> {
        self.create_parent(path)?;
        self.op("link", path)?;
        let parent = self
            .parent(path)
            .map_err(|error| self.cannot("link", path, &error))?;
        match parent.link(from) {
            // Never written over: a copy would fail in the same way.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(self.cannot("link", path, &error))
            }
            Err(_) => {
                let mode = self.host.mode(from).unwrap_or(0o644) & 0o777;
                self.copy_as(from, path, mode).map(drop)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Creates a symbolic link with this text, and its parents.
    pub fn symlink(&self, text: &str, path: &str) -> Result<()> {
        self.create_parent(path)?;
        self.op("link", path)?;
        self.parent(path)
            .and_then(|parent| parent.symlink(text))
            .map_err(|error| self.cannot("link", path, &error))
    }

    /// Sets the permission bits of a directory.
    pub fn set_dir_mode(&self, path: &str, mode: u32) -> Result<()> {
        self.op("write", path)?;
        self.parent(&format!("{path}/."))
            .and_then(|directory| directory.set_mode(mode))
            .map_err(|error| self.cannot("write", path, &error))
    }

    /// Opens a regular file to read it in pieces.
    pub fn open_read(&self, path: &str) -> Result<FileReader<'a>> {
        self.op("read", path)?;
        let open = || {
            let file = self.parent(path)?.open_file()?;
            if file.metadata()?.is_file() {
                Ok(file)
            } else {
                Err(io::Error::other("it is not a regular file"))
            }
        };
        let file = open().map_err(|error| self.cannot("read", path, &error))?;
        Ok(FileReader::new(self.host, file))
    }

    /// Does the same as [`Self::open_read`]; returns `None` if nothing is there, or only behind a
    /// link.
    pub fn open_existing(&self, path: &str) -> Result<Option<FileReader<'a>>> {
        self.op("read", path)?;
        match self.parent(path).and_then(|parent| parent.open_file()) {
            Err(error) if is_absent(&error) => Ok(None),
            _ => self.open_read(path).map(Some),
        }
    }

    /// Gives a file another name, in one step. Creates the parents of that name. Returns false if
    /// the name is taken.
    ///
    /// # Errors
    /// Also if the file system has neither hard links nor renames that keep what is there.
    pub fn link_new(&self, from: &str, path: &str) -> Result<bool> {
        self.create_parent(path)?;
        self.op("link", path)?;
        let link = || self.parent(path)?.link_below(&self.parent(from)?);
        match link() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.cannot("link", path, &error)),
        }
    }

    /// Renames a file to the place of another one, in one step.
    pub fn rename(&self, from: &str, path: &str) -> Result<()> {
        self.op("rename", path)?;
        let rename = || self.parent(path)?.rename_from(&self.parent(from)?);
        rename().map_err(|error| self.cannot("rename", path, &error))
    }

    fn create_parent(&self, path: &str) -> Result<()> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.create_dir_all(parent),
            None => Ok(()),
        }
    }

    /// Returns the digest (64 lower-case hex digits) and size in bytes of a regular file.
    pub fn hash(&self, path: &str) -> Result<(String, u64)> {
        let mut file = self.open_read(path)?;
        let mut hasher = Hasher::default();
        let size =
            io::copy(&mut file, &mut hasher).map_err(|error| self.cannot("read", path, &error))?;
        Ok((hasher.finish(), size))
    }

    /// Writes a file or a directory from the system's memory to the disk. Links are left out: they
    /// are part of their directory.
    pub fn sync(&self, path: &str) -> Result<()> {
        self.op("write", path)?;
        match self
            .parent(path)
            .and_then(|parent| parent.open_file()?.sync_all())
        {
            Err(error) if is_absent(&error) || is_unsupported(&error) => Ok(()),
            synced => synced.map_err(|error| self.cannot("write", path, &error)),
        }
    }

    /// Writes the directory itself to the disk.
    pub fn sync_root(&self) -> Result<()> {
        self.sync(".")
    }

    /// Removes a file or a link. Returns false if nothing is there, or only behind a link.
    pub fn remove_file(&self, path: &str) -> Result<bool> {
        self.removed(path, Parent::remove_file)
    }

    /// Removes an empty directory. Returns false if nothing is there, or only behind a link.
    pub fn remove_dir(&self, path: &str) -> Result<bool> {
        self.removed(path, Parent::remove_dir)
    }

    /// Removes a directory if it is empty.
    pub fn remove_empty_dir(&self, path: &str) {
        let _ = self.parent(path).and_then(|parent| parent.remove_dir());
    }

    fn removed(&self, path: &str, remove: fn(&Parent) -> io::Result<()>) -> Result<bool> {
        self.op("remove", path)?;
        match self.parent(path).and_then(|parent| remove(&parent)) {
            Ok(()) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(self.cannot("remove", path, &error)),
        }
    }

    fn op(&self, verb: &str, path: &str) -> Result<()> {
        let path = self.root.join(path);
        if self.cleans_up {
            self.host.cleanup_op(verb, &path)
        } else {
            self.host.op(verb, &path)
        }
    }

    /// Returns the problem of a file operation that the system refused.
    pub fn cannot(&self, verb: &str, path: &str, error: &io::Error) -> crate::problem::Problem {
        cannot(verb, &self.root.join(path), error)
    }

    /// Opens the directory of a path's last component. The root's own entry is `.`.
    fn parent(&self, path: &str) -> io::Result<Parent> {
        let mut names: Vec<&str> = path.split('/').collect();
        // `x/.` is the directory `x` itself.
        let last = names.pop().unwrap_or_default();
        let is_plain = |name: &&str| !matches!(*name, "" | "." | "..");
        if !names.iter().all(is_plain) || matches!(last, "" | "..") {
            return Err(io::Error::other("it is no plain relative path"));
        }
        #[cfg(unix)]
        return unix::parent(&self.directory, &names, last);
        #[cfg(not(unix))]
        return other::parent(&self.root, &names, last);
    }
}

/// Returns true for the errors of a path at which nothing is.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || error
        .get_ref()
        .is_some_and(|inner| inner.is::<LinkInPath>())
}

/// Returns true for the errors of file systems that cannot write a directory to the disk.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    )
}

/// Error of a component that is a link.
#[derive(Debug)]
struct LinkInPath(String);

impl std::fmt::Display for LinkInPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is a link, which is not followed", self.0)
    }
}

impl std::error::Error for LinkInPath {}

#[cfg(unix)]
use unix::Parent;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;

    use camino::Utf8Path;
    use rustix::fs::{
        AtFlags, CWD, FileType, Mode, OFlags, fchmod, linkat, mkdirat, openat, renameat, statat,
        symlinkat, unlinkat,
    };
    use rustix::io::Errno;

    use super::LinkInPath;

    const DIRECTORY: OFlags = OFlags::RDONLY
        .union(OFlags::DIRECTORY)
        .union(OFlags::CLOEXEC);

    /// Opens the root, through links.
    pub fn open_root(root: &Utf8Path) -> io::Result<OwnedFd> {
        Ok(openat(CWD, root.as_std_path(), DIRECTORY, Mode::empty())?)
    }

    /// Open directory of an entry.
    pub struct Parent {
        directory: OwnedFd,
        name: String,
    }

    /// Opens directory after directory, none through a link.
    pub fn parent(root: &OwnedFd, names: &[&str], last: &str) -> io::Result<Parent> {
        let mut directory = root.try_clone()?;
        for name in names {
            directory = openat(
                &directory,
                *name,
                DIRECTORY.union(OFlags::NOFOLLOW),
                Mode::empty(),
            )
            .map_err(|error| link_or(&directory, name, error))?;
        }
        Ok(Parent {
            directory,
            name: last.to_owned(),
        })
    }

    /// Returns the error of a name, which says more if the name is a link.
    fn link_or(directory: &OwnedFd, name: &str, error: Errno) -> io::Error {
        let is_link = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
        if is_link && matches!(error, Errno::LOOP | Errno::NOTDIR) {
            return io::Error::other(LinkInPath(name.to_owned()));
        }
        error.into()
    }

    impl Parent {
        pub fn create_dir(&self) -> io::Result<()> {
            let mode = Mode::from_raw_mode(0o777);
            Ok(mkdirat(&self.directory, &self.name, mode)?)
        }

        pub fn create_file(&self) -> io::Result<File> {
            let flags = OFlags::WRONLY
                .union(OFlags::CREATE)
                .union(OFlags::EXCL)
                .union(OFlags::NOFOLLOW)
                .union(OFlags::CLOEXEC);
            let mode = Mode::from_raw_mode(0o666);
            Ok(openat(&self.directory, &self.name, flags, mode)?.into())
        }

        /// A pipe does not block.
        pub fn open_file(&self) -> io::Result<File> {
            let flags = OFlags::RDONLY
                .union(OFlags::NONBLOCK)
                .union(OFlags::NOFOLLOW)
                .union(OFlags::CLOEXEC);
            let opened = openat(&self.directory, &self.name, flags, Mode::empty());
            Ok(opened
                .map_err(|error| link_or(&self.directory, &self.name, error))?
                .into())
        }

        pub fn link(&self, from: &Utf8Path) -> io::Result<()> {
            let from = from.as_std_path();
            Ok(linkat(
                CWD,
                from,
                &self.directory,
                &self.name,
                AtFlags::empty(),
            )?)
        }

        /// Without hard links (FAT, some network file systems), the file is renamed unless the name is
        /// taken.
        pub fn link_below(&self, from: &Self) -> io::Result<()> {
            let linked = linkat(
                &from.directory,
                &from.name,
                &self.directory,
                &self.name,
                AtFlags::empty(),
            );
            match linked {
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                    self.rename_new(from)
                }
                linked => Ok(linked?),
            }
        }

        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        fn rename_new(&self, from: &Self) -> io::Result<()> {
            Ok(rustix::fs::renameat_with(
                &from.directory,
                &from.name,
                &self.directory,
                &self.name,
                rustix::fs::RenameFlags::NOREPLACE,
            )?)
        }

        #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
        fn rename_new(&self, _: &Self) -> io::Result<()> {
            Err(Errno::OPNOTSUPP.into())
        }

        pub fn rename_from(&self, from: &Self) -> io::Result<()> {
            Ok(renameat(
                &from.directory,
                &from.name,
                &self.directory,
                &self.name,
            )?)
        }

        pub fn symlink(&self, text: &str) -> io::Result<()> {
            Ok(symlinkat(text, &self.directory, &self.name)?)
        }

        /// Of the directory itself: the name is `.`.
        pub fn set_mode(&self, mode: u32) -> io::Result<()> {
            Ok(fchmod(&self.directory, Mode::from_raw_mode(mode as _))?)
        }

        pub fn remove_file(&self) -> io::Result<()> {
            Ok(unlinkat(&self.directory, &self.name, AtFlags::empty())?)
        }

        pub fn remove_dir(&self) -> io::Result<()> {
            Ok(unlinkat(&self.directory, &self.name, AtFlags::REMOVEDIR)?)
        }
    }
}

#[cfg(not(unix))]
use other::Parent;

/// Without directory handles, every component is looked at before the path is used.
#[cfg(not(unix))]
mod other {
    use std::fs::{self, File};
    use std::io;

    use camino::{Utf8Path, Utf8PathBuf};

    use super::LinkInPath;

    /// Path of an entry whose parents are no links.
    pub struct Parent(Utf8PathBuf);

    pub fn parent(root: &Utf8Path, names: &[&str], last: &str) -> io::Result<Parent> {
        let mut path = root.to_owned();
        for name in names {
            path.push(name);
            if fs::symlink_metadata(&path)?.is_symlink() {
                return Err(io::Error::other(LinkInPath((*name).to_owned())));
            }
        }
        if last != "." {
            path.push(last);
        }
        Ok(Parent(path))
    }

    impl Parent {
        pub fn create_dir(&self) -> io::Result<()> {
            fs::create_dir(&self.0)
        }

        pub fn create_file(&self) -> io::Result<File> {
            File::options().write(true).create_new(true).open(&self.0)
        }

        pub fn open_file(&self) -> io::Result<File> {
            if fs::symlink_metadata(&self.0)?.is_symlink() {
                return Err(io::Error::other(LinkInPath(self.0.to_string())));
            }
            File::open(&self.0)
        }

        pub fn link(&self, from: &Utf8Path) -> io::Result<()> {
            fs::hard_link(from, &self.0)
        }

        pub fn link_below(&self, from: &Self) -> io::Result<()> {
            fs::hard_link(&from.0, &self.0)
        }

        pub fn rename_from(&self, from: &Self) -> io::Result<()> {
            fs::rename(&from.0, &self.0)
        }

        pub fn symlink(&self, text: &str) -> io::Result<()> {
            Err(io::Error::other(format!(
                "symbolic links such as `-> {text}` are not supported on this system"
            )))
        }

        pub fn set_mode(&self, _: u32) -> io::Result<()> {
            Ok(())
        }

        pub fn remove_file(&self) -> io::Result<()> {
            fs::remove_file(&self.0)
        }

        pub fn remove_dir(&self) -> io::Result<()> {
            fs::remove_dir(&self.0)
        }
    }
}
