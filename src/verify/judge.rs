//! The whole subject judged: integrity first, then every program, then what only shows between
//! programs.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, File};
use crate::inspect::InspectError;
use crate::inspect::binary::Binary;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::tree::manifest::{Artifact, TargetRecord};
use crate::verify::between::between;
use crate::verify::expected::{self, Expected, TARGET_UNKNOWN};
use crate::verify::finding::{Finding, finding};
use crate::verify::integrity::{entry_itself, held_to, twice};
use crate::verify::links::Links;
use crate::verify::listing::{self, Listing};
use crate::verify::report::{FileReport, RUN_FAILED, Report, Skipped, VERSION_UNEXPECTED};
use crate::verify::rules::context::RuleInput;
use crate::verify::rules::machine::{MODE_UNFIT, UNREADABLE_BINARY, WRONG_MACHINE};
use crate::verify::rules::policy::Policy;
use crate::verify::rules::table;
use crate::verify::waiver::{AcceptRule, accept, recorded};

/// What the user says of a run.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// `--target`: what programs are for whose paths do not say it.
    pub targets: Vec<Target>,
    pub policy: Policy,
    pub accept: Vec<AcceptRule>,
}

pub fn judge(subject: &Artifacts, options: &VerifyOptions) -> Report {
    let mut findings = Vec::new();
    let mut skipped = Vec::new();
    findings.extend(
        subject
            .entries
            .iter()
            .filter_map(|entry| entry_itself(subject, entry)),
    );
    findings.extend(twice(subject));
    let links = Links::of(subject);
    findings.extend(
        subject
            .entries
            .iter()
            .filter_map(|entry| links.against(entry)),
    );
    let listing = listing::find(subject, &mut findings);
    match &listing {
        Some(listing) => findings.extend(held_to(subject, listing, &links)),
        None => skipped.push(Skipped {
            path: subject.name.clone(),
            what: "digests".to_owned(),
            why: "no manifest.json, MANIFEST.txt or SHA256SUMS lists the files".to_owned(),
        }),
    }
    let mut files = Vec::new();
    let mut programs = Vec::new();
    let mut archives = 0;
    let index = listing.as_ref().map(known).unwrap_or_default();
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
                        "it is not looked into here: `cargo xpkg verify` it by itself".to_owned();
                    skipped.push(Skipped {
                        path: path.to_owned(),
                        what: "what is packed in it".to_owned(),
                        why,
                    });
                }
                continue;
            }
        };
        let expected = expected_of(subject, path, binary, known, options);
        let linked_by = known.map(|(_, record)| record.toolchain.kind);
        let case = RuleInput {
            mode: file.mode,
            homes: &file.homes,
            is_bin: false,
            binary,
            expected: expected.as_ref(),
            linked_by,
            policy: &options.policy,
        };
        // A mode that is not as it is listed has been told.
        let listed = listed_modes.contains(path);
        findings.extend(
            table::check(path, &case)
                .into_iter()
                .filter(|finding| !(listed && finding.code == MODE_UNFIT)),
        );
        // A link to it promises what its own path says.
        for alias in links.to(path) {
            let promised = expected::of_path(alias, Some(binary.format));
            let case = RuleInput {
                expected: promised.as_ref(),
                linked_by: None,
                ..case
            };
            let machine = table::check(alias, &case)
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
                what: "its target".to_owned(),
                why: "nothing says what it is for: name it with `--target`".to_owned(),
            }),
            (None, _) if options.policy.switched(TARGET_UNKNOWN).unwrap_or(true) => {
                let what = format!("a program for {}", binary.machine);
                findings.push(finding(
                    TARGET_UNKNOWN,
                    path,
                    what,
                    "a target in its path, in a list or by `--target`",
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
        });
        programs.push((path, file, expected));
    }
    if programs.is_empty() && archives == 0 && findings.is_empty() {
        findings.push(finding(
            UNREADABLE_BINARY,
            "",
            "no program",
            "at least one",
            "name the directory or the archive that holds them",
        ));
    }
    findings.extend(between(&programs, listing.as_ref(), &options.policy));
    let waived = recorded(listing.as_ref());
    let (accepted, mut findings) = accept(findings, options.accept.iter().chain(&waived));
    for waive in &options.accept {
        // `--run` comes later.
        let later = [RUN_FAILED, VERSION_UNEXPECTED].contains(&waive.code);
        let used = accepted.iter().any(|accepted| {
            accepted.finding.code == waive.code
                && waive
                    .path
                    .as_ref()
                    .is_none_or(|path| Some(path) == accepted.finding.path.as_ref())
        });
        if !later && !used {
            let path = waive.path.clone().unwrap_or_else(|| subject.name.clone());
            skipped.push(Skipped {
                path,
                what: format!("`--accept {}`", waive.code.name()),
                why: "nothing of the kind was found".to_owned(),
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
    }
}

/// Returns true if a file that is not a program was one, or should be.
fn is_damaged(path: &str, error: &InspectError, file: &File) -> bool {
    let executable = file.mode.is_some_and(|mode| mode & 0o111 != 0);
    // Archives of some systems set the bit everywhere; a name with an extension says what it is.
    let plain = !path.rsplit('/').next().unwrap_or_default().contains('.');
    let names_target = || expected::of_path(path, None).is_some();
    match error {
        InspectError::Empty => executable || plain && names_target(),
        InspectError::Script | InspectError::StaticLibrary => false,
        InspectError::Unknown(_) => executable && plain && names_target(),
        InspectError::TooLarge(_) | InspectError::Damaged(_) => true,
    }
}

/// Ends of names of files that hold others.
const ARCHIVES: &[&str] = &[
    ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".txz", ".tar.bz2", ".zip", ".gz", ".xz",
    ".zst", ".bz2", ".deb", ".rpm", ".whl", ".apk", ".dmg", ".msi", ".crate", ".a",
];

/// What xpkg's manifest says of each file, by its path.
fn known(listing: &Listing) -> BTreeMap<String, (&Artifact, &TargetRecord)> {
    let Some(manifest) = &listing.manifest else {
        return BTreeMap::new();
    };
    let record = |artifact: &Artifact| {
        manifest
            .targets
            .iter()
            .find(|record| record.id == artifact.built_by)
    };
    let known = manifest.artifacts.iter().filter_map(|artifact| {
        Some((
            format!("{}{}", listing.base, artifact.path),
            (artifact, record(artifact)?),
        ))
    });
    known.collect()
}

fn expected_of(
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
            ..Expected::of(&target)
        });
    }
    // A release is often named after its target as a whole: the archive, or the directory that was
    // named.
    let whole: Vec<&str> = subject.name.rsplit('/').take(2).collect();
    let whole = whole.into_iter().rev().collect::<Vec<_>>().join("/");
    let of = |path: &str| expected::of_path(path, Some(binary.format));
    let guessed = of(path).or_else(|| {
        if expected::names_arch(path) {
            None
        } else {
            of(&whole)
        }
    });
    let named = options.targets.iter();
    match (&guessed, options.targets.as_slice()) {
        (_, []) => guessed,
        // The path says which of them it is.
        (Some(guess), _) => {
            let fits = |target: &&Target| {
                target.arch == guess.arch
                    && target.system.os == guess.os
                    && guess.libc.is_none_or(|libc| libc == target.system.libc)
            };
            // Where the path and every flag disagree, the flag is what was promised.
            named
                .clone()
                .find(fits)
                .or_else(|| named.clone().next())
                .map(Expected::of)
        }
        (None, [only]) => Some(Expected::of(only)),
        (None, _) => None,
    }
}

/// A path that names one processor and a list that names another.
fn contradiction(path: &str, binary: &Binary, expected: Option<&Expected>) -> Option<Finding> {
    let (guess, expected) = (expected::of_path(path, Some(binary.format))?, expected?);
    let differs = guess.arch.name != expected.arch.name || guess.os != expected.os;
    differs.then(|| Finding {
        code: WRONG_MACHINE,
        path: Some(path.to_owned()),
        target: Some(expected.name.clone()),
        found: format!("a path that says {}", guess.name),
        expected: expected.name.clone(),
        help: "move it to where its own target's files stand".to_owned(),
    })
}
