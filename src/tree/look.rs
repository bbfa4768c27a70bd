//! Reads the manifest of an existing tree, finds its untracked files, and the files of a release.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::digest;
use crate::host::entries::PathKind;
use crate::host::machine::Host;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::manifest::{Manifest, TREE_UNREADABLE};
use crate::tree::release::{self, Document, NAME as RELEASE_NAME, SUMS_NAME};

/// Largest size of a manifest in bytes, for more than 30,000 files.
const LONGEST_MANIFEST: u64 = 64 * 1024 * 1024;

/// Reads the manifest of a tree, with the texts of `manifest.json` and `MANIFEST.txt`. Returns
/// `None` if there is no `manifest.json`.
///
/// # Errors
/// A file cannot be read or parsed, or the two files disagree.
pub fn read(host: &Host, out_dir: &Utf8Path) -> Result<Option<(Manifest, (String, String))>> {
    let path = out_dir.join(JSON_NAME);
    if !host.has_file(&path) {
        return Ok(None);
    }
    let json = host.read_small_text(&path, LONGEST_MANIFEST)?;
    let manifest = Manifest::parse(&json, path.as_str())?;
    let text = host.read_small_text(&out_dir.join(TEXT_NAME), LONGEST_MANIFEST)?;
    if text != manifest.text() {
        return Err(Problem::new(
            TREE_UNREADABLE,
            format!("`{TEXT_NAME}` and `{JSON_NAME}` in `{out_dir}` disagree"),
        )
        .help(
            "one of them was edited by hand: restore it, or remove the tree by hand and build \
             again",
        ));
    }
    Ok(Some((manifest, (json, text))))
}

/// Returns the problem of a tree with untracked files, of which it lists the first ten.
pub fn foreign(out_dir: &Utf8Path, untracked: &[String]) -> Problem {
    const SHOWN: usize = 10;
    let more = untracked.len().saturating_sub(SHOWN);
    let lines = untracked
        .iter()
        .take(SHOWN)
        .cloned()
        .chain((more > 0).then(|| format!("… and {more} more")));
    Problem::new(
        TREE_FOREIGN,
        format!("`{out_dir}` contains files that xpkg did not create"),
    )
    .note("untracked", lines)
    .help("move it away, or choose another `--out-dir`")
}

/// Checks that a run may replace the tree, without its lock: what a build writes meanwhile is not
/// judged.
///
/// # Errors
/// `tree-foreign`, and those of [`read`].
pub fn check(host: &Host, out_dir: &Utf8Path) -> Result<()> {
    if !host.exists(out_dir) {
        return Ok(());
    }
    if !host.is_dir(out_dir) {
        return Err(foreign(out_dir, &["a file".to_owned()]));
    }
    let manifest = read(host, out_dir)?;
    let found = host.walk(out_dir)?;
    if read(host, out_dir)? != manifest {
        return Ok(());
    }
    let manifest = manifest.map(|(manifest, _)| manifest);
    let untracked = untracked(&found, manifest.as_ref());
    if untracked.is_empty() {
        Ok(())
    } else {
        Err(foreign(out_dir, &untracked))
    }
}

/// Returns the paths in the out-dir that its manifest does not list. They are never removed.
pub fn untracked(found: &BTreeMap<String, PathKind>, manifest: Option<&Manifest>) -> Vec<String> {
    let listed = manifest.into_iter().flat_map(|manifest| {
        manifest
            .artifacts
            .iter()
            .map(|artifact| artifact.path.as_str())
    });
    let manifests = manifest.into_iter().flat_map(|_| [TEXT_NAME, JSON_NAME]);
    let files: BTreeSet<&str> = listed.chain(manifests).collect();
    let is_tracked = |path: &str, entry: PathKind| match entry {
        PathKind::File => files.contains(path),
        PathKind::Directory => {
            let directory = format!("{path}/");
            let mut below = files.range(directory.as_str()..);
            below
                .next()
                .is_some_and(|file| file.starts_with(&directory))
        }
        PathKind::Other => false,
    };
    found
        .iter()
        .filter(|(path, entry)| !is_tracked(path, **entry))
        .map(|(path, _)| path.clone())
        .collect()
}

