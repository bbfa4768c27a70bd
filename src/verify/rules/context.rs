//! The row of a rule, and its input: one program.

use crate::inspect::binary::{Binary, FormatName};
use crate::inspect::elf::DART_SNAPSHOT;
use crate::problem::code::Code;
use crate::project::artifact_kind::ArtifactKind;
use crate::project::linker::LinkerKind;
use crate::verify::expected::Expected;
use crate::verify::rules::policy::Policy;

/// Rule about one program: a row of the table.
pub struct Rule {
    /// Code of the rule's findings.
    pub code: Code,
    /// Returns the violation of a program; `None` if it meets the rule.
    pub check: fn(&RuleInput) -> Option<Violation>,
    /// The help line of a built bin that breaks the rule; `None` for rules that `build` leaves to
    /// `verify`.
    pub at_build: Option<&'static str>,
    /// Scope under `default`.
    pub default: RuleScope,
    /// Scope under `strict`.
    pub strict: RuleScope,
    /// Scope under `portable-linux`.
    pub portable: RuleScope,
}

/// The programs that a policy applies a rule to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleScope {
    /// All programs.
    Always,
    /// Programs that xpkg built: its manifest tells which linker was used, and so which properties
    /// are possible.
    Built,
    /// None.
    Never,
}

/// The help line of bins that another linker than the planned one seems to have written.
pub const SEE_PLAN: &str = "`cargo xpkg plan` shows which linker wrote it and why it was chosen";

/// Input of the rules: one program and its context.
#[derive(Clone, Copy)]
pub struct RuleInput<'a> {
    /// Permission bits; `None` if the source has none.
    pub mode: Option<u32>,
    /// Home directories that the program's bytes contain.
    pub homes: &'a [String],
    /// Kind of a file that xpkg built; `None` if that is not known. A bin that was just built must
    /// not be a library or an object file.
    pub built: Option<ArtifactKind>,
    /// Properties of the program.
    pub binary: &'a Binary,
    /// Requirements of its target; `None` if the target is unknown.
    pub expected: Option<&'a Expected>,
    /// Linker that linked it, according to xpkg's manifest.
    pub linked_by: Option<LinkerKind>,
    /// Policy that is applied.
    pub policy: &'a Policy,
}

/// Violation of a rule by a program.
pub struct Violation {
    /// Actual state, as a noun phrase.
    pub found: String,
    /// Required state, as a noun phrase.
    pub expected: String,
    /// Suggested fix.
    pub help: &'static str,
}

/// Returns a violation, in the form that a rule returns it.
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

/// Returns true for a shared library, which may be released unless a bin is required.
pub fn is_library(input: &RuleInput) -> bool {
    let binary = input.binary;
    let is_library = match binary.format {
        FormatName::Elf => {
            let is_shared = binary.kind == "ET_DYN" && binary.interpreter.is_none();
            is_shared || binary.kind == DART_SNAPSHOT
        }
        FormatName::Pe => binary.kind == "DLL",
        FormatName::MachO => ["MH_DYLIB", "MH_BUNDLE"].contains(&binary.kind.as_str()),
        FormatName::Wasm => true,
    };
    input.built != Some(ArtifactKind::Bin) && is_library && !binary.executable
}
