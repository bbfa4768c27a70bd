//! Lists of files with digests: xpkg's own manifest, and everybody's checksum lists.
//!
//! Pure. Lists are not trusted: each path is checked, each line must have a known form. What looks
//! like a list is read, or is a finding: a list that is ignored lets every changed file pass.
//! [`manifest`] and [`release`] read xpkg's own documents, [`record`] lists of wheels, [`sums`] all others,
//! by the parser in [`lines`]; [`companion`] knows what belongs to a list and need not be listed.

pub mod attestation;
pub mod companion;
pub mod lines;
pub mod manifest;
pub mod record;
pub mod release;
pub mod sums;

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind, File, LONGEST_LIST};
use crate::archive::list_name::{ListName, list_name};
use crate::digest::Algorithm;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text;
use crate::project::path_template::JSON_NAME;
use crate::tree::manifest::Manifest;
use crate::tree::release::{Document, FileKind};
use crate::verify::finding::{Finding, finding};
use crate::verify::paths::{PATH_UNSAFE, head};
use crate::verify::report::Skipped;

/// Entry of the lists of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Digests as lower-case hex digits, each with the list that has it first.
    pub digests: BTreeMap<Algorithm, (String, String)>,
    /// Size in bytes, if a list has it.
    pub size: Option<u64>,
    /// Permission bits (`0755`), if a list has them: xpkg's own manifest does.
    pub mode: Option<String>,
}

/// Lists of a subject, merged.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Paths of the lists with digests that are compared; the first one is the nearest to the root.
    pub by: Vec<String>,
    /// Listed files by path below the subject.
    pub files: BTreeMap<String, ListedFile>,
    /// xpkg's own manifests by directory (with a trailing `/`; empty for the root).
    pub manifests: BTreeMap<String, Manifest>,
    /// Documents of xpkg's releases by directory.
    pub releases: BTreeMap<String, Document>,
    /// Lists that have all files of their directories, by directory.
    pub complete: BTreeMap<String, String>,
    /// Paths that need not be listed: the lists, and what belongs to them.
    pub exempt: BTreeSet<String>,
    /// What was not checked.
    pub skipped: Vec<Skipped>,
}

impl Listing {
    /// Returns the algorithms beside SHA-256 that the lists have.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let listed = self
            .files
            .values()
            .flat_map(|file| file.digests.keys().copied());
        let others: BTreeSet<_> = listed.filter(|known| *known != Algorithm::Sha256).collect();
        others.into_iter().collect()
    }

    /// Returns the list that must have this file: that of the directory nearest to the root.
    pub fn complete_for(&self, path: &str) -> Option<&str> {
        if self.complete.is_empty() {
            return None;
        }
        let mut bases = bases(path).filter_map(|base| self.complete.get(base));
        bases.next().map(String::as_str)
    }
}

/// Returns the directories above a path with their trailing `/`, the root first.
fn bases(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(path.match_indices('/').map(|(at, _)| &path[..=at]))
}

/// Finds and parses the lists of a subject, in all of its directories; the paths in a list are
/// relative to it. Problems of the lists are added to `findings`.
pub fn find(subject: &Artifacts, findings: &mut Vec<Finding>) -> Listing {
    let entries: BTreeMap<&str, &Entry> = subject
        .entries
        .iter()
        .map(|entry| (entry.path.as_str(), entry))
        .collect();
    let mut listing = Listing::default();
    // Nearest to the root first: a list there may vouch for one further down.
    let mut all: Vec<&Entry> = subject.entries.iter().collect();
    all.sort_by_cached_key(|entry| (entry.path.matches('/').count(), rank(&entry.path)));
    for entry in &all {
        if list_name(&entry.path) == Some(ListName::Manifest) {
            manifest::add(entry, &entries, &mut listing, findings);
        }
    }
    for entry in &all {
        if list_name(&entry.path) == Some(ListName::Release) {
            release::add(entry, &entries, &mut listing, findings);
        }
    }
    for entry in &all {
        // In a directory, it is of an installed wheel: others are beside it.
        // One further down is of a package that the wheel has copied.
        if list_name(&entry.path) == Some(ListName::Record)
            && subject.kind == ArtifactsKind::Archive
            && entry.path.matches('/').count() == 1
        {
            record::add(entry, &mut listing, findings);
        }
    }
    let mut unchecked = Vec::new();
    for entry in &all {
        if entry.path == PACKAGE_SUMS && subject.kind == ArtifactsKind::Package {
            listing.exempt.insert(entry.path.clone());
            listing.skipped.push(Skipped {
                path: entry.path.clone(),
                what: "digests of MD5".to_owned(),
                why: "they are too weak; dpkg compares them with what it has installed".to_owned(),
            });
            continue;
        }
        if subject.kind == ArtifactsKind::Package {
            listing.skipped.extend(data_of_package(entry));
            continue;
        }
        let Some(list) = sums::find(entry, &entries, &listing, findings) else {
            continue;
        };
        sums::add(&list, &entries, &mut listing, &mut unchecked, findings);
    }
    for list in unchecked {
        list.report(&mut listing, findings);
    }
    add_companions(&all, &entries, &mut listing, findings);
    for (base, manifest) in &listing.manifests {
        manifest::check_texts(base, manifest, &entries, findings);
    }
    listing
}

