//! A program on PATH.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// A program on PATH.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// As it is called.
    pub program: String,
    pub path: Option<Utf8PathBuf>,
    /// Its own words, one line.
    pub version: Option<String>,
    /// `Target:` of its `-v`, for a compiler.
    pub machine: Option<String>,
}

impl Program {
    /// A compiler, by what its `-v` says.
    pub fn said(name: &str, path: Option<Utf8PathBuf>, words: &str) -> Self {
        Self {
            program: name.to_owned(),
            path,
            machine: words
                .lines()
                .find_map(|line| line.strip_prefix("Target: "))
                .map(|machine| machine.trim().to_owned()),
            version: words
                .lines()
                .map(str::trim)
                .find(|line| line.contains("gcc version") || line.contains("clang version"))
                .map(str::to_owned),
        }
    }
}
