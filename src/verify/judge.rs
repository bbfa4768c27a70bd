//! The whole subject judged: integrity first, then every program, then what only shows between programs.

use std::collections::{BTreeMap, BTreeSet};

use super::expected::{self, Expected};
use super::listing::{self, Listing, head, unsafe_path};
use super::policy::{self, Case, Policy};
use super::{Accepted, Entry, File, FileReport, Finding, Kind, Report, Skipped, Subject, What};
use crate::manifest::{Artifact, TargetRecord};
use crate::problem::Code;
use crate::target::{Glibc, Target};

/// What the user says of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--target`: what programs are for whose paths do not say it.
    pub targets: Vec<Target>,
    pub policy: Policy,
    pub accept: Vec<Waive>,
}

/// `--accept CODE[=PATH] --reason TEXT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waive {
    pub code: Code,
    /// `None`: wherever it is found.
    pub path: Option<String>,
    pub reason: String,
}

/// A finding about the tree rather than what a program is.
fn finding(code: Code, path: &str, found: impl Into<String>, expected: impl Into<String>, help: &str) -> Finding {
    let path = (!path.is_empty()).then(|| path.to_owned());
    Finding { code, path, target: None, found: found.into(), expected: expected.into(), help: help.to_owned() }
}

pub fn judge(subject: &Subject, options: &Options) -> Report {
    let mut findings = Vec::new();
    let mut skipped = Vec::new();
    findings.extend(subject.entries.iter().filter_map(|entry| entry_itself(subject, entry)));
    findings.extend(twice(subject));
    let listing = listing::find(subject, &mut findings);
    match &listing {
        Some(listing) => findings.extend(held_to(subject, listing)),
        None => skipped.push(Skipped {
            path: subject.name.clone(),
            what: "digests".to_owned(),
            why: "no manifest.json, MANIFEST.txt or SHA256SUMS lists the files".to_owned(),
        }),
    }
    let mut files = Vec::new();
    let mut programs = Vec::new();
    for (path, file) in subject.entries.iter().filter_map(Entry::file) {
        let known = listing.as_ref().and_then(|listing| known(listing, path));
        let binary = match &file.binary {
            Ok(binary) => binary,
            Err(why) if is_damaged(why, file) || known.is_some_and(|(artifact, _)| artifact.binary.is_some()) => {
                findings.push(finding(Code::UnreadableBinary, path, why.clone(), "a program", "build it again"));
                continue;
            }
            Err(_) => continue,
        };
        let expected = expected_of(path, binary, known, options);
        let linked_by = known.map(|(_, record)| record.toolchain.kind);
        let case = Case { file, binary, expected: expected.as_ref(), linked_by, policy: &options.policy };
        // A mode that is not as it is listed has been told.
        let told = |code: Code| findings.iter().any(|known: &Finding| known.code == code && known.path.as_deref() == Some(path));
        let listed = told(Code::ModeUnfit);
        findings.extend(policy::judge(path, &case).into_iter().filter(|finding| !(listed && finding.code == Code::ModeUnfit)));
        if let Some(contradiction) = contradiction(path, binary, expected.as_ref()) {
            findings.push(contradiction);
        }
        match (&expected, subject.kind) {
            (None, Kind::File) => skipped.push(Skipped {
                path: path.to_owned(),
                what: "its target".to_owned(),
                why: "nothing says what it is for: name it with `--target`".to_owned(),
            }),
            (None, _) if options.policy.switched(Code::TargetUnknown).unwrap_or(true) => {
                let what = format!("a program for {}", binary.machine);
                findings.push(finding(
                    Code::TargetUnknown,
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
    findings.extend(between(&programs, listing.as_ref(), &options.policy));
    let waived = recorded(listing.as_ref());
    let (accepted, mut findings) = accept(findings, options.accept.iter().chain(&waived));
    findings.sort_by(|a, b| (&a.path, a.code.name(), &a.found).cmp(&(&b.path, b.code.name(), &b.found)));
    let listed_by = listing.and_then(|listing| listing.by.into_iter().next());
    let policy = options.policy.name.name().to_owned();
    Report { subject: subject.name.clone(), kind: subject.kind, policy, listed_by, files, findings, accepted, skipped }
}

/// Takes out what was let pass.
pub fn accept<'a>(findings: Vec<Finding>, waives: impl Iterator<Item = &'a Waive>) -> (Vec<Accepted>, Vec<Finding>) {
    let waives: Vec<&Waive> = waives.collect();
    let (mut accepted, mut left) = (Vec::new(), Vec::new());
    for finding in findings {
        let matches =
            |waive: &&&Waive| waive.code == finding.code && waive.path.as_ref().is_none_or(|path| Some(path) == finding.path.as_ref());
        match waives.iter().find(matches) {
            Some(waive) => accepted.push(Accepted { finding, reason: waive.reason.clone() }),
            None => left.push(finding),
        }
    }
    (accepted, left)
}

/// What was accepted when xpkg built a file, and stands in its manifest.
fn recorded(listing: Option<&Listing>) -> Vec<Waive> {
    let Some((listing, manifest)) = listing.and_then(|listing| Some((listing, listing.manifest.as_ref()?))) else { return Vec::new() };
    let of = |artifact: &Artifact| {
        let path = format!("{}{}", listing.base, artifact.path);
        let codes = artifact.waivers.iter().filter_map(|waiver| Code::from_name(&waiver.code));
        codes
            .map(|code| Waive { code, path: Some(path.clone()), reason: "accepted when it was built, by its manifest".to_owned() })
            .collect::<Vec<_>>()
    };
    manifest.artifacts.iter().flat_map(of).collect()
}

impl Entry {
    fn file(&self) -> Option<(&str, &File)> {
        match &self.what {
            What::File(file) => Some((&self.path, file)),
            _ => None,
        }
    }
}

/// Whether a file that is no program was one, or should be.
fn is_damaged(why: &str, file: &File) -> bool {
    let something_else = ["it is a script", "it is a static library", "it begins with"].iter().any(|beginning| why.starts_with(beginning));
    match why {
        "it is empty" => file.mode.is_some_and(|mode| mode & 0o111 != 0),
        _ => !something_else,
    }
}

/// What is wrong with an entry, whatever it should be.
fn entry_itself(subject: &Subject, entry: &Entry) -> Option<Finding> {
    if let (Some(what), true) = (unsafe_path(&entry.path), subject.kind == Kind::Archive && !entry.path.is_empty()) {
        return Some(finding(Code::PathUnsafe, &entry.path, format!("a path that {what}"), "a path below the tree", "pack it again"));
    }
    match &entry.what {
        What::Link(to) if leads_out(&entry.path, to) => Some(finding(
            Code::LinkOutside,
            &entry.path,
            format!("a link to `{to}`"),
            "a link that stays in the tree",
            "replace it by the file itself",
        )),
        What::Special(what) => Some(finding(Code::SpecialFile, &entry.path, *what, "a file", "remove it")),
        What::Unread { code, why } => {
            Some(finding(*code, &entry.path, why.clone(), "what can be read to its end", "pack or fetch it again"))
        }
        _ => None,
    }
}

/// Whether a link, by its text alone, points to what is not below the tree.
fn leads_out(path: &str, to: &str) -> bool {
    if unsafe_path(to) == Some("is absolute") {
        return true;
    }
    let mut depth = i64::try_from(path.split('/').filter(|part| !part.is_empty()).count()).unwrap_or(0) - 1;
    for part in to.split('/') {
        match part {
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

/// Entries on one path, and those that differ by case alone.
fn twice(subject: &Subject) -> Vec<Finding> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for entry in subject.entries.iter().filter(|entry| entry.what != What::Directory && !entry.path.is_empty()) {
        let Some(other) = seen.insert(entry.path.to_lowercase(), &entry.path) else { continue };
        let found =
            if other == entry.path { "two entries of this name".to_owned() } else { format!("`{other}`, which differs by case alone") };
        findings.push(finding(Code::PathTwice, &entry.path, found, "one entry on a path, on every system", "rename one of them"));
    }
    findings
}

/// The subject against what lists it.
fn held_to(subject: &Subject, listing: &Listing) -> Vec<Finding> {
    let mut findings = Vec::new();
    let entries: BTreeMap<&str, &Entry> = subject.entries.iter().map(|entry| (entry.path.trim_start_matches("./"), entry)).collect();
    for listed in listing.files.values() {
        let path = listed.path.as_str();
        let file = match entries.get(path).map(|entry| &entry.what) {
            Some(What::File(file)) => file,
            Some(What::Unread { .. }) => continue,
            other => {
                let found = match other {
                    None => "nothing".to_owned(),
                    Some(What::Link(to)) => format!("a link to `{to}`"),
                    Some(_) => "no file".to_owned(),
                };
                findings.push(finding(Code::FileMissing, path, found, "a file, as it is listed", "put it back, or build the tree again"));
                continue;
            }
        };
        let size = listed.size.filter(|size| *size != file.size);
        if file.sha256 != listed.sha256 || size.is_some() {
            let bytes = |size: u64| format!(", {size} bytes");
            let found = format!("digest {}…{}", head(&file.sha256), size.map(|_| bytes(file.size)).unwrap_or_default());
            let expected = format!("{}…{}", head(&listed.sha256), size.map(bytes).unwrap_or_default());
            let help = "fetch or build it again: do not list it anew without knowing why it changed";
            findings.push(finding(Code::DigestMismatch, path, found, expected, help));
        }
        if let (Some(wanted), Some(mode)) = (&listed.mode, file.mode)
            && *wanted != format!("{mode:04o}")
        {
            findings.push(finding(Code::ModeUnfit, path, format!("mode {mode:04o}"), format!("{wanted}, as it is listed"), "`chmod` it"));
        }
    }
    let own: BTreeSet<&str> = listing.by.iter().map(String::as_str).collect();
    for (path, entry) in entries {
        let counts = !matches!(entry.what, What::Directory | What::Unread { .. });
        if counts && !listing.files.contains_key(path) && !own.contains(path) {
            let expected = format!("only what `{}` lists", listing.by[0]);
            findings.push(finding(Code::FileUnlisted, path, "a file that is not listed", expected, "remove it, or build the tree again"));
        }
    }
    findings
}

/// What xpkg's manifest says of a file.
fn known<'a>(listing: &'a Listing, path: &str) -> Option<(&'a Artifact, &'a TargetRecord)> {
    let manifest = listing.manifest.as_ref()?;
    let below = path.strip_prefix(listing.base.as_str())?;
    let artifact = manifest.artifacts.iter().find(|artifact| artifact.path == below)?;
    let record = manifest.targets.iter().find(|record| record.id == artifact.built_by)?;
    Some((artifact, record))
}

fn expected_of(
    path: &str,
    binary: &crate::inspect::Binary,
    known: Option<(&Artifact, &TargetRecord)>,
    options: &Options,
) -> Option<Expected> {
    if let Some((artifact, record)) = known
        && let Some(target) = Target::of_triple(&artifact.target)
    {
        return Some(Expected { floor: record.glibc.as_deref().and_then(Glibc::parse), ..Expected::of(&target) });
    }
    let guessed = expected::of_path(path, binary);
    let named = options.targets.iter();
    match (&guessed, options.targets.as_slice()) {
        (_, []) => guessed,
        // The path says which of them it is.
        (Some(guess), _) => {
            let fits = |target: &&Target| {
                target.arch == guess.arch && target.system.os == guess.os && guess.libc.is_none_or(|libc| libc == target.system.libc)
            };
            named.clone().find(fits).map(Expected::of).or(guessed)
        }
        (None, [only]) => Some(Expected::of(only)),
        (None, _) => None,
    }
}

/// A path that names one processor and a list that names another.
fn contradiction(path: &str, binary: &crate::inspect::Binary, expected: Option<&Expected>) -> Option<Finding> {
    let (guess, expected) = (expected::of_path(path, binary)?, expected?);
    let differs = guess.arch.name != expected.arch.name || guess.os != expected.os;
    differs.then(|| Finding {
        code: Code::WrongMachine,
        path: Some(path.to_owned()),
        target: Some(expected.name.clone()),
        found: format!("a path that says {}", guess.name),
        expected: expected.name.clone(),
        help: "move it to where its own target's files stand".to_owned(),
    })
}

/// What shows only between programs.
fn between(programs: &[(&str, &File, Option<Expected>)], listing: Option<&Listing>, policy: &Policy) -> Vec<Finding> {
    let holds = |code: Code| policy.switched(code).unwrap_or(true);
    let mut findings = Vec::new();
    let name = |expected: &Option<Expected>| expected.as_ref().map(|expected| expected.name.clone()).unwrap_or_default();
    let mut digests: BTreeMap<&str, &str> = BTreeMap::new();
    let mut ids: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    for (path, file, expected) in programs {
        if let Some(other) = digests.insert(&file.sha256, path) {
            if holds(Code::SameFileTwice) {
                let found = format!("the same bytes as `{other}`");
                findings.push(finding(Code::SameFileTwice, path, found, "a program of its own", "build the two apart, or remove one"));
            }
            continue;
        }
        let Some(id) = file.binary.as_ref().ok().and_then(|binary| binary.build_id.as_deref()) else { continue };
        if let Some((other, target)) = ids.insert(id, (path, name(expected)))
            && target != name(expected)
            && holds(Code::BuildIdTwice)
        {
            let found = format!("the build-id of `{other}`, which is for {target}");
            findings.push(finding(Code::BuildIdTwice, path, found, "a build-id of its own", "build both again"));
        }
    }
    let records = listing.and_then(|listing| listing.manifest.as_ref()).map(|manifest| manifest.targets.as_slice()).unwrap_or_default();
    let commits: BTreeSet<&str> = records.iter().filter_map(|record| record.source.commit.as_deref()).collect();
    if commits.len() > 1 && holds(Code::CommitsDiffer) {
        let of = |commit: &&str| {
            let targets =
                records.iter().filter(|record| record.source.commit.as_deref() == Some(*commit)).map(|record| record.target.as_str());
            format!(
                "{} ({})",
                commit.get(..12).unwrap_or(commit),
                targets.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
            )
        };
        let found = commits.iter().map(of).collect::<Vec<_>>().join("; ");
        findings.push(finding(Code::CommitsDiffer, "", found, "one commit for the whole tree", "build all of it at one commit"));
    }
    findings
}
