//! Finds the staged tree.

use camino::Utf8PathBuf;

use crate::build::look::session::{
    TreeOptions, cargo_program, manifest_path, own_config, target_directory, variables,
};
use crate::host::machine::Host;
use crate::problem::{Failure, Result};
use crate::project::config::PolicyConfig;
use crate::project::look::context::{self, CargoOptions};
use crate::project::{settings, workspace};

/// Where a staged tree stands, and what its workspace says.
pub struct FoundTree {
    pub out_dir: Utf8PathBuf,
    /// What xpkg keeps in the workspace's target directory, where a workspace was asked.
    pub cache: Option<Utf8PathBuf>,
    pub policy: PolicyConfig,
}

/// The tree of `show`, `clean` and `verify`: asked of the workspace only where nobody named it.
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
            policy: PolicyConfig::default(),
        });
    }
    let target_dir = target_directory(host, target_dir.clone());
    let asking = CargoOptions {
        program: cargo_program(host),
        locked: false,
        offline: false,
        frozen: false,
        config: Vec::new(),
        target_dir,
    };
    let found = context::workspace(
        host,
        &asking,
        manifest_path(host, manifest.clone())?.as_deref(),
    )?;
    let config = own_config(&found)?;
    let cache = workspace::cache_dir(&found.workspace);
    let out_dir = out_dir.as_ref().map(|dir| host.absolute(dir));
    let out_dir = host.resolve(&settings::out_dir(
        out_dir,
        variables(host).out_dir,
        &config,
        &found.workspace,
    ));
    Ok(FoundTree {
        out_dir,
        cache: Some(cache),
        policy: config.policy,
    })
}
