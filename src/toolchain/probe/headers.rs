//! Header directories of a compiler.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// Header directories and macros, read from a compiler's `-E -v`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Includes {
    /// Directories for C.
    pub c: Vec<Utf8PathBuf>,
    /// Directories for C++.
    pub cxx: Vec<Utf8PathBuf>,
    /// Macros that its headers depend on, as `-D…`.
    pub defines: Vec<String>,
}

/// Returns the directories that a compiler's `-v` lists for `#include <…>`.
pub fn search_list(output: &str) -> Vec<camino::Utf8PathBuf> {
    let lines = output
        .lines()
        .skip_while(|line| !line.starts_with("#include <...>"))
        .skip(1);
    lines
        .take_while(|line| line.starts_with(' '))
        .map(|line| line.trim().into())
        .collect()
}

/// Returns the macros of a compiler's own command line that its headers depend on: zig passes the
/// version of glibc, and how its libc++ was built.
pub fn header_macros(output: &str) -> Vec<String> {
    let output: Vec<&str> = output.split_whitespace().collect();
    let values = output
        .windows(2)
        .filter(|pair| pair[0] == "-D")
        .map(|pair| pair[1]);
    let relevant = values.filter(|word| {
        ["__GLIBC_MINOR__", "_LIBCPP_", "_LIBCXXABI_"]
            .iter()
            .any(|prefix| word.starts_with(prefix))
    });
    relevant
        .map(|word| format!("-D{word}"))
        .collect::<BTreeSet<String>>()
        .into_iter()
        .collect()
}
