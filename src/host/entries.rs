//! Directory entries: their types, the listing of one directory and the walk of a tree.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::files::cannot;
use crate::host::machine::Host;
use crate::host::regular;
use crate::problem::Result;

/// Type of a directory entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    File {
        /// Size in bytes.
        size: u64,
        /// Permission bits; `None` on systems without them.
        mode: Option<u32>,
    },
    /// A directory.
    Directory,
    /// A symbolic link with its text; bytes that are not UTF-8 are replaced by U+FFFD.
    Link(String),
    /// A device, a socket or a pipe, by name: `a pipe`.
    Special(&'static str),
}

/// Entry of a directory.
pub struct DirEntry {
    /// Name; bytes that are not UTF-8 are replaced by U+FFFD.
    pub name: String,
    /// False if bytes of the name were replaced; then `name` does not lead to the entry.
    pub is_utf8: bool,
    /// Type, or the problem if it cannot be determined.
    pub file_type: Result<FileType>,
}

/// Type of an entry below a directory, as [`Host::walk`] returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link, a device, a socket or a pipe.
    Other,
}

impl Host {
    /// Returns the type of the file at a path. Links are followed.
    ///
    /// # Errors
    /// `file-access` if nothing is there.
    pub fn file_type(&self, path: &Utf8Path) -> Result<FileType> {
        self.op("read", path)?;
        fs::metadata(path)
            .map(|metadata| file_type(&metadata))
            .map_err(|error| cannot("read", path, &error))
    }

    /// Lists a directory, in no particular order. Links are not followed.
    pub fn list(&self, directory: &Utf8Path) -> Result<Vec<DirEntry>> {
        self.op("read", directory)?;
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|error| cannot("read", directory, &error))?;
        let listed = entries.into_iter().map(|entry| {
            let name = entry.file_name();
            let found =
                entry
                    .metadata()
                    .and_then(|metadata| match metadata.file_type().is_symlink() {
                        true => Ok(FileType::Link(
                            fs::read_link(entry.path())?.to_string_lossy().into_owned(),
                        )),
                        false => Ok(file_type(&metadata)),
                    });
            let path = directory.join(&*name.to_string_lossy());
            DirEntry {
                name: name.to_string_lossy().into_owned(),
                is_utf8: name.to_str().is_some(),
                file_type: found.map_err(|error| cannot("read", &path, &error)),
            }
        });
        Ok(listed.collect())
    }

    /// Returns the links below `root`, sorted, without `.git` and without directories that
    /// contain a file `tag`. Directories that cannot be read are skipped.
    pub fn links(&self, root: &Utf8Path, tag: &str) -> Vec<Utf8PathBuf> {
        let mut links = Vec::new();
        let mut pending = vec![root.to_owned()];
        while let Some(directory) = pending.pop() {
            let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
            for entry in entries {
                match entry.file_type() {
                    Ok(kind) if kind.is_symlink() => links.push(entry.path().to_owned()),
                    Ok(kind)
                        if kind.is_dir()
                            && entry.file_name() != ".git"
                            && !entry.path().join(tag).is_file() =>
                    {
                        pending.push(entry.path().to_owned());
                    }
                    _ => {}
                }
            }
        }
        links.sort();
        links
    }

    /// Returns everything below `root` by relative path with `/`, sorted, parents before their
    /// children. Links are not followed.
    pub fn walk(&self, root: &Utf8Path) -> Result<BTreeMap<String, PathKind>> {
        self.op("read", root)?;
        let mut found = BTreeMap::new();
        let mut pending = vec![String::new()];
        while let Some(below) = pending.pop() {
            let directory = root.join(&below);
            let entries = directory
                .read_dir_utf8()
                .map_err(|error| cannot("read", &directory, &error))?;
            for entry in entries {
                let entry = entry.map_err(|error| cannot("read", &directory, &error))?;
                let name = if below.is_empty() {
                    entry.file_name().to_owned()
                } else {
                    format!("{below}/{}", entry.file_name())
                };
                let kind = entry
                    .file_type()
                    .map_err(|error| cannot("read", entry.path(), &error))?;
                if kind.is_dir() {
                    pending.push(name.clone());
                    found.insert(name, PathKind::Directory);
                } else {
                    found.insert(
                        name,
                        if kind.is_file() {
                            PathKind::File
                        } else {
                            PathKind::Other
                        },
                    );
                }
            }
        }
        Ok(found)
    }

    /// Returns true if two directories contain the same entries, and files with the same bytes and
    /// modes.
    ///
    /// # Errors
    /// `file-access`.
    pub fn same_files(&self, one: &Utf8Path, other: &Utf8Path) -> Result<bool> {
        if !self.is_dir(other) {
            return Ok(false);
        }
        let entries = self.walk(one)?;
        if entries != self.walk(other)? {
            return Ok(false);
        }
        for (path, _) in entries.iter().filter(|(_, kind)| **kind == PathKind::File) {
            let (one, other) = (one.join(path), other.join(path));
            // Sizes and modes first: they cost less than digests.
            if self.file_type(&one)? != self.file_type(&other)?
                || self.hash(&one)? != self.hash(&other)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns the type of a file that is not a link.
fn file_type(metadata: &fs::Metadata) -> FileType {
    if metadata.is_dir() {
        return FileType::Directory;
    }
    if let Some(name) = regular::special(metadata) {
        return FileType::Special(name);
    }
    #[cfg(unix)]
    let mode = Some(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777);
    #[cfg(not(unix))]
    let mode = None;
    FileType::File {
        size: metadata.len(),
        mode,
    }
}
