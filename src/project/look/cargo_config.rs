//! Reads cargo's own configuration and the environment: linkers, rustflags, C compilers, profiles.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::project::cargo_config::{self, CARGO_CONFIG, OpaqueConfig};
use crate::project::profile::Profiles;
use crate::project::rustc::Rustc;
use crate::project::setting::{Setting, SettingOrigin};
use crate::project::workspace::Workspace;

/// Loads cargo's own configuration for the workspace's directory.
pub fn cargo_config(
    host: &Host,
    workspace: &Workspace,
    rustc: &Rustc,
) -> Result<cargo_config2::Config> {
    let options = cargo_config2::ResolveOptions::default()
        .env(host.environment().clone())
        .rustc(cargo_config2::PathAndArgs::new(
            host.var("RUSTC").unwrap_or("rustc"),
        ))
        .cargo_home(cargo_home(host))
        .host_triple(&rustc.host);
    cargo_config2::Config::load_with_options(&workspace.root, options)
        .map_err(|error| cargo_config_problem(&error))
}

/// Converts an error of cargo-config2, with all its causes.
pub fn cargo_config_problem(error: &cargo_config2::Error) -> Problem {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        message = format!("{message}\n{inner}");
        source = inner.source();
    }
    Problem::new(CARGO_CONFIG, "cargo's configuration cannot be read")
        .cause(&message)
        .help(
            "fix or remove the key; if cargo accepts it, set it with a variable or a cargo flag \
             instead",
        )
}

/// Returns cargo's home directory.
pub fn cargo_home(host: &Host) -> Option<std::path::PathBuf> {
    let home = |name: &str| host.var(name).map(std::path::PathBuf::from);
    home("CARGO_HOME").or_else(|| home("HOME").map(|home| home.join(".cargo")))
}

/// Returns cargo's `build.target`: triples, and paths of target specifications.
pub fn cargo_targets(config: &cargo_config2::Config) -> Vec<String> {
    let targets = config.build.target.iter().flatten();
    targets
        .map(|target| match target.spec_path() {
            Some(path) => path.to_string_lossy().into_owned(),
            None => target.triple().to_owned(),
        })
        .collect()
}

