//! Releases of xpkg against their documents: the programs in their archives, and the digests in their
//! installers.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, Entry, Inside};
use crate::archive::list_name::{ListName, list_name};
use crate::problem::code::{Code, CodeInfo, code};
use crate::tree::registry::{CRATES, Dependency, INDEX, IndexLine, path_of};
use crate::tree::release::{BuildRecord, Document, FileKind, FileRecord};
use crate::verify::finding::{Finding, finding};
use crate::verify::integrity::DIGEST_MISMATCH;
use crate::verify::listing::Listing;
use crate::verify::paths::head;

/// Compares the programs in the archives of releases, and the digests in their installers, with
/// their documents.
pub fn check(subject: &Artifacts, listing: &Listing) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (base, document) in &listing.releases {
        let inside = |path: &String| {
            let path = format!("{base}{path}");
            subject.inside.iter().find(|inside| inside.path == path)
        };
        for build in &document.builds {
            let archives = build.archives.iter().filter_map(inside);
            findings.extend(archives.flat_map(|archive| programs(archive, build)));
        }
        findings.extend(index(subject, base, document));
        for (path, file) in subject.entries.iter().filter_map(Entry::file) {
            let is_beside = path
                .strip_prefix(base.as_str())
                .is_some_and(|name| !name.contains('/'));
            if is_beside
                && list_name(path) == Some(ListName::Installer)
                && let Some(text) = file.list.as_deref()
            {
                findings.extend(digests(path, &String::from_utf8_lossy(text), document));
            }
        }
    }
    findings
}

/// Compares the programs in an archive with those of its build.
fn programs(archive: &Inside, build: &BuildRecord) -> Vec<Finding> {
    let Inside { path, contents } = archive;
    let mut findings = Vec::new();
    for bin in &build.bins {
        let member = format!("{}/{}", build.directory, bin.name);
        let mut files = contents.entries.iter().filter_map(Entry::file);
        let found = files.find(|(path, _)| *path == member);
        let digest = found.map(|(_, file)| file.sha256.as_str());
        if digest == Some(bin.sha256.as_str()) {
            continue;
        }
        let found = digest.map_or_else(
            || "no such program".to_owned(),
            |digest| format!("digest {}…", head(digest)),
        );
        findings.push(finding(
            DIGEST_MISMATCH,
            &format!("{path}!/{member}"),
            found,
            format!("{}…, that of `release.json`", head(&bin.sha256)),
            "write the release again: `cargo xpkg release`",
        ));
    }
    findings
}

/// Compares the digests in an installer with those of the archives that it names.
fn digests(path: &str, text: &str, document: &Document) -> Vec<Finding> {
    let mut named = 0;
    let mut findings = Vec::new();
    for line in text.lines() {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let words: Vec<&str> = line.split(|c| !is_part(c)).collect();
        let is_named = |file: &&FileRecord| {
            file.kind == FileKind::Archive && words.contains(&file.path.as_str())
        };
        let Some(archive) = document.files.iter().find(is_named) else {
            continue;
        };
        named += 1;
        if !words.contains(&archive.sha256.as_str()) {
            findings.push(finding(
                INSTALLER_UNFIT,
                path,
                format!("another digest for `{}`", archive.path),
                format!("{}…, that of `release.json`", head(&archive.sha256)),
                "write the release again: `cargo xpkg release`",
            ));
        }
    }
    if named == 0 {
        findings.push(finding(
            INSTALLER_UNFIT,
            path,
            "no archive of the release",
            "the archives with their digests",
            "write the release again: `cargo xpkg release`",
        ));
    }
    findings
}

/// Checks the index of a registry: cargo skips a line that it does not understand in silence.
fn index(subject: &Artifacts, base: &str, document: &Document) -> Vec<Finding> {
    let digests: BTreeMap<&str, &str> = document
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.sha256.as_str()))
        .collect();
    let mut lines: Vec<(&str, usize, Result<IndexLine, String>)> = Vec::new();
    let config = format!("{base}{INDEX}/config.json");
    for (path, file) in subject.entries.iter().filter_map(Entry::file) {
        let is_index = path.strip_prefix(base).is_some_and(|path| {
            let below = path.strip_prefix(INDEX);
            below.is_some_and(|below| below.starts_with('/'))
        });
        if !is_index || path == config {
            continue;
        }
        let text = file.list.as_deref().map(String::from_utf8_lossy);
        for (at, line) in text.unwrap_or_default().lines().enumerate() {
            lines.push((path, at + 1, IndexLine::parse(line)));
        }
    }
    let names: BTreeSet<&str> = lines
        .iter()
        .filter_map(|(_, _, line)| Some(line.as_ref().ok()?.name.as_str()))
        .collect();
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
        let missing = line.deps.iter().find(is_missing)?;
        Some(format!("`{}` is not in this registry", missing.name))
    };
    let mut findings = Vec::new();
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
                "write the release again: `cargo xpkg release`",
            ));
        }
    }
    findings
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[INSTALLER_UNFIT, INDEX_UNFIT];

/// A line of a registry's index that cargo would not use.
pub const INDEX_UNFIT: Code = code(&CodeInfo {
    name: "index-unfit",
    title: "cargo would not find or not accept a package of the registry",
    cause: "A line of the index was changed or written by hand; its package, or one that it depends \
            on, is not in the registry.",
    detection: "Each line is parsed strictly, as cargo skips what it does not understand in silence; \
                its path, its checksum and the dependencies in the same registry are compared.",
    fix: "Write the release again.",
    page: "release",
    sources: &["The Cargo Book, Registry Index"],
    waivable: false,
});

/// An installer that would refuse the archives of its release.
pub const INSTALLER_UNFIT: Code = code(&CodeInfo {
    name: "installer-unfit",
    title: "an installer does not know the archives of its release",
    cause: "The installer is of another release, or it or an archive was changed.",
    detection: "Each line of install.sh and install.ps1 that names an archive must have the digest that \
                `release.json` has.",
    fix: "Write the release again.",
    page: "release",
    sources: &[],
    waivable: false,
});
