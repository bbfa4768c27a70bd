//! xpkg's own configuration: `[workspace.metadata.xpkg]`, `[package.metadata.xpkg]`, `xpkg.toml`.
//!
//! Pure: the input is the files' texts. Strict: an unknown key is an error that suggests the
//! nearest known key.

pub mod ci;
pub mod parse;
pub mod publish;
pub mod release;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::project::compiler_cache::CompilerCache;
use crate::project::config::ci::CiConfig;
use crate::project::config::publish::PublishConfig;
use crate::project::config::release::{PackageReleaseConfig, ReleaseConfig};
use crate::project::linker::LinkerChoice;
use crate::project::wasm_bindgen::Flavor;

/// The configuration of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct Config {
    /// Targets to build, if no flag or variable names any.
    pub targets: Vec<String>,
    /// Root of the staged tree, relative to the workspace's root.
    pub out_dir: Option<Utf8PathBuf>,
    /// Layout of the staged tree.
    pub layout: Option<String>,
    /// Linker for targets whose table sets none.
    pub linker: Option<LinkerChoice>,
    /// `strip` for targets whose table sets none.
    pub strip: Option<Strip>,
    /// Override of the detection of C dependencies in the graph.
    pub c_dependencies: Option<bool>,
    /// True if the list of its packages is added to each program, false if `release` adds none.
    pub auditable: Option<bool>,
    /// True if builds are reproducible, false if those of `release` are not, either.
    pub reproducible: Option<bool>,
    /// Cache of compilers that the build uses.
    pub compiler_cache: Option<CompilerCache>,
    /// Settings per target, by triple without a glibc floor.
    pub target: BTreeMap<String, TargetConfig>,
    /// Requirements that `verify` checks.
    pub policy: PolicyConfig,
    /// Images that `docker` makes of the tree; if empty, one per package.
    pub docker: Vec<DockerConfig>,
    /// What `release` makes of the tree.
    pub release: ReleaseConfig,
    /// Where `publish` puts releases.
    pub publish: PublishConfig,
    /// What CI runs.
    pub ci: CiConfig,
    /// Settings per package, by name; from each package's own table, never from the workspace's.
    #[serde(skip)]
    pub package: BTreeMap<String, PackageConfig>,
}

/// The configuration of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct TargetConfig {
    /// glibc floor, such as `2.17`.
    pub glibc: Option<String>,
    /// Linker of this target.
    pub linker: Option<LinkerChoice>,
    /// Override of the detection of C dependencies, for this target.
    pub c_dependencies: Option<bool>,
    /// Root of the target's headers and libraries, relative to the workspace's root.
    pub sysroot: Option<Utf8PathBuf>,
    /// Settings of cargo's profile, for this target only.
    pub profile: ProfileConfig,
    /// `strip` of this target.
    pub strip: Option<Strip>,
    /// Rustflags to append to those in effect.
    pub rustflags: Vec<String>,
    /// Features to add to the requested ones.
    pub features: Vec<String>,
    /// Cross image: `name:tag`, whose digest is in xpkg.lock, or `name@sha256:…`.
    pub image: Option<String>,
    /// Commands to run once in the image, which make a derived image.
    pub pre_build: PreBuild,
    /// Dockerfile that makes a derived image.
    pub dockerfile: Option<Dockerfile>,
    /// Environment variables to forward to the container: `NAME`, or `NAME=value`.
    pub passthrough: Vec<String>,
    /// Directories to mount in the container: `NAME`, a variable that holds a path, or
    /// `NAME=/path`.
    pub volumes: Vec<String>,
}

/// Commands to run in an image before it compiles.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "lines of shell, or the path of a script")]
pub enum PreBuild {
    /// Lines of shell.
    Lines(Vec<String>),
    /// Path of a script, relative to the workspace's root.
    Script(Utf8PathBuf),
}

impl Default for PreBuild {
    fn default() -> Self {
        Self::Lines(Vec::new())
    }
}

/// A Dockerfile of the user's. Paths are relative to the workspace's root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "the path of a Dockerfile, or a table with `file`, `context` and `build-args`"
)]
pub enum Dockerfile {
    /// Path of the file.
    File(Utf8PathBuf),
    /// Path of the file, with its context and arguments.
    Table(DockerfileTable),
}

/// A Dockerfile with its context and arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table with `file`, `context` and `build-args`"
)]
pub struct DockerfileTable {
    /// Path of the Dockerfile.
    pub file: Utf8PathBuf,
    /// Build context.
    pub context: Option<Utf8PathBuf>,
    /// Values of `--build-arg`, by name.
    #[serde(default)]
    pub build_args: BTreeMap<String, String>,
}

