//! Reads what a project has said to `cross`: Cross.toml or what CROSS_CONFIG names, the root's
//! Cargo.toml, variables.
//!
//! What becomes of it is decided in [`crate::cross_toml`].

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::config::parse::ConfigFile;
use crate::project::cross_toml;
use crate::project::cross_toml::source::CrossSources;

/// Everything that cross would read in this workspace.
pub fn sources(host: &Host, workspace_root: &Utf8Path) -> Result<CrossSources> {
    let read = |path: Utf8PathBuf| host.read_text(&path).map(|text| ConfigFile { path, text });
    // What CROSS_CONFIG names must be there: cross passes over a file that is not, and builds
    // something else.
    let cross_toml = match host.var("CROSS_CONFIG") {
        Some(path) => {
            let source = read(host.absolute(Utf8Path::new(path)));
            Some(source.map_err(|problem| problem.help("correct CROSS_CONFIG, or unset it"))?)
        }
        None => Some(workspace_root.join("Cross.toml"))
            .filter(|path| host.is_file(path))
            .map(read)
            .transpose()?,
    };
    let cargo_toml = Some(workspace_root.join("Cargo.toml")).filter(|path| host.is_file(path));
    let ours = |name: &str| name.starts_with("CROSS_BUILD_") || name.starts_with("CROSS_TARGET_");
    let mut sources = CrossSources {
        cross_toml,
        cargo_toml: cargo_toml.map(read).transpose()?,
        variables: host
            .vars()
            .filter(|(name, value)| ours(name) && !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        ..CrossSources::default()
    };
    sources.scripts = cross_toml::possible_scripts(&sources);
    sources
        .scripts
        .retain(|path| host.is_file(&workspace_root.join(path)));
    Ok(sources)
}
