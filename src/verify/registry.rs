//! Registry of cargo in a release: its index against the packages. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, Entry, Inside};
use crate::problem::code::{Code, CodeInfo, code};
use crate::tree::packed::PackedManifest;
use crate::tree::registry::{CRATES, Dependency, INDEX, IndexLine, parse_config, path_of};
use crate::tree::release::Document;
use crate::verify::finding::{Finding, finding};
use crate::verify::listing::release::REPEAT;

/// Checks the registry of a release, if it has one: cargo skips a line of the index that it does not
/// understand in silence.
pub fn check(subject: &Artifacts, base: &str, document: &Document) -> Vec<Finding> {
    let digests: BTreeMap<&str, &str> = document
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.sha256.as_str()))
        .collect();
    let mut lines: Vec<(&str, usize, Result<IndexLine, String>)> = Vec::new();
    let config = format!("{base}{INDEX}/config.json");
    let mut configured = None;
    for (path, file) in subject.entries.iter().filter_map(Entry::file) {
        let is_index = path.strip_prefix(base).is_some_and(|path| {
            let below = path.strip_prefix(INDEX);
            below.is_some_and(|below| below.starts_with('/'))
        });
        if !is_index {
            continue;
        }
        let Some(text) = file.list.as_deref().map(String::from_utf8_lossy) else {
            lines.push((path, 1, Err("it is too long to be read".to_owned())));
            continue;
        };
        if path == config {
            configured = Some(parse_config(&text));
            continue;
        }
        for (at, line) in text.lines().enumerate() {
            lines.push((path, at + 1, IndexLine::parse(line)));
        }
    }
    let names: BTreeSet<&str> = lines
        .iter()
        .filter_map(|(_, _, line)| Some(line.as_ref().ok()?.name.as_str()))
        .collect();
    let configured = match configured {
        None if lines.is_empty() => return Vec::new(),
        None => Err("there is none".to_owned()),
        Some(configured) => configured,
    };
    let url = configured.as_deref().ok();
    let fault = |path: &str, line: &IndexLine| {
        if !path.ends_with(&format!("{INDEX}/{}", path_of(&line.name))) {
            return Some(format!("`{}` has its line elsewhere", line.name));
        }
        let file = format!("{CRATES}/{}", line.crate_name());
        match digests.get(file.as_str()) {
            None => return Some(format!("there is no `{file}`")),
            Some(digest) if *digest != line.cksum => {
                return Some(format!("`cksum` is not the digest of `{file}`"));
            }
            Some(_) => {}
        }
        let is_missing = |dependency: &&Dependency| {
            let name = dependency.package.as_ref().unwrap_or(&dependency.name);
            dependency.registry.is_none() && !names.contains(name.as_str())
        };
        if let Some(missing) = line.deps.iter().find(is_missing) {
            return Some(format!("`{}` is not in this registry", missing.name));
        }
        let package = format!("{base}{file}");
        let package = subject.inside.iter().find(|inside| inside.path == package);
        match packed(package, line) {
            Ok(manifest) => manifest.difference(line, url),
            Err(why) => Some(format!("`Cargo.toml` of `{file}` cannot be read: {why}")),
        }
    };
    let mut findings = Vec::new();
    if let Err(why) = &configured {
        let expected = "the address of the packages, as `release` writes it";
        findings.push(finding(INDEX_UNFIT, &config, why, expected, REPEAT));
    }
    for (path, number, line) in &lines {
        let why = match line {
            Ok(line) => fault(path, line),
            Err(why) => Some(why.clone()),
        };
        if let Some(why) = why {
            findings.push(finding(
                INDEX_UNFIT,
                path,
                format!("line {number}: {why}"),
                "a line that every cargo understands, of a package in `registry/crates`",
                REPEAT,
            ));
        }
    }
    findings
}

/// Returns the manifest in the package of a line.
///
/// # Errors
/// A clause that says what is wrong.
fn packed(package: Option<&Inside>, line: &IndexLine) -> Result<PackedManifest, String> {
    let member = format!("{}-{}/Cargo.toml", line.name, line.vers);
    let entries = package.iter().flat_map(|package| &package.contents.entries);
    let mut files = entries.filter_map(Entry::file);
    let (_, file) = files
        .find(|(path, _)| *path == member)
        .ok_or("there is none")?;
    let text = file.list.as_deref().ok_or("it is too large")?;
    PackedManifest::parse(&String::from_utf8_lossy(text))
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[INDEX_UNFIT];

/// A line of a registry's index that cargo would not use.
pub const INDEX_UNFIT: Code = code(&CodeInfo {
    name: "index-unfit",
    title: "cargo would not find or not accept a package of the registry",
    cause: "A line of the index was changed or written by hand; its package, or one that it depends \
            on, is not in the registry.",
    detection: "Each line is parsed strictly, as cargo skips what it does not understand in silence; \
                its path, its checksum and the dependencies in the same registry are compared, and name, version, links, \
                features and dependencies with the `Cargo.toml` of the package. `dl` of \
                config.json must be an absolute address, and end as `release` writes it.",
    fix: "Write the release again.",
    page: "release",
    sources: &["The Cargo Book, Registry Index"],
    waivable: false,
});
