//! Parts of this machine that a container gets: sources, caches, configuration without secrets,
//! variables, volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::project::cargo_config;
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::look::cargo_config::{cargo_home, with_included};
use crate::project::look::context::ProjectContext;
use crate::project::look::{access, outside};
use crate::project::request::WantedImage;
use crate::project::workspace::tools_dir;
use crate::target::Target;
use crate::toolchain::image::candidates;
use crate::toolchain::image::container::{ForwardedVar, Mount};
use crate::toolchain::tools::ToolFile;
use crate::toolchain::write::write_tools;

/// Returns the environment in a container: the image's variables, overridden by the forwarded ones.
pub fn environment(
    host: &Host,
    image: &BTreeMap<String, String>,
    passed: &[ForwardedVar],
) -> BTreeMap<String, String> {
    // An empty variable is forwarded, too.
    let value = |passed: &ForwardedVar| {
        let of_host = || {
            let value = host.environment().get(OsStr::new(&passed.name))?;
            value.to_str().map(str::to_owned)
        };
        passed.value.clone().or_else(of_host)
    };
    let passed = passed
        .iter()
        .filter_map(|passed| Some((passed.name.clone(), value(passed)?)));
    image.clone().into_iter().chain(passed).collect()
}

/// Returns the variables to forward to a container: variables of cargo and build scripts, and those
/// of `passthrough` and `volumes`. A value is on the engine's command line only if the
/// configuration sets it.
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
    for (name, value) in host.environment() {
        if let Some(name) = name.to_str()
            && value.to_str().is_none()
            && candidates::passes(target, name)
        {
            return Err(not_utf8(name));
        }
    }
    for entry in &wanted.passthrough {
        let (name, value) = entry
            .split_once('=')
            .map_or((entry.as_str(), None), |(name, value)| {
                (name, Some(value.to_owned()))
            });
        if value.is_none() {
            match host.environment().get(OsStr::new(name)) {
                None => continue,
                Some(value) if value.to_str().is_none() => return Err(not_utf8(name)),
                Some(_) => {}
            }
        }
        passed.retain(|passed| passed.name != name);
        passed.push(ForwardedVar {
            name: name.to_owned(),
            value,
        });
    }
    // A volume's variable holds its path in the container, too.
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

/// Returns the problem of a variable that engines change on its way into a container.
fn not_utf8(name: &str) -> Problem {
    Problem::new(
        CONFIG_INVALID,
        format!("the value of `{name}` is not UTF-8, and engines pass on nothing else"),
    )
    .help(format!(
        "set it to other letters, or unset it: `unset {name}`"
    ))
}

/// Variables that xpkg sets in each container, or that its own flags override, with the reason.
const SET_IN_CONTAINER: &[(&str, &str)] = &[
    (
        "CARGO_BUILD_TARGET_DIR",
        "each image has a target directory of its own",
    ),
    ("CARGO_HOME", "cargo's caches are mounted at their own path"),
    (
        "CARGO_TARGET_DIR",
        "each image has a target directory of its own",
    ),
    (
        "HOME",
        "no home directory is shown, and programs get `/tmp`",
    ),
    (
        "PATH",
        "it is the image's after the toolchain's: set it by `ENV PATH=…` in a `dockerfile`",
    ),
];

/// Returns the entries of `passthrough` that have no effect, for messages.
pub fn overridden(wanted: &WantedImage) -> Vec<String> {
    let names = wanted.passthrough.iter().map(|entry| {
        let (name, _) = entry.split_once('=').unwrap_or((entry, ""));
        name
    });
    names
        .filter_map(|name| {
            let (_, why) = SET_IN_CONTAINER.iter().find(|(known, _)| *known == name)?;
            Some(format!("`{name}` of `passthrough` ({why})"))
        })
        .collect()
}

/// Mounts of a container, besides toolchain and target directory.
#[derive(Debug, Clone, Default)]
pub struct HostMounts {
    /// Files and directories to mount.
    pub mounts: Vec<Mount>,
    /// Keys of cargo's configuration that the container does not see, for messages.
    pub hidden: Vec<String>,
}

/// Returns the mounts of sources, of cargo's caches without its credentials, and of its
/// configuration without the keys that refer to this machine. `arguments` are the values of
/// `--config`.
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
            // Downloads come later, and an engine mounts only directories that exist.
            host.create_dir_all(&home.join(name))?;
            mounts.push(Mount::reading(&home.join(name)));
        }
    }
    // All directories where cargo looks for configuration and secrets, by every path that a mount
    // may show them under.
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
    let empty_file = ToolFile::at(&tools, "nothing", String::new(), false);
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
            write_tools(host, &found.workspace, [&empty_file])?;
            mounts.push(Mount {
                from: empty_file.path.clone(),
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
            // Skipped: a file that a mount shows and that has nothing to hide, and a resolved path
            // that no mount shows.
            let shown_here = shows(&at, &mounts);
            if shown_here && shown == table || !shown_here && at != path {
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

/// Returns the mounts of `volumes`. An entry is `NAME`, a variable that holds a directory, or
/// `NAME=/path`; without the variable it is ignored.
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
        // A variable of the environment is the user's own word.
        if value.is_some() {
            access::check(host, root, &path, &format!("the volume `{entry}`"))?;
        }
        if !host.exists(&path) {
            return Err(Problem::new(
                CONFIG_INVALID,
                format!("the volume `{entry}` is `{path}`, which does not exist"),
            )
            .help("create it, or take it out of `volumes`"));
        }
        mounts.push(Mount::writing(&path));
    }
    Ok(mounts)
}
