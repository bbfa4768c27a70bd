//! The subject against the lists in it, whatever its programs are.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind};
use crate::problem::code::{Code, CodeInfo, code};
use crate::verify::finding::{Finding, finding};
use crate::verify::links::Links;
use crate::verify::listing::Listing;
use crate::verify::paths::{PATH_UNSAFE, head, unsafe_path};
use crate::verify::rules::machine::MODE_UNFIT;

/// What is wrong with an entry, whatever it should be.
pub fn entry_itself(subject: &Artifacts, entry: &Entry) -> Option<Finding> {
    if let (Some(what), true) = (
        unsafe_path(&entry.path),
        subject.kind == ArtifactsKind::Archive && !entry.path.is_empty(),
    ) {
        return Some(finding(
            PATH_UNSAFE,
            &entry.path,
            format!("a path that {what}"),
            "a path below the tree",
            "pack it again",
        ));
    }
    match &entry.what {
        EntryKind::Special(what) => Some(finding(
            SPECIAL_FILE,
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
pub fn twice(subject: &Artifacts) -> Vec<Finding> {
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
            PATH_TWICE,
            &entry.path,
            found,
            "one entry on a path, on every system",
            "rename one of them",
        ));
    }
    findings
}

/// The subject against what lists it.
pub fn held_to(subject: &Artifacts, listing: &Listing, links: &Links) -> Vec<Finding> {
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
                    FILE_MISSING,
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
            findings.push(finding(DIGEST_MISMATCH, path, found, expected, help));
        }
        if let (Some(wanted), Some(mode)) = (&listed.mode, file.mode)
            && *wanted != format!("{mode:04o}")
        {
            findings.push(finding(
                MODE_UNFIT,
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
                FILE_UNLISTED,
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

/// Codes that this file declares.
pub const CODES: &[Code] = &[
    DIGEST_MISMATCH,
    FILE_MISSING,
    FILE_UNLISTED,
    PATH_TWICE,
    SPECIAL_FILE,
];

pub const DIGEST_MISMATCH: Code = code(&CodeInfo {
    name: "digest-mismatch",
    title: "a file is not the one that is listed",
    cause: "It was changed, or cut short, after it was listed: a flipped bit is enough.",
    detection: "Its SHA-256 and size are held against the list beside it.",
    fix: "Build or fetch it again; never list it anew without knowing why.",
    source: "GNU coreutils, sha256sum",
    waivable: false,
});

pub const FILE_MISSING: Code = code(&CodeInfo {
    name: "file-missing",
    title: "a listed file is not there",
    cause: "It was removed or renamed, or an upload left it out.",
    detection: "Every path of the list is looked for.",
    fix: "Put it back, or build the tree again.",
    source: "README, Verifying a release",
    waivable: false,
});

pub const FILE_UNLISTED: Code = code(&CodeInfo {
    name: "file-unlisted",
    title: "a file is there that is not listed",
    cause: "Somebody added it after the list was written, or a build left it behind. `sha256sum \
            -c` says nothing of it.",
    detection: "Every file is looked for in the list.",
    fix: "Remove it, or build the tree again.",
    source: "README, Verifying a release",
    waivable: false,
});

pub const PATH_TWICE: Code = code(&CodeInfo {
    name: "path-twice",
    title: "two entries are on one path",
    cause: "Two entries have one name, or names that differ by case alone, which are one file on \
            macOS and Windows.",
    detection: "The paths of lists and archives are compared, once as they are and once without \
                case.",
    fix: "Rename one of them.",
    source: "README, Verifying a release",
    waivable: false,
});

pub const SPECIAL_FILE: Code = code(&CodeInfo {
    name: "special-file",
    title: "something is no file",
    cause: "A device, a socket or a pipe is no part of a release.",
    detection: "The kind of every entry is looked at.",
    fix: "Remove it.",
    source: "README, Verifying a release",
    waivable: false,
});
