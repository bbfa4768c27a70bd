//! The cache of compilers that a build uses.

use serde::{Deserialize, Serialize};

/// Name of the program.
pub const SCCACHE: &str = "sccache";

/// Variables by which cargo and CMake call a compiler through a cache.
pub const WRAPPERS: &[&str] = &[
    "RUSTC_WRAPPER",
    "CMAKE_C_COMPILER_LAUNCHER",
    "CMAKE_CXX_COMPILER_LAUNCHER",
];

/// Argument for cargo: units that are compiled incrementally are not cached. Not by cargo's
/// variable, which would be part of every key.
pub const NOT_INCREMENTAL: &str = "build.incremental=false";

/// A value of `--compiler-cache` or `compiler-cache = "…"`. Any other value is a usage error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum CompilerCache {
    /// sccache, with the store that its own variables or file configure
    Sccache,
    /// None, whatever the configuration says
    None,
}

impl CompilerCache {
    /// Returns the value as it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sccache => "sccache",
            Self::None => "none",
        }
    }
}
