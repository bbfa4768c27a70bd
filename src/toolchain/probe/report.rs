//! What the probes say of one compiler.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::problem::code::Code;
use crate::toolchain::probe::facts::CompilerFacts;

/// What a probe says of a compiler with certain flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    Ok,
    Affected { evidence: String },
    Inconclusive { why: String },
}

impl Verdict {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Affected { .. } => "affected",
            Self::Inconclusive { .. } => "inconclusive",
        }
    }
}

/// The answers of one compiler to one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The name of the probe's code: `gcc-95189`.
    pub probe: String,
    /// The verdict with the probe's own flags: is the compiler affected?
    pub baseline: Verdict,
    /// The verdicts with the flags that build scripts use, by `opt-level`: is this build affected?
    pub with_build_flags: BTreeMap<String, Verdict>,
    /// The verdict of a run, with the probe's own flags; `None` where nothing could be run.
    pub at_runtime: Option<Verdict>,
    /// The verdict with the flags of build scripts and the probe's workaround, where the build is
    /// affected: tested advice.
    pub workaround: Option<Verdict>,
}

/// All that was asked of one compiler for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The compiler as build scripts will call it.
    pub compiler: String,
    /// Its own words, one line.
    pub version: Option<String>,
    /// The flags that build scripts will pass, at the highest level that is used.
    pub flags: Vec<String>,
    pub facts: Option<CompilerFacts>,
    /// Why there are no facts.
    pub no_facts: Option<String>,
    pub answers: Vec<Answer>,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Warn,
    Block,
}

/// What a report means for a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompilerFinding {
    pub code: Code,
    pub severity: Severity,
    /// A clause about the compiler.
    pub what: String,
    /// The compiler has the bug, and flags of the user's keep it from this build: to be recorded.
    pub switched_off: bool,
}

impl CompilerFinding {
    /// It was let pass by someone's word, so the manifest records it.
    pub fn waived(&self) -> bool {
        self.switched_off || self.severity == Severity::Block
    }
}

impl Answer {
    /// The worst verdict at these levels; at all that were asked where none is named.
    pub fn at(&self, levels: &[String]) -> &Verdict {
        let asked = self
            .with_build_flags
            .iter()
            .filter(|(level, _)| levels.is_empty() || levels.contains(level));
        asked
            .map(|(_, verdict)| verdict)
            .max_by_key(|verdict| verdict.rank())
            .unwrap_or(&self.baseline)
    }
}

impl Verdict {
    pub fn rank(&self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Inconclusive { .. } => 1,
            Self::Affected { .. } => 2,
        }
    }
}
