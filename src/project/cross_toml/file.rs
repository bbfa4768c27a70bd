//! Parses cross's tables from its files and variables: the type and line of each key, and the keys
//! that cross does not know.
//!
//! [`super`] decides on the precedence among them.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problem, nearest};
use crate::project::config::parse::{ConfigFile, describe};
use crate::project::config::{DockerfileTable, PreBuild};
use crate::project::cross_toml::file::KeyScope::{Both, Build, Target};
use crate::project::cross_toml::source::{CrossSources, Unmapped};

/// Help for a table that does not parse.
const MANUAL: &str = "see https://github.com/cross-rs/cross/blob/main/docs/config_file.md for the \
                      keys and their types";

/// A key of cross: its name below `[build]` or `[target.T]`, the tables that may contain it, and
/// its variable's name after `CROSS_BUILD_` or `CROSS_TARGET_<T>_` (empty if it has none).
pub struct Key(pub &'static str, KeyScope, pub &'static str);

/// The tables that may contain a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyScope {
    Both,
    Build,
    Target,
}

/// All keys that cross knows, those of 0.2.5 and later ones.
pub const KEYS: &[Key] = &[
    Key("build-std", Both, "BUILD_STD"),
    Key("xargo", Both, "XARGO"),
    Key("zig", Both, "ZIG"),
    Key("zig.enable", Both, "ZIG"),
    Key("zig.version", Both, "ZIG_VERSION"),
    Key("zig.image", Both, "ZIG_IMAGE"),
    Key("zig.image.name", Both, "ZIG_IMAGE"),
    Key("zig.image.toolchain", Both, "ZIG_IMAGE_TOOLCHAIN"),
    Key("default-target", Build, "TARGET"),
    Key("pre-build", Both, "PRE_BUILD"),
    Key("dockerfile", Both, "DOCKERFILE"),
    Key("dockerfile.file", Both, "DOCKERFILE"),
    Key("dockerfile.context", Both, "DOCKERFILE_CONTEXT"),
    Key("dockerfile.build-args", Both, ""),
    Key("image", Target, "IMAGE"),
    Key("image.name", Target, "IMAGE"),
    Key("image.toolchain", Target, "IMAGE_TOOLCHAIN"),
    Key("runner", Target, "RUNNER"),
    Key("env", Both, ""),
    Key("env.volumes", Both, "ENV_VOLUMES"),
    Key("env.passthrough", Both, "ENV_PASSTHROUGH"),
];

/// The tables of one file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a table")]
pub struct Tables {
    /// `[build]`.
    pub build: Values,
    /// `[target.T]`, by name.
    pub target: BTreeMap<String, Values>,
}

/// The values of `[build]` or `[target.T]`. `unknown` finds the keys that are not listed here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", expecting = "a table")]
pub struct Values {
    /// `build-std`.
    pub build_std: Option<BuildStd>,
    /// `xargo`.
    pub xargo: Option<bool>,
    /// `zig`.
    pub zig: Option<Zig>,
    /// `default-target`.
    pub default_target: Option<String>,
    /// `pre-build`.
    pub pre_build: Option<PreBuild>,
    /// `dockerfile`.
    pub dockerfile: Option<DockerfileValue>,
    /// `image`.
    pub image: Option<Image>,
    /// `runner`.
    pub runner: Option<String>,
    /// `env`.
    pub env: Env,
}

/// A value of `build-std`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a boolean, or a list of crates")]
pub enum BuildStd {
    /// `true`, or `false`.
    Switch(bool),
    /// Crates to build; an empty list is `false`.
    Crates(Vec<String>),
}

/// A value of `zig`.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a boolean, a glibc version, or a table with `enable`, `version` and `image`"
)]
pub enum Zig {
    /// `true`, or `false`.
    Switch(bool),
    /// Enabled, with this glibc version.
    Glibc(String),
    /// Table form.
    Table {
        /// `zig.enable`.
        enable: Option<bool>,
        /// `zig.version`: the glibc version.
        version: Option<String>,
    },
}

/// A value of `dockerfile`.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "the path of a Dockerfile, or a table with `file`, `context` and `build-args`"
)]
pub enum DockerfileValue {
    /// Path of the file.
    File(Utf8PathBuf),
    /// Table form.
    #[serde(rename_all = "kebab-case")]
    Table {
        /// `dockerfile.file`; `None` only if variables set just the context.
        // `deserialize_with` makes the key mandatory in files, although the type is an `Option`.
        #[serde(deserialize_with = "Option::deserialize")]
        file: Option<Utf8PathBuf>,
        /// `dockerfile.context`.
        context: Option<Utf8PathBuf>,
        /// `dockerfile.build-args`.
        #[serde(default)]
        build_args: BTreeMap<String, String>,
    },
}

