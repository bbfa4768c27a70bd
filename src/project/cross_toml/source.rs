//! What cross would read, and what is reported of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::project::config::parse::ConfigFile;

/// Everything that cross would read.
#[derive(Debug, Clone, Default)]
pub struct CrossSources {
    /// Cross.toml, or the file that `CROSS_CONFIG` names.
    pub cross_toml: Option<ConfigFile>,
    /// The Cargo.toml at the workspace's root.
    pub cargo_toml: Option<ConfigFile>,
    /// `CROSS_BUILD_*` and `CROSS_TARGET_<T>_*`, those that are not empty.
    pub variables: BTreeMap<String, String>,
    /// Those of [`CrossSources::possible_scripts`] that are files below the workspace's root.
    pub scripts: BTreeSet<String>,
}

/// A key of xpkg's that has its value from what was said to cross.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedKey {
    pub key: &'static str,
    /// `Cross.toml:3`, or the variable's name.
    pub place: String,
}

impl fmt::Display for ImportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` from `{}`", self.key, self.place)
    }
}

/// What is not carried over, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmapped {
    /// cross's key, whole: `build.zig`.
    pub key: String,
    /// `Cross.toml:3`, or the variable's name.
    pub place: String,
    /// The target that it is about; `None` where `[build]` says it to all, in the same words.
    pub triple: Option<String>,
    pub becomes: String,
    /// The key of xpkg's own configuration that makes it moot.
    pub answer: Option<&'static str>,
}

impl fmt::Display for Unmapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of `{}`: {}", self.key, self.place, self.becomes)
    }
}
