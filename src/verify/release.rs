//! Releases of xpkg against their documents: the programs in their archives, and the tables of their
//! installers.

use std::collections::BTreeMap;

use crate::archive::entry::{Artifacts, Entry, File, Inside};
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::printable;
use crate::tree::installer::Installer;
use crate::tree::release::{
    BinRecord, BuildRecord, Document, FileKind, FileRecord, NAME, Requirements,
};
use crate::verify::finding::{Finding, finding};
use crate::verify::integrity::DIGEST_MISMATCH;
use crate::verify::listing::Listing;
use crate::verify::listing::release::REPEAT;
use crate::verify::paths::head;
use crate::verify::{provenance, registry};

/// Compares the programs in the archives of releases, and the tables of their installers, with their
/// documents.
pub fn check(subject: &Artifacts, listing: &Listing) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (base, document) in &listing.releases {
        let inside = |path: &String| {
            let path = format!("{base}{path}");
            subject.inside.iter().find(|inside| inside.path == path)
        };
        for build in &document.builds {
            for archive in build.archives.iter().filter_map(inside) {
                findings.extend(programs(archive, build, &build.directory));
                findings.extend(facts(base, archive, build));
            }
            let is_its_package = |file: &&FileRecord| {
                file.kind == FileKind::Deb
                    && file.package.as_ref() == Some(&build.package)
                    && file.target.as_ref() == Some(&build.target)
            };
            let packages = document.files.iter().filter(is_its_package);
            for package in packages.filter_map(|file| inside(&file.path)) {
                findings.extend(programs(package, build, "usr/bin"));
            }
        }
        findings.extend(registry::check(subject, base, document));
        findings.extend(provenance::check(subject, base, document));
        for (path, file) in subject.entries.iter().filter_map(Entry::file) {
            if let Some(installer) = path.strip_prefix(base).and_then(Installer::of_name) {
                // One that is too long to be kept has no table, either.
                let script = file.list.as_deref().map(String::from_utf8_lossy);
                let script = script.unwrap_or_default();
                findings.extend(rows(path, installer, &script, document));
            }
        }
    }
    findings
}

/// Requires all releases of a subject to be of a version: an older one, complete and signed, has no other
/// fault.
pub fn check_version(subject: &Artifacts, version: &str) -> Vec<Finding> {
    let other = |path: &str, found: String| {
        finding(
            RELEASE_OTHER_VERSION,
            path,
            found,
            format!("version {version}"),
            "fetch that version from where it was published",
        )
    };
    let version_of = |file: &File| {
        let text = file.list.as_deref().map(String::from_utf8_lossy);
        let document = Document::parse(&text.unwrap_or_default(), NAME).ok();
        document.map(|document| document.version)
    };
    let files = subject.entries.iter().filter_map(Entry::file);
    let documents: Vec<(&str, Option<String>)> = files
        .filter(|(path, _)| path.rsplit('/').next() == Some(NAME))
        .map(|(path, file)| (path, version_of(file)))
        .collect();
    if documents.is_empty() {
        return vec![other("", format!("no `{NAME}`, which has the version"))];
    }
    let wrong = documents
        .into_iter()
        .filter_map(|(path, found)| match found {
            Some(found) if found == version => None,
            Some(found) => Some(other(path, format!("version {}", printable(&found)))),
            None => Some(other(path, "no version that can be read".to_owned())),
        });
    wrong.collect()
}

/// Compares the programs in a directory of an archive or a package with those of its build.
fn programs(archive: &Inside, build: &BuildRecord, directory: &str) -> Vec<Finding> {
    let Inside { path, contents } = archive;
    let mut findings = Vec::new();
    for bin in &build.bins {
        let member = format!("{directory}/{}", bin.name);
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
            REPEAT,
        ));
    }
    findings
}

/// Compares what the document says of a build with the programs in one of its archives.
fn facts(base: &str, archive: &Inside, build: &BuildRecord) -> Vec<Finding> {
    let Inside { path, contents } = archive;
    let files: BTreeMap<&str, &File> = contents.entries.iter().filter_map(Entry::file).collect();
    let file = |bin: &BinRecord| {
        let member = format!("{}/{}", build.directory, bin.name);
        files.get(member.as_str()).copied()
    };
    let programs = build.bins.iter().filter_map(file);
    let needed = Requirements::of(programs.filter_map(|file| file.binary.as_deref().ok()));
    let Requirements {
        glibc,
        interpreter,
        libraries,
        macos,
    } = &build.requires;
    let or_nothing = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let mut rows = vec![
        (
            "requires.glibc".to_owned(),
            or_nothing(glibc),
            or_nothing(&needed.glibc),
        ),
        (
            "requires.interpreter".to_owned(),
            or_nothing(interpreter),
            or_nothing(&needed.interpreter),
        ),
        (
            "requires.libraries".to_owned(),
            libraries.join(", "),
            needed.libraries.join(", "),
        ),
        (
            "requires.macos".to_owned(),
            or_nothing(macos),
            or_nothing(&needed.macos),
        ),
    ];
    for bin in &build.bins {
        // Where there is none, or another one, its digest says so.
        if let Some(file) = file(bin).filter(|file| file.sha256 == bin.sha256) {
            let (listed, found) = (bin.size.to_string(), file.size.to_string());
            rows.push((format!("size of `{}`", bin.name), listed, found));
        }
    }
    let row = |(what, listed, found): (String, String, String)| {
        (listed != found).then(|| {
            finding(
                RELEASE_MISMATCH,
                &format!("{base}{NAME}"),
                format!(
                    "{what} of `{}` for `{}` is `{}`",
                    build.package,
                    build.target,
                    shown(&listed)
                ),
                format!("`{}`, as in `{path}`", shown(&found)),
                REPEAT,
            )
        })
    };
    rows.into_iter().filter_map(row).collect()
}

