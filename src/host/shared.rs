//! Locks that several runs hold at once, against one that must be alone.

use std::fs::File;
use std::time::Duration;

use camino::Utf8Path;

use crate::host::files::cannot;
use crate::host::lock::same_file;
use crate::host::machine::Host;
use crate::problem::Result;

/// Lock that others may share, held until it is dropped.
pub struct SharedLock {
    _file: File,
}

impl Host {
    /// Shares the lock at `path`, and prints a status if it must wait for the holder of the whole
    /// lock, [`Self::lock`].
    ///
    /// # Errors
    /// `file-access`, and `interrupted` while waiting.
    pub fn share_lock(&self, path: &Utf8Path, waiting_for: &str) -> Result<SharedLock> {
        let mut unreported = true;
        loop {
            self.op("open", path)?;
            let mut options = File::options();
            options.create(true).truncate(false).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::custom_flags(
                &mut options,
                (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK)
                    .bits()
                    .cast_signed(),
            );
            let file = options
                .open(path)
                .map_err(|error| cannot("open", path, &error))?;
            loop {
                match file.try_lock_shared() {
                    Ok(()) => break,
                    Err(std::fs::TryLockError::WouldBlock) => {}
                    Err(std::fs::TryLockError::Error(error)) => {
                        return Err(cannot("lock", path, &error));
                    }
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
                return Ok(SharedLock { _file: file });
            }
        }
    }
}