impl Dockerfile {
    /// Returns the table form.
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

/// The requirements that `verify` checks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct PolicyConfig {
    /// Base policy: `default`, `strict` or `portable-linux`.
    pub base: Option<String>,
    /// Highest glibc version that a program may need.
    pub glibc: Option<String>,
    /// Oldest version of macOS that a program must start on.
    pub macos: Option<String>,
    /// Shared libraries that a program may need in addition to the system's.
    pub libraries: Vec<String>,
    /// Rules to enable (true) or disable (false) regardless of the base, by code.
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
    /// Name of the image.
    pub name: String,
    /// Bins of the image: `bin`, or `package/bin`.
    pub bins: Vec<String>,
    /// Base image: `scratch`, `registry/name@sha256:…`, or `oci:PATH`.
    pub base: Option<String>,
    /// glibc version of the base.
    pub base_glibc: Option<String>,
    /// Entrypoint: a program and its arguments.
    pub entrypoint: Option<Vec<String>>,
    /// User, in the syntax of a Dockerfile's USER.
    pub user: Option<String>,
    /// Ports to expose.
    pub ports: Vec<Port>,
    /// Files to add: path relative to the workspace's root -> absolute path in the image.
    pub files: BTreeMap<Utf8PathBuf, String>,
    /// True if the image contains CA certificates.
    pub ca_certificates: bool,
    /// True if the image contains the time zone database.
    pub tzdata: bool,
    /// Targets to use if the tree has several for one platform.
    pub targets: Vec<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// False if `compose.yaml` gives the container a writable root.
    pub read_only: Option<bool>,
    /// Health check of the container.
    pub healthcheck: Option<HealthcheckConfig>,
}

/// Health check of an image's container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table with `command`, `interval`, `timeout`, `start-period` and `retries`"
)]
pub struct HealthcheckConfig {
    /// Program in the image, and its arguments. Exit code 0 means healthy.
    pub command: Vec<String>,
    /// Time between two checks: `30s`.
    pub interval: Option<String>,
    /// Time limit of a check.
    pub timeout: Option<String>,
    /// Time in which failures do not count.
    pub start_period: Option<String>,
    /// Number of failures in a row after which the container is unhealthy.
    pub retries: Option<u32>,
}

/// A port to expose: `8080`, or `"53/udp"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a port's number, or `\"53/udp\"`")]
pub enum Port {
    /// TCP port.
    Number(u16),
    /// Port with its protocol.
    Text(String),
}

impl Port {
    /// Returns the port as a Dockerfile's EXPOSE writes it.
    pub fn label(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Settings of a cargo profile; cargo checks the values.
///
/// See <https://doc.rust-lang.org/cargo/reference/profiles.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of settings of a cargo profile"
)]
pub struct ProfileConfig {
    /// `codegen-units`.
    pub codegen_units: Option<ProfileValue>,
    /// `debug`.
    pub debug: Option<ProfileValue>,
    /// `debug-assertions`.
    pub debug_assertions: Option<ProfileValue>,
    /// `incremental`.
    pub incremental: Option<ProfileValue>,
    /// `lto`.
    pub lto: Option<ProfileValue>,
    /// `opt-level`.
    pub opt_level: Option<ProfileValue>,
    /// `overflow-checks`.
    pub overflow_checks: Option<ProfileValue>,
    /// `panic`.
    pub panic: Option<ProfileValue>,
    /// `rpath`.
    pub rpath: Option<ProfileValue>,
    /// `split-debuginfo`.
    pub split_debuginfo: Option<ProfileValue>,
    /// `strip`.
    pub strip: Option<ProfileValue>,
}

/// The value of a profile setting.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "a string, a number, or a boolean")]
pub enum ProfileValue {
    /// Boolean, such as `lto = true`.
    Switch(bool),
    /// Number, such as `opt-level = 3`.
    Number(i64),
    /// Text, such as `lto = "thin"`.
    Word(String),
}

impl ProfileConfig {
    /// Returns the settings that are present, with cargo's names.
    pub fn table(&self) -> toml::Table {
        toml::Table::try_from(self).unwrap_or_default()
    }
}

/// The configuration of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct PackageConfig {
    /// True if no bin of the package is built.
    pub skip: bool,
    /// Names in the staged tree, by bin.
    pub rename: BTreeMap<String, String>,
    /// Whether the package's library is built as a shared library, and for which targets.
    pub cdylib: Option<CdylibConfig>,
    /// Packages for JavaScript that wasm-bindgen makes of the library.
    pub wasm_bindgen: Vec<Flavor>,
    /// What `release` makes of the package.
    pub release: PackageReleaseConfig,
}

/// The targets that have a package's shared library.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "true, or a list of targets")]
pub enum CdylibConfig {
    /// All targets, or none.
    Switch(bool),
    /// Triples of some.
    Targets(Vec<String>),
}

/// A value of cargo's `strip` setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strip {
    /// Strips nothing.
    None,
    /// Strips debug information.
    Debuginfo,
    /// Strips debug information and symbols.
    Symbols,
}

impl Strip {
    /// Returns the value in cargo's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Debuginfo => "debuginfo",
            Self::Symbols => "symbols",
        }
    }
}
