//! One program and everything that a rule may look at.

use crate::archive::entry::File;
use crate::inspect::binary::{Binary, FormatName};
use crate::project::linker::LinkerKind;
use crate::verify::expected::Expected;
use crate::verify::rules::policy::Policy;

/// One program and all that its rules look at.
#[derive(Clone, Copy)]
pub struct RuleInput<'a> {
    pub file: &'a File,
    pub binary: &'a Binary,
    pub expected: Option<&'a Expected>,
    /// What linked it, where xpkg's manifest says so.
    pub linked_by: Option<LinkerKind>,
    pub policy: &'a Policy,
}

/// What a rule has against a program.
pub struct Violation {
    pub found: String,
    pub expected: String,
    pub help: &'static str,
}

pub fn violation(
    found: impl Into<String>,
    expected: impl Into<String>,
    help: &'static str,
) -> Option<Violation> {
    Some(Violation {
        found: found.into(),
        expected: expected.into(),
        help,
    })
}

/// A library may be released, too, under a name that says so.
pub fn is_library(binary: &Binary) -> bool {
    binary.format == FormatName::Elf
        && binary.kind == "ET_DYN"
        && binary.interpreter.is_none()
        && !binary.executable
}
