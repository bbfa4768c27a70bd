//! Lock files.

use std::fs::{self, File, TryLockError};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::files::cannot;
use crate::host::machine::Host;
use crate::host::opened::Moment;
use crate::host::regular;
use crate::problem::Result;

/// Lock of a path, held until it is dropped.
pub struct FileLock {
    /// Open file, which holds the lock.
    file: File,
    /// Path of a lock file that is removed with the lock.
    pub removed_on_drop: Option<Utf8PathBuf>,
}

impl FileLock {
    /// Returns the current moment by the clock of the lock's file system; `None` if it cannot be
    /// told.
    pub fn now(&self) -> Option<Moment> {
        // Changing a file is the only question that a file system answers with its time. The
        // contents stay: the file may be another's.
        self.file.set_modified(SystemTime::now()).ok()?;
        Moment::of_change(&self.file.metadata().ok()?)
    }
}

impl Drop for FileLock {
    /// Removes the file while the lock is held, after a signal, too. Waiting runs notice that it is
    /// gone and create another.
    fn drop(&mut self) {
        if let Some(path) = &self.removed_on_drop {
            remove_lock(path);
        }
    }
}

/// Returns the path of a tree's lock file: beside the tree, so that the exchange does not move it.
pub fn lock_path(out_dir: &Utf8Path) -> Utf8PathBuf {
    out_dir.with_file_name(format!(".{}.lock", out_dir.file_name().unwrap_or_default()))
}

impl Host {
    /// Takes the lock at `path`, and prints a status if it must wait for another run: `waiting_for`
    /// is the end of that line, "on `DIR`". The kernel releases it when its holder dies.
    ///
    /// # Errors
    /// `file-access`, also if the file system has no locks, and `interrupted` while waiting.
    pub fn lock(&self, path: &Utf8Path, waiting_for: &str) -> Result<FileLock> {
        let mut unreported = true;
        loop {
            let file = regular::open_lock(path).map_err(|error| cannot("open", path, &error))?;
            // Polled rather than waited for, so that a signal is noticed.
            loop {
                #[cfg(feature = "test-fakes")]
                self.fault
                    .refuse_lock()
                    .map_err(|error| cannot("lock", path, &error))?;
                match file.try_lock() {
                    Ok(()) => break,
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => return Err(cannot("lock", path, &error)),
                }
                if std::mem::take(&mut unreported) {
                    let line = format!("waiting for another run {waiting_for}");
                    self.shell.status("Blocking", &line);
                }
                self.check_interrupted()?;
                std::thread::sleep(Duration::from_millis(20));
            }
            // Its holder may have removed the file while we waited; then others lock a new file.
            if same_file(&file, path) {
                return Ok(FileLock {
                    file,
                    removed_on_drop: None,
                });
            }
            self.check_interrupted()?;
        }
    }

    /// Takes the lock at `path`; `None` if another run holds it.
    ///
    /// # Errors
    /// `file-access`, also if the file system has no locks.
    pub fn try_lock(&self, path: &Utf8Path) -> Result<Option<FileLock>> {
        let file = regular::open_lock(path).map_err(|error| cannot("open", path, &error))?;
        match file.try_lock() {
            Ok(()) if same_file(&file, path) => Ok(Some(FileLock {
                file,
                removed_on_drop: None,
            })),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(cannot("lock", path, &error)),
        }
    }

    /// Takes a lock whose file is removed with it, for places among the user's own files.
    ///
    /// # Errors
    /// The errors of [`Self::lock`].
    pub fn temporary_lock(&self, path: &Utf8Path, waiting_for: &str) -> Result<FileLock> {
        let mut lock = self.lock(path, waiting_for)?;
        lock.removed_on_drop = Some(path.to_owned());
        Ok(lock)
    }
}

/// Removes a lock file. One with contents is a user's file of the same name.
pub fn remove_lock(path: &Utf8Path) {
    if has_no_contents(path) {
        let _ = fs::remove_file(path);
    }
}

/// Returns true for a file without contents.
fn has_no_contents(path: &Utf8Path) -> bool {
    // A line end may have been written to ask the file system for its time.
    fs::symlink_metadata(path).is_ok_and(|file| file.is_file() && file.len() <= 1)
}

/// Returns true for a file that may be the lock of a place, which a killed run has left.
pub fn is_left_lock(path: &Utf8Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.starts_with('.') && name.ends_with(".lock") && has_no_contents(path)
}

/// Returns true if `path` still leads to an open file.
#[cfg(unix)]
pub fn same_file(file: &File, path: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(open), Ok(current)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (open.dev(), open.ino()) == (current.dev(), current.ino())
}

/// Returns true: on this system an open file cannot be removed, so it is still the same.
#[cfg(not(unix))]
pub fn same_file(_: &File, _: &Utf8Path) -> bool {
    true
}
