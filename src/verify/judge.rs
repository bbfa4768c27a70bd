//! The check of a whole subject: its integrity first, then every program, then programs compared
//! with each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, File};
use crate::inspect::InspectError;
use crate::inspect::binary::Binary;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::tree::manifest::{Artifact, TargetRecord};
use crate::verify::between::compare_programs;
use crate::verify::expected::{self, Expected, TARGET_UNKNOWN};
use crate::verify::finding::{Finding, finding};
use crate::verify::integrity::{check_duplicates, check_entry, check_listing};
use crate::verify::links::Links;
use crate::verify::listing::{self, LIST_MISSING, Listing};
use crate::verify::report::{FileReport, RUN_FAILED, Report, Skipped, VERSION_UNEXPECTED};
use crate::verify::rules::context::RuleInput;
use crate::verify::rules::machine::{MODE_UNFIT, UNREADABLE_BINARY, WRONG_MACHINE};
use crate::verify::rules::policy::Policy;
use crate::verify::rules::table;
use crate::verify::waiver::{AcceptRule, recorded_rules, split_accepted};

/// Options of one run of `verify`.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// `--target`: targets of programs whose paths do not name one.
    pub targets: Vec<Target>,
    /// `--policy`, with the configuration's changes.
    pub policy: Policy,
    /// `--accept`, with `--reason`.
    pub accept: Vec<AcceptRule>,
    /// `--require-list`.
    pub require_list: bool,
}

