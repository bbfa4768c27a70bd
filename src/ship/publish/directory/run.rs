//! Reads and writes a directory as a store.
//!
//! A file is written below `.xpkg/`, and gets its name in one step: by a hard link, which fails if
//! the name is taken, or by a rename under a lock. Readers see all of a file or nothing.

use std::collections::BTreeSet;
use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest;
use crate::host::below::Below;
use crate::host::codes::FILE_ACCESS;
use crate::host::entries::PathKind;
use crate::host::lock::FileLock;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::publish::store::{Condition, From, Outcome, Store, Tag, Upload};
use crate::tree::look::TREE_CHANGED;

/// Directory of files that have no name yet, and of locks.
const OWN: &str = ".xpkg";

/// Start of the names of a publisher's own directory below [`OWN`].
const PUT: &str = "put-";

/// Mode of the files.
const MODE: u32 = 0o644;

/// Largest size in bytes of a file that is read whole.
const LARGEST: u64 = 64 << 20;

/// A directory.
pub struct Directory<'a> {
    host: &'a Host,
    root: Utf8PathBuf,
    /// What is open for writing; `None` if it is only read.
    writing: Option<Writing<'a>>,
}

/// What a publisher holds.
struct Writing<'a> {
    below: Below<'a>,
    /// Directory for files without names, relative to the root.
    own: String,
    /// Lock that says that the publisher lives.
    lock: Option<FileLock>,
}

impl<'a> Directory<'a> {
    /// Opens a directory to read it. It may be missing.
    pub fn read_only(host: &'a Host, root: &Utf8Path) -> Self {
        Self {
            host,
            root: root.to_owned(),
            writing: None,
        }
    }

    /// Opens a directory to write it, and creates it. Removes what killed publishers left.
    ///
    /// # Errors
    /// `file-access`.
    pub fn open(host: &'a Host, root: &Utf8Path) -> Result<Self> {
        host.create_dir_all(root)?;
        let below = host.below(root)?;
        below.create_dir_all(OWN)?;
        let own_dir = root.join(OWN);
        for name in host.names(&own_dir) {
            let lock = own_dir.join(&name);
            let Some(name) = name
                .strip_suffix(".lock")
                .filter(|name| name.starts_with(PUT))
            else {
                continue;
            };
            // Its publisher is gone.
            if let Some(mut held) = host.try_lock(&lock)? {
                held.removed_on_drop = Some(lock);
                let left = own_dir.join(name);
                if host.is_dir(&left) {
                    host.remove_dir_all(&left)?;
                }
                drop(held);
            }
        }
        let (name, lock) = own_name(host, &own_dir)?;
        let own = format!("{OWN}/{name}");
        below.create_dir_all(&own)?;
        Ok(Self {
            host,
            root: root.to_owned(),
            writing: Some(Writing {
                below,
                own,
                lock: Some(lock),
            }),
        })
    }

    /// Opens the root to read it; `None` if it is missing.
    fn below(&self) -> Result<Option<Below<'_>>> {
        if self.host.is_dir(&self.root) {
            self.host.below(&self.root).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Writes a file without a name, and checks what was written.
    fn write_unnamed(&self, writing: &Writing, upload: &Upload) -> Result<String> {
        let Writing { below, own, .. } = writing;
        let path = format!("{own}/{}", self.host.nonce());
        let mut file = below.create(&path)?;
        let cannot = |error: io::Error| {
            let path = self.root.join(&path);
            Problem::new(FILE_ACCESS, format!("cannot write `{path}`: {error}"))
        };
        match upload.from {
            From::Bytes(bytes) => io::Write::write_all(&mut file, bytes).map_err(cannot)?,
            From::File(from) => {
                let mut reader = self.host.open_read(from)?;
                io::copy(&mut reader, &mut file).map_err(cannot)?;
            }
        }
        file.set_mode(MODE)?;
        let (sha256, size) = file.finish()?;
        if sha256 != upload.sha256 || size != upload.size {
            below.remove_file(&path)?;
            return Err(changed(upload.from));
        }
        below.sync(&path)?;
        Ok(path)
    }
}

/// Returns the problem of a file that is not the one that was verified.
pub fn changed(from: From) -> Problem {
    let name = match from {
        From::File(path) => path.as_str(),
        From::Bytes(_) => "a document",
    };
    let message = format!("`{name}` was changed after it was verified");
    Problem::new(TREE_CHANGED, message).help("write the release again: `cargo xpkg release`")
}

/// Returns a new name and its lock.
fn own_name(host: &Host, own_dir: &Utf8Path) -> Result<(String, FileLock)> {
    loop {
        let name = format!("{PUT}{}", host.nonce());
        let path = own_dir.join(format!("{name}.lock"));
        if host.exists(&path) {
            continue;
        }
        if let Some(mut lock) = host.try_lock(&path)? {
            lock.removed_on_drop = Some(path);
            return Ok((name, lock));
        }
    }
}

/// Returns the parent of a key.
fn parent(key: &str) -> &str {
    key.rsplit_once('/').map_or(".", |(parent, _)| parent)
}

impl Store for Directory<'_> {
    fn list(&self, prefix: &str) -> Result<Option<BTreeSet<String>>> {
        let directory = self.root.join(prefix.trim_end_matches('/'));
        // What is below [`OWN`] is no part of the store: other publishers' directories come and go.
        let is_own = prefix.split('/').next() == Some(OWN);
        if is_own || !self.host.is_dir(&directory) {
            return Ok(Some(BTreeSet::new()));
        }
        let entries = self.host.walk(&directory)?.into_iter();
        let files = entries.filter(|(_, kind)| *kind != PathKind::Directory);
        Ok(Some(
            files.map(|(path, _)| format!("{prefix}{path}")).collect(),
        ))
    }