/// Returns what is said of a list below the directories that a package installs: of old versions of
/// a file, or of what a program fetches. The format of a package has its own digests.
fn data_of_package(entry: &Entry) -> Option<Skipped> {
    let (path, file) = entry.file()?;
    let named = list_name(path)?;
    let is_list = matches!(named, ListName::Sums | ListName::Sidecar(_));
    let parsed = lines::parse(file.list.as_deref().filter(|_| is_list)?, path).ok()?;
    (!parsed.lines.is_empty()).then(|| Skipped {
        path: path.to_owned(),
        what: "digests".to_owned(),
        why: "they are data of the package".to_owned(),
    })
}

/// MD5 digests of a package of Debian, which every one has: no list that its maker wrote.
const PACKAGE_SUMS: &str = "DEBIAN/md5sums";

/// Returns the order of the lists of one directory: xpkg's, lists of several files, others.
fn rank(path: &str) -> u8 {
    match list_name(path) {
        Some(ListName::Manifest | ListName::Record | ListName::Release) => 0,
        Some(ListName::ManifestText) => 1,
        Some(ListName::Sums) => 2,
        _ => 3,
    }
}

/// Returns the directory of a path with a trailing `/`; empty for the root.
fn directory(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..=at])
}

/// Returns a `list-unreadable` finding.
fn unreadable(path: &str, why: String) -> Finding {
    finding(
        LIST_UNREADABLE,
        path,
        why,
        "a line `<digest>  <path>` for each file",
        "write it again: `sha256sum FILE… > SHA256SUMS`, or build the tree again",
    )
}

/// Returns the contents of an entry that is a list by its name.
///
/// # Errors
/// They were not kept, with the reason as a clause.
fn contents(entry: &Entry) -> Result<&[u8], String> {
    match &entry.what {
        EntryKind::File(file) if file.size == 0 => Err("it is empty".to_owned()),
        EntryKind::File(file) => file.list.as_deref().ok_or_else(|| {
            format!("it is longer than lists may be ({LONGEST_LIST} bytes each, and eight times as much together)")
        }),
        _ => Err("it is not a regular file".to_owned()),
    }
}

/// Reports the lines of a list that are not understood.
fn report_lines(path: &str, wrong: Vec<String>, findings: &mut Vec<Finding>) {
    let more = wrong.len().saturating_sub(MOST_LINES);
    let shown = wrong.into_iter().take(MOST_LINES);
    findings.extend(shown.map(|why| unreadable(path, why)));
    if more > 0 {
        let why = format!("{} more like these", text::count(more, "line"));
        findings.push(unreadable(path, why));
    }
}

/// Maximum number of lines of one list that are reported one by one.
const MOST_LINES: usize = 5;

/// Adds a digest of a file. Returns the finding of one that contradicts another list.
fn add_digest(
    listing: &mut Listing,
    list: &str,
    file: &str,
    algorithm: Algorithm,
    digest: &str,
) -> Option<Finding> {
    let complete = bases(file).find(|base| listing.manifests.contains_key(*base));
    // xpkg's own manifest is complete.
    if let Some(base) = complete
        && !listing.files.contains_key(file)
        && !listing.exempt.contains(file)
    {
        return Some(unreadable(
            list,
            format!("it lists `{file}`, which `{base}{JSON_NAME}` does not"),
        ));
    }
    let known = listing
        .files
        .entry(file.to_owned())
        .or_insert_with(|| ListedFile {
            digests: BTreeMap::new(),
            size: None,
            mode: None,
        });
    match known.digests.get(&algorithm) {
        Some((other, by)) if other != digest => Some(finding(
            LIST_UNREADABLE,
            list,
            format!("`{file}` with digest {}…", head(digest)),
            format!("{}…, as listed in `{by}`", head(other)),
            "one of the lists was edited by hand: write them again",
        )),
        Some(_) => None,
        None => {
            let value = (digest.to_owned(), list.to_owned());
            known.digests.insert(algorithm, value);
            None
        }
    }
}

