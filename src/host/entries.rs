//! Directory entries: their types, the listing of one directory and the walk of a tree.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use camino::Utf8Path;

use crate::host::files::cannot;
use crate::host::machine::Host;
use crate::problem::Result;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileType {
    File {
        size: u64,
        /// Permission bits, where there are any.
        mode: Option<u32>,
    },
    Directory,
    /// A symbolic link and its text; what is not UTF-8 in it is replaced by U+FFFD.
    Link(String),
    /// A device, a socket, a pipe.
    Special(&'static str),
}

/// One name in a directory.
pub struct DirEntry {
    /// What is not UTF-8 in it is replaced by U+FFFD, and then `readable` is false: there is no
    /// path to it.
    pub name: String,
    pub readable: bool,
    /// The problem, where the system did not tell what it is.
    pub thing: Result<FileType>,
}

/// What stands at a path below a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    File,
    Directory,
    /// A link, a device, a socket.
    Other,
}

impl Host {
    /// What stands at a path once links to it are followed.
    pub fn thing(&self, path: &Utf8Path) -> Result<FileType> {
        self.op("read", path)?;
        fs::metadata(path)
            .map(|metadata| thing(&metadata))
            .map_err(|error| cannot("read", path, &error))
    }

    /// Everything in a directory, links as such, in no order.
    pub fn list(&self, directory: &Utf8Path) -> Result<Vec<DirEntry>> {
        self.op("read", directory)?;
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|error| cannot("read", directory, &error))?;
        let listed = entries.into_iter().map(|entry| {
            let name = entry.file_name();
            let thing =
                entry
                    .metadata()
                    .and_then(|metadata| match metadata.file_type().is_symlink() {
                        true => Ok(FileType::Link(
                            fs::read_link(entry.path())?.to_string_lossy().into_owned(),
                        )),
                        false => Ok(thing(&metadata)),
                    });
            let path = directory.join(&*name.to_string_lossy());
            DirEntry {
                name: name.to_string_lossy().into_owned(),
                readable: name.to_str().is_some(),
                thing: thing.map_err(|error| cannot("read", &path, &error)),
            }
        });
        Ok(listed.collect())
    }

    /// Everything below `root`, by relative path with `/`, parents before their children, sorted.
    pub fn walk(&self, root: &Utf8Path) -> Result<BTreeMap<String, PathKind>> {
        self.op("read", root)?;
        let mut found = BTreeMap::new();
        let mut open = vec![String::new()];
        while let Some(below) = open.pop() {
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
                    open.push(name.clone());
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
}

fn thing(metadata: &fs::Metadata) -> FileType {
    if metadata.is_dir() {
        return FileType::Directory;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
        let kind = metadata.file_type();
        let kinds = [
            (kind.is_fifo(), "a pipe"),
            (kind.is_socket(), "a socket"),
            (kind.is_char_device(), "a character device"),
            (kind.is_block_device(), "a block device"),
        ];
        if let Some((_, name)) = kinds.into_iter().find(|(is, _)| *is) {
            return FileType::Special(name);
        }
        FileType::File {
            size: metadata.len(),
            mode: Some(metadata.permissions().mode() & 0o7777),
        }
    }
    #[cfg(not(unix))]
    FileType::File {
        size: metadata.len(),
        mode: None,
    }
}