/// Returns the digests of the files that xpkg has written to a directory, by path: those of a tree or of a
/// release; nothing for another directory.
pub fn written(host: &Host, directory: &Utf8Path) -> BTreeMap<String, String> {
    if let Ok(Some((manifest, (json, text)))) = read(host, directory) {
        let lists = [(JSON_NAME, json), (TEXT_NAME, text)];
        let lists = lists.map(|(name, text)| (name.to_owned(), digest::sha256(text.as_bytes())));
        let files = manifest.artifacts.into_iter();
        let files = files.map(|artifact| (artifact.path, artifact.sha256));
        return files.chain(lists).collect();
    }
    let place = directory.join(RELEASE_NAME);
    let release = || {
        let text = host.read_small_text(&place, LONGEST_MANIFEST).ok()?;
        let document = Document::parse(&text, place.as_str()).ok()?;
        release_files(host, directory, &text, document).ok()
    };
    let files = host.has_file(&place).then(release).flatten();
    let files = files.unwrap_or_default().into_iter();
    files
        .filter_map(|(path, digest)| Some((path, digest?)))
        .collect()
}

/// Returns the digests of all files of a release by path, as its lists have them; `None` for a list
/// that is not as xpkg wrote it.
pub fn release_files(
    host: &Host,
    directory: &Utf8Path,
    text: &str,
    document: Document,
) -> Result<BTreeMap<String, Option<String>>> {
    let own = digest::sha256(text.as_bytes());
    let signatures = document.signatures.clone();
    let files = document.files.iter();
    let files = files.map(|file| (file.path.as_str(), file.sha256.as_str()));
    let expected = release::sums(files.chain([(RELEASE_NAME, own.as_str())]));
    let mut known: BTreeMap<String, Option<String>> = document
        .files
        .into_iter()
        .map(|file| (file.path, Some(file.sha256)))
        .collect();
    let place = directory.join(SUMS_NAME);
    let found = if host.exists(&place) {
        host.read_small_text(&place, LONGEST_MANIFEST)?
    } else {
        expected.clone()
    };
    // The list of checksums is the only one that has the digest of the document.
    let line = found
        .lines()
        .find(|line| line.ends_with(&format!("  {RELEASE_NAME}")));
    let is_document = line.is_none_or(|line| line.starts_with(&own));
    let is_list = found == expected || !is_document;
    known.insert(RELEASE_NAME.to_owned(), is_document.then_some(own));
    let list = is_list.then(|| digest::sha256(found.as_bytes()));
    known.insert(SUMS_NAME.to_owned(), list);
    for signature in signatures {
        let name = signature.file_name();
        // No list has its digest: it is verified with a key.
        let place = directory.join(name);
        let own = host
            .is_file(&place)
            .then(|| host.hash(&place))
            .transpose()?;
        known.insert(name.to_owned(), own.map(|(sha256, _)| sha256));
    }
    Ok(known)
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[TREE_FOREIGN, TREE_CHANGED, NO_TREE];

/// An out-dir with untracked files.
pub const TREE_FOREIGN: Code = code(&CodeInfo {
    name: "tree-foreign",
    title: "the out-dir contains files that xpkg did not create",
    cause: "The tree is replaced as a whole; files that its manifest does not list would be lost.",
    detection: "The out-dir is compared with its manifest before anything is compiled.",
    fix: "Move the files away, or choose another `--out-dir`.",
    page: "tree",
    sources: &[],
    waivable: false,
});

/// A staged file that differs from its manifest.
pub const TREE_CHANGED: Code = code(&CodeInfo {
    name: "tree-changed",
    title: "a staged file differs from its manifest",
    cause: "A file that this run would keep was changed or removed after it was staged.",
    detection: "Kept files are hashed and compared with manifest.json.",
    fix: "Build its target again, or remove the tree with `cargo xpkg clean`.",
    page: "tree",
    sources: &[],
    waivable: false,
});

/// An out-dir without a tree.
pub const NO_TREE: Code = code(&CodeInfo {
    name: "no-tree",
    title: "no staged tree found",
    cause: "No build has written to this out-dir yet.",
    detection: "The out-dir has no manifest.json.",
    fix: "Run `cargo xpkg build`, or name the tree with `--out-dir`.",
    page: "tree",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_manifest_lists_is_untracked() {
        let found = [
            ("a", PathKind::Directory),
            ("a/x", PathKind::File),
            ("b", PathKind::Directory),
            ("l", PathKind::Other),
        ];
        let found = found.map(|(path, entry)| (path.to_owned(), entry)).into();
        assert_eq!(untracked(&found, None), ["a", "a/x", "b", "l"]);
    }
}
