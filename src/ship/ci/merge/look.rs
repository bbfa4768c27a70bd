//! Reads the trees of the legs, each verified against its manifest.

use camino::Utf8PathBuf;

use crate::digest;
use crate::host::machine::Host;
use crate::problem::text::count;
use crate::problem::{Failure, Problem, Result};
use crate::project::config::PolicyConfig;
use crate::ship::ci::legs::Legs;
use crate::ship::ci::merge::codes::MERGE_INVALID;
use crate::ship::ci::merge::decide::LegTree;
use crate::ship::trees::look::{Demand, Origin, no_manifest, opened, verified};
use crate::tree;
use crate::tree::manifest::Artifact;
use crate::verify::rules::policy::{Policy, PolicyName};

/// Largest size of the list of the legs in bytes.
const LONGEST_LIST: u64 = 64 * 1024 * 1024;

/// Returns what every tree must pass.
pub fn demand() -> Demand {
    Demand {
        policy: Policy {
            name: PolicyName::Default,
            config: PolicyConfig::default(),
        },
        consequence: "it is not merged",
        taken: None,
    }
}

/// Reads the list of the legs.
///
/// # Errors
/// `file-access` and `legs-unreadable`.
pub fn legs(host: &Host, path: &Utf8PathBuf) -> Result<Legs> {
    let path = host.absolute(path);
    let text = host.read_small_text(&path, LONGEST_LIST)?;
    Legs::parse(&text, path.as_str())
}

/// Rejects an out-dir inside a tree of a leg, which would no longer match its manifest, or around
/// one, which would be replaced.
///
/// # Errors
/// `merge-invalid`.
pub fn check_out_dir(host: &Host, out_dir: &Utf8PathBuf, paths: &[Utf8PathBuf]) -> Result<()> {
    for path in paths {
        let leg = host.resolve(&host.absolute(path));
        if out_dir.starts_with(&leg) || leg.starts_with(out_dir) {
            let message = format!("the out-dir `{out_dir}` overlaps with the leg `{leg}`");
            return Err(Problem::new(MERGE_INVALID, message)
                .help("choose another directory: `--out-dir DIR`"));
        }
    }
    Ok(())
}

/// Reads the trees, directories or archives, which are unpacked into directories that are added to
/// `scratch`.
///
/// # Errors
/// All problems of all trees: `no-tree`, and the findings of `verify`.
pub fn trees(
    host: &Host,
    paths: &[Utf8PathBuf],
    scratch: &mut Vec<tempfile::TempDir>,
) -> Result<Vec<LegTree>, Failure> {
    let mut trees = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        match read(host, path, scratch) {
            Ok(tree) => trees.push(tree),
            Err(Failure::Problems(found)) => problems.extend(found),
            Err(failure) => return Err(failure),
        }
    }
    if problems.is_empty() {
        Ok(trees)
    } else {
        Err(problems.into())
    }
}

/// Reads one tree.
fn read(
    host: &Host,
    path: &Utf8PathBuf,
    scratch: &mut Vec<tempfile::TempDir>,
) -> Result<LegTree, Failure> {
    let path = host.absolute(path);
    let demand = demand();
    let root = opened(host, &path, "", &demand, scratch)?;
    if root == path {
        verified(host, &root, Origin::Elsewhere, &demand)?;
    }
    let (manifest, (json, _)) = tree::look::read(host, &root)?.ok_or_else(|| no_manifest(&path))?;
    let lost = |artifact: &&Artifact| {
        let mode = host.mode(&root.join(&artifact.path));
        mode.is_some_and(|mode| mode & 0o111 == 0)
    };
    let lost = manifest.artifacts.iter().filter(lost).count();
    if lost > 0 {
        let number = count(lost, "file");
        host.shell
            .status("Restoring", &format!("the modes of {number} of {path}"));
    }
    Ok(LegTree {
        path,
        root,
        manifest,
        digest: digest::sha256(json.as_bytes()),
    })
}
