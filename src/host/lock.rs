//! Lock files.

use std::fs::{self, File};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::files::cannot;
use crate::host::machine::Host;
use crate::problem::Result;

/// Holds the lock of a tree until it is dropped.
pub struct FileLock {
    pub _file: File,
    /// A file that goes when the lock does.
    pub passing: Option<Utf8PathBuf>,
}

impl Drop for FileLock {
    /// While it is held: whoever waits for it sees that it is gone, and makes another. After a
    /// signal, too.
    fn drop(&mut self) {
        if let Some(path) = &self.passing {
            let _ = fs::remove_file(path);
        }
    }
}

/// The lock file of a tree: beside it, so that the exchange does not move it.
pub fn lock_path(out_dir: &Utf8Path) -> Utf8PathBuf {
    out_dir.with_file_name(format!(".{}.lock", out_dir.file_name().unwrap_or_default()))
}

impl Host {
    /// Takes the lock at `path`, and says so if it has to wait for another run: `waiting_for` is the
    /// end of that line, "on `DIR`". The kernel frees it when its holder dies.
    pub fn lock(&self, path: &Utf8Path, waiting_for: &str) -> Result<FileLock> {
        let mut silent = true;
        loop {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .map_err(|error| cannot("open", path, &error))?;
            // Asked again and again rather than waited for, so that a signal is heard.
            while file.try_lock().is_err() {
                if std::mem::take(&mut silent) {
                    let line = format!("waiting for another run {waiting_for}");
                    self.shell.status("Blocking", &line);
                }
                self.check_interrupted()?;
                std::thread::sleep(Duration::from_millis(20));
            }
            // Its holder may have removed the file while we waited; what others lock then is
            // another file.
            if same_file(&file, path) {
                return Ok(FileLock {
                    _file: file,
                    passing: None,
                });
            }
        }
    }

    /// The same beside what stands among the user's own files: nothing of the lock stays there.
    pub fn passing_lock(&self, path: &Utf8Path, waiting_for: &str) -> Result<FileLock> {
        let mut lock = self.lock(path, waiting_for)?;
        lock.passing = Some(path.to_owned());
        Ok(lock)
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(open), Ok(there)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

/// Where an open file cannot be removed, it is the one that stands there.
#[cfg(not(unix))]
fn same_file(_: &File, _: &Utf8Path) -> bool {
    true
}
