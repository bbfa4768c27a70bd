//! Checks of the subject's entries and of its lists, without looking at what its programs are.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind};
use crate::problem::code::{Code, CodeInfo, code};
use crate::verify::finding::{Finding, finding};
use crate::verify::links::Links;
use crate::verify::listing::Listing;
use crate::verify::paths::{PATH_UNSAFE, head, unsafe_path};
use crate::verify::rules::machine::MODE_UNFIT;

/// Checks one entry by itself: its path, its type, and that it can be read.
pub fn check_entry(subject: &Artifacts, entry: &Entry) -> Option<Finding> {
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
            "a readable entry",
            "pack or fetch it again",
        )),
        _ => None,
    }
}

/// Checks for entries with the same path, or with paths that differ only by case.
pub fn check_duplicates(subject: &Artifacts) -> Vec<Finding> {
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
            "two entries of this path".to_owned()
        } else {
            format!("`{other}`, which differs only by case")
        };
        findings.push(finding(
            PATH_TWICE,
            &entry.path,
            found,
            "one entry per path, on every system",
            "rename one of them",
        ));
    }
    findings
}

/// Checks the subject against the lists in it: missing, changed and unlisted files.
pub fn check_listing(subject: &Artifacts, listing: &Listing, links: &Links) -> Vec<Finding> {
    let mut findings = Vec::new();
    let entries: BTreeMap<&str, &Entry> = subject
        .entries
        .iter()
        .map(|entry| (entry.path.trim_start_matches("./"), entry))
        .collect();
    for listed in listing.files.values() {
        let path = listed.path.as_str();
        // `sha256sum` follows links, so a list has the digest of the link's target.
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
                    Some(_) => "not a file".to_owned(),
                };
                findings.push(finding(
                    FILE_MISSING,
                    path,
                    found,
                    "the listed file",
                    "put it back, or build the tree again",
                ));
                continue;
            }
        };
        let size = listed.size.filter(|size| *size != file.size);
        if file.sha256 != listed.sha256 || size.is_some() {
            let in_bytes = |size: u64| format!(", {size} bytes");
            let found = format!(
                "digest {}…{}",
                head(&file.sha256),
                size.map(|_| in_bytes(file.size)).unwrap_or_default()
            );
            let expected = format!(
                "{}…{}",
                head(&listed.sha256),
                size.map(in_bytes).unwrap_or_default()
            );
            let help = "fetch or build it again; do not update the list without knowing why the \
                        file changed";
            findings.push(finding(DIGEST_MISMATCH, path, found, expected, help));
        }
        if let (Some(listed_mode), Some(mode)) = (&listed.mode, file.mode)
            && *listed_mode != format!("{mode:04o}")
        {
            findings.push(finding(
                MODE_UNFIT,
                path,
                format!("mode {mode:04o}"),
                format!("{listed_mode}, as listed"),
                "`chmod` it",
            ));
        }
    }
    let lists: BTreeSet<&str> = listing.by.iter().map(String::as_str).collect();
    for (path, entry) in entries {
        // A link to a listed file need not be listed itself, nor does a listed file's signature.
        let is_vouched_for = |path: &str| listing.files.contains_key(path) || lists.contains(path);
        let is_signature = SIGNATURES
            .iter()
            .filter_map(|end| path.strip_suffix(end))
            .any(is_vouched_for);
        let is_alias = listing.manifest.is_none()
            && links
                .resolved
                .get(path)
                .is_some_and(|to| is_vouched_for(to));
        let must_be_listed = !matches!(entry.what, EntryKind::Directory | EntryKind::Unread { .. })
            && !is_signature
            && !is_alias;
        if must_be_listed && !listing.files.contains_key(path) && !lists.contains(path) {
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

/// File name suffixes of signatures. The signatures themselves are not checked.
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

/// Code of a file whose digest or size is not the listed one.
pub const DIGEST_MISMATCH: Code = code(&CodeInfo {
    name: "digest-mismatch",
    title: "a file differs from the listed one",
    cause: "It was changed or truncated after it was listed; a flipped bit is enough.",
    detection: "Its SHA-256 and size are compared with the list beside it.",
    fix: "Build or fetch it again; do not update the list without knowing why the file changed.",
    page: "verify",
    sources: &["GNU coreutils, sha256sum"],
    waivable: false,
});

/// Code of a listed file that is missing or not a file.
pub const FILE_MISSING: Code = code(&CodeInfo {
    name: "file-missing",
    title: "a listed file is missing",
    cause: "It was removed or renamed, or an upload left it out.",
    detection: "Every path of the list is looked up.",
    fix: "Put it back, or build the tree again.",
    page: "verify",
    sources: &[],
    waivable: false,
});

/// Code of a file that no list has.
pub const FILE_UNLISTED: Code = code(&CodeInfo {
    name: "file-unlisted",
    title: "untracked file",
    cause: "It was added after the list was written, or a build left it behind. `sha256sum -c` \
            does not report it.",
    detection: "Every file is looked up in the list.",
    fix: "Remove it, or build the tree again.",
    page: "verify",
    sources: &[],
    waivable: false,
});

/// Code of two entries with the same path, or with paths that differ only by case.
pub const PATH_TWICE: Code = code(&CodeInfo {
    name: "path-twice",
    title: "two entries have the same path",
    cause: "Two entries have the same path, or paths that differ only by case, which are one file \
            on macOS and Windows.",
    detection: "The paths of lists and archives are compared without regard to case.",
    fix: "Rename one of them.",
    page: "verify",
    sources: &[],
    waivable: false,
});

/// Code of a device, a socket or a pipe.
pub const SPECIAL_FILE: Code = code(&CodeInfo {
    name: "special-file",
    title: "not a regular file",
    cause: "A device, a socket or a pipe does not belong in a release.",
    detection: "The type of every entry is checked.",
    fix: "Remove it.",
    page: "verify",
    sources: &[],
    waivable: false,
});
