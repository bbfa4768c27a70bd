//! Compilers and archivers that a variable names with words: `ccache gcc`, `clang -target arm`.
//!
//! The rules are those of the cc crate, which reads the variables in build scripts.

use std::ffi::OsStr;
use std::path::Path;

/// Programs that start the compiler that follows them, as the cc crate knows them.
///
/// Source: `Build::env_tool` of cc 1.
const LAUNCHERS: &[&str] = &[
    "ccache",
    "distcc",
    "sccache",
    "icecc",
    "cachepot",
    "buildcache",
    "kache",
];

/// Variable with the name of one more launcher, which the cc crate reads.
pub const CUSTOM_LAUNCHER: &str = "CC_KNOWN_WRAPPER_CUSTOM";

/// Returns true if a program, by its name or path, starts the compiler that follows it. `custom` is the
/// value of [`CUSTOM_LAUNCHER`].
pub fn is_launcher(program: &str, custom: Option<&str>) -> bool {
    let stem = Path::new(program).file_stem().and_then(OsStr::to_str);
    let known = LAUNCHERS.iter().copied().chain(custom);
    stem.is_some_and(|stem| {
        known
            .into_iter()
            .any(|name| name.eq_ignore_ascii_case(stem))
    })
}

/// A value of `CC`, `CXX` or `AR`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolWords {
    /// Program that starts the tool.
    pub launcher: Option<String>,
    /// Name or path of the tool itself.
    pub program: String,
    /// Arguments of every call.
    pub args: Vec<String>,
}

impl ToolWords {
    /// Takes a value apart. `is_program` returns true if a program has the whole value as its name
    /// or path; `custom` is the value of [`CUSTOM_LAUNCHER`].
    pub fn parse(value: &str, custom: Option<&str>, is_program: impl Fn(&str) -> bool) -> Self {
        let value = value.trim();
        let mut words = value.split_whitespace().map(str::to_owned);
        let whole = |program: &str| Self {
            launcher: None,
            program: program.to_owned(),
            args: Vec::new(),
        };
        if is_program(value) {
            return whole(value);
        }
        let Some(first) = words.next() else {
            return whole(value);
        };
        let is_launcher = is_launcher(&first, custom);
        match words.next() {
            Some(second) if is_launcher => Self {
                launcher: Some(first),
                program: second,
                args: words.collect(),
            },
            second => Self {
                launcher: None,
                program: first,
                args: second.into_iter().chain(words).collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &str) {
        let ToolWords {
            launcher,
            program,
            args,
        } = ToolWords::parse(value, Some("mycache"), |value| value == "/my tools/gcc");
        assert_eq!(format!("{launcher:?} {program} {args:?}"), expected);
    }

    #[test]
    fn values_are_taken_apart_as_the_cc_crate_does() {
        check("gcc", "None gcc []");
        check("/my tools/gcc", "None /my tools/gcc []");
        check(" ccache  gcc -m32 ", "Some(\"ccache\") gcc [\"-m32\"]");
        check("/usr/bin/SCCACHE gcc", "Some(\"/usr/bin/SCCACHE\") gcc []");
        check("mycache gcc", "Some(\"mycache\") gcc []");
        check("gcc -m32 -O", "None gcc [\"-m32\", \"-O\"]");
        check("ccache", "None ccache []");
        check("", "None  []");
    }
}
