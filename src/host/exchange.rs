//! The exchange of two directories in one step.

use std::{fs, io};

use camino::Utf8Path;

use crate::host::files::cannot;
use crate::host::machine::Host;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};

/// Returns the problem of an exchange that failed. Who knows what the place is for adds the help.
pub fn cannot_exchange(old: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(
        CANNOT_EXCHANGE,
        format!("cannot exchange `{old}` with the new one: {error}"),
    )
}

/// Renames `new` to `old`, which nothing has as its name.
///
/// # Errors
/// `AlreadyExists` if something has it by now, where the system can tell.
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

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn create(new: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    std::fs::rename(new, old)
}

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

/// Where the system has no exchange: two renames, with a moment between them in which there is no
/// tree.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn swap(new: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    let aside = camino::Utf8PathBuf::from(format!("{new}.old"));
    std::fs::rename(old, &aside)?;
    std::fs::rename(new, old)?;
    std::fs::rename(&aside, new)
}

impl Host {
    /// Whether `old` could be exchanged with a new tree, found out without touching it: `filled` is
    /// a directory with something in it, so renaming `old` over it always fails, but with the
    /// reason that an exchange would fail with.
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

    /// Puts `new` in the place of `old` in one step; what was there, if anything, is then at `new`.
    pub fn exchange(&self, new: &Utf8Path, old: &Utf8Path) -> Result<()> {
        self.op("exchange", old)?;
        if !self.exists(old) {
            match create(new, old) {
                // Someone has made it since then.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created.map_err(|error| cannot("create", old, &error)),
            }
        }
        swap(new, old).map_err(|error| cannot_exchange(old, &error))
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[CANNOT_EXCHANGE];

pub const CANNOT_EXCHANGE: Code = code(&CodeInfo {
    name: "cannot-exchange",
    title: "the file system cannot exchange the tree in one step",
    cause: "The new tree is built beside the old one and exchanged with it. That fails when the \
            out-dir is a mount point, or lies in the lower layer of an overlay.",
    detection: "Before compiling, the kernel is asked by an exchange and a rename that change \
                nothing.",
    fix: "Name an out-dir one level deeper: `--out-dir DIR/xpkg`.",
    source: "renameat2(2), RENAME_EXCHANGE",
    waivable: false,
});
