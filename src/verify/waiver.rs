//! Findings that are accepted.

use crate::problem::code::{Code, CodeInfo, code};
use crate::tree::manifest::Artifact;
use crate::verify::finding::Finding;
use crate::verify::listing::Listing;
use crate::verify::report::Accepted;
use crate::verify::rules::machine::{UNREADABLE_BINARY, WRONG_MACHINE};
use crate::verify::rules::table;

/// `--accept CODE[=PATH] --reason TEXT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptRule {
    pub code: Code,
    /// `None`: wherever it is found.
    pub path: Option<String>,
    pub reason: String,
}

/// Takes out what was let pass.
pub fn accept<'a>(
    findings: Vec<Finding>,
    waives: impl Iterator<Item = &'a AcceptRule>,
) -> (Vec<Accepted>, Vec<Finding>) {
    let waives: Vec<&AcceptRule> = waives.collect();
    let (mut accepted, mut left) = (Vec::new(), Vec::new());
    for finding in findings {
        let matches = |waive: &&&AcceptRule| {
            waive.code == finding.code
                && waive
                    .path
                    .as_ref()
                    .is_none_or(|path| Some(path) == finding.path.as_ref())
        };
        match waives.iter().find(matches) {
            Some(waive) => accepted.push(Accepted {
                finding,
                reason: waive.reason.clone(),
            }),
            None => left.push(finding),
        }
    }
    (accepted, left)
}

/// What was accepted when xpkg built a file, and stands in its manifest.
pub fn recorded(listing: Option<&Listing>) -> Vec<AcceptRule> {
    let Some((listing, manifest)) =
        listing.and_then(|listing| Some((listing, listing.manifest.as_ref()?)))
    else {
        return Vec::new();
    };
    let of = |artifact: &Artifact| {
        let path = format!("{}{}", listing.base, artifact.path);
        // What a build can let pass is what a file is, never whether it is this file or for this
        // machine.
        let acceptable = |name: &str| {
            table::acceptable()
                .filter(|code| ![WRONG_MACHINE, UNREADABLE_BINARY].contains(code))
                .find(|code| code.name() == name)
        };
        let codes = artifact
            .waivers
            .iter()
            .filter_map(|waiver| acceptable(&waiver.code));
        codes
            .map(|code| AcceptRule {
                code,
                path: Some(path.clone()),
                reason: "accepted when it was built, by its manifest".to_owned(),
            })
            .collect::<Vec<_>>()
    };
    manifest.artifacts.iter().flat_map(of).collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[NO_REASON];

pub const NO_REASON: Code = code(&CodeInfo {
    name: "no-reason",
    title: "something is to be let pass without a reason",
    cause: "A waiver without a reason tells nothing to whoever reads the report.",
    detection: "`--accept` of `verify` wants a `--reason`.",
    fix: "Say why: `--reason TEXT`.",
    source: "README, Verifying a release",
    waivable: false,
});