/// Returns the finding of a listed path that leads out of the tree.
fn path_unsafe(list: &str, path: &str, reason: &str) -> Finding {
    finding(
        PATH_UNSAFE,
        list,
        format!("`{path}`, which {reason}"),
        "a path below the tree",
        "list the file again with a path below the tree",
    )
}

/// Removes `./` and repeated `/` from a path. A leading `/` is kept.
fn normalize(path: &str) -> String {
    let root = if path.starts_with('/') { "/" } else { "" };
    format!(
        "{root}{}",
        path.split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect::<Vec<_>>()
            .join("/")
    )
}

/// Adds what belongs to lists: it need not be listed itself, and is not checked.
fn add_companions(
    all: &[&Entry],
    entries: &BTreeMap<&str, &Entry>,
    listing: &mut Listing,
    findings: &mut Vec<Finding>,
) {
    for entry in all {
        let (path, Some(name)) = (entry.path.as_str(), list_name(&entry.path)) else {
            continue;
        };
        let EntryKind::File(File {
            list: Some(bytes), ..
        }) = &entry.what
        else {
            continue;
        };
        let Some(kind) = companion::kind(name, bytes) else {
            continue;
        };
        let is_vouched_for =
            |path: &str| listing.files.contains_key(path) || listing.exempt.contains(path);
        // It is compared with its release.
        if is_provenance(path, listing) {
            continue;
        }
        let belongs = match name {
            ListName::Companion(stem) => is_vouched_for(stem),
            _ => true,
        };
        if belongs && listing.exempt.insert(path.to_owned()) {
            if let Some(why) = attestation::compare(path, bytes, entries, findings) {
                listing.skipped.push(Skipped {
                    path: path.to_owned(),
                    what: "signature".to_owned(),
                    why,
                });
                continue;
            }
            listing.skipped.push(Skipped {
                path: path.to_owned(),
                what: "contents".to_owned(),
                why: format!("it is {kind}, which is not checked"),
            });
        }
    }
}

/// Returns true for the provenance that the document of a release lists.
fn is_provenance(path: &str, listing: &Listing) -> bool {
    listing.releases.iter().any(|(base, document)| {
        let mut files = document.files.iter();
        let name = path.strip_prefix(base.as_str());
        files.any(|file| file.kind == FileKind::Provenance && Some(file.path.as_str()) == name)
    })
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[LIST_MISSING, LIST_UNREADABLE, LIST_WEAK];

/// Code of a subject without a list, with `--require-list`.
pub const LIST_MISSING: Code = code(&CodeInfo {
    name: "list-missing",
    title: "no list of files was found",
    cause: "It was never written, or was taken away: without it, a changed file is not noticed.",
    detection: "With `--require-list`, a manifest or a checksum list must be in the directory or \
                archive.",
    fix: "Fetch the release again, with its list, or write one: `sha256sum FILE… > SHA256SUMS`.",
    page: "verify",
    sources: &[],
    waivable: false,
});

/// Code of a list that cannot be parsed, or that contradicts another.
pub const LIST_UNREADABLE: Code = code(&CodeInfo {
    name: "list-unreadable",
    title: "a list of files cannot be read",
    cause: "It is truncated, has lines of no known form, or contradicts itself or another list.",
    detection: "manifest.json is parsed strictly; each line of the other lists must have a digest and a \
                path. Lines that have are checked, whatever the others are. `SHA256SUMS` beside \
                `release.json` must be as xpkg writes it, to the byte.",
    fix: "Write it again: `sha256sum FILE… > SHA256SUMS`.",
    page: "verify",
    sources: &["GNU coreutils, sha256sum"],
    waivable: false,
});

/// Code of a list whose digests prove nothing, and that no other list makes up for.
pub const LIST_WEAK: Code = code(&CodeInfo {
    name: "list-weak",
    title: "a list has digests that can be forged",
    cause: "Another file with the same MD5 or CRC-32 can be made, so a list of these proves \
            nothing.",
    detection: "The files of a list of weak digests must have another digest, in this list or in \
                another one.",
    fix: "Write SHA-256 digests: `sha256sum FILE… > SHA256SUMS`.",
    page: "verify",
    sources: &["RFC 6151"],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use crate::verify::paths::unsafe_path;

    #[test]
    fn paths_that_lead_out_are_detected() {
        for path in [
            "",
            "/etc/passwd",
            "a/../../b",
            "..",
            "C:\\x",
            "C:/x",
            "a\\..\\b",
            "\\\\host\\x",
        ] {
            assert!(unsafe_path(path).is_some(), "{path}");
        }
        for path in ["a", "a/b", "..a/b..", "a/./b"] {
            assert!(unsafe_path(path).is_none(), "{path}");
        }
    }
}
