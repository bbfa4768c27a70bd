//! `manifest.json`, the document of xpkg's own trees, as a list of their files.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::Entry;
use crate::digest::Algorithm;
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::manifest::{Artifact, Manifest, SCHEMA_ID};
use crate::verify::finding::Finding;
use crate::verify::listing::{
    ListedFile, Listing, contents, directory, normalize, path_unsafe, unreadable,
};
use crate::verify::paths::unsafe_path;

/// Adds xpkg's own manifest. A `manifest.json` of another program is a file like any other.
pub fn add(
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
pub fn check_texts(
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
    let lines = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    let listed = lines.filter_map(|line| line.split_once("  "));
    let listed: BTreeSet<&str> = listed.map(|(_, path)| path).collect();
    let is_missing = |artifact: &&Artifact| !listed.contains(artifact.path.as_str());
    if let Some(missing) = manifest.artifacts.iter().find(is_missing) {
        let why = format!(
            "it does not list `{}`, which `{base}{JSON_NAME}` has",
            missing.path
        );
        findings.push(unreadable(&path, why));
    }
}
