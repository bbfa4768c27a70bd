//! Parses the configuration from the texts of its files.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, nearest};
use crate::project::compiler_cache::CompilerCache;
use crate::project::config::ci::CiConfig;
use crate::project::config::publish::PublishConfig;
use crate::project::config::release::{PackageReleaseConfig, ReleaseConfig};
use crate::project::config::{
    CdylibConfig, Config, DockerConfig, PackageConfig, PolicyConfig, Strip, TargetConfig,
};
use crate::project::linker::LinkerChoice;
use crate::project::wasm_bindgen::Flavor;

/// A file that may contain configuration.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Path of the file, for messages.
    pub path: Utf8PathBuf,
    /// Content of the file.
    pub text: String,
}

/// All files that may contain configuration.
#[derive(Debug, Clone, Default)]
pub struct ConfigFiles {
    /// Cargo.toml at the workspace's root, if it has a `metadata.xpkg` table.
    pub root: Option<ConfigFile>,
    /// `xpkg.toml` at the workspace's root, if it exists.
    pub xpkg_toml: Option<ConfigFile>,
    /// Manifests of the other members that have a `package.metadata.xpkg` table, by package name.
    pub members: Vec<(String, ConfigFile)>,
    /// Package whose manifest is the root's, if any.
    pub root_package: Option<String>,
    /// True if the workspace has only that package.
    pub single: bool,
}

/// Declares a type that deserializes one `metadata.xpkg` table of a Cargo.toml and ignores the
/// rest.
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

/// The keys of `[package.metadata.xpkg]` if the package is the whole workspace: those of the
/// workspace and those of a package.
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
    auditable: Option<bool>,
    reproducible: Option<bool>,
    compiler_cache: Option<CompilerCache>,
    target: BTreeMap<String, TargetConfig>,
    policy: PolicyConfig,
    docker: Vec<DockerConfig>,
    release: ReleaseConfig,
    publish: PublishConfig,
    ci: CiConfig,
    skip: bool,
    rename: BTreeMap<String, String>,
    cdylib: Option<CdylibConfig>,
    wasm_bindgen: Vec<Flavor>,
}

cargo_toml!(WorkspaceToml, workspace, Config);

cargo_toml!(PackageToml, package, PackageConfig);

cargo_toml!(LoneToml, package, LoneTable);

impl Config {
    /// Parses all files, and returns the configuration or all problems with it.
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
                Some(name) if sources.single => {
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
                            auditable,
                            reproducible,
                            compiler_cache,
                            target,
                            policy,
                            docker,
                            release,
                            publish,
                            ci,
                            skip,
                            rename,
                            cdylib,
                            wasm_bindgen,
                        } = table;
                        let package = PackageConfig {
                            skip,
                            rename,
                            cdylib,
                            wasm_bindgen,
                            release: PackageReleaseConfig::default(),
                        };
                        if package != PackageConfig::default() {
                            packages.insert(name.clone(), package);
                        }
                        let config = Self {
                            targets,
                            out_dir,
                            layout,
                            linker,
                            strip,
                            c_dependencies,
                            auditable,
                            reproducible,
                            compiler_cache,
                            target,
                            policy,
                            docker,
                            release,
                            publish,
                            ci,
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
        if let Some(source) = &sources.xpkg_toml
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
                    CONFIG_TWICE,
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

/// Parses a file; on failure adds a problem and returns `None`.
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
                "see the keys and their types: `cargo xpkg help configuration`",
            );
            // The root's Cargo.toml is parsed twice, and a syntax error would be reported twice.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
            None
        }
    }
}

/// Returns `file:line:column` of an error.
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

/// Returns the problem for an error in the configuration of `whose` tool, with the message of the
/// TOML parser. For an unknown key, suggests the nearest known key; else adds `help`.
pub fn describe(source: &ConfigFile, error: &toml::de::Error, whose: &str, help: &str) -> Problem {
    let ConfigFile { path, text } = source;
    let place = place(path, text, error);
    let message = error.message().lines().next().unwrap_or_default();
    let problem = Problem::new(
        CONFIG_INVALID,
        format!("{message} in {whose}'s configuration"),
    )
    .note("at", [place]);
    // serde quotes the unknown key first, then the known keys, each in backticks.
    let mut names = message.split('`').skip(1).step_by(2);
    match names.next() {
        Some(unknown) if message.starts_with("unknown") => match nearest(unknown, names) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        },
        _ => problem.help(help),
    }
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[CONFIG_INVALID, CONFIG_TWICE];

