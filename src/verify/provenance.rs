//! Provenance of xpkg's releases against their documents. Pure.

use crate::archive::entry::{Artifacts, Entry};
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::printable;
use crate::tree::provenance::Statement;
use crate::tree::release::{Document, FileKind};
use crate::verify::finding::{Finding, finding};
use crate::verify::listing::release::REPEAT;

/// Compares the provenance of a release in the directory `base` with its document. That it is
/// missing is a finding of the list that has it.
pub fn check(subject: &Artifacts, base: &str, document: &Document) -> Vec<Finding> {
    let files = document.files.iter();
    let listed = files.filter(|file| file.kind == FileKind::Provenance);
    let paths = listed.map(|file| format!("{base}{}", file.path));
    let found = |path: String| {
        let mut entries = subject.entries.iter().filter_map(Entry::file);
        let (_, file) = entries.find(|(name, _)| *name == path)?;
        Some(compare(&path, file.list.as_deref(), document))
    };
    paths.filter_map(found).flatten().collect()
}

/// Compares one file.
fn compare(path: &str, contents: Option<&[u8]>, document: &Document) -> Vec<Finding> {
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
    let differences = statement.contradictions(document).into_iter();
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
                must be those that follow from its records.",
    fix: "Write the release again.",
    page: "release",
    sources: &["SLSA provenance v1"],
    waivable: false,
});
