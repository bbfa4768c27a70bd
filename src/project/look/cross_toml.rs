//! Reads a project's configuration of `cross`: Cross.toml or the file that CROSS_CONFIG names, the
//! root's Cargo.toml, and variables.
//!
//! The configuration is evaluated in [`crate::project::cross_toml`].

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::config::parse::ConfigFile;
use crate::project::cross_toml;
use crate::project::cross_toml::source::CrossSources;

/// Reads everything that cross would read in this workspace.
pub fn sources(host: &Host, workspace_root: &Utf8Path) -> Result<CrossSources> {
    let read = |path: Utf8PathBuf| host.read_text(&path).map(|text| ConfigFile { path, text });
    // The file that CROSS_CONFIG names must exist: cross ignores a missing one, and builds
    // something else.
    let cross_toml = match host.var("CROSS_CONFIG") {
        Some(path) => {
            let source = read(host.absolute(Utf8Path::new(path)));
            Some(source.map_err(|problem| problem.help("correct CROSS_CONFIG, or unset it"))?)
        }
        None => Some(workspace_root.join("Cross.toml"))
            .filter(|path| host.has_file(path))
            .map(read)
            .transpose()?,
    };
    let cargo_toml = Some(workspace_root.join("Cargo.toml")).filter(|path| host.has_file(path));
    let is_cross =
        |name: &str| name.starts_with("CROSS_BUILD_") || name.starts_with("CROSS_TARGET_");
    let mut sources = CrossSources {
        cross_toml,
        cargo_toml: cargo_toml.map(read).transpose()?,
        variables: host
            .vars()
            .filter(|(name, value)| is_cross(name) && !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        ..CrossSources::default()
    };
    sources.scripts = cross_toml::possible_scripts(&sources);
    sources
        .scripts
        .retain(|path| host.has_file(&workspace_root.join(path)));
    Ok(sources)
}
