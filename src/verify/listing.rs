//! Lists of files with digests: xpkg's own manifest, `SHA256SUMS`, and lines with the path first.
//!
//! Pure. Lists are not trusted: each path is checked, each line must have a known form.

use std::collections::BTreeMap;

use crate::archive::entry::{Artifacts, EntryKind, LISTS};
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::manifest::{Artifact, Manifest};
use crate::verify::finding::Finding;
use crate::verify::paths::{PATH_UNSAFE, head, unsafe_path};

/// Entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Path below the subject.
    pub path: String,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
    /// Size in bytes, if the list has it.
    pub size: Option<u64>,
    /// Permission bits (`0755`), if the list has them.
    pub mode: Option<String>,
}

/// Lists of a subject, merged.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Paths of the lists; the first one wins.
    pub by: Vec<String>,
    /// Listed files by path below the subject.
    pub files: BTreeMap<String, ListedFile>,
    /// xpkg's own manifest, with its target records.
    pub manifest: Option<Manifest>,
    /// Directory of the lists with a trailing `/`; empty for the root.
    pub base: String,
}

/// Finds and parses the lists of a subject: those in its root, or in the only directory of its
/// root. Problems of the lists are added to `findings`.
pub fn find(subject: &Artifacts, findings: &mut Vec<Finding>) -> Option<Listing> {
    let base = base_directory(subject);
    let mut listing = Listing {
        base: base.clone(),
        ..Listing::default()
    };
    for name in LISTS {
        let path = format!("{base}{name}");
        let Some(entry) = subject.entries.iter().find(|entry| entry.path == path) else {
            continue;
        };
        let bytes = match &entry.what {
            EntryKind::File(file) => file.list.as_deref(),
            _ => None,
        };
        let Some(bytes) = bytes else {
            findings.push(unreadable(
                &path,
                "it is empty, too long or not a regular file".to_owned(),
            ));
            continue;
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            findings.push(unreadable(&path, "it is not UTF-8".to_owned()));
            continue;
        };
        let parsed = if *name == JSON_NAME {
            parse_manifest(text, &path, &mut listing)
        } else {
            parse_lines(text)
        };
        let files = match parsed {
            Ok(Some(files)) => files,
            // A `manifest.json` of another program is ignored.
            Ok(None) => continue,
            Err(why) => {
                findings.push(unreadable(&path, why));
                continue;
            }
        };
        listing.by.push(path.clone());
        for mut file in files {
            file.path = normalize(&file.path);
            // `sha256sum * > SHA256SUMS` lists the list itself while it is still empty.
            if format!("{base}{}", file.path) == path {
                continue;
            }
            if let Some(unsafe_part) = unsafe_path(&file.path) {
                findings.push(Finding {
                    code: PATH_UNSAFE,
                    path: Some(path.clone()),
                    target: None,
                    found: format!("`{}`, which {unsafe_part}", file.path),
                    expected: "a path below the tree".to_owned(),
                    help: "list the file again with a path below the tree".to_owned(),
                });
                continue;
            }
            file.path = format!("{base}{}", file.path);
            match listing.files.get(&file.path) {
                Some(known) if known.sha256 != file.sha256 => findings.push(Finding {
                    code: LIST_UNREADABLE,
                    path: Some(path.clone()),
                    target: None,
                    found: format!("`{}` with digest {}…", file.path, head(&file.sha256)),
                    expected: format!("{}…, as listed in `{}`", head(&known.sha256), listing.by[0]),
                    help: "one of the lists was edited by hand: write them again".to_owned(),
                }),
                Some(_) => {}
                // xpkg's own manifest is complete.
                None if listing.manifest.is_some() && *name != JSON_NAME => {
                    findings.push(unreadable(
                        &path,
                        format!(
                            "it lists `{}`, which `{base}{JSON_NAME}` does not",
                            file.path
                        ),
                    ));
                }
                None => _ = listing.files.insert(file.path.clone(), file),
            }
        }
        // Both of xpkg's lists are complete, so a file that only one of them has means that the
        // other was edited.
        if *name == TEXT_NAME
            && let Some(known) = listing
                .manifest
                .as_ref()
                .filter(|known| known.text() != text)
        {
            let missing = known
                .artifacts
                .iter()
                .find(|artifact| !text.contains(&format!("  {}\n", artifact.path)));
            if let Some(missing) = missing {
                findings.push(unreadable(
                    &path,
                    format!(
                        "it does not list `{}`, which `{base}{JSON_NAME}` has",
                        missing.path
                    ),
                ));
            }
        }
    }
    if listing.manifest.is_some() && !listing.by.iter().any(|path| path.ends_with(TEXT_NAME)) {
        findings.push(unreadable(
            &format!("{base}{JSON_NAME}"),
            format!("`{TEXT_NAME}`, which xpkg writes beside it, is missing"),
        ));
    }
    if listing.by.is_empty() {
        None
    } else {
        Some(listing)
    }
}

