//! The files of a Docker context, as values.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::problem::code::{Code, CodeInfo, code};

/// Default name of a context, in cargo's target directory.
pub const DEFAULT: &str = "xpkg-docker";

/// File name of the [`Record`] in a context.
pub const RECORD: &str = ".xpkg-context.json";

/// One file of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextFile {
    /// Path relative to the context, with `/`.
    pub path: String,
    /// Type and contents.
    pub from: ContentSource,
}

/// The contents of a [`ContextFile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentSource {
    /// A text.
    Text(String),
    /// A staged bin or a blob of a layout, with its SHA-256.
    Bin(Utf8PathBuf, String),
    /// A staged bin that has lost its mode on its way here, with its SHA-256: copied with 0755.
    Restored(Utf8PathBuf, String),
    /// A file of this machine for an image, copied since builders take the mode of the context's
    /// file.
    Copy {
        /// Path on this machine.
        from: Utf8PathBuf,
        /// True for the mode 0755, false for 0644.
        executable: bool,
    },
    /// A symbolic link, with its target as written.
    Link(String),
    /// A directory, with its mode.
    Directory(u32),
}

/// The entries of a context that xpkg wrote, to detect foreign and changed files, and to write
/// nothing if the next run would write the same. Stored as JSON in the context.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of this format.
    pub schema_version: u32,
    /// SHA-256 of files, by path.
    pub files: BTreeMap<String, String>,
    /// Modes of copied files in octal digits, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modes: BTreeMap<String, String>,
    /// Targets of links, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// Modes of directories for images in octal digits, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub directories: BTreeMap<String, String>,
}

/// Version of [`Record`]'s format.
pub const RECORD_VERSION: u32 = 1;

/// Mode of executable files and of directories.
pub const OPEN: u32 = 0o755;

/// Mode of other files.
pub const PLAIN: u32 = 0o644;

impl Record {
    /// Parses a record, which another program may have changed.
    ///
    /// # Errors
    /// The reason: it has another form, or a path that leads out of the context.
    pub fn parse(text: &str) -> Result<Self, String> {
        let record: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Self {
            schema_version,
            files,
            modes,
            links,
            directories,
        } = &record;
        if *schema_version != RECORD_VERSION {
            return Err(format!(
                "it has schema version {schema_version}, this xpkg reads {RECORD_VERSION}"
            ));
        }
        let paths = [files, modes, links, directories]
            .into_iter()
            .flat_map(BTreeMap::keys);
        let leads_out =
            |path: &&String| path.split('/').any(|part| matches!(part, "" | "." | ".."));
        let outside = paths.into_iter().find(leads_out).cloned();
        match outside {
            Some(path) => Err(format!("`{path}` is not a path below the context")),
            None => Ok(record),
        }
    }

    /// Returns true if xpkg wrote a file or link at this path.
    pub fn known(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.links.contains_key(path)
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[CONTEXT_FOREIGN];

pub const CONTEXT_FOREIGN: Code = code(&CodeInfo {
    name: "context-foreign",
    title: "the Docker context or layout contains files that xpkg did not create",
    cause: "The directory of the context or layout contains files that xpkg did not create, or \
            files that were changed since; or the file that a layout would replace is not a layout of \
            xpkg.",
    detection: "Each file's digest is compared with the record in the context; a layout, or a \
                tar of one, has an annotation of xpkg in its index.",
    fix: "Move them away, choose another `--context`, or overwrite changes with `--force`.",
    page: "docker",
    sources: &[],
    waivable: false,
});