/// Returns a text of a document or a script for a message.
fn shown(text: &str) -> String {
    const SHOWN: usize = 400;
    let more = if text.chars().nth(SHOWN).is_some() {
        "…"
    } else {
        ""
    };
    printable(&text.chars().take(SHOWN).collect::<String>()) + more
}

/// Compares the table of an installer with the rows that the document gives; the first difference
/// is a finding.
fn rows(path: &str, installer: Installer, script: &str, document: &Document) -> Option<Finding> {
    let unfit =
        |found: String, expected: &str| finding(INSTALLER_UNFIT, path, found, expected, REPEAT);
    let Some(table) = installer.table(script) else {
        let found = "no table of builds".to_owned();
        return Some(unfit(found, "one, with the archives and their digests"));
    };
    let rows = installer.rows(&document.builds, &document.files);
    let count = table.len().max(rows.len());
    let pairs = (0..count).map(|at| (table.get(at).copied(), rows.get(at)));
    let (at, (found, row)) = (1..).zip(pairs).find(|(_, (found, row))| {
        let row = row.map(String::as_str);
        *found != row
    })?;
    let line = |line: Option<&str>, none: &str| {
        line.map_or_else(|| none.to_owned(), |line| format!("`{}`", shown(line)))
    };
    let cells = found.and_then(|line| installer.cells(line));
    let expected = row.and_then(|line| installer.cells(line));
    if let (Some(cells), Some(expected)) = (cells, expected) {
        let pairs = cells.into_iter().zip(expected);
        let mut named = installer.columns().iter().zip(pairs);
        let (column, (found, expected)) = named.find(|(_, (found, expected))| found != expected)?;
        return Some(unfit(
            format!(
                "row {at} of its table has the {} `{}`",
                column.name(),
                shown(found)
            ),
            &format!("`{}`, by `release.json`", shown(expected)),
        ));
    }
    Some(unfit(
        format!("row {at} of its table is {}", line(found, "missing")),
        &format!(
            "{}, by `release.json`",
            line(row.map(String::as_str), "no more rows")
        ),
    ))
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[RELEASE_MISMATCH, RELEASE_OTHER_VERSION, INSTALLER_UNFIT];

/// A document that says something else than the programs.
pub const RELEASE_MISMATCH: Code = code(&CodeInfo {
    name: "release-mismatch",
    title: "`release.json` says something else of programs than they do",
    cause: "It was changed, or an archive is of another release. Installers and pages say what it \
            says.",
    detection: "What a machine must have (`requires`: glibc, loader, libraries, macOS) is read from the \
                programs in the archives again and compared, and so are their sizes.",
    fix: "Write the release again.",
    page: "release",
    sources: &[],
    waivable: false,
});

/// A release of another version than the one that the user wants.
pub const RELEASE_OTHER_VERSION: Code = code(&CodeInfo {
    name: "release-other-version",
    title: "the release is of another version than the one that was asked for",
    cause: "An older release was published again or served in its place: its files, lists and signatures \
            are in order, and only its version tells.",
    detection: "`verify --release-version` compares the version with that in `release.json`, which \
                `SHA256SUMS` has the digest of.",
    fix: "Fetch the version from where it was published.",
    page: "verify",
    sources: &[],
    waivable: false,
});

/// An installer that would choose or accept other archives than those of its release.
pub const INSTALLER_UNFIT: Code = code(&CodeInfo {
    name: "installer-unfit",
    title: "an installer has other rows than its release",
    cause: "The installer is of another release, or it or an archive was changed.",
    detection: "The table of install.sh and install.ps1 must be exactly the rows that `release.json` \
                gives: archives, digests, floors, loaders and programs. The commands around the \
                table are compared with the digest of the file alone.",
    fix: "Write the release again.",
    page: "release",
    sources: &[],
    waivable: false,
});
