//! A leak, and what a check reads.

use crate::problem::code::Code;
use crate::project::setting::Setting;
use crate::target::Target;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::facts::{Facts, TargetFacts};
use crate::toolchain::probe::report::Severity;

/// A leak that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Code of the leak.
    pub code: Code,
    /// Weight: a leak that is not accepted stops the run.
    pub severity: Severity,
    /// Message with the setting and its place.
    pub message: String,
    /// Command that fixes it.
    pub help: String,
}

/// Input of a check.
pub struct LeakInput<'a> {
    /// Target that is built for.
    pub target: &'a Target,
    /// Facts of the machine.
    pub facts: &'a Facts,
    /// Facts for the target.
    pub target_facts: &'a TargetFacts,
    /// C of its graph.
    pub c: &'a CUsage,
    /// Chosen toolchain.
    pub candidate: &'a Candidate,
}

/// Splits a setting's value at whitespace.
pub fn words(setting: &Setting) -> impl Iterator<Item = &str> {
    setting.value.split_whitespace()
}
