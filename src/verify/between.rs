//! Findings that only several programs together show.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::File;
use crate::problem::codes::Code;
use crate::verify::expected::Expected;
use crate::verify::finding::{Finding, finding};
use crate::verify::listing::Listing;
use crate::verify::rules::policy::Policy;

/// What shows only between programs.
pub fn between(
    programs: &[(&str, &File, Option<Expected>)],
    listing: Option<&Listing>,
    policy: &Policy,
) -> Vec<Finding> {
    let holds = |code: Code| policy.switched(code).unwrap_or(true);
    let mut findings = Vec::new();
    let name = |expected: &Option<Expected>| {
        expected
            .as_ref()
            .map(|expected| expected.name.clone())
            .unwrap_or_default()
    };
    let mut digests: BTreeMap<&str, &str> = BTreeMap::new();
    let mut ids: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    for (path, file, expected) in programs {
        if let Some(other) = digests.insert(&file.sha256, path) {
            if holds(Code::SameFileTwice) {
                let found = format!("the same bytes as `{other}`");
                findings.push(finding(
                    Code::SameFileTwice,
                    path,
                    found,
                    "a program of its own",
                    "build the two apart, or remove one",
                ));
            }
            continue;
        }
        let Some(id) = file
            .binary
            .as_ref()
            .ok()
            .and_then(|binary| binary.build_id.as_deref())
        else {
            continue;
        };
        if let Some((other, target)) = ids.insert(id, (path, name(expected)))
            && target != name(expected)
            && holds(Code::BuildIdTwice)
        {
            let found = format!("the build-id of `{other}`, which is for {target}");
            findings.push(finding(
                Code::BuildIdTwice,
                path,
                found,
                "a build-id of its own",
                "build both again",
            ));
        }
    }
    let records = listing
        .and_then(|listing| listing.manifest.as_ref())
        .map(|manifest| manifest.targets.as_slice())
        .unwrap_or_default();
    let commits: BTreeSet<&str> = records
        .iter()
        .filter_map(|record| record.source.commit.as_deref())
        .collect();
    if commits.len() > 1 && holds(Code::CommitsDiffer) {
        let of = |commit: &&str| {
            let targets = records
                .iter()
                .filter(|record| record.source.commit.as_deref() == Some(*commit))
                .map(|record| record.target.as_str());
            format!(
                "{} ({})",
                commit.get(..12).unwrap_or(commit),
                targets
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        };
        let found = commits.iter().map(of).collect::<Vec<_>>().join("; ");
        findings.push(finding(
            Code::CommitsDiffer,
            "",
            found,
            "one commit for the whole tree",
            "build all of it at one commit",
        ));
    }
    findings
}
