//! A Docker context: a directory of links to verified bins and of texts, put in its place in one step.
//!
//! What the user changed in it, or put there, stops the run; what is unchanged is not written again. A record in the
//! context tells its own files from others.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::host::{self, Host};
use crate::problem::{Code, Problem, Result};
use crate::stage;
use crate::tree::Entry;

/// A context's name in cargo's target directory, where nobody names another.
pub const DEFAULT: &str = "xpkg-docker";
/// The record's name.
pub const RECORD: &str = ".xpkg-context.json";

/// One file of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Below the context, with `/`.
    pub path: String,
    pub from: From,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    Text(String),
    /// A file of this machine; its digest, where a manifest gives it.
    File(Utf8PathBuf, Option<String>),
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    schema_version: u32,
    /// Path -> SHA-256.
    files: BTreeMap<String, String>,
}

/// Writes a context. Tells whether anything changed. `force`: changes of the user's are written over, never what they added.
pub fn write(host: &Host, directory: &Utf8Path, pieces: &[Piece], force: bool, blocked: impl FnOnce()) -> Result<bool> {
    let parent = directory.parent().ok_or_else(|| {
        Problem::new(Code::FileAccess, format!("`{directory}` cannot be a context")).help("name a directory below another")
    })?;
    host.create_dir_all(parent)?;
    let _lock = host.lock(&stage::lock_path(directory), blocked)?;
    let prefix = format!(".{}.new-", directory.file_name().unwrap_or_default());
    // The lock is held: what has such a name is of a killed run, and holds links and texts of ours.
    for leftover in host.names(parent).into_iter().filter(|name| name.starts_with(&prefix)) {
        host.remove_dir_all(&parent.join(leftover))?;
    }
    let old = standing(host, directory, force)?;
    let temp = host.temp_dir(parent, &prefix)?;
    let root = Utf8Path::from_path(temp.path())
        .ok_or_else(|| Problem::new(Code::FileAccess, format!("the path `{}` is not UTF-8", temp.path().display())))?;
    host.check_exchange(directory, root)?;
    let mut record = Record { schema_version: 1, files: BTreeMap::new() };
    for Piece { path, from } in pieces {
        let to = root.join(path);
        host.create_dir_all(to.parent().unwrap_or(root))?;
        let digest = match from {
            From::Text(text) => {
                host.write(&to, text.as_bytes())?;
                host::sha256(text.as_bytes())
            }
            From::File(file, expected) => {
                // A staged bin is never written in place, so a link to it stays what it is; another's file may be.
                match expected {
                    Some(_) => host.link_or_copy(file, &to)?,
                    None => host.copy(file, &to)?,
                }
                let (digest, _) = host.hash(&to)?;
                if expected.as_ref().is_some_and(|expected| *expected != digest) {
                    return Err(Problem::new(Code::TreeChanged, format!("`{file}` is not what its manifest says"))
                        .help("build it again: `cargo xpkg build`"));
                }
                digest
            }
        };
        record.files.insert(path.clone(), digest);
    }
    if old.as_ref() == Some(&record) {
        return Ok(false);
    }
    let mut text = serde_json::to_string_pretty(&record).expect("a record is plain data");
    text.push('\n');
    host.write(&root.join(RECORD), text.as_bytes())?;
    host.exchange(root, directory)?;
    Ok(true)
}

/// Removes a context that is as it was written. Tells whether there was one.
pub fn remove(host: &Host, directory: &Utf8Path) -> Result<bool> {
    let lock = stage::lock_path(directory);
    if standing(host, directory, false)?.is_none() {
        return Ok(false);
    }
    host.remove_dir_all(directory)?;
    if host.exists(&lock) {
        host.remove_file(&lock)?;
    }
    Ok(true)
}

/// The record of what stands there, whole; `None` where there is nothing, or something of it is to be made anew.
fn standing(host: &Host, directory: &Utf8Path, force: bool) -> Result<Option<Record>> {
    if !host.exists(directory) {
        return Ok(None);
    }
    if !host.is_dir(directory) {
        return Err(Problem::new(Code::ContextForeign, format!("`{directory}` is no directory, and a context is one"))
            .help("move it away, or choose another: `--context DIR`"));
    }
    let there = host.walk(directory)?;
    let place = directory.join(RECORD);
    let record: Option<Record> = if host.is_file(&place) {
        let read = serde_json::from_str(&host.read_text(&place)?);
        Some(read.map_err(|error| {
            Problem::new(Code::ContextForeign, format!("`{place}` cannot be read: {error}"))
                .help("move the directory away, or choose another `--context`")
        })?)
    } else {
        None
    };
    let known = |path: &str| path == RECORD || record.as_ref().is_some_and(|record| record.files.contains_key(path));
    let strangers: Vec<String> =
        there.iter().filter(|(path, entry)| **entry != Entry::Directory && !known(path)).map(|(path, _)| path.clone()).collect();
    if !strangers.is_empty() {
        return Err(Problem::new(Code::ContextForeign, format!("`{directory}` holds what xpkg did not make"))
            .note("there", shown(&strangers))
            .help("move it away, or choose another directory: `--context DIR`"));
    }
    let Some(record) = record else { return Ok(None) };
    let same = |path: &str, digest: &str| host.hash(&directory.join(path)).is_ok_and(|(found, _)| found == digest);
    let changed: Vec<String> = record
        .files
        .iter()
        .filter(|(path, digest)| there.contains_key(*path) && !same(path, digest))
        .map(|(path, _)| path.clone())
        .collect();
    if !changed.is_empty() && !force {
        return Err(Problem::new(Code::ContextForeign, format!("files in `{directory}` were changed since xpkg wrote them"))
            .note("changed", shown(&changed))
            .help("keep your own elsewhere (`docker build --file`), or write over them: `--force`"));
    }
    let whole = changed.is_empty() && record.files.keys().all(|path| there.contains_key(path));
    Ok(Some(record).filter(|_| whole))
}

/// A text with its own digest in the first line: whether somebody changed it can be told without a record.
pub fn sealed(text: &str) -> String {
    format!("{SEAL}{}\n{text}", host::sha256(text.as_bytes()))
}

const SEAL: &str = "# xpkg:";

/// What is wrong with writing a sealed text to where another file stands.
pub fn changed(host: &Host, path: &Utf8Path, text: &str) -> Option<Problem> {
    if !host.exists(path) || host.holds(path, sealed(text).as_bytes()) {
        return None;
    }
    let ours = host.read_text(path).is_ok_and(|there| there.split_once('\n').is_some_and(|(_, rest)| sealed(rest) == there));
    (!ours).then(|| {
        Problem::new(Code::ContextForeign, format!("`{path}` is not as xpkg wrote it"))
            .help("keep your own under another name, or write over it: `--force`")
    })
}

fn shown(paths: &[String]) -> Vec<String> {
    const SHOWN: usize = 10;
    let more = paths.len().saturating_sub(SHOWN);
    paths.iter().take(SHOWN).cloned().chain((more > 0).then(|| format!("… and {more} more"))).collect()
}
