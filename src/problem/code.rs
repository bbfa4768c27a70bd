//! Codes of problems. Each code is declared next to the check that reports it.

use serde::Serialize;

/// Stable name of one kind of problem, for scripts and for `--accept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(&'static CodeInfo);

/// Explanation of one code, as `--explain` prints it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodeInfo {
    /// Stable name in kebab-case, never changed once released.
    pub name: &'static str,
    /// Summary in one line, without a full stop.
    pub title: &'static str,
    /// Reasons why the problem occurs.
    pub cause: &'static str,
    /// Method by which xpkg detects the problem.
    pub detection: &'static str,
    /// Instructions to fix the problem.
    pub fix: &'static str,
    /// Page of the guide to read, the name of a topic: `cross-images`.
    pub page: &'static str,
    /// References: standards and public issues.
    pub sources: &'static [&'static str],
    /// True if `build --accept` takes the code: the finding is recorded and the run continues.
    pub waivable: bool,
}

/// Declares a code: `pub const NOT_PIE: Code = code(&CodeInfo { … });`.
pub const fn code(info: &'static CodeInfo) -> Code {
    Code(info)
}

impl Code {
    /// Returns the explanation.
    pub fn info(self) -> &'static CodeInfo {
        self.0
    }

    /// Returns the stable name: `not-pie`.
    pub fn name(self) -> &'static str {
        self.0.name
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[NO_SUCH_CODE];

/// A code given to `--explain` or `--accept` that does not exist or cannot be accepted.
pub const NO_SUCH_CODE: Code = code(&CodeInfo {
    name: "no-such-code",
    title: "unknown code, or one that cannot be accepted",
    cause: "`--explain` was given a code that does not exist, or `--accept` one that is not a \
            finding about a finished file: after other problems a run cannot continue.",
    detection: "The code is looked up in the table of codes.",
    fix: "Use one of the codes that the message lists.",
    page: "codes",
    sources: &[],
    waivable: false,
});
