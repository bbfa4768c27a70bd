//! A Docker context: a directory of links to verified bins, of copies of what else an image gets,
//! and of texts, put in its place in one step.
//!
//! What the user changed in it, or put there, stops the run; what is unchanged is not written
//! again. A record in the context tells its own files from others.

use camino::Utf8Path;

use crate::archive::entry::LONGEST_LIST;
use crate::digest;
use crate::host::below::Below;
use crate::host::entries::PathKind;
use crate::host::machine::Host;
use crate::host::replacement::{self, Kind};
use crate::problem::{Problem, Result};
use crate::ship::docker::context::{
    CONTEXT_FOREIGN, ContentSource, ContextFile, OPEN, PLAIN, RECORD, RECORD_VERSION, Record,
};
use crate::tree::look::TREE_CHANGED;

/// Writes a context. Tells whether anything changed. `force`: changes of the user's are written
/// over, never what they added.
pub fn write(
    host: &Host,
    directory: &Utf8Path,
    pieces: &[ContextFile],
    force: bool,
) -> Result<bool> {
    let place = replacement::lock(host, directory, &CONTEXT)?;
    place.sweep(|leftover| existing(host, leftover, leftover, force).map(drop))?;
    let old = existing(host, directory, directory, force)?;
    let new = place.begin()?;
    let root = new.root().to_owned();
    let mut record = Record {
        schema_version: RECORD_VERSION,
        ..Record::default()
    };
    let below = host.below(&root)?;
    for piece in pieces {
        put(&below, piece, &mut record)?;
    }
    if old.as_ref() == Some(&record) {
        return Ok(false);
    }
    let mut text = serde_json::to_string_pretty(&record).expect("a record is plain data");
    text.push('\n');
    host.write(&root.join(RECORD), text.as_bytes())?;
    new.finish(&root, |old| {
        existing(host, old, directory, force)?;
        Ok(())
    })?;
    Ok(true)
}

const CONTEXT: Kind = Kind {
    name: "a context",
    flag: "--context",
};

/// Writes one piece below a new context.
fn put(new: &Below, ContextFile { path, from }: &ContextFile, record: &mut Record) -> Result<()> {
    let digest = match from {
        ContentSource::Text(text) => {
            let mode = path.starts_with("files/").then_some(PLAIN);
            new.write(path, text.as_bytes(), mode)?;
            if mode.is_some() {
                record.modes.insert(path.clone(), format!("{PLAIN:04o}"));
            }
            digest::sha256(text.as_bytes())
        }
        ContentSource::Bin(file, expected) => {
            // A staged bin is never written in place, so a link to it stays what it is; another's
            // file may be.
            new.link_or_copy(file, path)?;
            let (digest, _) = new.hash(path)?;
            check_digest(file, &digest, expected)?;
            digest
        }
        ContentSource::Restored(file, expected) => {
            let digest = new.copy_as(file, path, OPEN)?;
            check_digest(file, &digest, expected)?;
            record.modes.insert(path.clone(), format!("{OPEN:04o}"));
            digest
        }
        ContentSource::Copy { from, executable } => {
            let mode = if *executable { OPEN } else { PLAIN };
            record.modes.insert(path.clone(), format!("{mode:04o}"));
            new.copy_as(from, path, mode)?
        }
        ContentSource::Link(text) => {
            new.symlink(text, path)?;
            record.links.insert(path.clone(), text.clone());
            return Ok(());
        }
        ContentSource::Directory(mode) => {
            new.create_dir_all(path)?;
            new.set_dir_mode(path, *mode)?;
            record
                .directories
                .insert(path.clone(), format!("{mode:04o}"));
            return Ok(());
        }
    };
    record.files.insert(path.clone(), digest);
    Ok(())
}

/// Checks that a file still has the digest by which it is known.
///
/// # Errors
/// `tree-changed`.
fn check_digest(file: &Utf8Path, digest: &str, expected: &str) -> Result<()> {
    if digest == expected {
        return Ok(());
    }
    Err(
        Problem::new(TREE_CHANGED, format!("`{file}` is not what it is known by"))
            .note(
                "digest",
                [format!("sha256:{digest} instead of sha256:{expected}")],
            )
            .help("build it again: `cargo xpkg build`, or copy the base again"),
    )
}

/// Removes a context that is as it was written. Tells whether there was one.
pub fn remove(host: &Host, directory: &Utf8Path) -> Result<bool> {
    if !host.exists(directory) {
        return Ok(false);
    }
    let place = replacement::lock(host, directory, &CONTEXT)?;
    if existing(host, directory, directory, false)?.is_none() {
        return Ok(false);
    }
    place.remove(|old| existing(host, old, directory, false).map(drop))?;
    Ok(true)
}