/// Reads the configuration that [`cargo_config()`] does not load: `--config`, `include`, and the
/// `[profile]` tables.
pub fn more_configuration(
    host: &Host,
    workspace: &Workspace,
    arguments: &[String],
) -> Result<ExtraConfig> {
    let mut opaque = Vec::new();
    let mut plain: Vec<(Utf8PathBuf, toml::Table)> = Vec::new();
    for argument in arguments {
        let file = Utf8Path::new(argument);
        let text = if host.has_file(file) {
            host.read_text(file)?
        } else {
            argument.clone()
        };
        // cargo itself reports an argument that does not parse.
        let Ok(table) = text.parse::<toml::Table>() else {
            continue;
        };
        let place = format!("`--config {argument}`");
        if host.has_file(file) {
            included(host, file, &table, &mut opaque)?;
        }
        opaque.push(OpaqueConfig {
            place,
            table,
            argument: true,
        });
    }
    let home = cargo_home(host);
    for path in cargo_config2::Walk::with_cargo_home(workspace.root.as_std_path(), home) {
        let Ok(path) = Utf8PathBuf::from_path_buf(path) else {
            continue;
        };
        let Ok(table) = host.read_text(&path)?.parse::<toml::Table>() else {
            continue;
        };
        let first = opaque.len();
        included(host, &path, &table, &mut opaque)?;
        plain.push((path.clone(), table));
        // Among the included files, the last has the highest precedence.
        let included = opaque[first..].iter().rev();
        plain.extend(included.map(|config| (path.clone(), config.table.clone())));
    }
    let manifest = host
        .read_text(&workspace.root.join("Cargo.toml"))?
        .parse::<toml::Table>()
        .unwrap_or_default();
    let profile_table = |table: &toml::Table| {
        table
            .get("profile")
            .and_then(toml::Value::as_table)
            .cloned()
    };
    let profiles = Profiles {
        // The last argument has the highest precedence, and a file beats those that it includes.
        arguments: opaque
            .iter()
            .rev()
            .filter(|config| config.argument)
            .filter_map(|config| profile_table(&config.table))
            .collect(),
        variables: host
            .vars()
            .filter(|(name, _)| name.starts_with("CARGO_PROFILE_"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        files: tables(&plain)
            .chain([&manifest])
            .filter_map(profile_table)
            .collect(),
    };
    let text: String = opaque
        .iter()
        .map(|config| &config.table)
        .chain(tables(&plain))
        .map(|table| format!("{table}\n---\n"))
        .collect();
    Ok(ExtraConfig {
        profiles,
        digest: digest::sha256(text.as_bytes()),
        builds_std: host.var("CARGO_UNSTABLE_BUILD_STD").is_some()
            || opaque
                .iter()
                .map(|config| &config.table)
                .chain(tables(&plain))
                .any(cargo_config::builds_std),
        replaced_scripts: opaque
            .iter()
            .map(|config| &config.table)
            .chain(tables(&plain))
            .flat_map(cargo_config::replaced_scripts)
            .collect(),
        files: plain,
        opaque,
    })
}

/// Returns the content of configuration files.
fn tables(files: &[(Utf8PathBuf, toml::Table)]) -> impl Iterator<Item = &toml::Table> {
    files.iter().map(|(_, table)| table)
}

/// Reads these files of cargo's configuration and those that they include. Returns path and content
/// of each, sorted by path.
pub fn with_included(
    host: &Host,
    mut open: Vec<Utf8PathBuf>,
) -> Result<Vec<(Utf8PathBuf, toml::Table)>> {
    let mut files: Vec<(Utf8PathBuf, toml::Table)> = Vec::new();
    while let Some(path) = open.pop() {
        let Ok(table) = host.read_text(&path)?.parse::<toml::Table>() else {
            continue;
        };
        let beside = path.parent().unwrap_or(Utf8Path::new("")).to_owned();
        let included = cargo_config::includes(&table)
            .into_iter()
            .map(|include| beside.join(include));
        open.extend(included.filter(|include| {
            host.has_file(include) && !files.iter().any(|(known, _)| known == include)
        }));
        files.push((path, table));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files.dedup_by(|a, b| a.0 == b.0);
    Ok(files)
}

/// The configuration that cargo-config2 does not load.
pub struct ExtraConfig {
    /// Content of `--config` arguments and included files.
    pub opaque: Vec<OpaqueConfig>,
    /// Definitions of all profiles.
    pub profiles: Profiles,
    /// Digest of all files and arguments together.
    pub digest: String,
    /// Configuration files, that of the highest precedence first; an included file has the path of
    /// the one that includes it.
    pub files: Vec<(Utf8PathBuf, toml::Table)>,
    /// True if `build-std` is set, which only a nightly toolchain follows.
    pub builds_std: bool,
    /// Build scripts that a `[target.<triple>.<links>]` table replaces: triple and `links`.
    pub replaced_scripts: BTreeSet<(String, String)>,
}

/// Adds the files that a table includes, each after those that it includes itself.
fn included(
    host: &Host,
    includer: &Utf8Path,
    table: &toml::Table,
    opaque: &mut Vec<OpaqueConfig>,
) -> Result<()> {
    for include in cargo_config::includes(table) {
        let path = includer.parent().unwrap_or(Utf8Path::new("")).join(include);
        if !host.has_file(&path) {
            continue;
        }
        let Ok(table) = host.read_text(&path)?.parse::<toml::Table>() else {
            continue;
        };
        included(host, &path, &table, opaque)?;
        opaque.push(OpaqueConfig {
            place: format!("`{path}`, included by `{includer}`"),
            table,
            argument: false,
        });
    }
    Ok(())
}

/// Returns a variable as build scripts see it: that of the environment, unless cargo's `[env]` sets
/// it with `force`.
pub fn variable(host: &Host, config: &cargo_config2::Config, name: String) -> Option<Setting> {
    let configured = config
        .env
        .get(&name)
        .and_then(|entry| Some((entry.value.to_str()?.to_owned(), entry.force)));
    let environment = host.var(&name).map(str::to_owned);
    let (value, place) = match (environment, configured) {
        (_, Some((value, true))) | (None, Some((value, false))) => {
            (value, SettingOrigin::CargoConfiguration)
        }
        (Some(value), _) => (value, SettingOrigin::Environment),
        (None, None) => return None,
    };
    Some(Setting { name, value, place })
}

/// Returns the entries of cargo's `[env]` that have precedence over the environment.
pub fn configured_variables(host: &Host, config: &cargo_config2::Config) -> Vec<(String, String)> {
    let configured = config
        .env
        .iter()
        .filter(|(name, value)| value.force || host.var(name).is_none());
    configured
        .filter_map(|(name, value)| Some((name.clone(), value.value.to_str()?.to_owned())))
        .collect()
}