/// A value of `image`.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "an image's name, or a table with `name` and `toolchain`"
)]
pub enum Image {
    /// Name alone.
    Name(String),
    /// Table form.
    Table {
        /// `image.name`.
        name: String,
        /// `image.toolchain`: toolchains that the image is for.
        #[serde(default)]
        toolchain: Vec<String>,
    },
}

/// The values of `env`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a table with `volumes` and `passthrough`")]
pub struct Env {
    /// Directories to mount.
    pub volumes: Option<Vec<String>>,
    /// Environment variables to forward.
    pub passthrough: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct CargoToml {
    workspace: Option<Section>,
    package: Option<Section>,
}

#[derive(Deserialize)]
struct Section {
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    cross: Option<Tables>,
}

impl Section {
    fn tables(section: Option<Self>) -> Option<Tables> {
        section?.metadata?.cross
    }
}

impl Values {
    /// Parses the values that variables set. `variable` returns a variable by its name in [`KEYS`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let words = |name: &str| {
            variable(name).map(|text| text.split_whitespace().map(str::to_owned).collect())
        };
        let listed = |text: String| {
            text.split(',')
                .map(|word| word.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let switch = |text: &str| {
            text.parse()
                .ok()
                .or_else(|| text.parse::<i32>().ok().map(|number| number != 0))
        };
        let (file, context) = (variable("DOCKERFILE"), variable("DOCKERFILE_CONTEXT"));
        let (enable, version) = (
            variable("ZIG").map(|text| switch(&text).unwrap_or(true)),
            variable("ZIG_VERSION"),
        );
        Self {
            build_std: variable("BUILD_STD").map(|text| {
                switch(&text).map_or_else(|| BuildStd::Crates(listed(text)), BuildStd::Switch)
            }),
            xargo: variable("XARGO").map(|text| switch(&text).unwrap_or(true)),
            zig: (enable.is_some() || version.is_some()).then_some(Zig::Table { enable, version }),
            default_target: variable("TARGET"),
            // In a variable, cross never takes the text as the path of a script.
            pre_build: variable("PRE_BUILD")
                .map(|text| PreBuild::Lines(text.split('\n').map(str::to_owned).collect())),
            dockerfile: (file.is_some() || context.is_some()).then(|| DockerfileValue::Table {
                file: file.map(Into::into),
                context: context.map(Into::into),
                build_args: BTreeMap::new(),
            }),
            image: variable("IMAGE").map(|name| Image::Table {
                name,
                toolchain: variable("IMAGE_TOOLCHAIN").map(listed).unwrap_or_default(),
            }),
            runner: variable("RUNNER"),
            env: Env {
                volumes: words("ENV_VOLUMES"),
                passthrough: words("ENV_PASSTHROUGH"),
            },
        }
    }

    /// Returns `build-std` as a boolean, if it is set.
    pub fn builds_std(&self) -> Option<bool> {
        match self.build_std.as_ref()? {
            BuildStd::Switch(on) => Some(*on),
            BuildStd::Crates(crates) => Some(!crates.is_empty()),
        }
    }

    /// Returns true if zig is enabled, false if it is disabled, and `None` if the key does not say.
    pub fn links_with_zig(&self) -> Option<bool> {
        match self.zig.as_ref()? {
            Zig::Switch(on) => Some(*on),
            Zig::Glibc(_) => Some(true),
            Zig::Table { enable, .. } => *enable,
        }
    }

    /// Returns the glibc version that `zig` sets.
    pub fn glibc(&self) -> Option<String> {
        match self.zig.as_ref()? {
            Zig::Switch(_) => None,
            Zig::Glibc(version) => Some(version.clone()),
            Zig::Table { version, .. } => version.clone(),
        }
    }

    /// Returns `dockerfile` as a table. `file` is empty if a variable sets only the context.
    pub fn dockerfile(&self) -> Option<DockerfileTable> {
        match self.dockerfile.clone()? {
            DockerfileValue::File(file) => Some(DockerfileTable {
                file,
                ..DockerfileTable::default()
            }),
            DockerfileValue::Table {
                file,
                context,
                build_args,
            } => Some(DockerfileTable {
                file: file.unwrap_or_default(),
                context,
                build_args,
            }),
        }
    }

    /// Returns name and toolchains of `image`.
    pub fn image(&self) -> Option<(String, Vec<String>)> {
        match self.image.clone()? {
            Image::Name(name) => Some((name, Vec::new())),
            Image::Table { name, toolchain } => Some((name, toolchain)),
        }
    }
}

/// The table that contains a key.
#[derive(Clone, Copy)]
pub enum At<'a> {
    /// `[build]`.
    Build,
    /// `[target.T]` of this triple.
    Target(&'a str),
}

impl At<'_> {
    /// Returns the full name of a key of this table.
    pub fn path(self, key: &str) -> String {
        match self {
            Self::Build => format!("build.{key}"),
            Self::Target(triple) => format!("target.{triple}.{key}"),
        }
    }

