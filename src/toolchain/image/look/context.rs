//! The build context of a `dockerfile`: its entries, which are inputs of the image, and their copy.
//!
//! They are copied as they are written. A link keeps its text, because it is a path of the image:
//! followed here, it would put this machine's file into the image, `etc/shadow` of a system root
//! for example. Engines copy links as they are, too.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::entries::{DirEntry, FileType};
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::path_template::{JSON_NAME, TEXT_NAME};

/// The entries of a build context.
#[derive(Debug, PartialEq, Eq)]
pub struct BuildContext {
    root: Utf8PathBuf,
    /// Entries by path relative to the root; directories come before what is in them.
    entries: BTreeMap<String, ContextEntry>,
}

/// Entry of a build context.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ContextEntry {
    Directory,
    /// A symbolic link, with its target as written.
    Link(String),
    File {
        /// SHA-256 as 64 lower-case hex digits.
        sha256: String,
        /// True if any execute bit is set. The other bits depend on the umask of the checkout.
        executable: bool,
    },
}

/// Mode of directories and of executable files in the copy.
const OPEN: u32 = 0o755;

/// Mode of other files in the copy.
const PLAIN: u32 = 0o644;

/// Reads the build context at `root`, without what cargo and xpkg write: `outputs`, staged trees
/// and their lock files; nor `.git`. Sockets are left out, as engines do.
///
/// # Errors
/// `config-invalid`: an entry that cannot be copied as it is.
pub fn read(host: &Host, root: &Utf8Path, outputs: &[Utf8PathBuf]) -> Result<BuildContext> {
    // Without `..`, so that `outputs` are found in it.
    let root = host.absolute(root);
    let listed = host.list(&root)?;
    let mut reading = Reading {
        host,
        outputs,
        context: BuildContext {
            root,
            entries: BTreeMap::new(),
        },
    };
    reading.directory("", listed)?;
    Ok(reading.context)
}

struct Reading<'a> {
    host: &'a Host,
    outputs: &'a [Utf8PathBuf],
    context: BuildContext,
}

impl Reading<'_> {
    /// Reads the entries of a directory.
    fn directory(&mut self, below: &str, listed: Vec<DirEntry>) -> Result<()> {
        let mut files = Vec::new();
        let mut locks = Vec::new();
        for DirEntry {
            name,
            is_utf8,
            file_type,
        } in listed
        {
            let path = if below.is_empty() {
                name.clone()
            } else {
                format!("{below}/{name}")
            };
            let at = self.context.root.join(&path);
            if name == ".git" || self.outputs.contains(&at) {
                continue;
            }
            if !is_utf8 {
                return Err(unfit(&at, "its name is not UTF-8"));
            }
            match file_type? {
                FileType::Directory => {
                    let listed = self.host.list(&at)?;
                    let has = |name: &str| listed.iter().any(|entry| entry.name == name);
                    if has(TEXT_NAME) && has(JSON_NAME) {
                        locks.push(format!(".{name}.lock"));
                        continue;
                    }
                    if listed.is_empty() {
                        self.insert(path, ContextEntry::Directory);
                    } else {
                        self.directory(&path, listed)?;
                    }
                }
                kind => files.push((name, path, at, kind)),
            }
        }
        for (name, path, at, kind) in files {
            if locks.contains(&name) {
                continue;
            }
            let entry = match kind {
                FileType::File { mode, .. } => ContextEntry::File {
                    sha256: self.host.hash(&at)?.0,
                    executable: mode.is_some_and(|mode| mode & 0o111 != 0),
                },
                FileType::Link(_) => {
                    let text = self.host.link_text(&at);
                    let text = text.ok_or_else(|| unfit(&at, "its target is not UTF-8"))?;
                    ContextEntry::Link(text)
                }
                FileType::Special("a socket") | FileType::Directory => continue,
                FileType::Special(kind) => return Err(unfit(&at, &format!("it is {kind}"))),
            };
            self.insert(path, entry);
        }
        Ok(())
    }

    /// Adds an entry with its parents: a directory with nothing but outputs is none.
    fn insert(&mut self, path: String, entry: ContextEntry) {
        for (end, _) in path.match_indices('/') {
            self.context
                .entries
                .insert(path[..end].to_owned(), ContextEntry::Directory);
        }
        self.context.entries.insert(path, entry);
    }
}

fn unfit(path: &Utf8Path, why: &str) -> Problem {
    Problem::new(
        CONFIG_INVALID,
        format!("`{path}` cannot be sent to the build of an image: {why}"),
    )
    .help("move it out of the `context` of the `dockerfile`")
}

impl BuildContext {
    /// Returns all entries as text, for the digest of the image's inputs.
    pub fn inputs(&self) -> String {
        let line = |(path, entry): (&String, &ContextEntry)| match entry {
            ContextEntry::Directory => format!("directory {path:?}\n"),
            ContextEntry::Link(text) => format!("link {path:?} {text:?}\n"),
            ContextEntry::File {
                sha256,
                executable: true,
            } => format!("program {path:?} {sha256}\n"),
            ContextEntry::File { sha256, .. } => format!("file {path:?} {sha256}\n"),
        };
        self.entries.iter().map(line).collect()
    }

    /// Copies the entries into an empty directory.
    ///
    /// # Errors
    /// `config-invalid`: a file has changed since it was read.
    pub fn copy(&self, host: &Host, to: &Utf8Path) -> Result<()> {
        let below = host.below(to)?;
        for (path, entry) in &self.entries {
            match entry {
                ContextEntry::Directory => {
                    below.create_dir_all(path)?;
                    below.set_dir_mode(path, OPEN)?;
                }
                ContextEntry::Link(text) => below.symlink(text, path)?,
                ContextEntry::File { sha256, executable } => {
                    let from = self.root.join(path);
                    let mode = if *executable { OPEN } else { PLAIN };
                    if below.copy_as(&from, path, mode)? != *sha256 {
                        return Err(unfit(&from, "it was changed in the meantime")
                            .help("run the command again"));
                    }
                }
            }
        }
        Ok(())
    }
}
