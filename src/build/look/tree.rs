//! Finds the staged tree.

use camino::Utf8PathBuf;

use crate::build::look::options::{TreeOptions, cargo_options, manifest_path, variables};
use crate::build::look::request::xpkg_config;
use crate::build::plan::out_dir_unfit;
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result};
use crate::project::config::PolicyConfig;
use crate::project::look::{access, context};
use crate::project::{settings, workspace};

/// The place of a staged tree, with the configuration of its workspace.
pub struct FoundTree {
    /// Root of the tree, which may not exist.
    pub out_dir: Utf8PathBuf,
    /// xpkg's cache in the workspace's target directory; `None` if the workspace was not read.
    pub cache: Option<Utf8PathBuf>,
    /// Problem of an out-dir whose files must not be removed: it contains the workspace or is among
    /// its sources, where no run has staged a tree, or the configuration alone leads outside.
    pub unfit: Option<Problem>,
    /// Policy that the workspace configures.
    pub policy: PolicyConfig,
}

/// Finds the tree of `show`, `clean` and `verify`. The workspace is not read if `--out-dir` names
/// the tree without `--manifest-path`.
pub fn find_tree(host: &Host, options: &TreeOptions) -> Result<FoundTree, Failure> {
    let TreeOptions {
        manifest_path: manifest,
        out_dir,
        target_dir,
    } = options;
    if let (Some(dir), None) = (out_dir, manifest) {
        return Ok(FoundTree {
            out_dir: host.resolve(&host.absolute(dir)),
            cache: None,
            unfit: None,
            policy: PolicyConfig::default(),
        });
    }
    let project = context::workspace(
        host,
        &cargo_options(host, target_dir.clone()),
        manifest_path(host, manifest.clone())?.as_deref(),
    )?;
    let config = xpkg_config(&project)?;
    let is_configured = out_dir.is_none() && variables(host).out_dir.is_none();
    let out_dir = host.resolve(&settings::out_dir(
        out_dir.as_ref().map(|dir| host.absolute(dir)),
        variables(host).out_dir,
        &config,
        &project.workspace,
    ));
    let is_configured = is_configured && config.out_dir.is_some();
    // A checkout could name the tree of another project.
    let outside = access::check_out_dir(host, &project.workspace.root, &out_dir);
    let outside = outside.err().filter(|_| is_configured);
    Ok(FoundTree {
        unfit: out_dir_unfit(&project.workspace, &out_dir).or(outside),
        out_dir,
        cache: Some(workspace::cache_dir(&project.workspace)),
        policy: config.policy,
    })
}
