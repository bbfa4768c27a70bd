//! Lists as texts: `SHA256SUMS`, a digest beside a file, and what looks like them.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Entry, EntryKind};
use crate::archive::list_name::{ListName, list_name};
use crate::inspect::InspectError;
use crate::verify::finding::{Finding, finding};
use crate::verify::listing::lines::{self, Line, Lines, Strength};
use crate::verify::listing::{
    LIST_WEAK, Listing, add_digest, contents, directory, normalize, path_unsafe, report_lines,
    unreadable,
};
use crate::verify::paths::unsafe_path;
use crate::verify::report::Skipped;

/// Text list of the subject.
pub struct TextList<'a> {
    path: &'a str,
    name: Option<ListName<'a>>,
    lines: Lines,
}

/// Returns the list that an entry is; `None` if it is none, or one that is reported in `findings`.
pub fn find<'a>(
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
pub struct Unchecked {
    path: String,
    /// Names of the algorithms.
    algorithms: BTreeSet<String>,
    /// True if they prove nothing; false if xpkg does not compute them.
    is_weak: bool,
    files: BTreeSet<String>,
}

impl Unchecked {
    /// Reports the list, if it is the only one that has a file.
    pub fn report(self, listing: &mut Listing, findings: &mut Vec<Finding>) {
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

/// Adds the lines of a text list.
pub fn add(
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
