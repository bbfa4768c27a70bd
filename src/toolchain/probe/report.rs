//! The results of the probes for one compiler.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::problem::code::Code;
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::linker::LinkerFacts;

/// Verdict of a probe on a compiler with certain flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// The code is correct.
    Ok,
    /// The compiler has the bug; `evidence` is a clause.
    Affected { evidence: String },
    /// The probe could not decide; `why` is a clause.
    Inconclusive { why: String },
}

impl Verdict {
    /// Returns its name in messages.
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
    /// Verdict with the probe's own flags: is the compiler affected?
    pub baseline: Verdict,
    /// Verdicts with the flags that build scripts use, by `opt-level`: is this build affected?
    pub with_build_flags: BTreeMap<String, Verdict>,
    /// Verdict of a run, with the probe's own flags; `None` if nothing could be run.
    pub at_runtime: Option<Verdict>,
    /// Verdict with the flags of build scripts and the probe's workaround, if the build is
    /// affected: tested advice.
    pub workaround: Option<Verdict>,
}

/// All answers of one compiler for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Compiler as build scripts will call it.
    pub compiler: String,
    /// Version line, as the compiler prints it.
    pub version: Option<String>,
    /// Flags that build scripts will pass, at the highest level that is used.
    pub flags: Vec<String>,
    /// Facts about the compiler.
    pub facts: Option<CompilerFacts>,
    /// Reason if there are no facts.
    pub no_facts: Option<String>,
    /// The linker that it calls, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linker: Option<LinkerFacts>,
    /// One answer for each probe that applies.
    pub answers: Vec<Answer>,
}

/// Weight of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Reported only.
    Warn,
    /// Stops the run unless it is accepted.
    Block,
}

/// A finding of a report that matters to a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompilerFinding {
    /// Code of the probe.
    pub code: Code,
    /// Weight of the finding.
    pub severity: Severity,
    /// Clause about the compiler.
    pub what: String,
    /// True if the compiler has the bug and the user's flags avoid it in this build. The manifest
    /// records this.
    pub switched_off: bool,
}

impl CompilerFinding {
    /// Returns true if someone accepted it or avoids it by flags, so that the manifest records it.
    pub fn waived(&self) -> bool {
        self.switched_off || self.severity == Severity::Block
    }
}

impl Answer {
    /// Returns an answer that no flags of a build change.
    pub fn new(code: Code, baseline: Verdict) -> Self {
        Self {
            probe: code.name().to_owned(),
            baseline,
            with_build_flags: BTreeMap::new(),
            at_runtime: None,
            workaround: None,
        }
    }

    /// Returns the worst verdict at these levels, or at all levels if `levels` is empty.
    pub fn at(&self, levels: &[String]) -> &Verdict {
        let verdicts = self
            .with_build_flags
            .iter()
            .filter(|(level, _)| levels.is_empty() || levels.contains(level));
        verdicts
            .map(|(_, verdict)| verdict)
            .max_by_key(|verdict| verdict.rank())
            .unwrap_or(&self.baseline)
    }
}

impl Verdict {
    /// Returns its rank: a higher one is worse.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Inconclusive { .. } => 1,
            Self::Affected { .. } => 2,
        }
    }
}
