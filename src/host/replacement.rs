//! Replacement of a directory or a file in one step: of the staged tree, of Docker contexts and of
//! image layouts.
//!
//! The order is always the same: lock the place, remove what killed runs left beside it, write the
//! new one beside it, exchange the two, and check the old one again. If another program has put
//! files there in the meantime, the two are exchanged back, so that nothing is lost.
//!
//! Beside the place, a new directory has a marker, a file that says by its inode which directory a
//! run has made: only what has one is ever removed. What may be the old one is checked before, and
//! removed entry by entry, none more than the check has seen. What cannot be removed is a warning.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::host::codes::FILE_ACCESS;
use crate::host::entries::PathKind;
use crate::host::exchange::CANNOT_EXCHANGE;
use crate::host::files::cannot;
use crate::host::lock::{FileLock, lock_path};
use crate::host::machine::Host;
use crate::host::opened::Moment;
use crate::problem::{Problem, Result};

/// Kind of a place that is replaced, for messages.
pub struct Kind {
    /// Name with its article: `an out-dir`.
    pub name: &'static str,
    /// Flag that chooses another place: `--out-dir`.
    pub flag: &'static str,
}

/// Locked place, which no other run of xpkg replaces.
pub struct LockedPlace<'a> {
    host: &'a Host,
    kind: &'static Kind,
    path: Utf8PathBuf,
    parent: Utf8PathBuf,
    lock: FileLock,
}

/// New directory beside the place, which replaces it. What is left beside the place is removed when
/// this is dropped.
pub struct Replacement<'a> {
    place: &'a LockedPlace<'a>,
    root: Utf8PathBuf,
    /// Path of the marker.
    marker: Utf8PathBuf,
    /// Last line of the marker.
    state: Marker,
    /// What is beside the place now.
    left: Left,
}

/// What is beside the place.
enum Left {
    /// The new directory, which nobody else knows.
    New,
    /// What was at the place for a moment, or all the time: only these entries may be removed.
    Listed(Utf8PathBuf, Entries),
    /// Something that somebody needs.
    Kept,
}

/// Entries of a directory, children before their parents, with a `/` behind those of directories;
/// `None` for a file.
type Entries = Option<Vec<String>>;

/// Line of a marker, in JSON: the last whole one counts. A line is appended in one step.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    schema_version: u32,
    /// Identity of the new directory; `None` before it is created.
    directory: Option<String>,
    /// What is exchanged with the place.
    exchange: Option<Exchange>,
}

/// Exchange of something in a new directory with the place.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    /// Path in the new directory, empty for itself.
    path: String,
    /// Identity of the new one: another one at its path is the old one.
    new: Option<String>,
    /// Identity and entries of the old one, which was checked and is being removed.
    removing: Option<(String, Entries)>,
}

/// Version of the markers' format.
const MARKER_VERSION: u32 = 1;

/// Largest size of a marker in bytes, with a line for each file of a tree.
const LONGEST_MARKER: u64 = 64 * 1024 * 1024;

/// Extension of markers.
const MARKER: &str = ".json";

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
    // The place may be among the user's files.
    let lock = host.temporary_lock(&lock_path(path), &waiting_for);
    Ok(LockedPlace {
        host,
        kind,
        path: path.to_owned(),
        parent: parent.to_owned(),
        lock: lock.map_err(unwritable)?,
    })
}

