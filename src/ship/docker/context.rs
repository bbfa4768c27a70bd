//! The files of a Docker context, as values.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::problem::code::{Code, CodeInfo, code};

/// A context's name in cargo's target directory, where nobody names another.
pub const DEFAULT: &str = "xpkg-docker";

/// The record's name.
pub const RECORD: &str = ".xpkg-context.json";

/// One file of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextFile {
    /// Below the context, with `/`.
    pub path: String,
    pub from: ContentSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentSource {
    Text(String),
    /// A staged bin, or a blob of a layout, and the digest that it is known by.
    Bin(Utf8PathBuf, String),
    /// A file of this machine, as an image gets it: builders take its mode as it stands in the
    /// context.
    Copy {
        from: Utf8PathBuf,
        executable: bool,
    },
    /// Where it points, as it is written there.
    Link(String),
    /// With a mode.
    Directory(u32),
}

/// What a context holds, to be told from what others put there, and from what the next run would
/// write.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub schema_version: u32,
    /// Path -> SHA-256.
    pub files: BTreeMap<String, String>,
    /// Copies -> their mode, in octal digits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modes: BTreeMap<String, String>,
    /// Path -> what is written there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// Those that an image gets -> their mode.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub directories: BTreeMap<String, String>,
}

/// The mode of what all may start, and of directories that all may read.
pub const OPEN: u32 = 0o755;

pub const PLAIN: u32 = 0o644;

impl Record {
    pub fn known(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.links.contains_key(path)
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[CONTEXT_FOREIGN];

pub const CONTEXT_FOREIGN: Code = code(&CodeInfo {
    name: "context-foreign",
    title: "the Docker context or layout holds what xpkg did not make",
    cause: "Files stand in the context's (or the layout's) directory that xpkg did not write, or \
            some that it wrote were changed; or a file that a layout is to replace is no layout \
            of xpkg's.",
    detection: "Each file's digest is compared with the record in the context; a layout, or a \
                tar of one, is xpkg's by an annotation in its index.",
    fix: "Move them away, choose another `--context`, or write over changes with `--force`.",
    source: "README, Docker",
    waivable: false,
});
