//! Lists of files with digests: xpkg's own manifest, and everybody's checksum lists.
//!
//! Pure. Lists are not trusted: each path is checked, each line must have a known form. What looks
//! like a list is read, or is a finding: a list that is ignored lets every changed file pass.
//! [`lines`] parses texts, [`record`] lists of wheels; [`companion`] knows what belongs to a list and need not be listed.

pub mod companion;
pub mod lines;
pub mod record;
pub mod release;

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind, File, LONGEST_LIST};
use crate::archive::list_name::{ListName, list_name};
use crate::digest::Algorithm;
use crate::inspect::InspectError;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text;
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::manifest::{Artifact, Manifest, SCHEMA_ID};
use crate::tree::release::Document;
use crate::verify::finding::{Finding, finding};
use crate::verify::listing::lines::{Line, Lines, Strength};
use crate::verify::listing::record::Record;
use crate::verify::paths::{PATH_UNSAFE, head, unsafe_path};
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

/// Text list of the subject.
struct TextList<'a> {
    path: &'a str,
    name: Option<ListName<'a>>,
    lines: Lines,
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
    all.sort_by_key(|entry| (entry.path.matches('/').count(), rank(&entry.path)));
    for entry in &all {
        if list_name(&entry.path) == Some(ListName::Manifest) {
            add_manifest(entry, &entries, &mut listing, findings);
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
            add_record(entry, &mut listing, findings);
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
        let Some(list) = text_list(entry, &entries, &listing, findings) else {
            continue;
        };
        add_text(&list, &entries, &mut listing, &mut unchecked, findings);
    }
    for list in unchecked {
        list.report(&mut listing, findings);
    }
    add_companions(&all, &mut listing);
    for (base, manifest) in &listing.manifests {
        check_texts(base, manifest, &entries, findings);
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

/// Adds xpkg's own manifest. A `manifest.json` of another program is a file like any other.
fn add_manifest(
    entry: &Entry,
    entries: &BTreeMap<&str, &Entry>,
    listing: &mut Listing,
    findings: &mut Vec<Finding>,
) {
    let path = entry.path.as_str();
    let base = directory(path);
    // Whose it is cannot be told of one that is damaged: xpkg writes its list beside it, and puts
    // both at the top.
    let may_be_xpkgs = || {
        entries.contains_key(format!("{base}{TEXT_NAME}").as_str())
            || entries
                .keys()
                .all(|path| path.starts_with(base) || base.starts_with(&format!("{path}/")))
    };
    let parsed = contents(entry).and_then(|bytes| {
        let text = str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let value =
            serde_json::from_str::<serde_json::Value>(text).map_err(|error| error.to_string())?;
        Ok((text, is_xpkgs(&value)))
    });
    let manifest = match parsed {
        Ok((text, true)) => Manifest::parse(text, path).map_err(|problem| problem.message),
        Ok((_, false)) => return,
        Err(_) if !may_be_xpkgs() => return,
        Err(why) => Err(why),
    };
    listing.exempt.insert(path.to_owned());
    let manifest = match manifest {
        Ok(manifest) => manifest,
        Err(why) => {
            findings.push(unreadable(path, why));
            return;
        }
    };
    for artifact in &manifest.artifacts {
        let Artifact {
            path: file,
            sha256,
            size,
            mode,
            ..
        } = artifact;
        if let Some(reason) = unsafe_path(file) {
            findings.push(path_unsafe(path, file, reason));
            continue;
        }
        let digests = BTreeMap::from([(Algorithm::Sha256, (sha256.clone(), path.to_owned()))]);
        let listed = ListedFile {
            digests,
            size: Some(*size),
            mode: Some(mode.clone()),
        };
        listing
            .files
            .insert(format!("{base}{}", normalize(file)), listed);
    }
    if !entries.contains_key(format!("{base}{TEXT_NAME}").as_str()) {
        let why = format!("`{TEXT_NAME}`, which xpkg writes beside it, is missing");
        findings.push(unreadable(path, why));
    }
    listing.by.push(path.to_owned());
    let complete = listing.complete.entry(base.to_owned());
    complete.or_insert_with(|| path.to_owned());
    listing.manifests.insert(base.to_owned(), manifest);
}

/// Adds the list of a wheel, which has all of its files.
fn add_record(entry: &Entry, listing: &mut Listing, findings: &mut Vec<Finding>) {
    let path = entry.path.as_str();
    let above = directory(path).trim_end_matches('/');
    let base = directory(above).to_owned();
    let text = contents(entry)
        .and_then(|bytes| str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
    listing.exempt.insert(path.to_owned());
    let text = match text {
        Ok(text) => text,
        Err(why) => {
            findings.push(unreadable(path, why));
            return;
        }
    };
    let mut wrong = Vec::new();
    for record in record::parse(text) {
        let Record {
            number,
            path: written,
            digest,
            size,
        } = match record {
            Ok(record) => record,
            Err(why) => {
                wrong.push(why);
                continue;
            }
        };
        if let Some(reason) = unsafe_path(&written) {
            findings.push(path_unsafe(path, &written, reason));
            continue;
        }
        let file = format!("{base}{}", normalize(&written));
        // It cannot list itself, and its signatures come after it.
        if file == path
            || [".jws", ".p7s"]
                .iter()
                .any(|end| file == format!("{path}{end}"))
        {
            listing.exempt.insert(file);
            continue;
        }
        let Some((algorithm, digest)) = digest else {
            wrong.push(format!("line {number} has no digest"));
            continue;
        };
        findings.extend(add_digest(listing, path, &file, algorithm, &digest));
        if let Some(listed) = listing.files.get_mut(&file) {
            listed.size = listed.size.or(size);
        }
    }
    report_lines(path, wrong, findings);
    listing.by.push(path.to_owned());
    let complete = listing.complete.entry(base);
    complete.or_insert_with(|| path.to_owned());
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

/// Returns true for a manifest that xpkg wrote. Others have a `schema_version`, too.
fn is_xpkgs(value: &serde_json::Value) -> bool {
    let text = |value: Option<&serde_json::Value>| {
        value
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let is_array = |key: &str| value.get(key).is_some_and(serde_json::Value::is_array);
    let name = value.get("tool").and_then(|tool| tool.get("name"));
    let family = SCHEMA_ID.trim_end_matches(|last: char| last.is_ascii_digit());
    text(value.get("$schema")).starts_with(family)
        || text(name) == env!("CARGO_PKG_NAME")
        || value.get("schema_version").is_some() && is_array("targets") && is_array("artifacts")
}

/// Reports what xpkg's text list leaves out: both of xpkg's lists are complete, so a file that only
/// one of them has means that the other was edited.
fn check_texts(
    base: &str,
    manifest: &Manifest,
    entries: &BTreeMap<&str, &Entry>,
    findings: &mut Vec<Finding>,
) {
    let path = format!("{base}{TEXT_NAME}");
    let bytes = entries
        .get(path.as_str())
        .and_then(|entry| contents(entry).ok());
    let Some(text) = bytes.and_then(|bytes| str::from_utf8(bytes).ok()) else {
        return;
    };
    if manifest.text() == text {
        return;
    }
    let is_missing = |artifact: &&Artifact| !text.contains(&format!("  {}\n", artifact.path));
    if let Some(missing) = manifest.artifacts.iter().find(is_missing) {
        let why = format!(
            "it does not list `{}`, which `{base}{JSON_NAME}` has",
            missing.path
        );
        findings.push(unreadable(&path, why));
    }
}

/// Returns the list that an entry is; `None` if it is none, or one that is reported in `findings`.
fn text_list<'a>(
    entry: &'a Entry,
    entries: &BTreeMap<&str, &Entry>,
    listing: &Listing,
    findings: &mut Vec<Finding>,
) -> Option<TextList<'a>> {
    let path = entry.path.as_str();
    let name = list_name(path);
    let EntryKind::File(file) = &entry.what else {
        return None;
    };
    // `bin/sha256sum` is a program, and so may a script of that name be.
    let is_text = matches!(
        file.binary,
        Err(InspectError::Empty | InspectError::Unknown(_))
    );
    if !is_text
        || matches!(
            name,
            Some(
                ListName::Manifest
                    | ListName::Record
                    | ListName::Document
                    | ListName::Release
                    | ListName::Installer
                    | ListName::Index
            )
        )
    {
        return None;
    }
    let is_beside_manifest = listing.manifests.contains_key(directory(path));
    let must_list = match name {
        Some(ListName::Sums | ListName::Sidecar(_)) => !is_vouched(path, listing),
        // One that is empty or damaged may be xpkg's, whose manifest was taken away.
        Some(ListName::ManifestText) => is_beside_manifest || contents(entry).is_err(),
        _ => false,
    };
    let parsed = contents(entry).and_then(|bytes| lines::parse(bytes, path));
    let lines = match parsed {
        Ok(lines) => lines,
        Err(why) => {
            if must_list {
                findings.push(unreadable(path, why));
            }
            return None;
        }
    };
    if must_list && lines.lines.is_empty() {
        let why = lines.foreign.first().map_or_else(
            || "none of its lines has a digest".to_owned(),
            |line| {
                format!(
                    "none of its lines has a digest; line {} {}",
                    line.number, line.why
                )
            },
        );
        findings.push(unreadable(path, why));
        return None;
    }
    let list = TextList { path, name, lines };
    let is_list = match name {
        // Data of a program may look like a list: whoever listed it vouches for it.
        Some(ListName::Sums | ListName::Sidecar(_)) => must_list || list.names_a_file(entries),
        Some(ListName::ManifestText) => must_list || !list.lines.lines.is_empty(),
        // Signed in place.
        Some(ListName::Companion(_)) => {
            list.lines.signature.is_some() && !list.lines.lines.is_empty()
        }
        // By its contents only: most of it is a list, and of files of this subject.
        _ => {
            list.lines.lines.len() >= list.lines.foreign.len().max(1) && list.names_a_file(entries)
        }
    };
    is_list.then_some(list)
}

/// Returns true if a list in a directory above lists this file.
fn is_vouched(path: &str, listing: &Listing) -> bool {
    let is_above = |by: &str| directory(by).len() < directory(path).len();
    let listed = listing.files.get(path);
    listed.is_some_and(|file| file.digests.values().any(|(_, by)| is_above(by)))
}

impl TextList<'_> {
    /// Returns true if at least one of the listed files is there.
    fn names_a_file(&self, entries: &BTreeMap<&str, &Entry>) -> bool {
        let is_there =
            |path: &String| entries.contains_key(resolve(self.path, path, entries).as_str());
        let mut paths = self
            .lines
            .lines
            .iter()
            .filter_map(|line| line.path.as_ref());
        paths.any(is_there)
            || self
                .stem(entries)
                .is_some_and(|stem| entries.contains_key(stem.as_str()))
    }

    /// Returns the path of the file that a list beside one file is about, from the list's name.
    fn stem(&self, entries: &BTreeMap<&str, &Entry>) -> Option<String> {
        let Some(ListName::Sidecar(stem)) = self.name else {
            return None;
        };
        if entries.contains_key(stem) {
            return Some(stem.to_owned());
        }
        // `app.sha256` beside `app.tar.gz`, if there is no other file of that name.
        let begin = format!("{stem}.");
        let mut others = entries
            .range(begin.as_str()..)
            .map(|(path, _)| *path)
            .take_while(|path| path.starts_with(&begin))
            .filter(|path| list_name(path).is_none());
        match (others.next(), others.next()) {
            (Some(only), None) => Some(only.to_owned()),
            _ => Some(stem.to_owned()),
        }
    }
}

/// List with digests that are not compared.
struct Unchecked {
    path: String,
    /// Names of the algorithms.
    algorithms: BTreeSet<String>,
    /// True if they prove nothing; false if xpkg does not compute them.
    is_weak: bool,
    files: BTreeSet<String>,
}

impl Unchecked {
    /// Reports the list, if it is the only one that has a file.
    fn report(self, listing: &mut Listing, findings: &mut Vec<Finding>) {
        let Self {
            path,
            algorithms,
            is_weak,
            files,
        } = self;
        let algorithms = algorithms.into_iter().collect::<Vec<_>>().join(" and ");
        let Some(file) = files.iter().find(|file| !listing.files.contains_key(*file)) else {
            let what = if is_weak { "too weak" } else { "not supported" };
            listing.skipped.push(Skipped {
                path,
                what: format!("digests of {algorithms}"),
                why: format!("they are {what}; another list has the same files"),
            });
            return;
        };
        findings.push(if is_weak {
            finding(
                LIST_WEAK,
                &path,
                format!("{algorithms} as the only digest of `{file}`"),
                "SHA-256, or another digest that cannot be made for a changed file",
                "write it again: `sha256sum FILE… > SHA256SUMS`",
            )
        } else {
            unreadable(
                &path,
                format!("its digests are {algorithms}, which is not supported"),
            )
        });
    }
}

/// Maximum number of lines of one list that are reported one by one.
const MOST_LINES: usize = 5;

/// Adds the lines of a text list.
fn add_text(
    list: &TextList,
    entries: &BTreeMap<&str, &Entry>,
    listing: &mut Listing,
    unchecked: &mut Vec<Unchecked>,
    findings: &mut Vec<Finding>,
) {
    let path = list.path;
    listing.exempt.insert(path.to_owned());
    let mut wrong: Vec<(usize, String)> = Vec::new();
    let foreign = list.lines.foreign.iter();
    wrong.extend(foreign.map(|line| (line.number, format!("line {} {}", line.number, line.why))));
    let mut checked: BTreeSet<String> = BTreeSet::new();
    let (mut weak, mut unsupported) = (BTreeSet::new(), BTreeSet::new());
    let (mut weak_files, mut unsupported_files) = (BTreeSet::new(), BTreeSet::new());
    let stem = list.stem(entries);
    for line in &list.lines.lines {
        let Line {
            number,
            strength,
            digest,
            path: written,
        } = line;
        let file = match (written, stem.clone()) {
            (None, Some(stem)) => stem,
            (None, None) => {
                wrong.push((*number, format!("line {number} has a digest, but no path")));
                continue;
            }
            (Some(written), stem) => {
                // `sha256sum * > SHA256SUMS` lists the list itself while it is still empty.
                let file = resolve(path, written, entries);
                if file == path {
                    continue;
                }
                if let Some(reason) = unsafe_path(&normalize(written)) {
                    findings.push(path_unsafe(path, &normalize(written), reason));
                    continue;
                }
                match stem.filter(|stem| is_elsewhere(&file, stem, entries)) {
                    // Written in another directory; whoever fetches both cannot check it so.
                    Some(stem) => {
                        let name = stem.rsplit('/').next().unwrap_or(&stem);
                        let why =
                            format!("line {number} lists `{written}`, but `{name}` is beside it");
                        wrong.push((*number, why));
                        stem
                    }
                    None => file,
                }
            }
        };
        match strength {
            Strength::Checked(algorithm) => {
                if let Some(why) = add_digest(listing, path, &file, *algorithm, digest) {
                    findings.push(why);
                } else {
                    checked.insert(file);
                }
            }
            Strength::Weak(name) => {
                weak.insert(name.clone());
                weak_files.insert(file);
            }
            Strength::Unsupported(name) => {
                unsupported.insert(name.clone());
                unsupported_files.insert(file);
            }
        }
    }
    for (is_weak, algorithms, files) in [
        (true, weak, weak_files),
        (false, unsupported, unsupported_files),
    ] {
        if !files.is_empty() {
            let path = path.to_owned();
            unchecked.push(Unchecked {
                path,
                algorithms,
                is_weak,
                files,
            });
        }
    }
    wrong.sort();
    let wrong = wrong.into_iter().map(|(_, why)| why).collect();
    report_lines(path, wrong, findings);
    if let Some(kind) = list.lines.signature {
        listing.skipped.push(Skipped {
            path: path.to_owned(),
            what: "signature".to_owned(),
            why: format!("it is signed by {kind}, and signatures are not checked"),
        });
    }
    if checked.is_empty() {
        return;
    }
    // xpkg's two lists of one directory are one.
    let is_second = list.name == Some(ListName::ManifestText)
        && listing.manifests.contains_key(directory(path));
    if !is_second {
        listing.by.push(path.to_owned());
    }
    let is_complete = match list.name {
        Some(ListName::Sums | ListName::ManifestText) => true,
        Some(ListName::Sidecar(_)) => checked.len() > 1,
        Some(ListName::Companion(stem)) => matches!(list_name(stem), Some(ListName::Sums)),
        _ => false,
    };
    if is_complete {
        let complete = listing.complete.entry(directory(path).to_owned());
        complete.or_insert_with(|| path.to_owned());
    }
}

/// Returns true if a listed file is not there, and the file that the list is beside has its name.
fn is_elsewhere(file: &str, stem: &str, entries: &BTreeMap<&str, &Entry>) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    file != stem
        && !entries.contains_key(file)
        && entries.contains_key(stem)
        && name(file) == name(stem)
}

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

/// Returns the path below the subject of a path in a list.
fn resolve(list: &str, written: &str, entries: &BTreeMap<&str, &Entry>) -> String {
    let base = directory(list);
    let below = |path: &str| format!("{base}{}", normalize(path));
    let plain = below(written);
    // Lists of Windows have `dist\\app.exe`; some have blanks at the end of a line.
    let others = [written.replace('\\', "/"), written.trim_end().to_owned()];
    let is_there = |path: &String| entries.contains_key(path.as_str());
    let mut candidates =
        std::iter::once(plain.clone()).chain(others.iter().map(|path| below(path)));
    candidates.find(is_there).unwrap_or(plain)
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
fn add_companions(all: &[&Entry], listing: &mut Listing) {
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
        let belongs = match name {
            ListName::Companion(stem) => is_vouched_for(stem),
            _ => true,
        };
        if belongs && listing.exempt.insert(path.to_owned()) {
            listing.skipped.push(Skipped {
                path: path.to_owned(),
                what: "contents".to_owned(),
                why: format!("it is {kind}, which is not checked"),
            });
        }
    }
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
                path. Lines that have are checked, whatever the others are.",
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
    use super::*;

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
