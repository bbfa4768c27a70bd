//! Lock files.

use std::fs::{self, File};

use camino::{Utf8Path, Utf8PathBuf};

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
