//! Imports a project's configuration of `cross`: `Cross.toml`, the `metadata.cross` tables of the
//! root's Cargo.toml and of the members', and the variables `CROSS_*`.
//!
//! Pure: the input is texts and variables; engines and the content of images play no part.
//! Precedence is as cross documents it: the target's own entry before that of `[build]`; in each of
//! the two, the variable before Cross.toml before Cargo.toml. Keys without a counterpart in xpkg
//! are reported, and so are keys that cross does not know.
//!
//! A new key: its name in `file::KEYS`, its value in `file::Values`, its import in
//! [`Migration::target`] and `Imported::under`, or its reason in `unsupported_keys`; and the guide's page `from-cross`.
//!
//! Source: <https://github.com/cross-rs/cross/blob/main/docs/config_file.md>.

pub mod file;
pub mod source;
#[cfg(test)]
pub mod tests;
pub mod variables;

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use crate::problem::{Problem, nearest};
use crate::project::config::{Dockerfile, DockerfileTable, PreBuild, TargetConfig};
use crate::project::cross_toml::file::{At, KEYS, Layer, Values, layers};
use crate::project::cross_toml::source::{CrossSources, ImportedKey, Unmapped};

/// Registry and namespace of cross's own images.
const REGISTRY: &str = "ghcr.io/cross-rs";

/// Name of cross's own file.
pub const NAME: &str = "Cross.toml";

/// Message for `build-std` and `xargo`.
const NO_STD: &str = "xpkg uses the standard library that rustup installs; to build it needs a \
                      nightly cargo and `-Z build-std`";

/// A project's configuration of cross.
#[derive(Debug, Clone, Default)]
pub struct Migration {
    /// `build.default-target`: the target if no other source names one.
    pub default_target: Option<String>,
    /// Keys to report for any targets.
    pub unmapped: Vec<Unmapped>,
    /// Keys of `[target.T]` tables, to report if T is a target of the run.
    unmapped_of_targets: Vec<Unmapped>,
    layers: Vec<Layer>,
    variables: BTreeMap<String, String>,
    scripts: BTreeSet<String>,
}

/// The imported configuration of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Cross image.
    pub image: Option<String>,
    /// Commands to run once in the image.
    pub pre_build: PreBuild,
    /// Dockerfile that makes a derived image.
    pub dockerfile: Option<Dockerfile>,
    /// Environment variables to forward.
    pub passthrough: Vec<String>,
    /// Directories to mount.
    pub volumes: Vec<String>,
    /// Origins of the values; a key that is joined from two places is here twice.
    pub from: Vec<ImportedKey>,
    /// Keys to report if the target is one of the run's.
    pub unmapped: Vec<Unmapped>,
}

/// A target's configuration, merged from xpkg's own and cross's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Merged configuration.
    pub config: TargetConfig,
    /// Keys that have their value from cross's configuration.
    pub imported: Vec<ImportedKey>,
    /// Keys of cross that are not imported.
    pub unmapped: Vec<Unmapped>,
}

/// Returns the values of `pre-build` that may be the path of a script.
pub fn possible_scripts(sources: &CrossSources) -> BTreeSet<String> {
    let mut scripts = BTreeSet::new();
    // `read` reports what cannot be parsed.
    for layer in layers(sources, &mut Vec::new(), &mut Vec::new()) {
        for values in std::iter::once(&layer.tables.build).chain(layer.tables.target.values()) {
            if let Some(PreBuild::Script(script)) = &values.pre_build
                && !script.as_str().contains('\n')
            {
                scripts.insert(script.to_string());
            }
        }
    }
    scripts
}

/// Parses all sources, and returns the configuration or all problems with it.
pub fn read(sources: &CrossSources) -> Result<Migration, Vec<Problem>> {
    let (mut problems, mut unmapped) = (Vec::new(), Vec::new());
    let layers = layers(sources, &mut problems, &mut unmapped);
    if !problems.is_empty() {
        return Err(problems);
    }
    unmapped.extend(variables::unmapped(sources));
    unmapped.extend(sources.strays.iter().map(stray));
    for layer in &layers {
        unmapped.extend(unknown_targets(layer, &sources.triples));
    }
    let (unmapped_of_targets, unmapped) = unmapped
        .into_iter()
        .partition(|key: &Unmapped| key.triple.is_some());
    let CrossSources {
        variables, scripts, ..
    } = sources.clone();
    let mut migration = Migration {
        default_target: None,
        unmapped,
        unmapped_of_targets,
        layers,
        variables,
        scripts,
    };
    let default_target = migration.first("default-target", &[At::Build], |values| {
        values.default_target.clone()
    });
    migration.default_target = default_target.map(|found| found.value);
    Ok(migration)
}