pub const CONFIG_INVALID: Code = code(&CodeInfo {
    name: "config-invalid",
    title: "xpkg's configuration has an unknown key or a wrong value",
    cause: "`[workspace.metadata.xpkg]`, `[package.metadata.xpkg]` or `xpkg.toml` contains \
            a key or value that xpkg does not know. To ignore a misspelt key would be a silent \
            fallback.",
    detection: "The tables are parsed strictly; the message gives file, line and column.",
    fix: "Correct the key or value; for an unknown key, the help suggests the nearest known one.",
    page: "configuration",
    sources: &[],
    waivable: false,
});

pub const CONFIG_TWICE: Code = code(&CodeInfo {
    name: "config-twice",
    title: "xpkg is configured in two places",
    cause: "Both `xpkg.toml` and the workspace's Cargo.toml configure xpkg, and it \
            would be surprising if one of them were ignored.",
    detection: "Both files contain a configuration.",
    fix: "Keep one, delete the other.",
    page: "configuration",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> ConfigFile {
        ConfigFile {
            path: path.into(),
            text: text.to_owned(),
        }
    }

    fn parsed(sources: &ConfigFiles) -> Vec<String> {
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
        let mut found = parsed(&ConfigFiles {
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
        let xpkg_toml = source("xpkg.toml", "targets = \"x\"\n");
        assert_eq!(
            parsed(&ConfigFiles {
                xpkg_toml: Some(xpkg_toml),
                ..ConfigFiles::default()
            }),
            [
                "config-invalid: invalid type: string \"x\", expected a sequence in xpkg's \
                 configuration [xpkg.toml:1:11] see the keys and their types: \
                 `cargo xpkg help configuration`"
            ]
        );
    }

    #[test]
    fn an_unknown_linker_is_rejected() {
        let xpkg_toml = source("xpkg.toml", "linker = \"rust-ldd\"\n");
        let found = parsed(&ConfigFiles {
            xpkg_toml: Some(xpkg_toml),
            ..ConfigFiles::default()
        });
        assert!(found[0].ends_with("did you mean `rust-lld`?"), "{found:?}");
    }

    #[test]
    fn two_places_are_one_too_many() {
        let root = source("Cargo.toml", "[workspace.metadata.xpkg]\ntargets = []\n");
        let xpkg_toml = source("xpkg.toml", "");
        assert_eq!(
            parsed(&ConfigFiles {
                root: Some(root),
                xpkg_toml: Some(xpkg_toml),
                ..ConfigFiles::default()
            }),
            [
                "config-twice: xpkg is configured twice: in `[workspace.metadata.xpkg]` of \
                 `Cargo.toml` and in `xpkg.toml` [] keep one of them"
            ]
        );
    }

    #[test]
    fn a_single_package_may_set_everything_in_its_own_table() {
        let root = source(
            "Cargo.toml",
            "[package]\nname = \"x\"\n[package.metadata.xpkg]\nlayout = \"{bin}\"\nrename = { x = \
             \"y\" }\n",
        );
        let sources = ConfigFiles {
            root: Some(root),
            root_package: Some("x".to_owned()),
            single: true,
            ..ConfigFiles::default()
        };
        let config = Config::parse(&sources).unwrap();
        assert_eq!(config.layout.as_deref(), Some("{bin}"));
        assert_eq!(config.package["x"].rename["x"], "y");
    }

    #[test]
    fn a_member_may_not_set_keys_of_the_workspace() {
        let member = source(
            "a/Cargo.toml",
            "[package]\nname = \"a\"\n[package.metadata.xpkg]\ntargets = []\n",
        );
        let found = parsed(&ConfigFiles {
            members: vec![("a".to_owned(), member)],
            ..ConfigFiles::default()
        });
        assert!(
            found[0].starts_with(
                "config-invalid: unknown field `targets`, expected one of `skip`, `rename`, `cdylib`"
            ),
            "{found:?}"
        );
    }
}
