//! Provenance of xpkg's releases against their documents. Pure.

use crate::archive::entry::{Artifacts, Entry, Inside};
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::printable;
use crate::target::Target;
use crate::tree::fields::excerpt;
use crate::tree::manifest::TargetRecord;
use crate::tree::provenance::{Note, Statement};
use crate::tree::release::{Document, FileKind};
use crate::verify::expected::Expected;
use crate::verify::finding::{Finding, finding};
use crate::verify::listing::release::REPEAT;
use crate::verify::rules::machine::UNREADABLE_BINARY;
use crate::verify::rules::table;

/// Compares the provenance of a release in the directory `base` with its document. That it is
/// missing is a finding of the list that has it.
pub fn check(subject: &Artifacts, base: &str, document: &Document) -> Vec<Finding> {
    let files = document.files.iter();
    let listed = files.filter(|file| file.kind == FileKind::Provenance);
    let paths = listed.map(|file| format!("{base}{}", file.path));
    let found = |path: String| {
        let mut entries = subject.entries.iter().filter_map(Entry::file);
        let (_, file) = entries.find(|(name, _)| *name == path)?;
        let release = Release {
            subject,
            base,
            document,
        };
        Some(compare(&path, file.list.as_deref(), &release))
    };
    paths.filter_map(found).flatten().collect()
}

/// A release with its files.
struct Release<'a> {
    subject: &'a Artifacts,
    /// Its directory, with a slash at the end, or nothing.
    base: &'a str,
    document: &'a Document,
}

/// Compares one file.
fn compare(path: &str, contents: Option<&[u8]>, release: &Release) -> Vec<Finding> {
    let text = contents
        .ok_or_else(|| "it is too long to be read".to_owned())
        .and_then(|bytes| str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
    let statement = match text.and_then(Statement::parse) {
        Ok(statement) => statement,
        Err(why) => {
            return vec![finding(
                PROVENANCE_UNREADABLE,
                path,
                printable(&why),
                "the provenance that xpkg wrote",
                REPEAT,
            )];
        }
    };
    let mut differences = statement.contradictions(release.document);
    differences.extend(unfounded_waivers(&statement, release));
    let differences = differences.into_iter();
    let differences = differences.map(|(found, expected)| {
        finding(
            PROVENANCE_MISMATCH,
            path,
            printable(&found),
            printable(&expected),
            REPEAT,
        )
    });
    differences.collect()
}

/// Returns the waivers that neither a record has nor a program needs: what is found and what is
/// expected. A build accepts what it finds in a program, so the program has it.
fn unfounded_waivers(statement: &Statement, release: &Release) -> Vec<(String, String)> {
    let expected = || "waivers of its records, and of what its programs have".to_owned();
    let mut found = Vec::new();
    for Note { code, subjects, .. } in statement.waivers_of_programs() {
        if subjects.is_empty() {
            found.push((format!("the waiver `{code}` of no program"), expected()));
        }
        let unfounded = subjects
            .iter()
            .filter(|name| !release.has(code, name, statement.record_of(name)));
        found.extend(unfounded.map(|name| {
            let waiver = format!("the waiver `{code}` of `{}`", excerpt(name));
            (waiver, expected())
        }));
    }
    found
}

impl Release<'_> {
    /// Returns true if a build would find this in a program (`DIRECTORY/PROGRAM`). What cannot be read
    /// here is believed.
    fn has(&self, code: &str, program: &str, record: Option<&TargetRecord>) -> bool {
        let Self {
            subject,
            base,
            document,
        } = self;
        let mut builds = document.builds.iter();
        let of_build = builds.find_map(|build| {
            let name = program
                .strip_prefix(build.directory.as_str())?
                .strip_prefix('/')?;
            let bin = build.bins.iter().find(|bin| bin.name == name)?;
            Some((build, bin))
        });
        let (Some((build, bin)), Some(record)) = (of_build, record) else {
            return false;
        };
        let Some(target) = Target::of_triple(&record.target) else {
            return false;
        };
        let is_archive = |inside: &&Inside| {
            let mut archives = build.archives.iter();
            archives.any(|archive| inside.path == format!("{base}{archive}"))
        };
        let mut archives = subject.inside.iter().filter(is_archive);
        let file = archives.find_map(|archive| {
            let mut files = archive.contents.entries.iter().filter_map(Entry::file);
            let (_, file) = files.find(|(path, _)| *path == program)?;
            Some(file)
        });
        let Some(file) = file else {
            // Without an archive that could be read, only the code tells.
            return table::acceptable().any(|known| known.name() == code);
        };
        let Ok(binary) = &file.binary else {
            return code == UNREADABLE_BINARY.name();
        };
        let expected = Expected::of_record(&target, record);
        let problems = table::check_built(program, bin.kind, binary, &expected);
        problems.iter().any(|problem| problem.code.name() == code)
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[PROVENANCE_UNREADABLE, PROVENANCE_MISMATCH];

/// Code of a provenance that cannot be parsed.
pub const PROVENANCE_UNREADABLE: Code = code(&CodeInfo {
    name: "provenance-unreadable",
    title: "the provenance of a release cannot be read",
    cause: "provenance.intoto.json was changed, or another xpkg wrote it.",
    detection: "It is parsed strictly: each field of the statement, of SLSA's predicate and of the \
                parameters must be there and have its form, and no other may.",
    fix: "Write the release again.",
    page: "release",
    sources: &["in-toto Statement v1", "SLSA provenance v1"],
    waivable: false,
});

/// Code of a provenance of another release, or one that contradicts itself.
pub const PROVENANCE_MISMATCH: Code = code(&CodeInfo {
    name: "provenance-mismatch",
    title: "the provenance is that of another release, or contradicts itself",
    cause: "It, a file or `release.json` was changed, or they are of two releases.",
    detection: "Its subjects must be the files and programs of `release.json` with their digests; \
                name, version, tag, builds and commit must be the same; its dependencies and waivers \
                must be those that follow from its records, and from what its programs have.",
    fix: "Write the release again.",
    page: "release",
    sources: &["SLSA provenance v1"],
    waivable: false,
});
