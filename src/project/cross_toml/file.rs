//! cross's tables as its files and variables hold them: each key's type, its line, and the keys
//! that cross does not know.
//!
//! It does not weigh one place against another; that is [`super`]'s.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problem, nearest};
use crate::project::config::parse::{ConfigFile, describe};
use crate::project::config::{DockerfileTable, PreBuild};
use crate::project::cross_toml::file::KeyScope::{Both, Build, Target};
use crate::project::cross_toml::source::{CrossSources, Unmapped};

const MANUAL: &str = "the keys and their types stand in \
                      https://github.com/cross-rs/cross/blob/main/docs/config_file.md";

/// A key's name below `[build]` or `[target.T]`, which of the two have it, and what follows
/// `CROSS_BUILD_` or `CROSS_TARGET_<T>_` in its variable's name (nothing where it has none).
pub struct Key(pub &'static str, KeyScope, pub &'static str);

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyScope {
    Both,
    Build,
    Target,
}

/// Every key that cross knows, 0.2.5's and later ones.
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

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a table")]
pub struct Tables {
    pub build: Values,
    pub target: BTreeMap<String, Values>,
}

/// What `[build]` or `[target.T]` holds. A key that is not here is found by [`unknown`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", expecting = "a table")]
pub struct Values {
    pub build_std: Option<BuildStd>,
    pub xargo: Option<bool>,
    pub zig: Option<Zig>,
    pub default_target: Option<String>,
    pub pre_build: Option<PreBuild>,
    pub dockerfile: Option<DockerfileValue>,
    pub image: Option<Image>,
    pub runner: Option<String>,
    pub env: Env,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a boolean, or a list of crates")]
pub enum BuildStd {
    Switch(bool),
    Crates(Vec<String>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a boolean, a glibc version, or a table with `enable`, `version` and `image`"
)]
pub enum Zig {
    Switch(bool),
    Glibc(String),
    Table {
        enable: Option<bool>,
        version: Option<String>,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "the path of a Dockerfile, or a table with `file`, `context` and `build-args`"
)]
pub enum DockerfileValue {
    File(Utf8PathBuf),
    #[serde(rename_all = "kebab-case")]
    Table {
        // With a reader of its own the key must be there; among variables there may be the context
        // alone.
        #[serde(deserialize_with = "Option::deserialize")]
        file: Option<Utf8PathBuf>,
        context: Option<Utf8PathBuf>,
        #[serde(default)]
        build_args: BTreeMap<String, String>,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "an image's name, or a table with `name` and `toolchain`"
)]
pub enum Image {
    Name(String),
    Table {
        name: String,
        #[serde(default)]
        toolchain: Vec<String>,
    },
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a table with `volumes` and `passthrough`")]
pub struct Env {
    pub volumes: Option<Vec<String>>,
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
    /// Those that variables give; `of` knows a variable by what [`KEYS`] calls it.
    pub fn of_variables(of: impl Fn(&str) -> Option<String>) -> Self {
        let words =
            |name: &str| of(name).map(|text| text.split_whitespace().map(str::to_owned).collect());
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
        let (file, context) = (of("DOCKERFILE"), of("DOCKERFILE_CONTEXT"));
        let (enable, version) = (
            of("ZIG").map(|text| switch(&text).unwrap_or(true)),
            of("ZIG_VERSION"),
        );
        Self {
            build_std: of("BUILD_STD").map(|text| {
                switch(&text).map_or_else(|| BuildStd::Crates(listed(text)), BuildStd::Switch)
            }),
            xargo: of("XARGO").map(|text| switch(&text).unwrap_or(true)),
            zig: (enable.is_some() || version.is_some()).then_some(Zig::Table { enable, version }),
            default_target: of("TARGET"),
            // Never a script's path, even of one line.
            pre_build: of("PRE_BUILD")
                .map(|text| PreBuild::Lines(text.split('\n').map(str::to_owned).collect())),
            dockerfile: (file.is_some() || context.is_some()).then(|| DockerfileValue::Table {
                file: file.map(Into::into),
                context: context.map(Into::into),
                build_args: BTreeMap::new(),
            }),
            image: of("IMAGE").map(|name| Image::Table {
                name,
                toolchain: of("IMAGE_TOOLCHAIN").map(listed).unwrap_or_default(),
            }),
            runner: of("RUNNER"),
            env: Env {
                volumes: words("ENV_VOLUMES"),
                passthrough: words("ENV_PASSTHROUGH"),
            },
        }
    }

    pub fn builds_std(&self) -> Option<bool> {
        match self.build_std.as_ref()? {
            BuildStd::Switch(on) => Some(*on),
            BuildStd::Crates(crates) => Some(!crates.is_empty()),
        }
    }

    pub fn links_with_zig(&self) -> Option<bool> {
        match self.zig.as_ref()? {
            Zig::Switch(on) => Some(*on),
            Zig::Glibc(_) => Some(true),
            Zig::Table { enable, .. } => *enable,
        }
    }

    pub fn glibc(&self) -> Option<String> {
        match self.zig.as_ref()? {
            Zig::Switch(_) => None,
            Zig::Glibc(version) => Some(version.clone()),
            Zig::Table { version, .. } => version.clone(),
        }
    }

    /// Its `file` is empty where a variable gives the context alone.
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

