//! Reads the records of builds, the directories of profiles, and what keys are made from.

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::cache::key::{self, Input, Part, TargetParts};
use crate::build::cache::prune::{Entry, Kept, OF_PARTS};
use crate::build::cache::used::Used;
use crate::build::look::session::Session;
use crate::build::plan::{Plan, TargetPlan};
use crate::build::taken::Taken;
use crate::host::cache;
use crate::host::entries::FileType;
use crate::host::machine::Host;
use crate::problem::Result;

/// Largest size of a record or a lockfile in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Returns the records of builds in xpkg's cache, sorted by file name. One that another version has
/// written, or that is damaged, counts as none, and is named.
pub fn records(host: &Host, cache: &Utf8Path) -> Result<Vec<Used>> {
    if !host.is_dir(cache) {
        return Ok(Vec::new());
    }
    let mut names: Vec<String> = host
        .list(cache)?
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| name.starts_with("used-") && name.ends_with(".json"))
        .collect();
    names.sort();
    let mut records = Vec::new();
    for name in names {
        let text = String::from_utf8(host.read_small(&cache.join(&name), LARGEST)?);
        let used = text.ok().and_then(|text| Used::parse(&text));
        if used.is_none() {
            let line = format!("`{name}`: no record of a build, or one of another version of xpkg");
            host.shell.status("Ignoring", &line);
        }
        records.extend(used);
    }
    Ok(records)
}

/// Returns what the last build of a target and a profile found in its bins.
pub fn taken(host: &Host, cache: &Utf8Path, used: &Used) -> Taken {
    let program = host.own_program().and_then(|path| host.identity(&path));
    let path = cache.join(used.taken_file_name());
    let known: Option<Taken> = cache::read(host, Some(&path));
    known.unwrap_or_default().of(program)
}

/// Returns the entries of a profile's directory: those of cargo's places one by one, others whole.
pub fn entries(host: &Host, directory: &Utf8Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in host.list(directory)? {
        // It cannot be removed by its name.
        if !entry.is_utf8 {
            continue;
        }
        let kind = entry.file_type?;
        if kind == FileType::Directory && OF_PARTS.contains(&entry.name.as_str()) {
            let place = directory.join(&entry.name);
            for part in host.list(&place)?.into_iter().filter(|part| part.is_utf8) {
                let path = format!("{}/{}", entry.name, part.name);
                entries.push(sized(host, directory, path, &part.file_type?)?);
            }
        } else {
            entries.push(sized(host, directory, entry.name, &kind)?);
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// Returns an entry with its size.
fn sized(host: &Host, root: &Utf8Path, path: String, kind: &FileType) -> Result<Entry> {
    Ok(Entry {
        size: size(host, &root.join(&path), kind)?,
        is_dir: *kind == FileType::Directory,
        path,
    })
}

/// Returns the size of a file, or of all files in a directory.
fn size(host: &Host, path: &Utf8Path, kind: &FileType) -> Result<u64> {
    match kind {
        FileType::File { size, .. } => Ok(*size),
        FileType::Link(_) | FileType::Special(_) => Ok(0),
        FileType::Directory => {
            let mut sum = 0;
            for entry in host.list(path)? {
                sum += size(host, &path.join(&entry.name), &entry.file_type?)?;
            }
            Ok(sum)
        }
    }
}

/// Returns the parts of the key of each target of a plan.
pub fn targets(host: &Host, session: &Session, plan: &Plan) -> Result<Vec<TargetParts>> {
    let of = |target: &TargetPlan| -> Result<TargetParts> {
        Ok(TargetParts {
            target: target.target.to_string(),
            parts: parts(host, session, target)?,
        })
    };
    plan.targets.iter().map(of).collect()
}

/// Returns the parts of the key of a target.
pub fn parts(host: &Host, session: &Session, target: &TargetPlan) -> Result<Vec<Part>> {
    let request = &session.request;
    let file = request.project.workspace.root.join("Cargo.lock");
    let lock = match host.is_file(&file) {
        true => Some(host.read_small_text(&file, LARGEST)?),
        false => None,
    };
    let (profiles, configuration) = request.configuration();
    let input = Input {
        facts: &session.facts,
        settings: &request.settings,
        packages: &request.selected.packages,
        profiles: &profiles,
        configuration: &configuration,
        lock: lock.as_deref(),
    };
    Ok(key::parts(&input, target))
}

/// Returns the directories that a cache of these targets consists of, relative to the workspace's
/// root where they are below it: those of the targets and of build scripts, and xpkg's own.
pub fn directories(session: &Session, plan: &Plan, cache: &Utf8Path) -> Vec<Utf8PathBuf> {
    let root = &session.request.project.workspace.root;
    let mut directories = Vec::new();
    for call in plan.targets.iter().flat_map(|target| &target.calls) {
        directories.push(call.artifacts.path());
        directories.push(call.artifacts.of_host());
    }
    directories.push(cache.to_owned());
    let mut shown: Vec<Utf8PathBuf> = Vec::new();
    for directory in directories {
        let directory = directory.strip_prefix(root).unwrap_or(&directory);
        if !shown.iter().any(|known| directory.starts_with(known)) {
            shown.push(directory.to_owned());
        }
    }
    shown
}

/// Returns the directories of profiles that no record names, as paths below the target directory.
pub fn unrecorded(host: &Host, target_dir: &Utf8Path, kept: &Kept) -> Result<Vec<Utf8PathBuf>> {
    let directories = |below: &Utf8Path| -> Result<Vec<Utf8PathBuf>> {
        let entries = host.list(&target_dir.join(below))?.into_iter();
        let directories = entries
            .filter(|entry| entry.is_utf8 && matches!(&entry.file_type, Ok(FileType::Directory)));
        Ok(directories.map(|entry| below.join(entry.name)).collect())
    };
    let is_profile = |below: &Utf8Path| host.is_dir(&target_dir.join(below).join(".fingerprint"));
    let mut found = Vec::new();
    for directory in directories(Utf8Path::new(""))? {
        if is_profile(&directory) {
            found.push(directory);
        } else {
            let below = directories(&directory)?.into_iter();
            found.extend(below.filter(|directory| is_profile(directory)));
        }
    }
    found.retain(|directory| !kept.contains_key(directory));
    found.sort();
    Ok(found)
}
