//! Finds the directories outside of the workspace that cargo reads: path dependencies with the
//! workspaces that they belong to, and vendored packages, also where a link in the workspace leads
//! to them. Dependencies of all platforms are included, because cargo also reads the manifest of a
//! dependency that it does not build.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::Invocation;
use crate::problem::Result;
use crate::project::cargo_config;
use crate::project::look::cargo_config::{cargo_home, with_included};
use crate::project::look::context::ProjectContext;

/// Returns all such directories, sorted.
pub fn directories(host: &Host, found: &ProjectContext) -> Result<Vec<Utf8PathBuf>> {
    let root = &found.workspace.root;
    let real_root = host.resolve(root);
    let mut outside: BTreeSet<Utf8PathBuf> = sources(host, root)?
        .into_iter()
        .filter(|path| !path.starts_with(root) && host.is_dir(path))
        .collect();
    let mut open: Vec<Utf8PathBuf> = found
        .workspace
        .members
        .iter()
        .map(|member| member.manifest.clone())
        .collect();
    open.push(root.join("Cargo.toml"));
    let mut read = BTreeSet::new();
    while let Some(manifest) = open.pop() {
        if !read.insert(manifest.clone()) || !host.is_file(&manifest) {
            continue;
        }
        let Ok(table) = host.read_text(&manifest)?.parse::<toml::Table>() else {
            continue;
        };
        let beside = manifest.parent().unwrap_or(Utf8Path::new("/"));
        // A package below the root may be reached by a link that leads out of it.
        let linked = host.resolve(beside);
        let known = linked.starts_with(&real_root)
            || outside
                .iter()
                .any(|known| linked.starts_with(known) || beside.starts_with(known));
        if beside.starts_with(root) && !known {
            outside.insert(workspace_of(host, &linked));
        }
        for path in cargo_config::paths(&table)
            .into_iter()
            .map(|path| host.absolute(&beside.join(path)))
        {
            let known =
                path.starts_with(root) || outside.iter().any(|known| path.starts_with(known));
            if !known && host.is_dir(&path) {
                let workspace = workspace_of(host, &path);
                open.push(workspace.join("Cargo.toml"));
                outside.insert(workspace);
            }
            open.push(path.join("Cargo.toml"));
        }
    }
    Ok(outside.into_iter().collect())
}

/// Returns the root of the workspace that a package belongs to, from which it may inherit keys.
fn workspace_of(host: &Host, package: &Utf8Path) -> Utf8PathBuf {
    let question = Invocation::new("cargo", package).args([
        "locate-project",
        "--workspace",
        "--message-format",
        "plain",
    ]);
    let answer = host.capture(&question).ok().filter(Output::success);
    let root =
        answer.and_then(|answer| Some(Utf8Path::new(answer.stdout.trim()).parent()?.to_owned()));
    root.unwrap_or_else(|| package.to_owned())
}

/// Returns the directories that cargo's configuration takes packages from.
fn sources(host: &Host, root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let home = cargo_home(host).and_then(|home| Utf8PathBuf::from_path_buf(home).ok());
    let places = root
        .ancestors()
        .map(|place| place.join(".cargo"))
        .chain(home);
    let files = places
        .flat_map(|place| ["config.toml", "config"].map(|name| place.join(name)))
        .filter(|path| host.is_file(path))
        .collect();
    let mut found = Vec::new();
    for (path, table) in with_included(host, files)? {
        // A path in a configuration file is relative to the directory that contains its `.cargo`.
        let beside = path
            .parent()
            .and_then(Utf8Path::parent)
            .unwrap_or(Utf8Path::new("/"))
            .to_owned();
        found.extend(
            cargo_config::source_directories(&table)
                .into_iter()
                .map(|path| host.absolute(&beside.join(path))),
        );
    }
    Ok(found)
}