impl LockedPlace<'_> {
    /// Removes what killed runs left beside the place: an unfinished new directory, or the old one,
    /// which had just been exchanged. `check` rejects a leftover with files of another program,
    /// which the killed run had no time to check. It is kept then, with a warning, as is what cannot
    /// be removed.
    ///
    /// # Errors
    /// `interrupted`.
    pub fn sweep(&self, check: impl Fn(&Utf8Path) -> Result<()>) -> Result<()> {
        let prefix = self.prefix();
        for name in self.host.names(&self.parent) {
            let Some(directory) = name.strip_suffix(MARKER) else {
                continue;
            };
            if !directory.starts_with(&prefix) || directory.len() == prefix.len() {
                continue;
            }
            let (marker, leftover) = (self.parent.join(&name), self.parent.join(directory));
            let Some(read) = Marker::read(self.host, &marker) else {
                // Killed between creating and writing it. Any other file is a user's.
                if self.host.holds(&marker, b"") && !self.host.exists(&leftover) {
                    let _ = remove_file(self.host, &marker);
                }
                continue;
            };
            let swept = self
                .sweep_one(&leftover, &read, &check)
                .and_then(|()| remove_file(self.host, &marker));
            if let Err(problem) = swept {
                self.host.check_interrupted()?;
                self.warn(&leftover, &problem);
            }
        }
        Ok(())
    }

    /// Removes one leftover.
    fn sweep_one(
        &self,
        leftover: &Utf8Path,
        marker: &Marker,
        check: impl Fn(&Utf8Path) -> Result<()>,
    ) -> Result<()> {
        let host = self.host;
        let Some(identity) = host.file_id(leftover) else {
            return Ok(());
        };
        // A link that somebody else has put there leads to none of ours.
        if !host.is_dir(leftover) || host.link_text(leftover).is_some() {
            return Ok(());
        }
        let exchange = match (&marker.directory, &marker.exchange) {
            // It was not yet used.
            (None, _) => return remove_dir(host, leftover),
            // Another program's by now.
            (Some(made), None) if *made != identity => return Ok(()),
            (Some(made), Some(exchange)) if !exchange.path.is_empty() && *made != identity => {
                return Ok(());
            }
            (Some(_), None) => return remove_all(host, leftover),
            (Some(_), Some(exchange)) => exchange,
        };
        let path = exchange.within(leftover)?;
        match &exchange.removing {
            Some((old, entries)) if host.file_id(&path).as_ref() == Some(old) => {
                remove_entries(host, &path, entries)?;
            }
            _ if exchange.new.is_some() && host.file_id(&path) == exchange.new => {}
            _ => {
                let entries = entries(host, &path)?;
                check(leftover)?;
                remove_entries(host, &path, &entries)?;
            }
        }
        if host.exists(leftover) {
            remove_all(host, leftover)?;
        }
        Ok(())
    }

    /// Returns the current moment by the clock of the place's file system; `None` if it cannot be told.
    pub fn now(&self) -> Option<Moment> {
        self.lock.now()
    }

    /// Creates the new directory, empty, and checks that the file system can exchange it with the
    /// old one.
    ///
    /// # Errors
    /// `cannot-exchange`, before anything is written, and `file-access`.
    pub fn begin(&self) -> Result<Replacement<'_>> {
        let host = self.host;
        let state = Marker {
            schema_version: MARKER_VERSION,
            ..Marker::default()
        };
        // The marker comes first: without it, nobody may remove the directory.
        let marker_path = host.unique_file(
            &self.parent,
            &self.prefix(),
            MARKER,
            state.text().as_bytes(),
        )?;
        let root = Utf8PathBuf::from(marker_path.as_str().trim_end_matches(MARKER));
        if let Err(problem) = host.create_dir(&root) {
            let _ = remove_file(host, &marker_path);
            return Err(problem);
        }
        let mut new = Replacement {
            place: self,
            root,
            marker: marker_path,
            state,
            left: Left::New,
        };
        new.state.directory = host.file_id(&new.root);
        host.append(&new.marker, new.state.text().as_bytes())?;
        host.check_exchange(&self.path, &new.root)
            .map_err(|problem| self.suggest_other_path(problem))?;
        Ok(new)
    }

    /// Reports something beside the place that is not removed.
    fn warn(&self, path: &Utf8Path, problem: &Problem) {
        let notes = problem.notes.iter().flat_map(|note| &note.lines);
        let notes: Vec<&str> = notes.map(String::as_str).collect();
        let more = match notes.as_slice() {
            [] => String::new(),
            notes => format!(" ({})", notes.join(", ")),
        };
        self.host.shell.warning(
            problem.code.name(),
            &format!(
                "`{path}` of an earlier tree is kept: {}{more}; remove it by hand",
                problem.message
            ),
        );
    }

    /// Removes what is at the place: the entries that `check` has seen.
    ///
    /// # Errors
    /// The errors of `check`, and `file-access`.
    pub fn remove(&self, check: impl Fn(&Utf8Path) -> Result<()>) -> Result<()> {
        let entries = entries(self.host, &self.path)?;
        check(&self.path)?;
        remove_entries(self.host, &self.path, &entries)
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

    /// Returns the paths beside the place that exist while this does.
    pub fn paths(&self) -> [&Utf8Path; 2] {
        [&self.root, &self.marker]
    }

    /// Replaces the place by `new`, which is the new directory or something in it. `check` is
    /// called with the old one; if it fails, the old one is put back.
    ///
    /// # Errors
    /// The errors of `check`, `cannot-exchange` and `file-access`.
    pub fn finish(mut self, new: &Utf8Path, check: impl Fn(&Utf8Path) -> Result<()>) -> Result<()> {
        let LockedPlace { host, path, .. } = self.place;
        let ours = entries(host, new)?;
        let within = new.strip_prefix(&self.root).unwrap_or(Utf8Path::new(""));
        self.state.exchange = Some(Exchange {
            path: within.to_string(),
            new: host.file_id(new),
            removing: None,
        });
        host.append(&self.marker, self.state.text().as_bytes())?;
        sync(host, new, &ours)?;
        match host.exchange(new, path) {
            // A file can be replaced on every file system, but the check must come first.
            Err(problem) if problem.code == CANNOT_EXCHANGE && host.is_file(path) => {
                check(path)?;
                return host.rename(new, path);
            }
            exchanged => exchanged.map_err(|problem| self.place.suggest_other_path(problem))?,
        }
        // The exchange itself; it has happened, whatever the disk says now.
        for directory in [&self.place.parent, &self.root] {
            let _ = host
                .cleanup_below(directory)
                .and_then(|below| below.sync_root());
        }
        if !host.exists(new) {
            return Ok(());
        }
        // Until it is checked, what is here now is not ours to remove.
        self.left = Left::Kept;
        let old = entries(host, new).and_then(|old| check(new).map(|()| old));
        match old {
            Ok(old) => {
                // If this run is killed, the next one goes on without a check, which would miss
                // what is removed already. Without this line, it keeps what it finds.
                let identity = host.file_id(new);
                if let (Some(exchange), Some(identity)) = (&mut self.state.exchange, identity) {
                    exchange.removing = Some((identity, old.clone()));
                }
                let _ = host.append(&self.marker, self.state.text().as_bytes());
                self.left = Left::Listed(new.to_owned(), old);
                Ok(())
            }
            Err(problem) => {
                host.exchange_back(new, path)?;
                // Somebody may have put a file into the new one in this moment.
                self.left = Left::Listed(new.to_owned(), ours);
                Err(problem)
            }
        }
    }

    /// Removes what is left beside the place, and the marker.
    fn remove(&self) -> Result<()> {
        let host = self.place.host;
        match &self.left {
            Left::Kept => return Ok(()),
            Left::New => {}
            Left::Listed(path, entries) => remove_entries(host, path, entries)?,
        }
        if host.exists(&self.root) {
            remove_all(host, &self.root)?;
        }
        remove_file(host, &self.marker)
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if let Err(problem) = self.remove() {
            self.place.warn(&self.root, &problem);
        }
    }
}

