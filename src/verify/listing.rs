//! Lists of files with digests: xpkg's own manifest, `SHA256SUMS`, and the older order with the
//! path in front.
//!
//! Pure. What a list says is never trusted: each path is taken apart, each line must have a known
//! form.

use std::collections::BTreeMap;

use crate::archive::entry::{Artifacts, EntryKind, LISTS};
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::manifest::{Artifact, Manifest};
use crate::verify::finding::Finding;
use crate::verify::paths::{PATH_UNSAFE, head, unsafe_path};

/// A file as a list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Below the subject.
    pub path: String,
    pub sha256: String,
    /// Bytes, where the list says so.
    pub size: Option<u64>,
    /// `0755`, where the list says so.
    pub mode: Option<String>,
}

/// What lists the files of a subject.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Paths of the lists; the first is the strongest.
    pub by: Vec<String>,
    pub files: BTreeMap<String, ListedFile>,
    /// xpkg's own, with all that it knows of targets.
    pub manifest: Option<Manifest>,
    /// The directory that the lists stand in, with `/` at its end, or nothing.
    pub base: String,
}

/// The lists of a subject: those in its root, or, of an archive, in the one directory at its root.
pub fn find(subject: &Artifacts, findings: &mut Vec<Finding>) -> Option<Listing> {
    let base = base(subject);
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
                "it is empty, too long, or no plain file".to_owned(),
            ));
            continue;
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            findings.push(unreadable(&path, "it is not UTF-8".to_owned()));
            continue;
        };
        let read = if *name == JSON_NAME {
            manifest(text, &path, &mut listing)
        } else {
            lines(text)
        };
        let files = match read {
            Ok(Some(files)) => files,
            // A manifest of somebody else's making lists nothing for us.
            Ok(None) => continue,
            Err(why) => {
                findings.push(unreadable(&path, why));
                continue;
            }
        };
        listing.by.push(path.clone());
        for mut file in files {
            file.path = plain(&file.path);
            // `sha256sum * > SHA256SUMS` lists the list as it was when it was empty.
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
                    help: "list the file again by its path below the tree".to_owned(),
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
                    expected: format!("{}…, as `{}` has it", head(&known.sha256), listing.by[0]),
                    help: "one of the lists was changed by hand: write them again".to_owned(),
                }),
                Some(_) => {}
                // xpkg's own manifest lists all that there is.
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
        // Each list stands for all of a tree: what only one of xpkg's two has was changed in the
        // other.
        if *name == TEXT_NAME
            && let Some(known) = listing
                .manifest
                .as_ref()
                .filter(|known| known.text() != text)
        {
            let lost = known
                .artifacts
                .iter()
                .find(|artifact| !text.contains(&format!("  {}\n", artifact.path)));
            if let Some(lost) = lost {
                findings.push(unreadable(
                    &path,
                    format!(
                        "it does not list `{}`, which `{base}{JSON_NAME}` has",
                        lost.path
                    ),
                ));
            }
        }
    }
    if listing.manifest.is_some() && !listing.by.iter().any(|path| path.ends_with(TEXT_NAME)) {
        findings.push(unreadable(
            &format!("{base}{JSON_NAME}"),
            format!("`{TEXT_NAME}`, which xpkg writes with it, is not beside it"),
        ));
    }
    if listing.by.is_empty() {
        None
    } else {
        Some(listing)
    }
}

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

/// Where lists are looked for: the root, or the one directory that an archive holds.
fn base(subject: &Artifacts) -> String {
    if subject
        .entries
        .iter()
        .any(|entry| LISTS.contains(&entry.path.as_str()))
    {
        return String::new();
    }
    let mut tops = subject
        .entries
        .iter()
        .filter_map(|entry| entry.path.split('/').next());
    match tops.next() {
        Some(first) if tops.all(|top| top == first) => format!("{first}/"),
        _ => String::new(),
    }
}

/// A path without what says nothing: `./` and doubled `/`. A root stays a root.
fn plain(path: &str) -> String {
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

fn manifest(text: &str, path: &str, listing: &mut Listing) -> Result<Option<Files>, String> {
    // A `manifest.json` may be anybody's; only one that says what it is is held to it.
    let ours =
        serde_json::from_str::<serde_json::Value>(text).map_err(|error| error.to_string())?;
    if ours.get("schema_version").is_none() {
        return Ok(None);
    }
    let manifest = Manifest::parse(text, path).map_err(|problem| problem.message)?;
    let listed = |artifact: &Artifact| ListedFile {
        path: artifact.path.clone(),
        sha256: artifact.sha256.clone(),
        size: Some(artifact.size),
        mode: Some(artifact.mode.clone()),
    };
    let files = manifest.artifacts.iter().map(listed).collect();
    listing.manifest = Some(manifest);
    Ok(Some(files))
}

/// Lines of digest and path, in either order; `#` and empty lines say nothing.
fn lines(text: &str) -> Result<Option<Files>, String> {
    let mut files = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (sha256, path) = line_of(line).ok_or_else(|| {
            format!(
                "line {} has no digest and path: `{}`",
                number + 1,
                shown(line)
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

fn line_of(line: &str) -> Option<(&str, &str)> {
    let digest = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    // `SHA256 (path) = digest`, as BSD has it.
    if let Some((path, sum)) = line
        .strip_prefix("SHA256 (")
        .and_then(|rest| rest.rsplit_once(") = "))
    {
        return digest(sum).then_some((sum, path));
    }
    if let Some((sum, path)) = line.split_once([' ', '\t']).filter(|(sum, _)| digest(sum)) {
        // One more space, or the `*` of a binary file.
        let path = path.strip_prefix([' ', '*']).unwrap_or(path);
        return (!path.is_empty()).then_some((sum, path));
    }
    let (path, sum) = line.trim_end().rsplit_once([' ', '\t'])?;
    let path = path.trim_end();
    (digest(sum) && !path.is_empty()).then_some((sum, path))
}

fn shown(line: &str) -> String {
    line.chars().take(60).flat_map(char::escape_debug).collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[LIST_UNREADABLE];

pub const LIST_UNREADABLE: Code = code(&CodeInfo {
    name: "list-unreadable",
    title: "a list of files cannot be read",
    cause: "It is cut short, has lines of no known form, or its parts contradict each other.",
    detection: "manifest.json is read strictly; of the other lists each line has a digest and a \
                path, in either order.",
    fix: "Write it again: `sha256sum FILE… > SHA256SUMS`.",
    source: "README, Verifying a release",
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn check(text: &str, expected: &[&str]) {
        let found = match lines(&text.replace("SUM", SUM)) {
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
    fn lines_are_read_in_every_order_that_people_have() {
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
    fn what_has_no_known_form_is_an_error_with_its_line() {
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
    fn paths_that_lead_out_are_seen() {
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
