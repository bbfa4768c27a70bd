//! The exchange of two directories in one step.

use std::{fs, io};

use camino::Utf8Path;

use crate::host::files::cannot;
use crate::host::machine::Host;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};

/// Returns the problem of a failed exchange, without help: only callers know which flag chooses
/// another place.
pub fn cannot_exchange(old: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(
        CANNOT_EXCHANGE,
        format!("cannot exchange `{old}` with the new one: {error}"),
    )
}

/// Renames `new` to `old`, which must not exist.
///
/// # Errors
/// `AlreadyExists` if `old` exists by now, if the system can detect it.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub fn create(new: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let (from, to) = (new.as_std_path(), old.as_std_path());
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not know the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => std::fs::rename(new, old),
        renamed => Ok(renamed?),
    }
}

/// Renames `new` to `old`, which must not exist. The check is not atomic on this system.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn create(new: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    std::fs::rename(new, old)
}

/// Exchanges two paths in one step.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub fn swap(new: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(
        CWD,
        new.as_std_path(),
        CWD,
        old.as_std_path(),
        RenameFlags::EXCHANGE,
    )?)
}

/// Exchanges two paths by renames on a system without an atomic exchange: between them, `old` does
/// not exist for a moment.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn swap(new: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    let aside = camino::Utf8PathBuf::from(format!("{new}.old"));
    std::fs::rename(old, &aside)?;
    std::fs::rename(new, old)?;
    std::fs::rename(&aside, new)
}

impl Host {
    /// Checks that `old` can be exchanged with a new tree, without changing it. `filled` is a
    /// directory in which two directories are exchanged as a test. Then `old` is renamed over it,
    /// which always fails as `filled` is not empty, but for the same reason as an exchange, if
    /// there is another one.
    ///
    /// # Errors
    /// `cannot-exchange` and `file-access`.
    pub fn check_exchange(&self, old: &Utf8Path, filled: &Utf8Path) -> Result<()> {
        self.op("exchange", old)?;
        let (one, other) = (filled.join("one"), filled.join("other"));
        let support = fs::create_dir(&one)
            .and_then(|()| fs::create_dir(&other))
            .and_then(|()| swap(&one, &other));
        let refused = match support {
            Err(error) => Some(error),
            Ok(()) if self.is_dir(old) => fs::rename(old, filled).err().filter(|error| {
                !matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                )
            }),
            Ok(()) => None,
        };
        let cleared = fs::remove_dir(&one).and_then(|()| fs::remove_dir(&other));
        match refused {
            Some(error) => Err(cannot_exchange(old, &error)),
            None => cleared.map_err(|error| cannot("clear", filled, &error)),
        }
    }

    /// Exchanges `new` and `old` in one step. If `old` does not exist, `new` is only renamed.
    ///
    /// # Errors
    /// `cannot-exchange` and `file-access`.
    pub fn exchange(&self, new: &Utf8Path, old: &Utf8Path) -> Result<()> {
        self.op("exchange", old)?;
        if !self.exists(old) {
            match create(new, old) {
                // Another program has created it since then.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created.map_err(|error| cannot("create", old, &error)),
            }
        }
        swap(new, old).map_err(|error| cannot_exchange(old, &error))
    }

    /// Exchanges `new` and `old` back, after a signal, too.
    ///
    /// # Errors
    /// `cannot-exchange`.
    pub fn exchange_back(&self, new: &Utf8Path, old: &Utf8Path) -> Result<()> {
        self.cleanup_op("exchange", old)?;
        swap(new, old).map_err(|error| cannot_exchange(old, &error))
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[CANNOT_EXCHANGE];

/// Code of a place that cannot be exchanged in one step.
pub const CANNOT_EXCHANGE: Code = code(&CodeInfo {
    name: "cannot-exchange",
    title: "the file system cannot exchange the tree in one step",
    cause: "The new tree is built beside the old one and exchanged with it. That fails if the \
            out-dir is a mount point, or is in the lower layer of an overlay.",
    detection: "Before compiling, an exchange and a rename are tried that change nothing.",
    fix: "Name an out-dir one level deeper: `--out-dir DIR/xpkg`.",
    page: "tree",
    sources: &["renameat2(2), RENAME_EXCHANGE"],
    waivable: false,
});