    /// Returns the full name of a variable for this table; `name` is that in [`KEYS`].
    pub fn variable(self, name: &str) -> String {
        match self {
            // `build.build-std` is CROSS_BUILD_STD, not CROSS_BUILD_BUILD_STD.
            Self::Build if name.starts_with("BUILD_") => format!("CROSS_{name}"),
            Self::Build => format!("CROSS_BUILD_{name}"),
            Self::Target(triple) => format!(
                "CROSS_TARGET_{}_{name}",
                triple.to_uppercase().replace('-', "_")
            ),
        }
    }

    /// Returns the triple of a `[target.T]` table.
    pub fn triple(self) -> Option<String> {
        match self {
            Self::Build => None,
            Self::Target(triple) => Some(triple.to_owned()),
        }
    }

    /// Returns true if this table may contain a key.
    pub fn has(self, key: &Key) -> bool {
        key.1 == Both
            || key.1
                == if matches!(self, Self::Build) {
                    Build
                } else {
                    Target
                }
    }
}

/// The tables of one file, with the line of each key.
#[derive(Debug, Clone)]
pub struct Layer {
    path: Utf8PathBuf,
    /// Tables of the file.
    pub tables: Tables,
    /// Lines by the full names of their keys.
    lines: BTreeMap<String, usize>,
}

impl Layer {
    /// Returns the values of a table, if the file has it.
    pub fn values(&self, at: At<'_>) -> Option<&Values> {
        match at {
            At::Build => Some(&self.tables.build),
            At::Target(triple) => self.tables.target.get(triple),
        }
    }

    /// Returns the origin of a key: `Cross.toml:3`, or the file alone if the key is absent.
    pub fn place(&self, path: &str) -> String {
        self.lines.get(path).map_or_else(
            || self.path.to_string(),
            |line| format!("{}:{line}", self.path),
        )
    }
}

/// Parses all files, and returns their tables, highest precedence first. Adds errors to `problems`,
/// and unknown keys to `unmapped`.
pub fn layers(
    sources: &CrossSources,
    problems: &mut Vec<Problem>,
    unmapped: &mut Vec<Unmapped>,
) -> Vec<Layer> {
    let mut layers = Vec::new();
    if let Some(source) = &sources.cross_toml
        && let Some(tables) = parse(source, problems)
    {
        layers.push(layer(source, tables, &[], unmapped));
    }
    let root = sources.cargo_toml.iter().map(|source| (source, true));
    let members = sources.members.iter().map(|source| (source, false));
    // cross reads one table of all manifests: the workspace's, or the first of a package.
    let mut counting: Option<String> = None;
    for (source, is_root) in root.chain(members) {
        let Some(CargoToml { workspace, package }) = parse(source, problems) else {
            continue;
        };
        let workspace = Section::tables(workspace).filter(|_| is_root);
        for (section, tables) in [
            ("workspace", workspace),
            ("package", Section::tables(package)),
        ] {
            let Some(tables) = tables else { continue };
            let below = [section, "metadata", "cross"];
            let key = below.join(".");
            match &counting {
                None => {
                    counting = Some(format!("`{key}` of `{}`", source.path));
                    layers.push(layer(source, tables, &below, unmapped));
                }
                Some(counting) => unmapped.push(Unmapped {
                    key,
                    place: place(source, &below),
                    triple: None,
                    reason: format!(
                        "ignored beside {counting}, as in cross: write one \
                         `[workspace.metadata.cross]`"
                    ),
                    superseded_by: None,
                }),
            }
        }
        unmapped.extend(misspelled(source));
    }
    layers
}

/// Returns the origin of a table: `Cargo.toml:3`.
fn place(source: &ConfigFile, path: &[&str]) -> String {
    let Ok(root) = DeTable::parse(&source.text) else {
        return source.path.to_string();
    };
    let mut table = Some(root.get_ref());
    let mut start = 0;
    for name in path {
        let Some((key, value)) = table.and_then(|table| entry(table, name)) else {
            break;
        };
        start = key;
        table = value.as_table();
    }
    format!("{}:{}", source.path, line(&source.text, start))
}

