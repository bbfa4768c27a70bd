//! What an image sees of this machine: sources, caches, configuration without secrets, variables,
//! volumes.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::project::cargo_config;
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::look::cargo_config::{cargo_home, with_included};
use crate::project::look::context::ProjectContext;
use crate::project::look::outside;
use crate::project::request::WantedImage;
use crate::project::workspace::tools_dir;
use crate::target::Target;
use crate::toolchain::image::candidates;
use crate::toolchain::image::container::{ForwardedVar, Mount};
use crate::toolchain::tools::ToolFile;
use crate::toolchain::write::write_tools;

/// An image's environment with what it sees of this machine's over it.
pub fn environment(
    host: &Host,
    own: &BTreeMap<String, String>,
    passed: &[ForwardedVar],
) -> BTreeMap<String, String> {
    let value = |passed: &ForwardedVar| {
        passed
            .value
            .clone()
            .or_else(|| host.var(&passed.name).map(str::to_owned))
    };
    let passed = passed
        .iter()
        .filter_map(|passed| Some((passed.name.clone(), value(passed)?)));
    own.clone().into_iter().chain(passed).collect()
}

/// Variables that an image sees of this machine: those that mean something to cargo and build
/// scripts, and those that the configuration lets through. Their values stand in no line, unless
/// the configuration itself gives them.
pub fn passed(
    host: &Host,
    root: &Utf8Path,
    target: &Target,
    wanted: &WantedImage,
) -> Result<Vec<ForwardedVar>> {
    let ours = host
        .vars()
        .filter(|(name, _)| candidates::passes(target, name))
        .map(|(name, _)| ForwardedVar {
            name: name.to_owned(),
            value: None,
        });
    let mut passed: Vec<ForwardedVar> = ours.collect();
    for entry in &wanted.passthrough {
        let (name, value) = entry
            .split_once('=')
            .map_or((entry.as_str(), None), |(name, value)| {
                (name, Some(value.to_owned()))
            });
        if value.is_none() && host.var(name).is_none() {
            continue;
        }
        passed.retain(|passed| passed.name != name);
        passed.push(ForwardedVar {
            name: name.to_owned(),
            value,
        });
    }
    // A volume that has a name is known by it inside.
    for entry in &wanted.volumes {
        let (name, value) = entry
            .split_once('=')
            .map_or((entry.as_str(), None), |(name, value)| (name, Some(value)));
        if let Some(path) = value
            .or_else(|| host.var(name))
            .filter(|_| !passed.iter().any(|passed| passed.name == name))
        {
            passed.push(ForwardedVar {
                name: name.to_owned(),
                value: Some(root.join(path).into_string()),
            });
        }
    }
    passed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(passed)
}

/// What a container sees of this machine besides toolchain and target directory.
#[derive(Debug, Clone, Default)]
pub struct HostMounts {
    pub mounts: Vec<Mount>,
    /// Keys of cargo's configuration that are hidden from it.
    pub hidden: Vec<String>,
}

/// Sources, cargo's caches without its credentials, and its configuration without what means this
/// machine. `arguments` are those of `--config`.
pub fn mounted(host: &Host, found: &ProjectContext, arguments: &[String]) -> Result<HostMounts> {
    let (root, tools) = (&found.workspace.root, tools_dir(&found.workspace));
    let mut roots = vec![root.clone()];
    roots.extend(
        outside::directories(host, found)?
            .into_iter()
            .filter(|path| !path.starts_with(root)),
    );
    let mut mounts: Vec<Mount> = roots.iter().map(|path| Mount::reading(path)).collect();
    let home = cargo_home(host)
        .and_then(|home| Utf8PathBuf::from_path_buf(home).ok())
        .map(|home| host.absolute(&home));
    if let Some(home) = &home {
        for name in ["registry", "git"] {
            // What is fetched comes later, and an engine mounts only what is there.
            host.create_dir_all(&home.join(name))?;
            mounts.push(Mount::reading(&home.join(name)));
        }
    }
    // Wherever cargo looks for configuration and secrets, by every name that a mount may show them
    // under.
    let places: Vec<Utf8PathBuf> = root
        .ancestors()
        .chain(roots.iter().map(|root| root.as_path()))
        .map(|place| place.join(".cargo"))
        .chain(home)
        .collect();
    let shows = |path: &Utf8Path, mounts: &[Mount]| {
        mounts.iter().any(|mount| {
            path.starts_with(&mount.from) || path.starts_with(host.resolve(&mount.from))
        })
    };
    let both = |path: Utf8PathBuf| {
        [host.resolve(&path), path]
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    let nothing = ToolFile::at(&tools, "nothing", String::new(), false);
    for path in places
        .iter()
        .flat_map(|place| ["credentials.toml", "credentials"].map(|name| place.join(name)))
        .filter(|path| host.is_file(path))
    {
        for at in both(path)
            .into_iter()
            .filter(|path| shows(path, &mounts))
            .collect::<Vec<_>>()
        {
            write_tools(host, &found.workspace, [&nothing])?;
            mounts.push(Mount {
                from: nothing.path.clone(),
                at,
                writable: false,
            });
        }
    }
    let files = places
        .iter()
        .flat_map(|place| ["config.toml", "config"].map(|name| place.join(name)));
    let named = arguments
        .iter()
        .map(Utf8PathBuf::from)
        .filter(|path| path.is_absolute());
    let read = with_included(
        host,
        files
            .chain(named)
            .filter(|path| host.is_file(path))
            .collect(),
    )?;
    let mut hidden = Vec::new();
    for (path, table) in read {
        let (shown, keys) = cargo_config::for_container(&table);
        hidden.extend(keys.into_iter().map(|key| format!("{key} of `{path}`")));
        for at in both(path.clone()) {
            // What a mount shows already, where nothing is to be hidden of it; and what none shows
            // under this name.
            let there = shows(&at, &mounts);
            if there && shown == table || !there && at != path {
                continue;
            }
            let file = ToolFile::at(&tools, "config.toml", shown.to_string(), false);
            write_tools(host, &found.workspace, [&file])?;
            mounts.push(Mount {
                from: file.path,
                at,
                writable: false,
            });
        }
    }
    hidden.dedup();
    Ok(HostMounts { mounts, hidden })
}

/// Directories that the configuration shows to the image: `NAME`, a variable that holds one, or
/// `NAME=/path`.
pub fn volumes(host: &Host, root: &Utf8Path, wanted: &WantedImage) -> Result<Vec<Mount>> {
    let mut mounts = Vec::new();
    for entry in &wanted.volumes {
        let (name, value) = entry
            .split_once('=')
            .map_or((entry.as_str(), None), |(name, value)| (name, Some(value)));
        let Some(path) = value.or_else(|| host.var(name)) else {
            continue;
        };
        let path = root.join(path);
        if !host.exists(&path) {
            return Err(Problem::new(
                CONFIG_INVALID,
                format!("the volume `{entry}` is `{path}`, which is not there"),
            )
            .help("create it, or take it out of `volumes`"));
        }
        mounts.push(Mount::writing(&path));
    }
    Ok(mounts)
}
