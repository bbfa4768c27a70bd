//! The whole subject judged: integrity first, then every program, then what only shows between
//! programs.

use std::collections::{BTreeMap, BTreeSet};

use super::expected::{self, Expected};
use super::listing::{self, Listing, head, unsafe_path};
use super::policy::{self, Policy, RuleInput};
use super::{
    Accepted, Artifacts, ArtifactsKind, Entry, EntryKind, File, FileReport, Finding, Report,
    Skipped,
};
use crate::manifest::{Artifact, TargetRecord};
use crate::policy::FINDINGS;
use crate::problem::Code;
use crate::target::{Glibc, Target};

/// What the user says of a run.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// `--target`: what programs are for whose paths do not say it.
    pub targets: Vec<Target>,
    pub policy: Policy,
    pub accept: Vec<AcceptRule>,
}

/// `--accept CODE[=PATH] --reason TEXT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptRule {
    pub code: Code,
    /// `None`: wherever it is found.
    pub path: Option<String>,
    pub reason: String,
}

/// A finding about the tree rather than what a program is.
fn finding(
    code: Code,
    path: &str,
    found: impl Into<String>,
    expected: impl Into<String>,
    help: &str,
) -> Finding {
    let path = (!path.is_empty()).then(|| path.to_owned());
    Finding {
        code,
        path,
        target: None,
        found: found.into(),
        expected: expected.into(),
        help: help.to_owned(),
    }
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
        .filter(|finding| finding.code == Code::ModeUnfit)
        .filter_map(|finding| finding.path.clone())
        .collect();
    for (path, file) in subject.entries.iter().filter_map(Entry::file) {
        let known = index.get(path).copied();
        let binary = match &file.binary {
            Ok(binary) => binary,
            Err(why)
                if is_damaged(path, why, file)
                    || known.is_some_and(|(artifact, _)| artifact.binary.is_some()) =>
            {
                findings.push(finding(
                    Code::UnreadableBinary,
                    path,
                    why.clone(),
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
            file,
            binary,
            expected: expected.as_ref(),
            linked_by,
            policy: &options.policy,
        };
        // A mode that is not as it is listed has been told.
        let listed = listed_modes.contains(path);
        findings.extend(
            policy::judge(path, &case)
                .into_iter()
                .filter(|finding| !(listed && finding.code == Code::ModeUnfit)),
        );
        // A link to it promises what its own path says.
        for alias in links.to(path) {
            let promised = expected::of_path(alias, Some(binary.format));
            let case = RuleInput {
                expected: promised.as_ref(),
                linked_by: None,
                ..case
            };
            let machine = policy::judge(alias, &case)
                .into_iter()
                .filter(|finding| finding.code == Code::WrongMachine);
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
    if programs.is_empty() && archives == 0 && findings.is_empty() {
        findings.push(finding(
            Code::UnreadableBinary,
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
        let later = [Code::RunFailed, Code::VersionUnexpected].contains(&waive.code);
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
fn recorded(listing: Option<&Listing>) -> Vec<AcceptRule> {
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

impl Entry {
    fn file(&self) -> Option<(&str, &File)> {
        match &self.what {
            EntryKind::File(file) => Some((&self.path, file)),
            _ => None,
        }
    }
}

/// Whether a file that is no program was one, or should be.
fn is_damaged(path: &str, why: &str, file: &File) -> bool {
    let starts = file.mode.is_some_and(|mode| mode & 0o111 != 0);
    // Archives of some systems let everything be started; a name with an end says what it is.
    let plain = !path.rsplit('/').next().unwrap_or_default().contains('.');
    match why {
        "it is empty" => starts || plain && expected::of_path(path, None).is_some(),
        "it is a script" | "it is a static library" => false,
        // What may be started and stands among a target's files, and is no script.
        why if why.starts_with("it begins with") => {
            starts && plain && expected::of_path(path, None).is_some()
        }
        _ => true,
    }
}

/// Ends of names of files that hold others.
const ARCHIVES: &[&str] = &[
    ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".txz", ".tar.bz2", ".zip", ".gz", ".xz",
    ".zst", ".bz2", ".deb", ".rpm", ".whl", ".apk", ".dmg", ".msi", ".crate", ".a",
];

/// The links of a subject, followed by their text alone.
struct Links<'a> {
    symbolic: BTreeMap<&'a str, &'a str>,
    /// Path of a link -> path of the file that it comes to.
    resolved: BTreeMap<&'a str, String>,
    /// The same the other way round.
    aliases: BTreeMap<String, Vec<&'a str>>,
    files: BTreeSet<&'a str>,
}

/// How many links one may lead through; Linux has the same.
const HOPS: usize = 40;
/// How deep a path may be that is followed.
const DEPTH: usize = 256;

impl<'a> Links<'a> {
    fn of(subject: &'a Artifacts) -> Self {
        let mut links = Self {
            symbolic: BTreeMap::new(),
            resolved: BTreeMap::new(),
            aliases: BTreeMap::new(),
            files: BTreeSet::new(),
        };
        for entry in &subject.entries {
            match &entry.what {
                EntryKind::Link(to) => _ = links.symbolic.insert(&entry.path, to),
                EntryKind::File(_) => _ = links.files.insert(&entry.path),
                _ => {}
            }
        }
        for entry in &subject.entries {
            let to = match &entry.what {
                EntryKind::Link(_) => links.follow(&entry.path),
                EntryKind::HardLink(to) => Some(to.trim_start_matches("./").to_owned()),
                _ => None,
            };
            if let Some(to) = to.filter(|to| links.files.contains(to.as_str())) {
                links
                    .aliases
                    .entry(to.clone())
                    .or_default()
                    .push(&entry.path);
                links.resolved.insert(&entry.path, to);
            }
        }
        links
    }

    /// Where a path comes to, all links on its way followed; `None`: out of the tree, or round and
    /// round.
    fn follow(&self, path: &str) -> Option<String> {
        let mut open: Vec<&str> = path.split('/').rev().collect();
        let mut at: Vec<&str> = Vec::new();
        let mut hops = 0;
        while let Some(part) = open.pop() {
            match part {
                "" | "." => continue,
                ".." => _ = at.pop()?,
                part => at.push(part),
            }
            if at.len() > DEPTH {
                return None;
            }
            if let Some(to) = self.symbolic.get(at.join("/").as_str()) {
                hops += 1;
                if hops > HOPS || unsafe_path(to) == Some("is absolute") {
                    return None;
                }
                at.pop();
                open.extend(to.split('/').rev());
            }
        }
        Some(at.join("/"))
    }

    fn to(&self, file: &str) -> impl Iterator<Item = &'a str> {
        self.aliases.get(file).into_iter().flatten().copied()
    }

    /// What is wrong with an entry because of links.
    fn against(&self, entry: &Entry) -> Option<Finding> {
        let outside = |found: String| {
            finding(
                Code::LinkOutside,
                &entry.path,
                found,
                "a link that stays in the tree",
                "replace it by the file itself",
            )
        };
        let above = entry
            .path
            .match_indices('/')
            .map(|(at, _)| &entry.path[..at])
            .find(|above| self.symbolic.contains_key(above));
        if let Some(above) = above {
            return Some(outside(format!("a path through the link `{above}`")));
        }
        match &entry.what {
            EntryKind::Link(to) if self.follow(&entry.path).is_none() => {
                Some(outside(format!("a link to `{to}`")))
            }
            EntryKind::HardLink(to)
                if unsafe_path(to).is_some()
                    || !self.resolved.contains_key(entry.path.as_str()) =>
            {
                Some(outside(format!(
                    "a hard link to `{to}`, which is no file of the archive"
                )))
            }
            _ => None,
        }
    }
}

/// What is wrong with an entry, whatever it should be.
fn entry_itself(subject: &Artifacts, entry: &Entry) -> Option<Finding> {
    if let (Some(what), true) = (
        unsafe_path(&entry.path),
        subject.kind == ArtifactsKind::Archive && !entry.path.is_empty(),
    ) {
        return Some(finding(
            Code::PathUnsafe,
            &entry.path,
            format!("a path that {what}"),
            "a path below the tree",
            "pack it again",
        ));
    }
    match &entry.what {
        EntryKind::Special(what) => Some(finding(
            Code::SpecialFile,
            &entry.path,
            *what,
            "a file",
            "remove it",
        )),
        EntryKind::Unread { code, why } => Some(finding(
            *code,
            &entry.path,
            why.clone(),
            "what can be read to its end",
            "pack or fetch it again",
        )),
        _ => None,
    }
}

/// Entries on one path, and those that differ by case alone.
fn twice(subject: &Artifacts) -> Vec<Finding> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for entry in subject
        .entries
        .iter()
        .filter(|entry| entry.what != EntryKind::Directory && !entry.path.is_empty())
    {
        let Some(other) = seen.insert(entry.path.to_lowercase(), &entry.path) else {
            continue;
        };
        let found = if other == entry.path {
            "two entries of this name".to_owned()
        } else {
            format!("`{other}`, which differs by case alone")
        };
        findings.push(finding(
            Code::PathTwice,
            &entry.path,
            found,
            "one entry on a path, on every system",
            "rename one of them",
        ));
    }
    findings
}

/// The subject against what lists it.
fn held_to(subject: &Artifacts, listing: &Listing, links: &Links) -> Vec<Finding> {
    let mut findings = Vec::new();
    let entries: BTreeMap<&str, &Entry> = subject
        .entries
        .iter()
        .map(|entry| (entry.path.trim_start_matches("./"), entry))
        .collect();
    for listed in listing.files.values() {
        let path = listed.path.as_str();
        // `sha256sum` follows links, so a list holds what they come to.
        let resolved = links
            .resolved
            .get(path)
            .filter(|_| listing.manifest.is_none());
        let file = match entries
            .get(resolved.map_or(path, String::as_str))
            .map(|entry| &entry.what)
        {
            Some(EntryKind::File(file)) => file,
            Some(EntryKind::Unread { .. }) => continue,
            other => {
                let found = match other {
                    None => "nothing".to_owned(),
                    Some(EntryKind::Link(to) | EntryKind::HardLink(to)) => {
                        format!("a link to `{to}`")
                    }
                    Some(_) => "no file".to_owned(),
                };
                findings.push(finding(
                    Code::FileMissing,
                    path,
                    found,
                    "a file, as it is listed",
                    "put it back, or build the tree again",
                ));
                continue;
            }
        };
        let size = listed.size.filter(|size| *size != file.size);
        if file.sha256 != listed.sha256 || size.is_some() {
            let bytes = |size: u64| format!(", {size} bytes");
            let found = format!(
                "digest {}…{}",
                head(&file.sha256),
                size.map(|_| bytes(file.size)).unwrap_or_default()
            );
            let expected = format!(
                "{}…{}",
                head(&listed.sha256),
                size.map(bytes).unwrap_or_default()
            );
            let help =
                "fetch or build it again: do not list it anew without knowing why it changed";
            findings.push(finding(Code::DigestMismatch, path, found, expected, help));
        }
        if let (Some(wanted), Some(mode)) = (&listed.mode, file.mode)
            && *wanted != format!("{mode:04o}")
        {
            findings.push(finding(
                Code::ModeUnfit,
                path,
                format!("mode {mode:04o}"),
                format!("{wanted}, as it is listed"),
                "`chmod` it",
            ));
        }
    }
    let own: BTreeSet<&str> = listing.by.iter().map(String::as_str).collect();
    for (path, entry) in entries {
        // A link to what is listed adds nothing; nor does the signature of what is.
        let vouched = |path: &str| listing.files.contains_key(path) || own.contains(path);
        let signs = SIGNATURES
            .iter()
            .filter_map(|end| path.strip_suffix(end))
            .any(vouched);
        let alias =
            listing.manifest.is_none() && links.resolved.get(path).is_some_and(|to| vouched(to));
        let counts = !matches!(entry.what, EntryKind::Directory | EntryKind::Unread { .. })
            && !signs
            && !alias;
        if counts && !listing.files.contains_key(path) && !own.contains(path) {
            let expected = format!("only what `{}` lists", listing.by[0]);
            findings.push(finding(
                Code::FileUnlisted,
                path,
                "a file that is not listed",
                expected,
                "remove it, or build the tree again",
            ));
        }
    }
    findings
}

/// Ends of names of signatures: who has signed is for others to say.
const SIGNATURES: &[&str] = &[
    ".asc",
    ".sig",
    ".minisig",
    ".sigstore",
    ".sigstore.json",
    ".pem",
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
    binary: &crate::inspect::Binary,
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
fn contradiction(
    path: &str,
    binary: &crate::inspect::Binary,
    expected: Option<&Expected>,
) -> Option<Finding> {
    let (guess, expected) = (expected::of_path(path, Some(binary.format))?, expected?);
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
fn between(
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