/// Returns the report on a file that is named like Cross.toml.
fn stray(path: &Utf8PathBuf) -> Unmapped {
    let name = path.file_name().unwrap_or_default();
    let fix = if name == NAME {
        "move it there".to_owned()
    } else {
        format!("rename it to `{NAME}`")
    };
    Unmapped {
        key: name.to_owned(),
        place: path.parent().map(ToString::to_string).unwrap_or_default(),
        triple: None,
        reason: format!("cross reads `{NAME}` in the workspace's root: {fix}"),
        superseded_by: None,
    }
}

/// Returns the reports on the `[target.T]` tables of a file that no target has the name of.
fn unknown_targets(layer: &Layer, triples: &[String]) -> Vec<Unmapped> {
    let normalized = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    let reason = |name: &str| {
        if name.starts_with("cfg(") {
            return Some(
                "cross names targets by their triples alone: write a table for each".into(),
            );
        }
        if triples.is_empty() || triples.iter().any(|triple| triple == name) {
            return None;
        }
        if let Some(triple) = triples
            .iter()
            .find(|triple| normalized(triple) == normalized(name))
        {
            let what = format!("not the target's name: did you mean `target.{triple}`?");
            return Some(what);
        }
        let near = nearest(name, triples.iter().map(String::as_str));
        let hint = near
            .map(|near| format!("; did you mean `target.{near}`?"))
            .unwrap_or_default();
        Some(format!("rustc has no such target{hint}"))
    };
    let names = layer.tables.target.keys();
    names
        .filter_map(|name| {
            let key = format!("target.{name}");
            Some(Unmapped {
                place: layer.place(&key),
                reason: reason(name)?,
                key,
                triple: None,
                superseded_by: None,
            })
        })
        .collect()
}

/// Returns the reports on imported keys of a target without an image: all of them configure one.
/// `cause` says why it has none.
pub fn without_image(from: &[ImportedKey], triple: &str, cause: &str) -> Vec<Unmapped> {
    let report = |key: &ImportedKey| Unmapped {
        key: key.cross.clone(),
        place: key.place.clone(),
        triple: Some(triple.to_owned()),
        reason: format!(
            "{cause}, and xpkg has none of its own: set `image = \"{REGISTRY}/{triple}:<version>\"` \
             in `[target.{triple}]` of {NAME}, or in xpkg's configuration"
        ),
        superseded_by: Some("image"),
    };
    from.iter().map(report).collect()
}

/// A value and its origin.
struct Located<'a, T> {
    value: T,
    key: &'static str,
    at: At<'a>,
    place: String,
}

impl<T> Located<'_, T> {
    /// Returns the report that this key is not imported.
    fn unmapped(&self, reason: impl Into<String>, superseded_by: Option<&'static str>) -> Unmapped {
        Unmapped {
            key: self.at.path(self.key),
            place: self.place.clone(),
            triple: self.at.triple(),
            reason: reason.into(),
            superseded_by,
        }
    }

    /// Returns the report that this value is imported as xpkg's `key`.
    fn imported(&self, key: &'static str) -> ImportedKey {
        ImportedKey {
            key,
            cross: self.at.path(self.key),
            place: self.place.clone(),
        }
    }
}

