//! Checks of the subject's entries and of its lists, without looking at what its programs are.

use std::collections::BTreeMap;

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind, File};
use crate::digest::Algorithm;
use crate::inspect::InspectError;
use crate::problem::code::{Code, CodeInfo, code};
use crate::verify::finding::{Finding, finding};
use crate::verify::links::Links;
use crate::verify::listing::{ListedFile, Listing};
use crate::verify::paths::{PATH_UNPORTABLE, PATH_UNSAFE, head, unportable_path, unsafe_path};
use crate::verify::report::{DigestCount, Skipped};
use crate::verify::rules::machine::MODE_UNFIT;

/// Checks one entry by itself: its path, its type, and that it can be read.
pub fn check_entry(subject: &Artifacts, entry: &Entry) -> Option<Finding> {
    if let (Some(what), true) = (
        unsafe_path(&entry.path),
        subject.kind.is_packed() && !entry.path.is_empty(),
    ) {
        return Some(finding(
            PATH_UNSAFE,
            &entry.path,
            format!("a path that {what}"),
            "a path below the tree",
            "pack it again",
        ));
    }
    if let (Some(what), true) = (
        unportable_path(&entry.path),
        subject.kind == ArtifactsKind::Archive,
    ) {
        // A package is for one system: systemd's units have a `\\`.
        return Some(finding(
            PATH_UNPORTABLE,
            &entry.path,
            format!("a path that {what}"),
            "a path that is the same on every system",
            "rename it, and pack it again",
        ));
    }
    match &entry.what {
        // What a package installs has the bits that it is meant to have.
        EntryKind::File(file)
            if subject.kind != ArtifactsKind::Package
                && file.binary.is_err()
                && file.mode.is_some_and(|mode| mode & 0o6000 != 0) =>
        {
            Some(finding(
                MODE_UNFIT,
                &entry.path,
                format!("mode {:04o}", file.mode.unwrap_or_default()),
                "no setuid or setgid bit",
                "`chmod a-s` it: such bits are set at installation",
            ))
        }
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

/// Checks for entries with the same path, or with paths that differ only by case, and for a file
/// where another entry needs a directory.
pub fn check_duplicates(subject: &Artifacts) -> Vec<Finding> {
    // A package is for one system, which has both files.
    let fold = |path: &str| match subject.kind {
        ArtifactsKind::Package => path.to_owned(),
        _ => path.to_lowercase(),
    };
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    let twice = |path: &str, found: String| {
        finding(
            PATH_TWICE,
            path,
            found,
            "one entry per path, on every system",
            "rename one of them",
        )
    };
    for entry in &subject.entries {
        if entry.what == EntryKind::Directory || entry.path.is_empty() {
            continue;
        }
        match seen.insert(fold(&entry.path), &entry.path) {
            Some(other) if other == entry.path => {
                findings.push(twice(&entry.path, "two entries of this path".to_owned()));
            }
            Some(other) => {
                let found = format!("`{other}`, which differs only by case");
                findings.push(twice(&entry.path, found));
            }
            None => {}
        }
    }
    // A path through a link is `link-outside` already.
    let links = subject.entries.iter();
    let links = links.filter(|entry| matches!(entry.what, EntryKind::Link(_)));
    for link in links {
        seen.remove(&fold(&link.path));
    }
    for entry in &subject.entries {
        let folded = fold(&entry.path);
        let above = folded.match_indices('/').map(|(at, _)| at);
        let own = (entry.what == EntryKind::Directory).then_some(folded.len());
        for (depth, at) in (1..).zip(above.chain(own)) {
            // Once for each file.
            if let Some(file) = seen.remove(&folded[..at]) {
                let directory: Vec<&str> = entry.path.split('/').take(depth).collect();
                let found = format!("a file, and the directory `{}`", directory.join("/"));
                findings.push(twice(file, found));
            }
        }
    }
    findings
}

/// Result of the comparison with the lists.
#[derive(Debug, Default)]
pub struct Compared {
    /// Missing, changed and unlisted files.
    pub findings: Vec<Finding>,
    /// Files that no list has, and that none must have.
    pub skipped: Vec<Skipped>,
    /// Numbers of the report.
    pub digests: DigestCount,
}

/// Checks the subject against the lists in it: missing, changed and unlisted files.
pub fn check_listing(subject: &Artifacts, listing: &Listing, links: &Links) -> Compared {
    let entries: BTreeMap<&str, &Entry> = subject
        .entries
        .iter()
        .map(|entry| (entry.path.trim_start_matches("./"), entry))
        .collect();
    let mut compared = Compared::default();
    for (path, listed) in &listing.files {
        // `sha256sum` follows links, so a list has the digest of the link's target. xpkg's own
        // manifest has modes, and lists no links.
        let resolved = links
            .resolved
            .get(path.as_str())
            .filter(|_| listed.mode.is_none());
        let file = match entries
            .get(resolved.map_or(path.as_str(), String::as_str))
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
                compared.findings.push(finding(
                    FILE_MISSING,
                    path,
                    found,
                    "the listed file",
                    "put it back, or build the tree again",
                ));
                continue;
            }
        };
        // A list or a signature that another list has is compared, but it is no file of the release.
        if resolved.is_none() && !listing.exempt.contains(path) {
            compared.digests.compared += 1;
        }
        compared.findings.extend(check_digest(path, file, listed));
        if let (Some(listed_mode), Some(mode)) = (&listed.mode, file.mode)
            && *listed_mode != format!("{mode:04o}")
        {
            compared.findings.push(finding(
                MODE_UNFIT,
                path,
                format!("mode {mode:04o}"),
                format!("{listed_mode}, as listed"),
                "`chmod` it",
            ));
        }
    }
    let mut unlisted = Vec::new();
    for (path, entry) in entries {
        if matches!(entry.what, EntryKind::Directory | EntryKind::Unread { .. })
            || listing.exempt.contains(path)
        {
            continue;
        }
        let file = entry.file().map(|(_, file)| file);
        compared.digests.files += usize::from(file.is_some());
        // A link to a listed file need not be listed itself.
        let is_alias = links.resolved.get(path).is_some_and(|to| {
            let listed = listing.files.get(to);
            listed.is_some_and(|listed| listed.mode.is_none()) || listing.exempt.contains(to)
        });
        if listing.by.is_empty() || is_alias || listing.files.contains_key(path) {
            continue;
        }
        let expected = match listing.complete_for(path) {
            Some(list) => format!("only what `{list}` lists"),
            // Beside lists of single files, or outside of a list's directory.
            None if file.is_none_or(|file| is_payload(path, file)) => {
                format!("a digest in a list, as `{}` has others", listing.by[0])
            }
            None => {
                unlisted.push(path);
                continue;
            }
        };
        compared.findings.push(finding(
            FILE_UNLISTED,
            path,
            "a file that is not listed",
            expected,
            "remove it, or build the tree again",
        ));
    }
    let not_compared = |path: &str, why: String| Skipped {
        path: path.to_owned(),
        what: "digest".to_owned(),
        why,
    };
    if unlisted.len() > MOST_UNLISTED {
        let why = format!("no list has {} of the files", unlisted.len());
        compared.skipped.push(not_compared(&subject.name, why));
    } else {
        let each = unlisted.into_iter();
        let each = each.map(|path| not_compared(path, "no list has it".to_owned()));
        compared.skipped.extend(each);
    }
    compared
}

