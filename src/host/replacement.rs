//! Replacement of a directory or a file in one step: of the staged tree, of Docker contexts and of
//! image layouts.
//!
//! The order is always the same: lock the place, sweep what killed runs left beside it, write the
//! new one beside it, exchange the two, and look at the old one again. What someone else put there in
//! the meantime is not lost: then the two are exchanged back.

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::FILE_ACCESS;
use crate::host::exchange::CANNOT_EXCHANGE;
use crate::host::lock::{FileLock, lock_path};
use crate::host::machine::Host;
use crate::problem::{Problem, Result};

/// A place that is replaced: what it is called in messages, and how its lock is kept.
pub struct Kind {
    /// With the article: `an out-dir`.
    pub name: &'static str,
    /// The flag that chooses another place: `--out-dir`.
    pub flag: &'static str,
    /// True if the lock file stays beside the place, as beside the tree, which is nobody's directory
    /// but cargo's.
    pub lock_stays: bool,
}

/// A place that is locked: no other run of xpkg replaces it.
pub struct LockedPlace<'a> {
    host: &'a Host,
    kind: &'static Kind,
    path: Utf8PathBuf,
    parent: Utf8PathBuf,
    _lock: FileLock,
}

/// A new directory beside the place.
pub struct Replacement<'a> {
    place: &'a LockedPlace<'a>,
    root: Utf8PathBuf,
    _temp: tempfile::TempDir,
}

/// Locks a place, and waits for another run that has it. Its parent directory is made.
///
/// # Errors
/// `file-access` where the place has no parent or nothing can be written there.
pub fn lock<'a>(host: &'a Host, path: &Utf8Path, kind: &'static Kind) -> Result<LockedPlace<'a>> {
    let unwritable = |problem: Problem| match problem.code {
        FILE_ACCESS => problem.help(format!(
            "name a directory that can be written: `{} DIR`",
            kind.flag
        )),
        _ => problem,
    };
    let Some(parent) = path.parent() else {
        let message = format!("`{path}` cannot be {}", kind.name);
        return Err(Problem::new(FILE_ACCESS, message).help("name a directory below another"));
    };
    host.create_dir_all(parent).map_err(unwritable)?;
    let waiting_for = format!("on `{path}`");
    let lock = if kind.lock_stays {
        host.lock(&lock_path(path), &waiting_for)
    } else {
        host.passing_lock(&lock_path(path), &waiting_for)
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
    /// Removes what killed runs left beside the place: a new directory that is not finished, or the
    /// old one, which was exchanged a moment before. `check` refuses a leftover that holds a file of
    /// someone else's, which the killed run had no time to see.
    ///
    /// # Errors
    /// What `check` returns, and `file-access`.
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

    /// Makes the new directory, empty, and asks the file system whether it can take the place of the
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
            .map_err(|problem| self.elsewhere(problem))?;
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

    /// Suggests another place where this one cannot be exchanged.
    fn elsewhere(&self, problem: Problem) -> Problem {
        if problem.code != CANNOT_EXCHANGE {
            return problem;
        }
        let (flag, deeper) = (self.kind.flag, self.path.join("xpkg"));
        Problem {
            help: vec![format!(
                "name another place that can be written, or one level deeper: `{flag} {deeper}`"
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

    /// Puts `new`, which is the new directory or something in it, in the place. `check` refuses what
    /// was found there; if it refuses, the old one is back in its place when this returns.
    ///
    /// # Errors
    /// What `check` returns, `cannot-exchange` and `file-access`.
    pub fn finish(self, new: &Utf8Path, check: impl Fn(&Utf8Path) -> Result<()>) -> Result<()> {
        let LockedPlace { host, path, .. } = self.place;
        match host.exchange(new, path) {
            // A file can be replaced on every file system, with the look before it instead.
            Err(problem) if problem.code == CANNOT_EXCHANGE && host.is_file(path) => {
                check(path)?;
                return host.rename(new, path);
            }
            exchanged => exchanged.map_err(|problem| self.place.elsewhere(problem))?,
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
