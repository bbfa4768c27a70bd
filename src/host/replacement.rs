//! Replacement of a directory or a file in one step: of the staged tree, of Docker contexts and of
//! image layouts.
//!
//! The order is always the same: lock the place, remove what killed runs left beside it, write the
//! new one beside it, exchange the two, and check the old one again. If another program has put
//! files there in the meantime, the two are exchanged back, so that nothing is lost.

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::FILE_ACCESS;
use crate::host::exchange::CANNOT_EXCHANGE;
use crate::host::lock::{FileLock, lock_path};
use crate::host::machine::Host;
use crate::problem::{Problem, Result};

/// Kind of a place that is replaced: its name in messages, and the life of its lock file.
pub struct Kind {
    /// Name with its article: `an out-dir`.
    pub name: &'static str,
    /// Flag that chooses another place: `--out-dir`.
    pub flag: &'static str,
    /// True if the lock file stays beside the place: the tree is in cargo's target directory, the
    /// other places are among the user's files.
    pub lock_stays: bool,
}

/// Locked place, which no other run of xpkg replaces.
pub struct LockedPlace<'a> {
    host: &'a Host,
    kind: &'static Kind,
    path: Utf8PathBuf,
    parent: Utf8PathBuf,
    _lock: FileLock,
}

/// New directory beside the place, which replaces it.
pub struct Replacement<'a> {
    place: &'a LockedPlace<'a>,
    root: Utf8PathBuf,
    _temp: tempfile::TempDir,
}

/// Locks a place, and waits while another run holds the lock. Creates its parent directory.
///
/// # Errors
/// `file-access` if the place has no parent or cannot be written.
pub fn lock<'a>(host: &'a Host, path: &Utf8Path, kind: &'static Kind) -> Result<LockedPlace<'a>> {
    let unwritable = |problem: Problem| match problem.code {
        FILE_ACCESS => problem.help(format!("choose a writable directory: `{} DIR`", kind.flag)),
        _ => problem,
    };
    let Some(parent) = path.parent() else {
        let message = format!("`{path}` cannot be {}", kind.name);
        return Err(Problem::new(FILE_ACCESS, message).help("choose a directory that has a parent"));
    };
    host.create_dir_all(parent).map_err(unwritable)?;
    let waiting_for = format!("on `{path}`");
    let lock = if kind.lock_stays {
        host.lock(&lock_path(path), &waiting_for)
    } else {
        host.temporary_lock(&lock_path(path), &waiting_for)
    };
    Ok(LockedPlace {
        host,
        kind,
        path: path.to_owned(),
        parent: parent.to_owned(),
        _lock: lock.map_err(unwritable)?,
    })
}

impl LockedPlace<'_> {
    /// Removes what killed runs left beside the place: an unfinished new directory, or the old one,
    /// which had just been exchanged. `check` rejects a leftover with files of another program,
    /// which the killed run had no time to check.
    ///
    /// # Errors
    /// The errors of `check`, and `file-access`.
    pub fn sweep(&self, check: impl Fn(&Utf8Path) -> Result<()>) -> Result<()> {
        let prefix = self.prefix();
        for name in self.host.names(&self.parent) {
            if name.starts_with(&prefix) {
                let leftover = self.parent.join(name);
                check(&leftover)?;
                self.host.remove_dir_all(&leftover)?;
            }
        }
        Ok(())
    }

    /// Creates the new directory, empty, and checks that the file system can exchange it with the
    /// old one.
    ///
    /// # Errors
    /// `cannot-exchange`, before anything is written, and `file-access`.
    pub fn begin(&self) -> Result<Replacement<'_>> {
        let temp = self.host.temp_dir(&self.parent, &self.prefix())?;
        let root = Utf8PathBuf::from_path_buf(temp.path().to_owned()).map_err(|path| {
            Problem::new(
                FILE_ACCESS,
                format!("the path `{}` is not UTF-8", path.display()),
            )
        })?;
        self.host
            .check_exchange(&self.path, &root)
            .map_err(|problem| self.suggest_other_path(problem))?;
        Ok(Replacement {
            place: self,
            root,
            _temp: temp,
        })
    }

    /// Returns the path that is replaced.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    fn prefix(&self) -> String {
        format!(".{}.new-", self.path.file_name().unwrap_or_default())
    }

    /// Replaces the help of `cannot-exchange` by another place.
    fn suggest_other_path(&self, problem: Problem) -> Problem {
        if problem.code != CANNOT_EXCHANGE {
            return problem;
        }
        let (flag, deeper) = (self.kind.flag, self.path.join("xpkg"));
        Problem {
            help: vec![format!(
                "choose another writable place, or one level deeper: `{flag} {deeper}`"
            )],
            ..problem
        }
    }
}

impl Replacement<'_> {
    /// Returns the new directory.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Replaces the place by `new`, which is the new directory or something in it. `check` is
    /// called with the old one; if it fails, the old one is put back.
    ///
    /// # Errors
    /// The errors of `check`, `cannot-exchange` and `file-access`.
    pub fn finish(self, new: &Utf8Path, check: impl Fn(&Utf8Path) -> Result<()>) -> Result<()> {
        let LockedPlace { host, path, .. } = self.place;
        match host.exchange(new, path) {
            // A file can be replaced on every file system, but the check must come first.
            Err(problem) if problem.code == CANNOT_EXCHANGE && host.is_file(path) => {
                check(path)?;
                return host.rename(new, path);
            }
            exchanged => exchanged.map_err(|problem| self.place.suggest_other_path(problem))?,
        }
        if host.exists(new)
            && let Err(problem) = check(new)
        {
            host.exchange(new, path)?;
            return Err(problem);
        }
        Ok(())
    }
}
