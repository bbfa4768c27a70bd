//! `release.json`, the document of xpkg's own releases, as a list of their files.

use std::collections::BTreeMap;

use crate::archive::entry::Entry;
use crate::digest::Algorithm;
use crate::tree::release::{Document, SCHEMA_ID, SUMS_NAME};
use crate::verify::finding::{Finding, finding};
use crate::verify::listing::{LIST_UNREADABLE, ListedFile, Listing, contents, directory};
use crate::verify::signed::LIST_SIGNATURE_MISSING;

/// Help of findings about files that `release` writes.
pub const REPEAT: &str = "move it away, and write the release again: `cargo xpkg release`";

/// Adds the document of a release. A `release.json` of another program is a file like any other.
pub fn add(
    entry: &Entry,
    entries: &BTreeMap<&str, &Entry>,
    listing: &mut Listing,
    findings: &mut Vec<Finding>,
) {
    let path = entry.path.as_str();
    let Ok(text) = contents(entry)
        .and_then(|bytes| str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()))
    else {
        return;
    };
    let family = SCHEMA_ID.trim_end_matches(|last: char| last.is_ascii_digit());
    if !text.contains(family) {
        return;
    }
    listing.exempt.insert(path.to_owned());
    let document = match Document::parse(text, path) {
        Ok(document) => document,
        Err(problem) => {
            findings.push(finding(
                LIST_UNREADABLE,
                path,
                problem.message,
                "the document that xpkg wrote",
                REPEAT,
            ));
            return;
        }
    };
    let base = directory(path);
    for file in &document.files {
        let digests = BTreeMap::from([(Algorithm::Sha256, (file.sha256.clone(), path.to_owned()))]);
        let listed = ListedFile {
            digests,
            size: Some(file.size),
            mode: None,
        };
        listing.files.insert(format!("{base}{}", file.path), listed);
    }
    match entries.get(format!("{base}{SUMS_NAME}").as_str()) {
        Some(sums) => findings.extend(altered(sums)),
        None => findings.push(finding(
            LIST_UNREADABLE,
            path,
            format!("`{SUMS_NAME}`, which xpkg writes beside it, is missing"),
            "the document and the list of checksums",
            REPEAT,
        )),
    }
    for signature in &document.signatures {
        let place = format!("{base}{}", signature.file_name());
        if !entries.contains_key(place.as_str()) {
            findings.push(finding(
                LIST_SIGNATURE_MISSING,
                path,
                format!(
                    "`{}`, which the release was signed with, is missing",
                    signature.file_name()
                ),
                "the list of checksums and its signatures",
                REPEAT,
            ));
        }
    }
    listing.by.push(path.to_owned());
    let complete = listing.complete.entry(base.to_owned());
    complete.or_insert_with(|| path.to_owned());
    listing.releases.insert(base.to_owned(), document);
}

/// Returns a finding for the first line of `SHA256SUMS` that is not as xpkg writes it. Nothing has a
/// digest of this list, and its readers take other texts for the same: digits in upper case, a `*`,
/// space at the end.
fn altered(entry: &Entry) -> Option<Finding> {
    // What cannot be read has a finding of its own.
    let text = contents(entry).ok()?;
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').zip(1..);
    let (_, number) = lines.find(|(line, _)| !is_written_by_xpkg(line))?;
    Some(finding(
        LIST_UNREADABLE,
        &entry.path,
        format!("line {number} is not as xpkg writes it"),
        "64 digits in lower case, two spaces, a path and a line feed",
        REPEAT,
    ))
}

fn is_written_by_xpkg(line: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    line.split_at_checked(64).is_some_and(|(digest, rest)| {
        let path = rest
            .strip_prefix(b"  ")
            .and_then(|path| path.strip_suffix(b"\n"));
        digest.iter().all(is_digit) && path.is_some_and(|path| !path.is_empty())
    })
}
