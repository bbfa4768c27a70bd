//! Writes the joined tree, and exchanges it with what is there.

use std::io::Read as _;

use camino::Utf8Path;

use crate::build::stage::{self, begin};
use crate::digest;
use crate::host::files::cannot;
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result};
use crate::ship::ci::merge::decide::{LegTree, Merged};
use crate::ship::ci::merge::look::demand;
use crate::ship::trees::look::{Origin, findings, line};
use crate::tree::manifest::Artifact;
use crate::verify::integrity::DIGEST_MISMATCH;

/// Writes the tree. Each file is read once, and must still have the digest of its leg's manifest;
/// modes are those of the manifest, which artifacts of CI services have lost. The tree is verified
/// before it is exchanged. Returns true if anything changed.
///
/// # Errors
/// `digest-mismatch`, findings of `verify` among the legs, `tree-foreign` and `file-access`.
pub fn write(
    host: &Host,
    merged: &Merged,
    trees: &[LegTree],
    out_dir: &Utf8Path,
) -> Result<bool, Failure> {
    let existing = stage::open(host, out_dir)?;
    let mut staging = begin(host, &existing)?;
    for (number, artifact) in &merged.files {
        let bytes = read(host, &trees[*number], artifact)?;
        staging.add(artifact, &bytes)?;
    }
    let is_changed = staging.finish_checked(&merged.manifest, |new| check(host, new))?;
    Ok(is_changed)
}

/// Reads a file of a leg, without following links.
fn read(host: &Host, tree: &LegTree, artifact: &Artifact) -> Result<Vec<u8>> {
    let path = tree.root.join(&artifact.path);
    let mut bytes = Vec::new();
    host.below(&tree.root)?
        .open_read(&artifact.path)?
        .take(artifact.size + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot("read", &path, &error))?;
    if digest::sha256(&bytes) == artifact.sha256 {
        return Ok(bytes);
    }
    let message = format!("`{path}` was changed after it was verified");
    Err(Problem::new(DIGEST_MISMATCH, message).help("end what writes to it, then merge again"))
}

/// Verifies the new tree: some findings show only when the programs of all legs are compared.
fn check(host: &Host, new: &Utf8Path) -> Result<()> {
    let findings = findings(host, new, Origin::Here, demand().policy, None)?;
    let Some(first) = findings.first() else {
        return Ok(());
    };
    let message = "the joined tree does not pass verification, so it is not written";
    Err(Problem::new(first.code, message)
        .note("found", findings.iter().take(10).map(line))
        .help(format!(
            "see what it means: `cargo xpkg --explain {}`",
            first.code.name()
        )))
}
