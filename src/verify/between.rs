//! Findings that only several programs together show.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::File;
use crate::problem::code::{Code, CodeInfo, code};
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
            if holds(SAME_FILE_TWICE) {
                let found = format!("the same bytes as `{other}`");
                findings.push(finding(
                    SAME_FILE_TWICE,
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
            && holds(BUILD_ID_TWICE)
        {
            let found = format!("the build-id of `{other}`, which is for {target}");
            findings.push(finding(
                BUILD_ID_TWICE,
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
    if commits.len() > 1 && holds(COMMITS_DIFFER) {
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
            COMMITS_DIFFER,
            "",
            found,
            "one commit for the whole tree",
            "build all of it at one commit",
        ));
    }
    findings
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[BUILD_ID_TWICE, SAME_FILE_TWICE, COMMITS_DIFFER];

pub const BUILD_ID_TWICE: Code = code(&CodeInfo {
    name: "build-id-twice",
    title: "two targets' programs have one build-id",
    cause: "The same file stands under two targets, or one was copied over another.",
    detection: "Build-ids are compared across targets.",
    fix: "Build both again.",
    source: "README, Verifying a release",
    waivable: false,
});

pub const SAME_FILE_TWICE: Code = code(&CodeInfo {
    name: "same-file-twice",
    title: "two programs are one file",
    cause: "Two packages with one bin name, of which cargo hands out one (rust-lang/cargo#6313), \
            or a copy by mistake.",
    detection: "Digests are compared within a target.",
    fix: "Build them apart; xpkg does.",
    source: "rust-lang/cargo#6313",
    waivable: false,
});

pub const COMMITS_DIFFER: Code = code(&CodeInfo {
    name: "commits-differ",
    title: "the tree holds files of different commits",
    cause: "A run that was narrowed to some bins leaves the others as they were.",
    detection: "The records of manifest.json are compared.",
    fix: "Build all of it at one commit.",
    source: "README, The staged tree",
    waivable: false,
});
