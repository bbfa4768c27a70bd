//! Codes of problems: each is declared beside the check that reports it.

use serde::Serialize;

/// A stable name for one kind of problem: what scripts search for and what `--accept` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(&'static CodeInfo);

/// The explanation of one code, as `--explain` prints it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodeInfo {
    /// kebab-case, never changed once released.
    pub name: &'static str,
    /// One line without a full stop.
    pub title: &'static str,
    pub cause: &'static str,
    pub detection: &'static str,
    pub fix: &'static str,
    pub source: &'static str,
    /// `build --accept` takes it: the finding is recorded and the run goes on.
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

/// Codes that this file declares.
pub const CODES: &[Code] = &[NO_SUCH_CODE];

pub const NO_SUCH_CODE: Code = code(&CodeInfo {
    name: "no-such-code",
    title: "there is no such code, or it cannot be accepted",
    cause: "`--explain` was given a code that does not exist, or `--accept` one that is not a \
            finding about a finished file: other problems leave nothing to go on with.",
    detection: "The table of codes.",
    fix: "Use one of the codes that the message lists.",
    source: "README, Tasks",
    waivable: false,
});
