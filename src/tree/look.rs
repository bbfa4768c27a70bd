//! Reads the manifest of a tree.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::host::files::PathKind;
use crate::host::machine::Host;
use crate::problem::codes::Code;
use crate::problem::{Problem, Result};
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::manifest::Manifest;

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
            Code::TreeUnreadable,
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
        Code::TreeForeign,
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