    fn digest(&self, key: &str) -> Result<Option<(String, u64)>> {
        let Some(below) = self.below()? else {
            return Ok(None);
        };
        match below.open_existing(key)? {
            None => Ok(None),
            Some(_) => below.hash(key).map(Some),
        }
    }

    fn read(&self, key: &str) -> Result<Option<(Vec<u8>, Tag)>> {
        let Some(below) = self.below()? else {
            return Ok(None);
        };
        let Some(file) = below.open_existing(key)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        // One byte more, to see that there is more: the rest would be lost in an exchange.
        let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
        match read {
            Err(error) => return Err(below.cannot("read", key, &error)),
            Ok(_) if bytes.len() as u64 > LARGEST => {
                let error = io::Error::other(format!("it is larger than {LARGEST} bytes"));
                return Err(below.cannot("read", key, &error));
            }
            Ok(_) => {}
        }
        let tag = Tag(digest::sha256(&bytes));
        Ok(Some((bytes, tag)))
    }

    fn put(&self, key: &str, upload: &Upload, condition: Condition) -> Result<Outcome> {
        let Some(writing) = &self.writing else {
            let message = format!("`{}` is only read", self.root);
            return Err(Problem::new(FILE_ACCESS, message));
        };
        let below = &writing.below;
        let unnamed = self.write_unnamed(writing, upload)?;
        let outcome = match condition {
            Condition::Absent => below.link_new(&unnamed, key)?,
            Condition::Matches(tag) => {
                let path = self.root.join(OWN).join("lock");
                let lock = self
                    .host
                    .temporary_lock(&path, &format!("on `{}`", self.root))?;
                let is_same = match self.read(key)? {
                    Some((_, current)) => current == *tag,
                    None => false,
                };
                if is_same {
                    below.rename(&unnamed, key)?;
                }
                drop(lock);
                is_same
            }
        };
        below.remove_file(&unnamed)?;
        if !outcome {
            return Ok(Outcome::Refused);
        }
        below.sync(&format!("{}/.", parent(key)))?;
        Ok(Outcome::Put)
    }

    fn remove(&self, key: &str) -> Result<()> {
        let below = self.host.below(&self.root)?;
        below.remove_file(key).map(drop)
    }

    fn probe_key(&self, nonce: &str) -> String {
        // In the publisher's own directory, which the next one removes after a kill.
        let own = self.writing.as_ref().map_or(OWN, |writing| &writing.own);
        format!("{own}/probe-{nonce}")
    }

    fn hides_missing(&self, _: &str) -> Result<bool> {
        Ok(false)
    }

    fn clock_skew(&self) -> Option<i64> {
        None
    }
}

impl Drop for Directory<'_> {
    /// Removes the publisher's own directory, after a signal, too.
    fn drop(&mut self) {
        let Some(Writing { own, lock, .. }) = &mut self.writing else {
            return;
        };
        if let Ok(below) = self.host.cleanup_below(&self.root) {
            for name in self.host.names(&self.root.join(&*own)) {
                // What is left has no name at the store, and the next publisher removes it.
                let _ = below.remove_file(&format!("{own}/{name}"));
            }
            below.remove_empty_dir(own);
            drop(lock.take());
            below.remove_empty_dir(OWN);
        }
    }
}