impl Marker {
    fn read(host: &Host, path: &Utf8Path) -> Option<Self> {
        let text = host.read_small_text(path, LONGEST_MARKER).ok()?;
        let parse = |line: &str| {
            serde_json::from_str(line)
                .ok()
                .filter(|marker: &Self| marker.schema_version == MARKER_VERSION)
        };
        // Of one that is none of ours, no line is.
        let first = text.lines().next()?;
        parse(first)?;
        text.lines().rev().find_map(parse)
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("a marker is plain data") + "\n"
    }
}

impl Exchange {
    /// Returns the path of what was exchanged. It is a name, if it is not the directory itself.
    fn within(&self, leftover: &Utf8Path) -> Result<Utf8PathBuf> {
        match self.path.as_str() {
            "" => Ok(leftover.to_owned()),
            name if name.chars().all(|c| c.is_ascii_alphabetic()) => Ok(leftover.join(name)),
            name => Err(Problem::new(
                FILE_ACCESS,
                format!("its marker has the invalid name `{name}`"),
            )),
        }
    }
}

/// Writes a directory with these entries, or a file, to the disk. After a power failure, an exchange
/// may be on the disk and what was exchanged not.
fn sync(host: &Host, path: &Utf8Path, entries: &Entries) -> Result<()> {
    let Some(entries) = entries else {
        let (parent, name) = (path.parent().unwrap_or(path), path.file_name());
        return host.below(parent)?.sync(name.unwrap_or("."));
    };
    let below = host.below(path)?;
    entries
        .par_iter()
        .try_for_each(|name| below.sync(name.trim_end_matches('/')))?;
    below.sync_root()
}

/// Lists what is at a path.
fn entries(host: &Host, path: &Utf8Path) -> Result<Entries> {
    if !host.is_dir(path) || host.link_text(path).is_some() {
        return Ok(None);
    }
    let name = |(path, kind): (String, PathKind)| match kind {
        PathKind::Directory => path + "/",
        PathKind::File | PathKind::Other => path,
    };
    Ok(Some(host.walk(path)?.into_iter().rev().map(name).collect()))
}

/// Removes these entries of a directory, then the directory; or a file. Anything else in it is an
/// error, and stays.
fn remove_entries(host: &Host, path: &Utf8Path, entries: &Entries) -> Result<()> {
    if !host.exists(path) {
        return Ok(());
    }
    let Some(entries) = entries else {
        return remove_file(host, path);
    };
    let below = host.cleanup_below(path)?;
    for name in entries {
        match name.strip_suffix('/') {
            Some(directory) => below.remove_dir(directory)?,
            None => below.remove_file(name)?,
        };
    }
    remove_dir(host, path)
}

/// Removes a file, after a signal, too.
fn remove_file(host: &Host, path: &Utf8Path) -> Result<()> {
    host.cleanup_op("remove", path)?;
    fs::remove_file(path).map_err(|error| cannot("remove", path, &error))
}

/// Removes an empty directory, after a signal, too.
fn remove_dir(host: &Host, path: &Utf8Path) -> Result<()> {
    host.cleanup_op("remove", path)?;
    fs::remove_dir(path).map_err(|error| cannot("remove", path, &error))
}

/// Removes a directory that only this program knows, after a signal, too.
fn remove_all(host: &Host, path: &Utf8Path) -> Result<()> {
    host.cleanup_op("remove", path)?;
    fs::remove_dir_all(path).map_err(|error| cannot("remove", path, &error))
}
