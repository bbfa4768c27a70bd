//! xpkg's own configuration: `[workspace.metadata.xpkg]`, `[package.metadata.xpkg]`, `xpkg.toml`.
//!
//! Pure: it is given the files' texts. Strict: an unknown key is an error that names the nearest
//! known one.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::problem::{Code, Problem, nearest};
use crate::toolchain::LinkerKind;

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

/// `--linker` and `linker = "…"`. A value that is not here is a usage error, never a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LinkerChoice {
    /// Take the first candidate that holds
    Auto,
    /// The host's own `cc`, for the host's own triple
    Native,
    /// A GNU cross compiler made for the target
    Gcc,
    /// clang, where `--target` is all that it needs
    Clang,
    /// zig: C and C++ for musl, and for any glibc floor
    Zig,
    /// Rust's own linker with Rust's own musl
    RustLld,
    /// The pinned cross image of the target
    Image,
}

impl LinkerChoice {
    pub fn kind(self) -> Option<LinkerKind> {
        match self {
            Self::Auto => None,
            Self::Native => Some(LinkerKind::Native),
            Self::Gcc => Some(LinkerKind::Gcc),
            Self::Clang => Some(LinkerKind::Clang),
            Self::Zig => Some(LinkerKind::Zig),
            Self::RustLld => Some(LinkerKind::RustLld),
            Self::Image => Some(LinkerKind::Image),
        }
    }
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

/// A file that may hold configuration.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    pub path: Utf8PathBuf,
    pub text: String,
}

/// Every file that may hold configuration.
#[derive(Debug, Clone, Default)]
pub struct ConfigFiles {
    /// The Cargo.toml at the workspace's root, if it has a `metadata.xpkg` table.
    pub root: Option<ConfigFile>,
    /// `xpkg.toml` beside it, if there is one.
    pub own: Option<ConfigFile>,
    /// Manifests of the other members that have a `package.metadata.xpkg` table, by package name.
    pub members: Vec<(String, ConfigFile)>,
    /// The package whose manifest is the root's, if any.
    pub root_package: Option<String>,
    /// The workspace is just that package.
    pub lone: bool,
}

/// Reads a table of one type out of a Cargo.toml, passing over all that is not ours.
macro_rules! cargo_toml {
    ($name:ident, $section:ident, $table:ty) => {
        #[derive(Deserialize)]
        struct $name {
            $section: Option<Section<$table>>,
        }
    };
}

#[derive(Deserialize)]
struct Section<T> {
    metadata: Option<Metadata<T>>,
}

#[derive(Deserialize)]
struct Metadata<T> {
    xpkg: Option<T>,
}

impl<T> Section<T> {
    fn table(section: Option<Self>) -> Option<T> {
        section?.metadata?.xpkg
    }
}

/// All that `[package.metadata.xpkg]` of a lone package may hold.
#[derive(Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
#[derive(Default)]
struct LoneTable {
    targets: Vec<String>,
    out_dir: Option<Utf8PathBuf>,
    layout: Option<String>,
    linker: Option<LinkerChoice>,
    strip: Option<Strip>,
    c_dependencies: Option<bool>,
    target: BTreeMap<String, TargetConfig>,
    policy: PolicyConfig,
    docker: Vec<DockerConfig>,
    skip: bool,
    rename: BTreeMap<String, String>,
}

cargo_toml!(WorkspaceToml, workspace, Config);
cargo_toml!(PackageToml, package, PackageConfig);
cargo_toml!(LoneToml, package, LoneTable);

impl Config {
    /// The one configuration of all files, or everything that is wrong with them.
    pub fn parse(sources: &ConfigFiles) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut places: Vec<(String, Self)> = Vec::new();
        let mut packages: BTreeMap<String, PackageConfig> = BTreeMap::new();

        if let Some(source) = &sources.root {
            if let Some(file) = read::<WorkspaceToml>(source, &mut problems)
                && let Some(config) = Section::table(file.workspace)
            {
                places.push((
                    format!("`[workspace.metadata.xpkg]` of `{}`", source.path),
                    config,
                ));
            }
            match &sources.root_package {
                Some(name) if sources.lone => {
                    if let Some(table) = read::<LoneToml>(source, &mut problems)
                        .and_then(|file| Section::table(file.package))
                    {
                        let LoneTable {
                            targets,
                            out_dir,
                            layout,
                            linker,
                            strip,
                            c_dependencies,
                            target,
                            policy,
                            docker,
                            skip,
                            rename,
                        } = table;
                        if skip || !rename.is_empty() {
                            packages.insert(name.clone(), PackageConfig { skip, rename });
                        }
                        let config = Self {
                            targets,
                            out_dir,
                            layout,
                            linker,
                            strip,
                            c_dependencies,
                            target,
                            policy,
                            docker,
                            package: BTreeMap::new(),
                        };
                        if config != Self::default() {
                            places.push((
                                format!("`[package.metadata.xpkg]` of `{}`", source.path),
                                config,
                            ));
                        }
                    }
                }
                Some(name) => {
                    if let Some(config) = read::<PackageToml>(source, &mut problems)
                        .and_then(|file| Section::table(file.package))
                    {
                        packages.insert(name.clone(), config);
                    }
                }
                None => {}
            }
        }
        if let Some(source) = &sources.own
            && let Some(config) = read::<Self>(source, &mut problems)
        {
            places.push((format!("`{}`", source.path), config));
        }
        for (name, source) in &sources.members {
            if let Some(config) = read::<PackageToml>(source, &mut problems)
                .and_then(|file| Section::table(file.package))
            {
                packages.insert(name.clone(), config);
            }
        }
        if places.len() > 1 {
            let names: Vec<String> = places.iter().map(|(place, _)| place.clone()).collect();
            problems.push(
                Problem::new(
                    Code::ConfigTwice,
                    format!("xpkg is configured twice: in {}", names.join(" and in ")),
                )
                .help("keep one of them"),
            );
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut config = places.pop().map(|(_, config)| config).unwrap_or_default();
        config.package.extend(packages);
        Ok(config)
    }
}

