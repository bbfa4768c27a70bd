//! Files in a directory that others write to: opened without following links below it, and read
//! from the opened file, so that a file that replaces it is not read.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::files::cannot;
use crate::host::machine::Host;
use crate::problem::Result;

/// Moment by the clock of a file system, as its files carry it: seconds and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64, i64);

impl Moment {
    /// Returns the last change of a file's contents, links, owner or mode.
    #[cfg(unix)]
    pub fn of_change(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Self(metadata.ctime(), metadata.ctime_nsec()))
    }

    /// Returns `None`: this system does not record it.
    #[cfg(not(unix))]
    pub fn of_change(_: &Metadata) -> Option<Self> {
        None
    }
}

/// Open regular file, as it was when it was opened.
pub struct OpenedFile {
    file: File,
    path: Utf8PathBuf,
    size: u64,
    modified: Option<SystemTime>,
    changed: Option<Moment>,
    identity: Option<String>,
}

/// Returns what changes when a file is written to, replaced or linked: device, inode, size, and the
/// times of the last change of its contents and of anything else. `None` on systems without inodes.
fn identity(metadata: &Metadata) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (modified, changed) = (metadata.mtime(), metadata.ctime());
        let (modified_nsec, changed_nsec) = (metadata.mtime_nsec(), metadata.ctime_nsec());
        Some(format!(
            "{}:{} {} {modified}.{modified_nsec:09} {changed}.{changed_nsec:09}",
            metadata.dev(),
            metadata.ino(),
            metadata.len()
        ))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

impl OpenedFile {
    /// Returns the path by which it was opened.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Returns true if nothing wrote or linked the file since a moment. Without a moment, or on a
    /// system that does not record changes, nothing is known against it.
    pub fn is_older_than(&self, moment: Option<Moment>) -> bool {
        match (self.changed, moment) {
            (Some(changed), Some(moment)) => changed < moment,
            _ => cfg!(not(unix)),
        }
    }

    /// Returns the identity of the file as it was opened, if nothing wrote or linked it since a moment
    /// before: whatever writes to it later gives it another.
    pub fn settled_identity(&self, moment: Option<Moment>) -> Option<&str> {
        let is_settled = moment.is_some() && self.is_older_than(moment);
        self.identity.as_deref().filter(|_| is_settled)
    }

    /// Reads the whole file. Returns `None` if it was written to since it was opened.
    ///
    /// # Errors
    /// `file-access`.
    pub fn read(&self, host: &Host) -> Result<Option<Vec<u8>>> {
        host.op("read", &self.path)?;
        let read = || -> io::Result<Option<Vec<u8>>> {
            let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
            // One byte more than expected shows that it has grown.
            (&self.file).take(self.size + 1).read_to_end(&mut bytes)?;
            let after = self.file.metadata()?;
            let is_same = bytes.len() as u64 == self.size
                && after.len() == self.size
                && after.modified().ok() == self.modified;
            Ok(is_same.then_some(bytes))
        };
        read().map_err(|error| cannot("read", &self.path, &error))
    }
}

impl Host {
    /// Opens the regular file at `below` in `root`. `root` itself may be a link; nothing below it
    /// may.
    ///
    /// # Errors
    /// `file-access`: also if there is a link, or something else than a regular file.
    pub fn open_below(&self, root: &Utf8Path, below: &Utf8Path) -> Result<OpenedFile> {
        let path = root.join(below);
        self.op("read", &path)?;
        let open = || -> io::Result<OpenedFile> {
            let file = no_follow(root, below)?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(io::Error::other("it is not a regular file"));
            }
            Ok(OpenedFile {
                path: path.clone(),
                size: metadata.len(),
                modified: metadata.modified().ok(),
                changed: Moment::of_change(&metadata),
                identity: identity(&metadata),
                file,
            })
        };
        open().map_err(|error| cannot("read", &path, &error))
    }

    /// Returns the identity of the file at a path, links not followed, as [`OpenedFile::settled_identity`]
    /// does.
    pub fn settled_identity(&self, path: &Utf8Path, moment: Option<Moment>) -> Option<String> {
        let metadata = std::fs::symlink_metadata(path).ok()?;
        let is_settled = metadata.is_file() && Moment::of_change(&metadata)? < moment?;
        identity(&metadata).filter(|_| is_settled)
    }

    /// Returns the first link on the way from `root` to `below` in it.
    pub fn link_below(&self, root: &Utf8Path, below: &Utf8Path) -> Option<Utf8PathBuf> {
        let ways: Vec<Utf8PathBuf> = below.ancestors().map(|way| root.join(way)).collect();
        let is_link =
            |way: &&Utf8PathBuf| std::fs::symlink_metadata(way).is_ok_and(|it| it.is_symlink());
        // The last one is `root` itself.
        ways.iter().rev().skip(1).find(is_link).cloned()
    }

    /// Returns true if a process of a group holds cargo's lock on a directory of built files, by
    /// `/proc/locks`. While it does, no other cargo replaces a file there.
    pub fn holds_cargos_lock(&self, group: u32, directory: &Utf8Path) -> bool {
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::MetadataExt as _;
            let locks: Vec<u64> = CARGO_LOCKS
                .iter()
                .filter_map(|name| std::fs::symlink_metadata(directory.join(name)).ok())
                .map(|metadata| metadata.ino())
                .collect();
            let table = std::fs::read_to_string("/proc/locks").unwrap_or_default();
            let group = i32::try_from(group).unwrap_or_default();
            holders(&table, &locks).any(|process| {
                let stat = std::fs::read(format!("/proc/{process}/stat")).unwrap_or_default();
                group_of(&String::from_utf8_lossy(&stat)) == Some(group)
            })
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (group, directory);
            false
        }
    }
}