impl Migration {
    /// Returns the first value of a key: from the first table that has it, and there from the
    /// variable, Cross.toml or Cargo.toml, in this order.
    fn first<'a, T>(
        &self,
        key: &'static str,
        tables: &[At<'a>],
        pick: impl Fn(&Values) -> Option<T>,
    ) -> Option<Located<'a, T>> {
        tables.iter().find_map(|&at| {
            let variables =
                Values::from_variables(|name| self.variables.get(&at.variable(name)).cloned());
            if let Some(value) = pick(&variables) {
                let name = KEYS
                    .iter()
                    .find(|known| known.0 == key)
                    .map_or("", |known| known.2);
                return Some(Located {
                    value,
                    key,
                    at,
                    place: at.variable(name),
                });
            }
            let mut layers = self.layers.iter();
            layers.find_map(|layer| {
                Some(Located {
                    value: pick(layer.values(at)?)?,
                    key,
                    at,
                    place: layer.place(&at.path(key)),
                })
            })
        })
    }

    /// Returns all targets that have a `[target.T]` table.
    pub fn targets(&self) -> BTreeSet<String> {
        self.layers
            .iter()
            .flat_map(|layer| layer.tables.target.keys().cloned())
            .collect()
    }

    /// Returns the configuration of one target: `[target.T]` over `[build]`, as cross merges them,
    /// and the keys that are not imported.
    pub fn target(&self, triple: &str) -> Imported {
        let (target, build) = (At::Target(triple), At::Build);
        let mut imported = Imported::default();
        imported.unmapped.extend(
            self.unmapped_of_targets
                .iter()
                .filter(|key| key.triple.as_deref() == Some(triple))
                .cloned(),
        );
        self.unsupported_keys(triple, &mut imported.unmapped);
        if let Some(found) = self.first("pre-build", &[target, build], |values| {
            values.pre_build.clone()
        }) {
            imported
                .from
                .extend((found.value != PreBuild::default()).then(|| found.imported("pre-build")));
            imported.pre_build = match found.value {
                PreBuild::Script(script) if !self.scripts.contains(script.as_str()) => {
                    PreBuild::Lines(vec![script.into_string()])
                }
                other => other,
            };
        }
        if let Some(found) = self.first("dockerfile", &[target, build], |values| {
            values.dockerfile().filter(|table| table.file != "")
        }) {
            imported.from.push(found.imported("dockerfile"));
            imported.dockerfile = Some(Dockerfile::Table(self.dockerfile(
                found.value.file,
                target,
                build,
            )));
        }
        // A target's volumes replace those of `[build]`; its variables are added to them.
        if let Some(found) = self.first("env.volumes", &[target, build], |values| {
            values.env.volumes.clone()
        }) {
            imported
                .from
                .extend((!found.value.is_empty()).then(|| found.imported("volumes")));
            imported.volumes = found.value;
        }
        for at in [build, target] {
            if let Some(found) = self.first("env.passthrough", &[at], |values| {
                values.env.passthrough.clone()
            }) {
                imported
                    .from
                    .extend((!found.value.is_empty()).then(|| found.imported("passthrough")));
                imported.passthrough.extend(found.value);
            }
        }
        self.image(triple, &mut imported);
        imported
    }

    /// Returns a Dockerfile with its context and arguments. Each part has its own precedence: a
    /// target's file may have the context of `[build]`.
    fn dockerfile(&self, file: Utf8PathBuf, target: At<'_>, build: At<'_>) -> DockerfileTable {
        let context = self.first("dockerfile.context", &[target, build], |values| {
            values.dockerfile()?.context
        });
        let mut build_args = BTreeMap::new();
        for at in [build, target] {
            // The layer with the highest precedence comes last, and replaces the others' values.
            for table in self
                .layers
                .iter()
                .rev()
                .filter_map(|layer| layer.values(at)?.dockerfile())
            {
                build_args.extend(table.build_args);
            }
        }
        // Set explicitly, because cross's default is the workspace's root.
        let context = context.map_or_else(|| ".".into(), |found| found.value);
        DockerfileTable {
            file,
            context: Some(context),
            build_args,
        }
    }

    /// Adds the keys that are set for a target and have no counterpart in xpkg.
    fn unsupported_keys(&self, triple: &str, unmapped: &mut Vec<Unmapped>) {
        let (target, build) = (At::Target(triple), At::Build);
        for found in [
            self.first("build-std", &[target, build], Values::builds_std),
            self.first("xargo", &[target, build], |values| values.xargo),
        ] {
            unmapped.extend(
                found
                    .filter(|found| found.value)
                    .map(|found| found.unmapped(NO_STD, None)),
            );
        }
        if let Some(found) = self.zig(triple) {
            let glibc = self.first("zig.version", &[target, build], Values::glibc);
            let glibc = glibc
                .map(|found| format!(" and `glibc = \"{}\"`", found.value))
                .unwrap_or_default();
            let reason = format!(
                "xpkg uses zig without an image: set `linker = \"zig\"`{glibc} in xpkg's \
                 configuration of the target"
            );
            unmapped.push(found.unmapped(reason, Some("linker")));
        }
        let runner = self.first("runner", &[target], |values| values.runner.clone());
        unmapped.extend(runner.map(|found| {
            found.unmapped(
                "xpkg runs no program in an image: `verify --run` chooses its own emulator",
                None,
            )
        }));
    }

    /// Returns the key that makes cross link a target with zig, if one does.
    fn zig<'a>(&self, triple: &'a str) -> Option<Located<'a, bool>> {
        self.first(
            "zig",
            &[At::Target(triple), At::Build],
            Values::links_with_zig,
        )
        .filter(|found| found.value)
    }

    /// Imports the image of a target, by its full name. If cross links with zig, it ignores this
    /// key.
    fn image(&self, triple: &str, imported: &mut Imported) {
        if self.zig(triple).is_some() {
            return;
        }
        let Some(found) = self.first("image", &[At::Target(triple)], Values::image) else {
            // A Dockerfile may begin with an image of its own.
            if imported.dockerfile.is_none() {
                let cause = format!("used in an image alone; `{triple}` has none");
                let reports = without_image(&imported.from, triple, &cause);
                imported.unmapped.extend(reports);
            }
            return;
        };
        let (name, toolchain) = &found.value;
        if name.starts_with('-') {
            let reason = format!(
                "cross inserts its own version before `{name}`, which xpkg does not know: write \
                 the full name, `\"{REGISTRY}/{triple}:<version>{name}\"`"
            );
            imported
                .unmapped
                .push(found.unmapped(reason, Some("image")));
            return;
        }
        if !toolchain.is_empty() {
            let unmapped = found.unmapped(
                "xpkg has no such key: it does not check which toolchain the image is for",
                Some("image"),
            );
            imported.unmapped.push(Unmapped {
                key: format!("{}.toolchain", unmapped.key),
                ..unmapped
            });
        }
        if imported.dockerfile.is_some() {
            let reason = "with `dockerfile`, cross gives this name to the image that is built; \
                          xpkg uses it as the base image";
            imported
                .unmapped
                .push(found.unmapped(reason, Some("image")));
        }
        imported.from.push(found.imported("image"));
        imported.image = Some(if name.starts_with([':', '@']) {
            format!("{REGISTRY}/{triple}{name}")
        } else {
            name.clone()
        });
    }
}

