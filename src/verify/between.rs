//! Findings that only show when programs are compared with each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::File;
use crate::problem::code::{Code, CodeInfo, code};
use crate::tree::manifest::TargetRecord;
use crate::verify::expected::Expected;
use crate::verify::finding::{Finding, finding};
use crate::verify::rules::policy::Policy;

/// End of the names of modules in packages for JavaScript, as wasm-bindgen writes them.
const MODULE: &str = "_bg.wasm";

/// Returns true for the modules of two packages of one library, which differ in their scripts.
fn is_module_of_packages(one: &str, other: &str) -> bool {
    let (one, other) = (one.rsplit('/').next(), other.rsplit('/').next());
    one == other && one.is_some_and(|name| name.ends_with(MODULE))
}

/// Compares programs by digest, build ID and source commit. `programs` are their paths in the
/// report, `records` the builds whose commits are compared. With `may_copy` one file may have several
/// names.
pub fn compare_programs(
    may_copy: bool,
    programs: &[(&str, &File, Option<Expected>)],
    records: &[&TargetRecord],
    policy: &Policy,
) -> Vec<Finding> {
    let is_enabled = |code: Code| policy.rule_override(code).unwrap_or(true);
    let mut findings = Vec::new();
    let target_name = |expected: &Option<Expected>| {
        expected
            .as_ref()
            .map(|expected| expected.name.clone())
            .unwrap_or_default()
    };
    let mut digests: BTreeMap<&str, (&str, &File)> = BTreeMap::new();
    let mut ids: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    for (path, file, expected) in programs {
        if let Some((other, same)) = digests.insert(&file.sha256, (path, file)) {
            // One file with two names, as in an archive (busybox, git): that is meant.
            let is_hard_link = file.inode.is_some() && file.inode == same.inode;
            let is_meant = is_hard_link || is_module_of_packages(path, other);
            if !is_meant && !may_copy && is_enabled(SAME_FILE_TWICE) {
                let found = format!("the same bytes as `{other}`");
                findings.push(finding(
                    SAME_FILE_TWICE,
                    path,
                    found,
                    "a different program",
                    "build them separately, or remove one",
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
        if let Some((other, target)) = ids.insert(id, (path, target_name(expected)))
            && target != target_name(expected)
            && is_enabled(BUILD_ID_TWICE)
        {
            let found = format!("the build ID of `{other}`, which is for {target}");
            findings.push(finding(
                BUILD_ID_TWICE,
                path,
                found,
                "a unique build ID",
                "build both again",
            ));
        }
    }
    let commits: BTreeSet<&str> = records
        .iter()
        .filter_map(|record| record.source.commit.as_deref())
        .collect();
    if commits.len() > 1 && is_enabled(COMMITS_DIFFER) {
        let describe = |commit: &&str| {
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
        let found = commits.iter().map(describe).collect::<Vec<_>>().join("; ");
        findings.push(finding(
            COMMITS_DIFFER,
            "",
            found,
            "one commit for the whole tree",
            "build all targets at one commit",
        ));
    }
    findings
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[BUILD_ID_TWICE, SAME_FILE_TWICE, COMMITS_DIFFER];

/// Code of programs of two targets with one build ID.
pub const BUILD_ID_TWICE: Code = code(&CodeInfo {
    name: "build-id-twice",
    title: "programs of two targets have the same build ID",
    cause: "The same file is listed under two targets, or one was copied over the other.",
    detection: "Build IDs are compared across targets.",
    fix: "Build both again.",
    page: "verify",
    sources: &[],
    waivable: false,
});

/// Code of two programs with the same digest.
pub const SAME_FILE_TWICE: Code = code(&CodeInfo {
    name: "same-file-twice",
    title: "two programs are the same file",
    cause: "Two packages have a bin of the same name, of which cargo keeps one \
            (rust-lang/cargo#6313), or a file was copied by mistake.",
    detection: "The digests of all programs are compared.",
    fix: "Build them separately, as xpkg does.",
    page: "verify",
    sources: &["rust-lang/cargo#6313"],
    waivable: false,
});

/// Code of a tree whose targets were built at different commits.
pub const COMMITS_DIFFER: Code = code(&CodeInfo {
    name: "commits-differ",
    title: "artifacts come from different commits",
    cause: "A run with `-p`, `--exclude` or `--bin` replaces only those bins.",
    detection: "The commits recorded in manifest.json are compared.",
    fix: "Build all targets at one commit.",
    page: "manifest",
    sources: &[],
    waivable: false,
});