/// Returns a `list-unreadable` finding.
fn unreadable(path: &str, why: String) -> Finding {
    Finding {
        code: LIST_UNREADABLE,
        path: Some(path.to_owned()),
        target: None,
        found: why,
        expected: "a line `<sha256>  <path>` for each file".to_owned(),
        help: "write it again: `sha256sum FILE… > SHA256SUMS`, or build the tree again".to_owned(),
    }
}

/// Returns the directory to search for lists: the root, or its only directory.
fn base_directory(subject: &Artifacts) -> String {
    if subject
        .entries
        .iter()
        .any(|entry| LISTS.contains(&entry.path.as_str()))
    {
        return String::new();
    }
    let mut roots = subject
        .entries
        .iter()
        .filter_map(|entry| entry.path.split('/').next());
    match roots.next() {
        Some(first) if roots.all(|root| root == first) => format!("{first}/"),
        _ => String::new(),
    }
}

/// Removes `./` and repeated `/` from a path. A leading `/` is kept.
fn normalize(path: &str) -> String {
    let root = if path.starts_with('/') { "/" } else { "" };
    format!(
        "{root}{}",
        path.split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect::<Vec<_>>()
            .join("/")
    )
}

type Files = Vec<ListedFile>;

/// Parses xpkg's manifest and stores it in `listing`. Returns `None` for a `manifest.json` of
/// another program.
fn parse_manifest(text: &str, path: &str, listing: &mut Listing) -> Result<Option<Files>, String> {
    // Other programs write a `manifest.json`, too; only xpkg's has a schema version.
    let value =
        serde_json::from_str::<serde_json::Value>(text).map_err(|error| error.to_string())?;
    if value.get("schema_version").is_none() {
        return Ok(None);
    }
    let manifest = Manifest::parse(text, path).map_err(|problem| problem.message)?;
    let to_listed = |artifact: &Artifact| ListedFile {
        path: artifact.path.clone(),
        sha256: artifact.sha256.clone(),
        size: Some(artifact.size),
        mode: Some(artifact.mode.clone()),
    };
    let files = manifest.artifacts.iter().map(to_listed).collect();
    listing.manifest = Some(manifest);
    Ok(Some(files))
}

/// Parses lines of digest and path, in either order. Empty lines and lines with `#` are ignored.
fn parse_lines(text: &str) -> Result<Option<Files>, String> {
    let mut files = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (sha256, path) = parse_line(line).ok_or_else(|| {
            format!(
                "line {} has no digest and path: `{}`",
                number + 1,
                excerpt(line)
            )
        })?;
        files.push(ListedFile {
            path: path.to_owned(),
            sha256: sha256.to_lowercase(),
            size: None,
            mode: None,
        });
    }
    Ok(Some(files))
}

