//! Findings that are accepted.

use crate::problem::codes::Code;
use crate::tree::manifest::Artifact;
use crate::verify::finding::Finding;
use crate::verify::listing::Listing;
use crate::verify::report::Accepted;
use crate::verify::rules::build::FINDINGS;

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
        let own = |code: &Code| {
            FINDINGS.contains(code) && ![Code::WrongMachine, Code::UnreadableBinary].contains(code)
        };
        let codes = artifact
            .waivers
            .iter()
            .filter_map(|waiver| Code::from_name(&waiver.code))
            .filter(own);
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