/// Checks a subject and returns the report, sorted by path and code. Nothing is started here; see
/// [`crate::verify::run`].
pub fn check_artifacts(subject: &Artifacts, options: &VerifyOptions) -> Report {
    let mut findings = Vec::new();
    let mut skipped = Vec::new();
    findings.extend(
        subject
            .entries
            .iter()
            .filter_map(|entry| check_entry(subject, entry)),
    );
    findings.extend(check_duplicates(subject));
    let links = Links::resolve(subject);
    findings.extend(
        subject
            .entries
            .iter()
            .filter_map(|entry| links.check(entry)),
    );
    let listing = listing::find(subject, &mut findings);
    match &listing {
        Some(listing) => findings.extend(check_listing(subject, listing, &links)),
        None if options.require_list => findings.push(finding(
            LIST_MISSING,
            "",
            "no list of its files",
            "manifest.json, MANIFEST.txt or SHA256SUMS",
            "fetch the release again, with its list",
        )),
        None => skipped.push(Skipped {
            path: subject.name.clone(),
            what: "digests".to_owned(),
            why: "no manifest.json, MANIFEST.txt or SHA256SUMS was found".to_owned(),
        }),
    }
    let mut files = Vec::new();
    let mut programs = Vec::new();
    let mut archives = 0;
    let index = listing.as_ref().map(index_manifest).unwrap_or_default();
    let listed_modes: BTreeSet<String> = findings
        .iter()
        .filter(|finding| finding.code == MODE_UNFIT)
        .filter_map(|finding| finding.path.clone())
        .collect();
    for (path, file) in subject.entries.iter().filter_map(Entry::file) {
        let known = index.get(path).copied();
        let binary = match &file.binary {
            Ok(binary) => binary,
            Err(error)
                if is_damaged(path, error, file)
                    || known.is_some_and(|(artifact, _)| artifact.binary.is_some()) =>
            {
                findings.push(finding(
                    UNREADABLE_BINARY,
                    path,
                    error.to_string(),
                    "a program",
                    "build it again",
                ));
                continue;
            }
            Err(_) => {
                if ARCHIVES.iter().any(|end| path.ends_with(end)) {
                    archives += 1;
                    let why =
                        "nested archives are not read; run `cargo xpkg verify` on it".to_owned();
                    skipped.push(Skipped {
                        path: path.to_owned(),
                        what: "contents".to_owned(),
                        why,
                    });
                }
                continue;
            }
        };
        let expected = find_expected(subject, path, binary, known, options);
        let linked_by = known.map(|(_, record)| record.toolchain.kind);
        let input = RuleInput {
            mode: file.mode,
            homes: &file.homes,
            is_bin: false,
            binary,
            expected: expected.as_ref(),
            linked_by,
            policy: &options.policy,
        };
        // A mode that differs from the list is reported already.
        let is_reported = listed_modes.contains(path);
        findings.extend(
            table::check(path, &input)
                .into_iter()
                .filter(|finding| !(is_reported && finding.code == MODE_UNFIT)),
        );
        // The path of a link to it must not name another target.
        for alias in links.aliases_of(path) {
            let expected = expected::from_path(alias, Some(binary.format));
            let input = RuleInput {
                expected: expected.as_ref(),
                linked_by: None,
                ..input
            };
            let machine = table::check(alias, &input)
                .into_iter()
                .filter(|finding| finding.code == WRONG_MACHINE);
            findings.extend(machine);
        }
        if let Some(contradiction) = contradiction(path, binary, expected.as_ref()) {
            findings.push(contradiction);
        }
        match (&expected, subject.kind) {
            (None, ArtifactsKind::File) => skipped.push(Skipped {
                path: path.to_owned(),
                what: "target".to_owned(),
                why: "its target is unknown; pass `--target TRIPLE`".to_owned(),
            }),
            (None, _) if options.policy.rule_override(TARGET_UNKNOWN).unwrap_or(true) => {
                let what = format!("a program for {}", binary.machine);
                findings.push(finding(
                    TARGET_UNKNOWN,
                    path,
                    what,
                    "a target in its path, in a list or in `--target`",
                    "`--target TRIPLE`",
                ));
            }
            _ => {}
        }
        files.push(FileReport {
            path: path.to_owned(),
            size: file.size,
            sha256: file.sha256.clone(),
            target: expected.as_ref().map(|expected| expected.name.clone()),
            binary: Some(binary.clone()),
            ran: None,
            expected: expected.clone(),
        });
        programs.push((path, file, expected));
    }
    if programs.is_empty() && archives == 0 && findings.is_empty() {
        findings.push(finding(
            UNREADABLE_BINARY,
            "",
            "no program",
            "at least one",
            "pass the directory or archive that contains them",
        ));
    }
    findings.extend(compare_programs(
        &programs,
        listing.as_ref(),
        &options.policy,
    ));
    let recorded = recorded_rules(listing.as_ref());
    let (accepted, mut findings) = split_accepted(findings, options.accept.iter().chain(&recorded));
    for rule in &options.accept {
        // Programs are started after this, and their findings are accepted there.
        let is_run_code = [RUN_FAILED, VERSION_UNEXPECTED].contains(&rule.code);
        let is_used = accepted.iter().any(|accepted| {
            accepted.finding.code == rule.code
                && rule
                    .path
                    .as_ref()
                    .is_none_or(|path| Some(path) == accepted.finding.path.as_ref())
        });
        if !is_run_code && !is_used {
            let path = rule.path.clone().unwrap_or_else(|| subject.name.clone());
            skipped.push(Skipped {
                path,
                what: format!("`--accept {}`", rule.code.name()),
                why: "there was no such finding".to_owned(),
            });
        }
    }
    findings.sort_by(|a, b| {
        (&a.path, a.code.name(), &a.found).cmp(&(&b.path, b.code.name(), &b.found))
    });
    let listed_by = listing.and_then(|listing| listing.by.into_iter().next());
    let policy = options.policy.name.name().to_owned();
    Report {
        schema_version: 1,
        subject: subject.name.clone(),
        kind: subject.kind,
        policy,
        listed_by,
        files,
        findings,
        accepted,
        skipped,
        fence: None,
    }
}

