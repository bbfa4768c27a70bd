//! Where a compiler looks for headers.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// What a compiler's `-E -v` says of headers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Includes {
    pub c: Vec<Utf8PathBuf>,
    pub cxx: Vec<Utf8PathBuf>,
    /// Macros without which its headers mean something else.
    pub defines: Vec<String>,
}

/// The directories that a compiler's `-v` names as those of `#include <…>`.
pub fn search_list(words: &str) -> Vec<camino::Utf8PathBuf> {
    let lines = words
        .lines()
        .skip_while(|line| !line.starts_with("#include <...>"))
        .skip(1);
    lines
        .take_while(|line| line.starts_with(' '))
        .map(|line| line.trim().into())
        .collect()
}

/// The macros of a compiler's own command line without which its headers mean something else: zig
/// names the glibc that they are for, and how its libc++ was built.
pub fn header_macros(words: &str) -> Vec<String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let after = words
        .windows(2)
        .filter(|pair| pair[0] == "-D")
        .map(|pair| pair[1]);
    let own = after.filter(|word| {
        ["__GLIBC_MINOR__", "_LIBCPP_", "_LIBCXXABI_"]
            .iter()
            .any(|beginning| word.starts_with(beginning))
    });
    own.map(|word| format!("-D{word}"))
        .collect::<BTreeSet<String>>()
        .into_iter()
        .collect()
}