/// Returns where a key of a table begins, and its value.
fn entry<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<(usize, &'a DeValue<'i>)> {
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    Some((key.span().start, value.get_ref()))
}

/// Returns the number of the line in which a byte is.
fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Returns the reports on tables of the metadata that are named `cross` in other letters.
fn misspelled(source: &ConfigFile) -> Vec<Unmapped> {
    let Ok(root) = DeTable::parse(&source.text) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for section in ["workspace", "package"] {
        let metadata = entry(root.get_ref(), section)
            .and_then(|(_, value)| entry(value.as_table()?, "metadata"))
            .and_then(|(_, value)| value.as_table());
        let names = metadata.into_iter().flat_map(|table| table.keys());
        for name in names.map(|name| name.get_ref().as_ref()) {
            let plain = name.to_lowercase().replace(['-', '_'], "");
            if name != "cross" && ["cross", "crossrs", "crosstoml"].contains(&plain.as_str()) {
                found.push(Unmapped {
                    key: format!("{section}.metadata.{name}"),
                    place: place(source, &[section, "metadata", name]),
                    triple: None,
                    reason: format!(
                        "cross has no such table; did you mean `{section}.metadata.cross`?"
                    ),
                    superseded_by: None,
                });
            }
        }
    }
    found
}

/// Parses a file; on failure adds a problem and returns `None`.
fn parse<T: serde::de::DeserializeOwned>(
    source: &ConfigFile,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    toml::from_str(&source.text)
        .map_err(|error| problems.push(describe(source, &error, "cross", MANUAL)))
        .ok()
}

/// Adds to the tables the line of each key, and to `unmapped` the keys that cross does not know.
/// `below`: the path of cross's tables in the file.
fn layer(
    source: &ConfigFile,
    tables: Tables,
    below: &[&str],
    unmapped: &mut Vec<Unmapped>,
) -> Layer {
    let mut layer = Layer {
        path: source.path.clone(),
        tables,
        lines: BTreeMap::new(),
    };
    let Ok(root) = DeTable::parse(&source.text) else {
        return layer;
    };
    let table = below.iter().try_fold(root.get_ref(), |table, name| {
        table.get(*name)?.get_ref().as_table()
    });
    if let Some(table) = table {
        walk(table, &[], &source.text, &mut layer, unmapped);
    }
    layer
}

/// Records the line of each key in a table and the tables below it, and the unknown keys.
fn walk(
    table: &DeTable<'_>,
    above: &[&str],
    text: &str,
    layer: &mut Layer,
    unmapped: &mut Vec<Unmapped>,
) {
    for (name, value) in table {
        let path = [above, &[name.get_ref().as_ref()]].concat();
        let full = path.join(".");
        layer
            .lines
            .insert(full.clone(), line(text, name.span().start));
        if let Some(reason) = unknown(&path) {
            let triple = match path[..] {
                ["target", triple, ..] => Some(triple.to_owned()),
                _ => None,
            };
            unmapped.push(Unmapped {
                place: layer.place(&full),
                key: full,
                triple,
                reason,
                superseded_by: None,
            });
        } else if let DeValue::Table(table) = value.get_ref() {
            walk(table, &path, text, layer, unmapped);
        }
    }
}

/// Returns the message for a key that cross does not know; `None` if cross knows it.
fn unknown(path: &[&str]) -> Option<String> {
    let (table, key) = match path {
        ["build" | "target"] | ["target", _] => return None,
        ["build", key @ ..] => (Some(At::Build), key),
        ["target", _, key @ ..] => (Some(At::Target("<T>")), key),
        key => (None, key),
    };
    let name = key.join(".");
    let near = match table {
        Some(at) => {
            let known = KEYS.iter().filter(|key| at.has(key)).map(|key| key.0);
            if known.clone().any(|known| known == name)
                || name.starts_with("dockerfile.build-args.")
            {
                return None;
            }
            nearest(&name, known).map(|near| at.path(near))
        }
        None => nearest(&name, ["build", "target"]).map(str::to_owned),
    };
    // The name may be right and the table wrong.
    let same_name = KEYS
        .iter()
        .filter(|known| known.0.rsplit('.').next() == key.last().copied());
    let misplaced = same_name
        .min_by_key(|known| known.0.len())
        .and_then(|known| {
            let mut tables = table.into_iter().chain([At::Build, At::Target("<T>")]);
            tables.find(|at| at.has(known)).map(|at| at.path(known.0))
        });
    let hint = misplaced
        .or(near)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default();
    Some(format!("cross has no such key{hint}"))
}