/// Returns true if a file that is not a readable program is damaged, or should be a program.
fn is_damaged(path: &str, error: &InspectError, file: &File) -> bool {
    let executable = file.mode.is_some_and(|mode| mode & 0o111 != 0);
    // Archives of some systems set the executable bit everywhere, so a name with an extension
    // counts as data.
    let no_extension = !path.rsplit('/').next().unwrap_or_default().contains('.');
    let names_target = || expected::from_path(path, None).is_some();
    match error {
        InspectError::Empty => executable || no_extension && names_target(),
        InspectError::Script | InspectError::StaticLibrary => false,
        InspectError::Unknown(_) => executable && no_extension && names_target(),
        InspectError::TooLarge(_) | InspectError::Damaged(_) => true,
    }
}

/// File name suffixes of files that contain others.
const ARCHIVES: &[&str] = &[
    ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".txz", ".tar.bz2", ".zip", ".gz", ".xz",
    ".zst", ".bz2", ".deb", ".rpm", ".whl", ".apk", ".dmg", ".msi", ".crate", ".a",
];

/// Returns the manifest's entries by path, each with the record of its target.
fn index_manifest(listing: &Listing) -> BTreeMap<String, (&Artifact, &TargetRecord)> {
    let Some(manifest) = &listing.manifest else {
        return BTreeMap::new();
    };
    let record_of = |artifact: &Artifact| {
        manifest
            .targets
            .iter()
            .find(|record| record.id == artifact.built_by)
    };
    let records = manifest.artifacts.iter().filter_map(|artifact| {
        Some((
            format!("{}{}", listing.base, artifact.path),
            (artifact, record_of(artifact)?),
        ))
    });
    records.collect()
}

/// Returns the requirements of a program: from the manifest, else from its path or the subject's
/// name, else from `--target`. A flag overrides what the path says where the two disagree.
fn find_expected(
    subject: &Artifacts,
    path: &str,
    binary: &Binary,
    known: Option<(&Artifact, &TargetRecord)>,
    options: &VerifyOptions,
) -> Option<Expected> {
    if let Some((artifact, record)) = known
        && let Some(target) = Target::of_triple(&artifact.target)
    {
        return Some(Expected {
            floor: record.glibc.as_deref().and_then(Glibc::parse),
            ..Expected::from_target(&target).raised_to(record.level.as_ref())
        });
    }
    // A release is often named after its target: the archive, or the directory that was passed.
    let release_name: Vec<&str> = subject.name.rsplit('/').take(2).collect();
    let release_name = release_name.into_iter().rev().collect::<Vec<_>>().join("/");
    let from_path = |path: &str| expected::from_path(path, Some(binary.format));
    let guessed = from_path(path).or_else(|| {
        if expected::names_arch(path) {
            None
        } else {
            from_path(&release_name)
        }
    });
    let flags = options.targets.iter();
    match (&guessed, options.targets.as_slice()) {
        (_, []) => guessed,
        // The path tells which of the flags it is.
        (Some(guess), _) => {
            let fits = |target: &&Target| {
                target.arch == guess.arch
                    && target.system.os == guess.os
                    && guess.libc.is_none_or(|libc| libc == target.system.libc)
            };
            // If no flag agrees with the path, the first flag wins: it is what the user requires.
            flags
                .clone()
                .find(fits)
                .or_else(|| flags.clone().next())
                .map(Expected::from_target)
        }
        (None, [only]) => Some(Expected::from_target(only)),
        (None, _) => None,
    }
}

/// Checks whether a path names another target than the list or the flag does.
fn contradiction(path: &str, binary: &Binary, expected: Option<&Expected>) -> Option<Finding> {
    let (guess, expected) = (expected::from_path(path, Some(binary.format))?, expected?);
    let differs = guess.arch.name != expected.arch.name || guess.os != expected.os;
    differs.then(|| Finding {
        code: WRONG_MACHINE,
        path: Some(path.to_owned()),
        target: Some(expected.name.clone()),
        found: format!("a path for {}", guess.name),
        expected: expected.name.clone(),
        help: "move it to the directory of its target".to_owned(),
    })
}
