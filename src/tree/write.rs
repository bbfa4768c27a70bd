//! Removes the files of a tree.

use camino::Utf8Path;

use crate::host::entries::PathKind;
use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::look::read;

/// Removes the files that the manifest lists, then empty directories. Returns the removed files and
/// the remaining ones. No link is followed: what is behind one is none of the tree's files.
pub fn remove(host: &Host, out_dir: &Utf8Path) -> Result<(Vec<String>, Vec<String>)> {
    if !host.is_dir(out_dir) {
        return Ok((Vec::new(), Vec::new()));
    }
    let Some((manifest, _)) = read(host, out_dir)? else {
        return Ok((Vec::new(), files(host, out_dir)?));
    };
    let listed = manifest
        .artifacts
        .iter()
        .map(|artifact| artifact.path.as_str());
    let tree = host.below(out_dir)?;
    let mut removed = Vec::new();
    // The manifests are removed last, so that an interrupted run can be repeated.
    for path in listed.chain([TEXT_NAME, JSON_NAME]) {
        if tree.remove_file(path)? {
            removed.push(path.to_owned());
        }
    }
    let found = host.walk(out_dir)?;
    for (path, _) in found
        .iter()
        .rev()
        .filter(|(_, entry)| **entry == PathKind::Directory)
    {
        tree.remove_empty_dir(path);
    }
    host.remove_empty_dir(out_dir);
    Ok((removed, files(host, out_dir)?))
}

/// Returns the paths of all files below a directory.
fn files(host: &Host, out_dir: &Utf8Path) -> Result<Vec<String>> {
    if !host.exists(out_dir) {
        return Ok(Vec::new());
    }
    Ok(host
        .walk(out_dir)?
        .into_iter()
        .filter(|(_, entry)| *entry != PathKind::Directory)
        .map(|(path, _)| path)
        .collect())
}