fn read<T: serde::de::DeserializeOwned>(
    source: &ConfigFile,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    match toml::from_str(&source.text) {
        Ok(table) => Some(table),
        Err(error) => {
            let problem = describe(
                source,
                &error,
                "xpkg",
                "the keys and their types stand in the README under Configuration",
            );
            if !problems.contains(&problem) {
                problems.push(problem);
            }
            None
        }
    }
}

/// `file:line:column` of a mistake.
pub fn place(path: &Utf8Path, text: &str, error: &toml::de::Error) -> String {
    match error.span() {
        Some(span) => {
            let before = &text[..span.start.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before
                .rsplit('\n')
                .next()
                .unwrap_or_default()
                .chars()
                .count()
                + 1;
            format!("{path}:{line}:{column}")
        }
        None => path.to_string(),
    }
}

/// A mistake in `whose` configuration, in toml's words, with the nearest key where the key is the
/// mistake.
pub fn describe(source: &ConfigFile, error: &toml::de::Error, whose: &str, help: &str) -> Problem {
    let ConfigFile { path, text } = source;
    let place = place(path, text, error);
    let message = error.message().lines().next().unwrap_or_default();
    let problem = Problem::new(
        Code::ConfigInvalid,
        format!("{message} in {whose}'s configuration"),
    )
    .note("at", [place]);
    // serde names first what it found, then what it knows, each in backticks.
    let mut names = message.split('`').skip(1).step_by(2);
    match names.next() {
        Some(unknown) if message.starts_with("unknown") => match nearest(unknown, names) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        },
        _ => problem.help(help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> ConfigFile {
        ConfigFile {
            path: path.into(),
            text: text.to_owned(),
        }
    }

    fn told(sources: &ConfigFiles) -> Vec<String> {
        match Config::parse(sources) {
            Ok(config) => vec![format!("{config:?}")],
            Err(problems) => problems
                .iter()
                .map(|problem| {
                    let notes: Vec<String> = problem
                        .notes
                        .iter()
                        .flat_map(|note| note.lines.clone())
                        .collect();
                    format!(
                        "{}: {} [{}] {}",
                        problem.code.name(),
                        problem.message,
                        notes.join(" "),
                        problem.help.join(" ")
                    )
                })
                .collect(),
        }
    }

    #[test]
    fn a_misspelt_key_names_its_place_and_the_nearest() {
        let root = source(
            "Cargo.toml",
            "[workspace]\nmembers = []\n[workspace.metadata.xpkg]\nlayuot = \"{bin}\"\n",
        );
        let mut found = told(&ConfigFiles {
            root: Some(root),
            ..ConfigFiles::default()
        });
        assert!(
            found[0].starts_with("config-invalid: unknown field `layuot`, expected one of"),
            "{found:?}"
        );
        assert!(
            found
                .remove(0)
                .ends_with("[Cargo.toml:4:1] did you mean `layout`?")
        );
    }

    #[test]
    fn a_wrong_type_names_its_place() {
        let own = source("xpkg.toml", "targets = \"x\"\n");
        assert_eq!(
            told(&ConfigFiles {
                own: Some(own),
                ..ConfigFiles::default()
            }),
            [
                "config-invalid: invalid type: string \"x\", expected a sequence in xpkg's \
                 configuration [xpkg.toml:1:11] the keys and their types stand in the README \
                 under Configuration"
            ]
        );
    }

    #[test]
    fn an_unknown_linker_is_refused() {
        let own = source("xpkg.toml", "linker = \"rust-ldd\"\n");
        let found = told(&ConfigFiles {
            own: Some(own),
            ..ConfigFiles::default()
        });
        assert!(found[0].ends_with("did you mean `rust-lld`?"), "{found:?}");
    }

    #[test]
    fn two_places_are_one_too_many() {
        let root = source("Cargo.toml", "[workspace.metadata.xpkg]\ntargets = []\n");
        let own = source("xpkg.toml", "");
        assert_eq!(
            told(&ConfigFiles {
                root: Some(root),
                own: Some(own),
                ..ConfigFiles::default()
            }),
            [
                "config-twice: xpkg is configured twice: in `[workspace.metadata.xpkg]` of \
                 `Cargo.toml` and in `xpkg.toml` [] keep one of them"
            ]
        );
    }

    #[test]
    fn a_lone_package_may_say_all_in_its_own_table() {
        let root = source(
            "Cargo.toml",
            "[package]\nname = \"x\"\n[package.metadata.xpkg]\nlayout = \"{bin}\"\nrename = { x = \
             \"y\" }\n",
        );
        let sources = ConfigFiles {
            root: Some(root),
            root_package: Some("x".to_owned()),
            lone: true,
            ..ConfigFiles::default()
        };
        let config = Config::parse(&sources).unwrap();
        assert_eq!(config.layout.as_deref(), Some("{bin}"));
        assert_eq!(config.package["x"].rename["x"], "y");
    }

    #[test]
    fn a_member_may_not_say_what_is_the_workspaces() {
        let member = source(
            "a/Cargo.toml",
            "[package]\nname = \"a\"\n[package.metadata.xpkg]\ntargets = []\n",
        );
        let found = told(&ConfigFiles {
            members: vec![("a".to_owned(), member)],
            ..ConfigFiles::default()
        });
        assert!(
            found[0].starts_with(
                "config-invalid: unknown field `targets`, expected `skip` or `rename`"
            ),
            "{found:?}"
        );
    }
}
