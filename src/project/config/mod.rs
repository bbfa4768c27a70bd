//! xpkg's own configuration: `[workspace.metadata.xpkg]`, `[package.metadata.xpkg]`, `xpkg.toml`.
//!
//! Pure: it is given the files' texts. Strict: an unknown key is an error that names the nearest
//! known one.

pub mod parse;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::project::linker::LinkerChoice;

/// What a run takes from the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct Config {
    pub targets: Vec<String>,
    pub out_dir: Option<Utf8PathBuf>,
    pub layout: Option<String>,
    /// `auto` is `None`.
    pub linker: Option<LinkerChoice>,
    pub strip: Option<Strip>,
    /// Overrides what the graph says of C.
    pub c_dependencies: Option<bool>,
    /// By bare triple.
    pub target: BTreeMap<String, TargetConfig>,
    /// What `verify` holds the tree to.
    pub policy: PolicyConfig,
    /// The images that `docker` makes of the tree; one a package where there is none.
    pub docker: Vec<DockerConfig>,
    /// By package name; filled from each package's own table, never read from the workspace's.
    #[serde(skip)]
    pub package: BTreeMap<String, PackageConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct TargetConfig {
    pub glibc: Option<String>,
    pub linker: Option<LinkerChoice>,
    pub c_dependencies: Option<bool>,
    /// The root of the target's headers and libraries, from the workspace's root.
    pub sysroot: Option<Utf8PathBuf>,
    /// Settings of cargo's profile, for this target's calls alone.
    pub profile: ProfileConfig,
    pub strip: Option<Strip>,
    /// They join those that are in force.
    pub rustflags: Vec<String>,
    /// They join those that are asked for.
    pub features: Vec<String>,
    /// The cross image: `name:tag`, whose digest lives in xpkg.lock, or `name@sha256:…`.
    pub image: Option<String>,
    /// What a shell runs in the image, once, to make another of it.
    pub pre_build: PreBuild,
    /// What makes another image of it.
    pub dockerfile: Option<Dockerfile>,
    /// Variables of the environment that the image sees: `NAME`, or `NAME=value`.
    pub passthrough: Vec<String>,
    /// Directories that the image sees: `NAME`, a variable that names one, or `NAME=/path`.
    pub volumes: Vec<String>,
}

/// What is run in an image before it compiles: lines of shell, or a script's path from the
/// workspace's root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "lines of shell, or the path of a script")]
pub enum PreBuild {
    Lines(Vec<String>),
    Script(Utf8PathBuf),
}

impl Default for PreBuild {
    fn default() -> Self {
        Self::Lines(Vec::new())
    }
}

/// A Dockerfile of the user's: its path alone, or with what it is built with. Paths are from the
/// workspace's root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "the path of a Dockerfile, or a table with `file`, `context` and `build-args`"
)]
pub enum Dockerfile {
    File(Utf8PathBuf),
    Table(DockerfileTable),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table with `file`, `context` and `build-args`"
)]
pub struct DockerfileTable {
    pub file: Utf8PathBuf,
    pub context: Option<Utf8PathBuf>,
    #[serde(default)]
    pub build_args: BTreeMap<String, String>,
}

impl Dockerfile {
    /// Path, context, arguments.
    pub fn table(&self) -> DockerfileTable {
        match self {
            Self::File(file) => DockerfileTable {
                file: file.clone(),
                ..DockerfileTable::default()
            },
            Self::Table(table) => table.clone(),
        }
    }
}

/// What `verify` holds a tree to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct PolicyConfig {
    /// `default`, `strict`, `portable-linux`.
    pub base: Option<String>,
    /// The highest glibc that a program may ask for.
    pub glibc: Option<String>,
    /// Shared libraries that a program may need beyond the system's.
    pub libraries: Vec<String>,
    /// Code of a rule -> whether it holds, whatever the base says.
    pub rules: BTreeMap<String, bool>,
}

/// An image that `docker` makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of an image that `docker` makes"
)]
pub struct DockerConfig {
    pub name: String,
    /// `bin`, or `package/bin`.
    pub bins: Vec<String>,
    /// `scratch`, `registry/name@sha256:…`, or `oci:PATH`.
    pub base: Option<String>,
    /// The glibc that the base has.
    pub base_glibc: Option<String>,
    pub entrypoint: Option<Vec<String>>,
    /// As a Dockerfile's USER takes it.
    pub user: Option<String>,
    pub ports: Vec<Port>,
    /// From the workspace's root -> absolute, in the image.
    pub files: BTreeMap<Utf8PathBuf, String>,
    pub ca_certificates: bool,
    pub tzdata: bool,
    /// Those that count, where the tree has several for one platform.
    pub targets: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

/// `8080`, or `"53/udp"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a port's number, or `\"53/udp\"`")]
pub enum Port {
    Number(u16),
    Words(String),
}

impl Port {
    pub fn words(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Words(words) => words.clone(),
        }
    }
}

/// Settings of a profile that cargo has, each with a value of whatever type cargo takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of settings of a cargo profile"
)]
pub struct ProfileConfig {
    pub codegen_units: Option<ProfileValue>,
    pub debug: Option<ProfileValue>,
    pub debug_assertions: Option<ProfileValue>,
    pub incremental: Option<ProfileValue>,
    pub lto: Option<ProfileValue>,
    pub opt_level: Option<ProfileValue>,
    pub overflow_checks: Option<ProfileValue>,
    pub panic: Option<ProfileValue>,
    pub rpath: Option<ProfileValue>,
    pub split_debuginfo: Option<ProfileValue>,
    pub strip: Option<ProfileValue>,
}

/// A value of a profile's setting, as cargo takes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "a string, a number, or a boolean")]
pub enum ProfileValue {
    Switch(bool),
    Number(i64),
    Word(String),
}

impl ProfileConfig {
    /// The settings that are there, as cargo's configuration writes them.
    pub fn table(&self) -> toml::Table {
        toml::Table::try_from(self).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct PackageConfig {
    /// Leaves out all bins of the package.
    pub skip: bool,
    /// Bin -> the name under which it is staged.
    pub rename: BTreeMap<String, String>,
}

/// cargo's `strip`, for the bins of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strip {
    None,
    Debuginfo,
    Symbols,
}

impl Strip {
    /// The value as cargo's profile takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Debuginfo => "debuginfo",
            Self::Symbols => "symbols",
        }
    }
}