/// Maximum number of files without a digest that are named one by one.
const MOST_UNLISTED: usize = 10;

/// Compares a file with its digests and its size in the lists.
fn check_digest(path: &str, file: &File, listed: &ListedFile) -> Option<Finding> {
    let other_size = listed.size.filter(|size| *size != file.size);
    let is_other = |(algorithm, (digest, _)): &(&Algorithm, &(String, String))| {
        file.digest(**algorithm) != Some(digest.as_str())
    };
    let (algorithm, (digest, _)) = match listed.digests.iter().find(is_other) {
        Some(other) => other,
        None if other_size.is_some() => listed.digests.iter().next()?,
        None => return None,
    };
    let in_bytes = |size: u64| format!(", {size} bytes");
    let name = match algorithm {
        Algorithm::Sha256 => String::new(),
        other => format!("{} ", other.name()),
    };
    // A list that changed while the files were read may have digests that were not asked for.
    let actual = file.digest(*algorithm).unwrap_or("unknown");
    let found = format!(
        "{name}digest {}…{}",
        head(actual),
        other_size.map(|_| in_bytes(file.size)).unwrap_or_default()
    );
    let expected = format!(
        "{}…{}",
        head(digest),
        other_size.map(in_bytes).unwrap_or_default()
    );
    let help = "fetch or build it again; do not update the list without knowing why the file \
                changed";
    Some(finding(DIGEST_MISMATCH, path, found, expected, help))
}

/// Returns true for a file that a release is made for: a program or an archive.
fn is_payload(path: &str, file: &File) -> bool {
    is_archive(path)
        || !matches!(
            file.binary,
            Err(InspectError::Empty | InspectError::Unknown(_))
        )
}

/// Returns true for a file that contains others, by its name.
pub fn is_archive(path: &str) -> bool {
    ARCHIVES.iter().any(|end| path.ends_with(end))
}

/// File name suffixes of files that contain others.
const ARCHIVES: &[&str] = &[
    ".tar", ".tgz", ".txz", ".tzst", ".tbz", ".tbz2", ".zip", ".gz", ".xz", ".zst", ".bz2", ".deb",
    ".rpm", ".whl", ".apk", ".xbps", ".dmg", ".pkg", ".msi", ".cab", ".crate", ".a", ".7z", ".rar",
    ".lz", ".lzma", ".jar", ".snap", ".flatpak",
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
    detection: "Its digests (SHA-256, and SHA-1, SHA-2 and BLAKE2b of other people's lists) and its size \
                are compared with the lists.",
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
            on macOS and Windows; or a file has the path of a directory.",
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
