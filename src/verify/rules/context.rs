//! The row of a rule, and the program that it looks at.

use crate::inspect::binary::{Binary, FormatName};
use crate::problem::code::Code;
use crate::project::linker::LinkerKind;
use crate::verify::expected::Expected;
use crate::verify::rules::policy::Policy;

/// One rule: a row of the table.
pub struct Rule {
    pub code: Code,
    /// Returns what is wrong with a program, if anything is.
    pub check: fn(&RuleInput) -> Option<Violation>,
    /// The help line of a built bin that breaks the rule; `None` for rules that `build` leaves to
    /// `verify`.
    pub at_build: Option<&'static str>,
    /// The scope of the rule in each policy.
    pub default: RuleScope,
    pub strict: RuleScope,
    pub portable: RuleScope,
}

/// The programs that a policy applies a rule to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleScope {
    Always,
    /// Programs of which xpkg's own manifest says how they were linked, so that it is known what
    /// they can be.
    Made,
    Never,
}

/// The help line of bins that another linker than the planned one seems to have written.
pub const SEE_PLAN: &str = "`cargo xpkg plan` shows which linker wrote it and why it was chosen";

/// One program and all that its rules look at.
#[derive(Clone, Copy)]
pub struct RuleInput<'a> {
    /// Permission bits, where there are any.
    pub mode: Option<u32>,
    /// Directories of a builder's home that its bytes name.
    pub homes: &'a [String],
    /// True for a bin that was just built: neither a library nor an object file will do.
    pub is_bin: bool,
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

/// Returns true for a shared library, which may be released, too, where no bin was asked for.
pub fn is_library(case: &RuleInput) -> bool {
    let binary = case.binary;
    !case.is_bin
        && binary.format == FormatName::Elf
        && binary.kind == "ET_DYN"
        && binary.interpreter.is_none()
        && !binary.executable
}
