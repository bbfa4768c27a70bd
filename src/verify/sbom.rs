//! SBOMs of archives, as `release` writes them: the digests that one has of programs are those of
//! the archives beside it. Pure.
//!
//! An SBOM of another tool has no such digests, and is not checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::archive::entry::{Artifacts, Entry, File, Inside};
use crate::archive::list_name::sbom_stem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::verify::finding::{Finding, finding};

/// The part of a CycloneDX document that is read.
#[derive(Deserialize)]
struct Bom {
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    components: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    name: String,
    #[serde(default)]
    hashes: Vec<Hash>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

/// Checks each SBOM of a directory against the archives beside it that have its name.
pub fn check(subject: &Artifacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in subject.entries.iter().filter_map(Entry::file) {
        let Some(stem) = sbom_stem(path) else {
            continue;
        };
        let is_its = |inside: &&Inside| {
            let rest = inside.path.strip_prefix(stem);
            rest.is_some_and(|rest| rest.starts_with('.') && !rest.contains('/'))
        };
        let archives: Vec<&Inside> = subject.inside.iter().filter(is_its).collect();
        if archives.is_empty() {
            continue;
        }
        let mismatch = |found: String| {
            finding(
                SBOM_MISMATCH,
                path,
                found,
                "the digests of the programs in its archives",
                "make the release again",
            )
        };
        let parts = match parts(file) {
            Ok(parts) => parts,
            Err(why) => {
                findings.push(mismatch(why));
                continue;
            }
        };
        for Inside { path, contents } in archives {
            let files = by_name(contents);
            let found = parts.iter().filter_map(|part| compare(part, path, &files));
            findings.extend(found.map(&mismatch));
        }
    }
    findings
}

/// Returns the programs that an SBOM has digests of, or the reason why it cannot be read.
fn parts(file: &File) -> Result<Vec<Part>, String> {
    let Some(bytes) = &file.list else {
        return Err("an SBOM that is too long to be read".to_owned());
    };
    let bom: Bom = serde_json::from_slice(bytes)
        .map_err(|error| format!("no CycloneDX document that can be read: {error}"))?;
    let component = bom.metadata.and_then(|metadata| metadata.component);
    let parts = component.map(|component| component.components);
    let mut parts = parts.unwrap_or_default();
    parts.retain(|part| part.r#type == "file" && part.sha256().is_some());
    Ok(parts)
}

impl Part {
    fn sha256(&self) -> Option<&str> {
        let hash = self.hashes.iter().find(|hash| hash.alg == "SHA-256")?;
        Some(&hash.content)
    }
}

/// Digests of the files of an archive, by their names without directories.
type Files<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn by_name(archive: &Artifacts) -> Files<'_> {
    let mut files = Files::new();
    for (path, file) in archive.entries.iter().filter_map(Entry::file) {
        let name = path.rsplit('/').next().unwrap_or(path);
        files.entry(name).or_default().insert(&file.sha256);
    }
    files
}

/// Returns how an archive does not have a program; `None` if it has it.
fn compare(part: &Part, archive: &str, files: &Files) -> Option<String> {
    let name = part.name.as_str();
    let Some(digests) = files.get(name) else {
        return Some(format!(
            "a digest of `{name}`, which `{archive}` does not have"
        ));
    };
    let is_same = part.sha256().is_some_and(|digest| digests.contains(digest));
    (!is_same).then(|| format!("another digest than that of `{name}` in `{archive}`"))
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[SBOM_MISMATCH];

/// Code of an SBOM of other programs than those in its archives.
pub const SBOM_MISMATCH: Code = code(&CodeInfo {
    name: "sbom-mismatch",
    title: "an SBOM describes other programs than those in its archives",
    cause: "The archive or the SBOM is from another build, or was changed.",
    detection: "The digests of programs in `NAME.cdx.json` are compared with those in `NAME.tar.gz` \
                and other archives of its name.",
    fix: "Make the release again.",
    page: "release",
    sources: &["CycloneDX 1.6"],
    waivable: false,
});