impl Imported {
    /// Merges with xpkg's own configuration of the target, which has precedence key by key.
    pub fn under(self, configured: &TargetConfig) -> Merged {
        let Self {
            image,
            pre_build,
            dockerfile,
            passthrough,
            volumes,
            from,
            unmapped,
        } = self;
        let configured_keys = [
            ("image", configured.image.is_some()),
            ("pre-build", configured.pre_build != PreBuild::default()),
            ("dockerfile", configured.dockerfile.is_some()),
            ("passthrough", !configured.passthrough.is_empty()),
            ("volumes", !configured.volumes.is_empty()),
            ("linker", configured.linker.is_some()),
        ];
        let has = |key: &str| configured_keys.contains(&(key, true));
        let config = TargetConfig {
            image: configured.image.clone().or(image),
            pre_build: if has("pre-build") {
                configured.pre_build.clone()
            } else {
                pre_build
            },
            dockerfile: configured.dockerfile.clone().or(dockerfile),
            passthrough: if has("passthrough") {
                configured.passthrough.clone()
            } else {
                passthrough
            },
            volumes: if has("volumes") {
                configured.volumes.clone()
            } else {
                volumes
            },
            ..configured.clone()
        };
        let imported = from.into_iter().filter(|from| !has(from.key)).collect();
        let unmapped = unmapped
            .into_iter()
            .filter(|unmapped| unmapped.superseded_by.is_none_or(|key| !has(key)))
            .collect();
        Merged {
            config,
            imported,
            unmapped,
        }
    }
}
