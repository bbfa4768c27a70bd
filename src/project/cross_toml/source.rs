//! The input of the import from cross, and the keys that it reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use camino::Utf8PathBuf;

use crate::project::config::parse::ConfigFile;

/// All sources that cross would read.
#[derive(Debug, Clone, Default)]
pub struct CrossSources {
    /// Cross.toml, or the file that `CROSS_CONFIG` names.
    pub cross_toml: Option<ConfigFile>,
    /// The Cargo.toml at the workspace's root.
    pub cargo_toml: Option<ConfigFile>,
    /// Manifests of the other members that have a table of cross, sorted by package.
    pub members: Vec<ConfigFile>,
    /// Files that are named like Cross.toml, and that cross does not read.
    pub strays: Vec<Utf8PathBuf>,
    /// Variables `CROSS_*` that are not empty.
    pub variables: BTreeMap<String, String>,
    /// Members of [`super::possible_scripts`] that are files below the workspace's root.
    pub scripts: BTreeSet<String>,
    /// Targets that rustc knows. If there are none, names of targets are not checked.
    pub triples: Vec<String>,
}

/// A key of xpkg's that has its value from cross's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedKey {
    /// Name of the key in xpkg's configuration.
    pub key: &'static str,
    /// Full name of cross's key: `build.pre-build`.
    pub cross: String,
    /// Origin: `Cross.toml:3`, or the variable's name.
    pub place: String,
}

impl fmt::Display for ImportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` from `{}`", self.key, self.place)
    }
}

/// A key of cross that is not imported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmapped {
    /// Full name of cross's key: `build.zig`.
    pub key: String,
    /// Origin: `Cross.toml:3`, or the variable's name.
    pub place: String,
    /// Target of the key; `None` if the key is the same for all.
    pub triple: Option<String>,
    /// Reason, and what to do instead.
    pub reason: String,
    /// Key of xpkg's own configuration that makes the report unnecessary.
    pub superseded_by: Option<&'static str>,
}

impl fmt::Display for Unmapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of `{}`: {}", self.key, self.place, self.reason)
    }
}
