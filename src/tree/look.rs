//! Reads the manifest of a tree.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::host::files::PathKind;
use crate::host::machine::Host;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::manifest::{Manifest, TREE_UNREADABLE};

/// The manifest that stands in a tree, with the bytes of both files.
pub fn read(host: &Host, out_dir: &Utf8Path) -> Result<Option<(Manifest, (String, String))>> {
    let path = out_dir.join(JSON_NAME);
    if !host.is_file(&path) {
        return Ok(None);
    }
    let json = host.read_text(&path)?;
    let manifest = Manifest::parse(&json, path.as_str())?;
    let text = host.read_text(&out_dir.join(TEXT_NAME))?;
    if text != manifest.text() {
        return Err(Problem::new(
            TREE_UNREADABLE,
            format!(
                "`{TEXT_NAME}` and `{JSON_NAME}` in \
            `{out_dir}` do not say the same"
            ),
        )
        .help(
            "one of them was changed by hand: put it back, or remove the tree by hand and \
                   build again",
        ));
    }
    Ok(Some((manifest, (json, text))))
}

pub fn foreign(out_dir: &Utf8Path, strangers: &[String]) -> Problem {
    const SHOWN: usize = 10;
    let more = strangers.len().saturating_sub(SHOWN);
    let lines = strangers
        .iter()
        .take(SHOWN)
        .cloned()
        .chain((more > 0).then(|| format!("… and {more} more")));
    Problem::new(
        TREE_FOREIGN,
        format!("`{out_dir}` holds what xpkg did not make"),
    )
    .note("there", lines)
    .help("move it away, or choose another `--out-dir`")
}

/// What stands in the out-dir and in no manifest: not ours, so never removed.
pub fn strangers(found: &BTreeMap<String, PathKind>, manifest: Option<&Manifest>) -> Vec<String> {
    let listed = manifest.into_iter().flat_map(|manifest| {
        manifest
            .artifacts
            .iter()
            .map(|artifact| artifact.path.as_str())
    });
    let own = manifest.into_iter().flat_map(|_| [TEXT_NAME, JSON_NAME]);
    let files: BTreeSet<&str> = listed.chain(own).collect();
    let ours = |path: &str, entry: PathKind| match entry {
        PathKind::File => files.contains(path),
        PathKind::Directory => files.iter().any(|file| {
            file.strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('/'))
        }),
        PathKind::Other => false,
    };
    found
        .iter()
        .filter(|(path, entry)| !ours(path, **entry))
        .map(|(path, _)| path.clone())
        .collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[TREE_FOREIGN, TREE_CHANGED, NO_TREE];

pub const TREE_FOREIGN: Code = code(&CodeInfo {
    name: "tree-foreign",
    title: "the out-dir holds files that xpkg did not make",
    cause: "The tree is exchanged as a whole; files that are in no manifest would be lost.",
    detection: "The out-dir is compared with its manifest before anything is compiled.",
    fix: "Move the files away, or choose another `--out-dir`.",
    source: "README, What stands in the tree",
    waivable: false,
});

pub const TREE_CHANGED: Code = code(&CodeInfo {
    name: "tree-changed",
    title: "a staged file is not what its manifest says",
    cause: "A file that this run would keep was changed or removed after it was staged.",
    detection: "Kept files are hashed and compared with manifest.json.",
    fix: "Build its target again, or remove the tree with `cargo xpkg clean`.",
    source: "README, What stands in the tree",
    waivable: false,
});

pub const NO_TREE: Code = code(&CodeInfo {
    name: "no-tree",
    title: "there is no staged tree here",
    cause: "Nothing was built into this out-dir yet.",
    detection: "The out-dir has no manifest.json.",
    fix: "Run `cargo xpkg build`, or name the tree with `--out-dir`.",
    source: "README, In a hurry",
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_manifest_lists_is_a_stranger() {
        let found = [
            ("a", PathKind::Directory),
            ("a/x", PathKind::File),
            ("b", PathKind::Directory),
            ("l", PathKind::Other),
        ];
        let found = found.map(|(path, entry)| (path.to_owned(), entry)).into();
        assert_eq!(strangers(&found, None), ["a", "a/x", "b", "l"]);
    }
}
