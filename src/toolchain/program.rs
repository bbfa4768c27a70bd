//! A program on PATH.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// A program on PATH.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Name or path by which it is called.
    pub program: String,
    /// Full path, if known.
    pub path: Option<Utf8PathBuf>,
    /// Version line, as the program prints it.
    pub version: Option<String>,
    /// GNU triple that a compiler compiles for: `Target:` of its `-v`.
    pub machine: Option<String>,
}

impl Program {
    /// Reads a compiler's `-v` output.
    pub fn said(name: &str, path: Option<Utf8PathBuf>, output: &str) -> Self {
        Self {
            program: name.to_owned(),
            path,
            machine: output
                .lines()
                .find_map(|line| line.strip_prefix("Target: "))
                .map(|machine| machine.trim().to_owned()),
            version: output
                .lines()
                .map(str::trim)
                .find(|line| line.contains("gcc version") || line.contains("clang version"))
                .map(str::to_owned),
        }
    }
}