/// Names of the files by which cargo locks a directory of built files, one of them exclusively.
#[cfg(target_os = "linux")]
const CARGO_LOCKS: &[&str] = &[".cargo-lock", ".cargo-artifact-lock"];

/// Returns the group of a process by the text of `/proc/PID/stat`: `12 (a (b) c) S PARENT GROUP …`.
/// It is 0 for a group outside the namespace of processes, where rustix's `getpgid` panics.
#[cfg(target_os = "linux")]
fn group_of(stat: &str) -> Option<i32> {
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(2)?.parse().ok()
}

/// Returns the processes that hold one of these files exclusively, by the text of `/proc/locks`:
/// `1: FLOCK  ADVISORY  WRITE 123 fe:00:456 0 EOF`. A line of a waiting process begins `1: -> `.
#[cfg(target_os = "linux")]
fn holders(table: &str, files: &[u64]) -> impl Iterator<Item = i32> {
    table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", process, file, ..] = fields.as_slice() else {
            return None;
        };
        let file = file.rsplit(':').next()?.parse().ok()?;
        files
            .contains(&file)
            .then(|| process.parse().ok())
            .flatten()
    })
}

/// Opens a file without following a link below `root`, and without waiting for the other end of a
/// pipe.
#[cfg(unix)]
fn no_follow(root: &Utf8Path, below: &Utf8Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open, openat};
    let directory = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    let mut open_directory = open(root.as_std_path(), directory, Mode::empty())?;
    let parents = below.parent().unwrap_or(Utf8Path::new(""));
    for name in parents.components() {
        open_directory = openat(
            &open_directory,
            name.as_str(),
            directory | OFlags::NOFOLLOW,
            Mode::empty(),
        )?;
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let name = below.file_name().unwrap_or_default();
    Ok(openat(&open_directory, name, flags, Mode::empty())?.into())
}

/// Opens a file if there is no link below `root`.
#[cfg(not(unix))]
fn no_follow(root: &Utf8Path, below: &Utf8Path) -> io::Result<File> {
    let mut path = root.to_owned();
    for name in below.components() {
        path.push(name);
        if std::fs::symlink_metadata(&path)?.is_symlink() {
            return Err(io::Error::other(format!("`{path}` is a link")));
        }
    }
    File::open(path)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_holders_of_a_lock_are_read_from_the_table() {
        let table = "1: FLOCK  ADVISORY  WRITE 10 fe:00:77 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 11 fe:00:77 0 EOF\n\
                     2: FLOCK  ADVISORY  READ 12 fe:00:77 0 EOF\n\
                     3: POSIX  ADVISORY  WRITE 13 fe:00:77 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 14 fe:00:78 0 EOF\n\
                     5: FLOCK  ADVISORY  WRITE 15 fe:00:79 0 EOF\n\
                     6: OFDLCK ADVISORY  READ -1 00:06:3 0 EOF\n";
        let found: Vec<i32> = holders(table, &[77, 79]).collect();
        assert_eq!(found, [10, 15]);
    }

    #[test]
    fn the_group_of_a_process_may_be_outside_its_namespace() {
        assert_eq!(group_of("12 (a (b) c) S 1 10 10 0 -1 4194304"), Some(10));
        assert_eq!(group_of("12 (sh) S 0 0 0 0 -1 4194304"), Some(0));
        assert_eq!(group_of(""), None);
    }
}