/// Parses a line into digest and path; `None` if it has no known form.
fn parse_line(line: &str) -> Option<(&str, &str)> {
    let is_digest =
        |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // `SHA256 (path) = digest`, the form of the BSDs.
    if let Some((path, sum)) = line
        .strip_prefix("SHA256 (")
        .and_then(|rest| rest.rsplit_once(") = "))
    {
        return is_digest(sum).then_some((sum, path));
    }
    if let Some((sum, path)) = line
        .split_once([' ', '\t'])
        .filter(|(sum, _)| is_digest(sum))
    {
        // A second space, or the `*` of binary mode.
        let path = path.strip_prefix([' ', '*']).unwrap_or(path);
        return (!path.is_empty()).then_some((sum, path));
    }
    let (path, sum) = line.trim_end().rsplit_once([' ', '\t'])?;
    let path = path.trim_end();
    (is_digest(sum) && !path.is_empty()).then_some((sum, path))
}

/// Returns the first 60 characters of a line, escaped.
fn excerpt(line: &str) -> String {
    line.chars().take(60).flat_map(char::escape_debug).collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[LIST_MISSING, LIST_UNREADABLE];

/// Code of a subject without a list, with `--require-list`.
pub const LIST_MISSING: Code = code(&CodeInfo {
    name: "list-missing",
    title: "no list of files was found",
    cause: "It was never written, or was taken away: without it, a changed file is not noticed.",
    detection: "With `--require-list`, a manifest or a checksum list must be in the directory or \
                archive.",
    fix: "Fetch the release again, with its list, or write one: `sha256sum FILE… > SHA256SUMS`.",
    page: "verify",
    sources: &[],
    waivable: false,
});

/// Code of a list that cannot be parsed, or that contradicts another.
pub const LIST_UNREADABLE: Code = code(&CodeInfo {
    name: "list-unreadable",
    title: "a list of files cannot be read",
    cause: "It is truncated, has lines of no known form, or contradicts itself or another list.",
    detection: "manifest.json is parsed strictly; each line of the other lists must have a digest and a \
                path, in either order.",
    fix: "Write it again: `sha256sum FILE… > SHA256SUMS`.",
    page: "verify",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn check(text: &str, expected: &[&str]) {
        let found = match parse_lines(&text.replace("SUM", SUM)) {
            Ok(files) => files
                .unwrap_or_default()
                .into_iter()
                .map(|file| format!("{} {}", head(&file.sha256), file.path))
                .collect(),
            Err(why) => vec![why],
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_parsed_in_every_known_order() {
        check(
            "SUM  a/b\nSUM *c\n",
            &["ba7816bf8f01 a/b", "ba7816bf8f01 c"],
        );
        check(
            "# of 2024\n\na/b  SUM\r\nwith space  SUM\n",
            &["ba7816bf8f01 a/b", "ba7816bf8f01 with space"],
        );
        check("SHA256 (a b) = SUM", &["ba7816bf8f01 a b"]);
        check("SUM a\tb", &["ba7816bf8f01 a\tb"]);
    }

    #[test]
    fn an_unknown_form_is_an_error_with_its_line() {
        check(
            "SUM  a\nSUM\n",
            &["line 2 has no digest and path: \
                 `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f200`"],
        );
        check("0123  a", &["line 1 has no digest and path: `0123  a`"]);
        check(
            "\u{1b}[31mred",
            &["line 1 has no digest and path: `\\u{1b}[31mred`"],
        );
    }

    #[test]
    fn paths_that_lead_out_are_detected() {
        for path in [
            "",
            "/etc/passwd",
            "a/../../b",
            "..",
            "C:\\x",
            "C:/x",
            "a\\..\\b",
            "\\\\host\\x",
        ] {
            assert!(unsafe_path(path).is_some(), "{path}");
        }
        for path in ["a", "a/b", "..a/b..", "a/./b"] {
            assert!(unsafe_path(path).is_none(), "{path}");
        }
    }
}