    /// Name, and the toolchains that it is for.
    pub fn image(&self) -> Option<(String, Vec<String>)> {
        match self.image.clone()? {
            Image::Name(name) => Some((name, Vec::new())),
            Image::Table { name, toolchain } => Some((name, toolchain)),
        }
    }
}

/// A table that a key stands in.
#[derive(Clone, Copy)]
pub enum At<'a> {
    Build,
    Target(&'a str),
}

impl At<'_> {
    pub fn path(self, key: &str) -> String {
        match self {
            Self::Build => format!("build.{key}"),
            Self::Target(triple) => format!("target.{triple}.{key}"),
        }
    }

    /// `name` is what [`KEYS`] calls it.
    pub fn variable(self, name: &str) -> String {
        match self {
            Self::Build if name.starts_with("BUILD_") => format!("CROSS_{name}"),
            Self::Build => format!("CROSS_BUILD_{name}"),
            Self::Target(triple) => format!(
                "CROSS_TARGET_{}_{name}",
                triple.to_uppercase().replace('-', "_")
            ),
        }
    }

    pub fn triple(self) -> Option<String> {
        match self {
            Self::Build => None,
            Self::Target(triple) => Some(triple.to_owned()),
        }
    }

    fn has(self, key: &Key) -> bool {
        key.1 == Both
            || key.1
                == if matches!(self, Self::Build) {
                    Build
                } else {
                    Target
                }
    }
}

/// One file's tables.
#[derive(Debug, Clone)]
pub struct Layer {
    path: Utf8PathBuf,
    pub tables: Tables,
    /// A key's whole path -> its line.
    lines: BTreeMap<String, usize>,
}

impl Layer {
    pub fn values(&self, at: At<'_>) -> Option<&Values> {
        match at {
            At::Build => Some(&self.tables.build),
            At::Target(triple) => self.tables.target.get(triple),
        }
    }

    /// `Cross.toml:3`, or the file alone for a key that is not there.
    pub fn place(&self, path: &str) -> String {
        self.lines.get(path).map_or_else(
            || self.path.to_string(),
            |line| format!("{}:{line}", self.path),
        )
    }
}

/// The files' tables, the strongest first; what is wrong with them, and what is to be told of them.
pub fn layers(
    sources: &CrossSources,
    problems: &mut Vec<Problem>,
    told: &mut Vec<Unmapped>,
) -> Vec<Layer> {
    let mut layers = Vec::new();
    if let Some(source) = &sources.cross_toml
        && let Some(tables) = parse(source, problems)
    {
        layers.push(layer(source, tables, &[], told));
    }
    if let Some(source) = &sources.cargo_toml
        && let Some(CargoToml { workspace, package }) = parse(source, problems)
    {
        let (of_workspace, of_package) = (Section::tables(workspace), Section::tables(package));
        if of_workspace.is_some() && of_package.is_some() {
            let becomes =
                "passed over, as cross does beside `[workspace.metadata.cross]`".to_owned();
            let (key, place) = ("package.metadata.cross".to_owned(), source.path.to_string());
            told.push(Unmapped {
                key,
                place,
                triple: None,
                becomes,
                answer: None,
            });
        }
        let tables = of_workspace
            .map(|tables| (tables, "workspace"))
            .or(of_package.map(|tables| (tables, "package")));
        layers.extend(
            tables.map(|(tables, section)| {
                layer(source, tables, &[section, "metadata", "cross"], told)
            }),
        );
    }
    layers
}

fn parse<T: serde::de::DeserializeOwned>(
    source: &ConfigFile,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    toml::from_str(&source.text)
        .map_err(|error| problems.push(describe(source, &error, "cross", MANUAL)))
        .ok()
}

/// Adds to the tables what only the text tells: each key's line, and the keys that cross does not
/// know.
fn layer(source: &ConfigFile, tables: Tables, below: &[&str], told: &mut Vec<Unmapped>) -> Layer {
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
        walk(table, &[], &source.text, &mut layer, told);
    }
    layer
}

fn walk(
    table: &DeTable<'_>,
    above: &[&str],
    text: &str,
    layer: &mut Layer,
    told: &mut Vec<Unmapped>,
) {
    for (name, value) in table {
        let path = [above, &[name.get_ref().as_ref()]].concat();
        let whole = path.join(".");
        layer.lines.insert(
            whole.clone(),
            text[..name.span().start].matches('\n').count() + 1,
        );
        if let Some(becomes) = unknown(&path) {
            let triple = match path[..] {
                ["target", triple, ..] => Some(triple.to_owned()),
                _ => None,
            };
            told.push(Unmapped {
                place: layer.place(&whole),
                key: whole,
                triple,
                becomes,
                answer: None,
            });
        } else if let DeValue::Table(table) = value.get_ref() {
            walk(table, &path, text, layer, told);
        }
    }
}

/// What is said of a key that cross does not know; `None` of one that it knows.
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
    // A key may be right, and stand in the wrong table.
    let strays = KEYS
        .iter()
        .filter(|known| known.0.rsplit('.').next() == key.last().copied());
    let stray = strays.min_by_key(|known| known.0.len()).and_then(|known| {
        let mut tables = table.into_iter().chain([At::Build, At::Target("<T>")]);
        tables.find(|at| at.has(known)).map(|at| at.path(known.0))
    });
    let hint = stray
        .or(near)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default();
    Some(format!("cross knows no such key{hint}"))
}
