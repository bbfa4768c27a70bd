//! Reads a project's configuration of `cross`: Cross.toml or the file that CROSS_CONFIG names, the
//! manifests with a table of cross, and variables.
//!
//! The configuration is evaluated in [`crate::project::cross_toml`].

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::config::parse::ConfigFile;
use crate::project::cross_toml::source::CrossSources;
use crate::project::cross_toml::{self, NAME};
use crate::project::look::context::ProjectContext;

/// Reads everything that cross would read in this workspace.
pub fn sources(host: &Host, project: &ProjectContext) -> Result<CrossSources> {
    let workspace = &project.workspace;
    let root = &workspace.root;
    let read = |path: Utf8PathBuf| host.read_text(&path).map(|text| ConfigFile { path, text });
    let file = root.join(NAME);
    // The file that CROSS_CONFIG names must exist: cross ignores a missing one, and builds
    // something else.
    let cross_toml = match host.var("CROSS_CONFIG") {
        Some(path) => {
            let source = read(host.absolute(Utf8Path::new(path)));
            Some(source.map_err(|problem| problem.help("correct CROSS_CONFIG, or unset it"))?)
        }
        None if host.has_file(&file) => Some(read(file)?),
        None => None,
    };
    let manifest = root.join("Cargo.toml");
    let members = workspace
        .members
        .iter()
        .filter(|member| member.has_cross && member.manifest != manifest)
        .map(|member| read(member.manifest.clone()));
    let mut sources = CrossSources {
        members: members.collect::<Result<_>>()?,
        cargo_toml: Some(manifest.clone())
            .filter(|path| host.has_file(path))
            .map(read)
            .transpose()?,
        strays: if cross_toml.is_some() {
            Vec::new()
        } else {
            strays(host, project)
        },
        cross_toml,
        variables: host
            .vars()
            .filter(|(name, value)| name.starts_with("CROSS_") && !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        triples: project.triples.clone(),
        ..CrossSources::default()
    };
    sources.scripts = cross_toml::possible_scripts(&sources);
    sources
        .scripts
        .retain(|path| host.has_file(&root.join(path)));
    Ok(sources)
}

/// Returns the files that are named like Cross.toml in other letters, and those in the directories
/// of members.
fn strays(host: &Host, project: &ProjectContext) -> Vec<Utf8PathBuf> {
    let workspace = &project.workspace;
    let members = workspace
        .members
        .iter()
        .filter_map(|member| member.manifest.parent());
    let mut directories: Vec<&Utf8Path> = members.collect();
    directories.insert(0, &workspace.root);
    let mut strays = Vec::new();
    for directory in directories {
        let is_root = directory == workspace.root;
        let alike = host
            .names(directory)
            .into_iter()
            .filter(|name| name.eq_ignore_ascii_case(NAME) && !(is_root && name == NAME));
        strays.extend(alike.map(|name| directory.join(name)));
    }
    strays.sort();
    strays.dedup();
    strays
}
