//! Accepted findings: by `--accept`, or by the manifest.

use std::collections::BTreeMap;

use crate::problem::code::{Code, CodeInfo, code};
use crate::tree::manifest::Artifact;
use crate::verify::finding::Finding;
use crate::verify::listing::Listing;
use crate::verify::report::{Accepted, Report, Skipped};
use crate::verify::rules::machine::{UNREADABLE_BINARY, WRONG_MACHINE};
use crate::verify::rules::table;

/// Rule that accepts findings: `--accept CODE[=PATH] --reason TEXT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptRule {
    /// Findings that it accepts.
    pub accepts: Accepts,
    /// Path that it is accepted for; `None` for all paths.
    pub path: Option<String>,
    /// Reason, which the report repeats.
    pub reason: String,
}

/// Findings that a rule accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepts {
    /// Those with a code.
    Code(Code),
    /// Those about an advisory of RustSec.
    Advisory(String),
}

impl Accepts {
    /// Parses what `--accept` names; `find` returns the code of a name.
    pub fn parse(name: &str, find: impl FnOnce(&str) -> Option<Code>) -> Option<Self> {
        let is_digits = |text: &str, count: usize| {
            text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let advisory = name
            .strip_prefix("RUSTSEC-")
            .and_then(|id| id.split_once('-'));
        match advisory {
            Some((year, number)) if is_digits(year, 4) && is_digits(number, 4) => {
                Some(Self::Advisory(name.to_owned()))
            }
            _ => find(name).map(Self::Code),
        }
    }

    /// Returns the name in flags.
    pub fn name(&self) -> &str {
        match self {
            Self::Code(code) => code.name(),
            Self::Advisory(id) => id,
        }
    }

    /// Returns true for a finding of the kind, wherever it is.
    pub fn are(&self, finding: &Finding) -> bool {
        match self {
            Self::Code(code) => finding.code == *code,
            Self::Advisory(id) => finding.advisory.as_ref() == Some(id),
        }
    }
}

/// Splits findings into those that a rule accepts and the others.
pub fn split_accepted<'a>(
    findings: Vec<Finding>,
    rules: impl Iterator<Item = &'a AcceptRule>,
) -> (Vec<Accepted>, Vec<Finding>) {
    // The first rule of each code and path, with its place among all.
    let mut first: BTreeMap<(&str, Option<&str>), (usize, &AcceptRule)> = BTreeMap::new();
    for (place, rule) in rules.enumerate() {
        let key = (rule.accepts.name(), rule.path.as_deref());
        first.entry(key).or_insert((place, rule));
    }
    let (mut accepted, mut open) = (Vec::new(), Vec::new());
    for finding in findings {
        let names = [Some(finding.code.name()), finding.advisory.as_deref()];
        let path = finding.path.as_deref();
        let names = names.into_iter().flatten();
        let keys = names.flat_map(|name| [(name, None), (name, path)]);
        let rules = keys.filter_map(|key| first.get(&key));
        let rule = rules.min_by_key(|(place, _)| *place);
        match rule.map(|(_, rule)| rule.reason.clone()) {
            Some(reason) => accepted.push(Accepted { finding, reason }),
            None => open.push(finding),
        }
    }
    (accepted, open)
}

/// Adds to a report the rules that accepted nothing. A misspelled path would be silent otherwise, and
/// one that is no longer needed would accept the next finding there.
pub fn report_unused(rules: &[AcceptRule], report: &mut Report) {
    for AcceptRule {
        accepts,
        path,
        reason: _,
    } in rules
    {
        let is_of =
            |finding: &Finding| accepts.are(finding) && (path.is_none() || *path == finding.path);
        if report
            .accepted
            .iter()
            .any(|accepted| is_of(&accepted.finding))
        {
            continue;
        }
        let elsewhere = report.findings.iter().find(|finding| accepts.are(finding));
        let why = match elsewhere.map(|finding| finding.path.as_deref()) {
            Some(Some(other)) => format!("there was no such finding there, but one at `{other}`"),
            Some(None) => {
                "there was no such finding there, but one of the whole subject".to_owned()
            }
            None => "there was no such finding".to_owned(),
        };
        report.skipped.push(Skipped {
            path: path.clone().unwrap_or_else(|| report.subject.clone()),
            what: format!("`--accept {}`", accepts.name()),
            why,
        });
    }
}

/// Returns the rules for findings that were accepted at build time, from the manifest.
pub fn recorded_rules(listing: &Listing) -> Vec<AcceptRule> {
    let rules_of = |(base, artifact): (&str, &Artifact)| {
        let path = format!("{base}{}", artifact.path);
        // A build accepts properties of a program. That it is the right file, and for the right
        // machine, cannot be waived by a manifest.
        let find_acceptable = |name: &str| {
            table::acceptable()
                .filter(|code| ![WRONG_MACHINE, UNREADABLE_BINARY].contains(code))
                .find(|code| code.name() == name)
        };
        let codes = artifact
            .waivers
            .iter()
            .filter_map(|waiver| find_acceptable(&waiver.code));
        codes
            .map(|code| AcceptRule {
                accepts: Accepts::Code(code),
                path: Some(path.clone()),
                reason: "accepted at build time, according to the manifest".to_owned(),
            })
            .collect::<Vec<_>>()
    };
    let artifacts = listing.manifests.iter().flat_map(|(base, manifest)| {
        let artifacts = manifest.artifacts.iter();
        artifacts.map(move |artifact| (base.as_str(), artifact))
    });
    artifacts.flat_map(rules_of).collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[NO_REASON];

/// Code of `--accept` without `--reason`.
pub const NO_REASON: Code = code(&CodeInfo {
    name: "no-reason",
    title: "`--accept` needs `--reason`",
    cause: "An accepted finding without a reason does not help those who read the report.",
    detection: "`verify` rejects `--accept` without `--reason`.",
    fix: "Add the reason: `--reason TEXT`.",
    page: "verify",
    sources: &[],
    waivable: false,
});