/// Returns the record of a context that is whole; `None` where there is none, or something of it has
/// to be written again. `name` is its path in messages.
///
/// # Errors
/// `context-foreign` for files that xpkg did not create, and without `force` for changed files.
fn existing(
    host: &Host,
    directory: &Utf8Path,
    name: &Utf8Path,
    force: bool,
) -> Result<Option<Record>> {
    if !host.exists(directory) {
        return Ok(None);
    }
    if !host.is_dir(directory) {
        return Err(Problem::new(
            CONTEXT_FOREIGN,
            format!("`{name}` is no directory, and a context is one"),
        )
        .help("move it away, or choose another: `--context DIR`"));
    }
    let there = host.walk(directory)?;
    let place = directory.join(RECORD);
    let record: Option<Record> = if there.get(RECORD) == Some(&PathKind::File) {
        let read = Record::parse(&host.read_small_text(&place, LONGEST_LIST)?);
        Some(read.map_err(|error| {
            Problem::new(
                CONTEXT_FOREIGN,
                format!("`{place}` cannot be read: {error}"),
            )
            .help("move the directory away, or choose another `--context`")
        })?)
    } else {
        None
    };
    let known =
        |path: &str| path == RECORD || record.as_ref().is_some_and(|record| record.known(path));
    let untracked: Vec<String> = there
        .iter()
        .filter(|(path, entry)| **entry != PathKind::Directory && !known(path))
        .map(|(path, _)| path.clone())
        .collect();
    if !untracked.is_empty() {
        return Err(Problem::new(
            CONTEXT_FOREIGN,
            format!("`{name}` contains files that xpkg did not create"),
        )
        .note("untracked", shown(&untracked))
        .help("move it away, or choose another directory: `--context DIR`"));
    }
    let Some(record) = record else {
        return Ok(None);
    };
    let same = |path: &str, digest: &str| {
        there.get(path) == Some(&PathKind::File)
            && host
                .hash(&directory.join(path))
                .is_ok_and(|(found, _)| found == digest)
    };
    let files = record
        .files
        .iter()
        .filter(|(path, digest)| there.contains_key(*path) && !same(path, digest));
    let same =
        |path: &str, text: &str| host.link_text(&directory.join(path)).as_deref() == Some(text);
    let links = record
        .links
        .iter()
        .filter(|(path, text)| there.contains_key(*path) && !same(path, text));
    let changed: Vec<String> = files.chain(links).map(|(path, _)| path.clone()).collect();
    if !changed.is_empty() && !force {
        return Err(Problem::new(
            CONTEXT_FOREIGN,
            format!("files in `{name}` were changed since xpkg wrote them"),
        )
        .note("changed", shown(&changed))
        .help("keep your own elsewhere (`docker build --file`), or write over them: `--force`"));
    }
    let paths = record
        .files
        .keys()
        .chain(record.links.keys())
        .chain(record.directories.keys());
    let whole = changed.is_empty()
        && paths.into_iter().all(|path| there.contains_key(path))
        && modes_stand(host, directory, &record);
    Ok(Some(record).filter(|_| whole))
}

/// Whether what an image gets has the mode that it was given. Where not, it is made anew: a mode is
/// nobody's work.
fn modes_stand(host: &Host, directory: &Utf8Path, record: &Record) -> bool {
    record
        .modes
        .iter()
        .chain(&record.directories)
        .all(|(path, wanted)| match host.mode(&directory.join(path)) {
            Some(mode) => format!("{mode:04o}") == *wanted,
            None => true,
        })
}

/// A text with its own digest in the first line: whether somebody changed it can be told without a
/// record.
pub fn sealed(text: &str) -> String {
    format!("{SEAL}{}\n{text}", digest::sha256(text.as_bytes()))
}

const SEAL: &str = "# xpkg:";

/// What is wrong with writing a sealed text to where another file stands. `name` is its path in
/// messages.
pub fn changed(host: &Host, path: &Utf8Path, name: &Utf8Path, text: &str) -> Option<Problem> {
    if !host.exists(path) || host.holds(path, sealed(text).as_bytes()) {
        return None;
    }
    let ours = host.read_text(path).is_ok_and(|there| {
        there
            .split_once('\n')
            .is_some_and(|(_, rest)| sealed(rest) == there)
    });
    (!ours).then(|| {
        Problem::new(CONTEXT_FOREIGN, format!("`{name}` is not as xpkg wrote it"))
            .help("keep your own under another name, or write over it: `--force`")
    })
}

fn shown(paths: &[String]) -> Vec<String> {
    const SHOWN: usize = 10;
    let more = paths.len().saturating_sub(SHOWN);
    paths
        .iter()
        .take(SHOWN)
        .cloned()
        .chain((more > 0).then(|| format!("… and {more} more")))
        .collect()
}
