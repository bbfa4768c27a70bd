//! What a project has said to `cross`, and what xpkg takes from it: `Cross.toml`, the
//! `metadata.cross` tables of the root's Cargo.toml, the variables `CROSS_BUILD_*` and
//! `CROSS_TARGET_<T>_*`.
//!
//! Pure: it is given texts and variables, and knows nothing of engines, nor of what an image holds.
//! A key is looked for as cross documents it: the target's own entry before `[build]`'s; for each
//! of the two, the variable before Cross.toml before Cargo.toml. What xpkg has no key for is told,
//! and so is a key that cross does not know.

pub mod file;
pub mod source;
#[cfg(test)]
pub mod tests;

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use crate::problem::Problem;
use crate::project::config::{Dockerfile, DockerfileTable, PreBuild, TargetConfig};
use crate::project::cross_toml::file::{At, KEYS, Layer, Values, layers};
use crate::project::cross_toml::source::{CrossSources, ImportedKey, Unmapped};

/// Where cross's own images are.
const REGISTRY: &str = "ghcr.io/cross-rs";

const NO_STD: &str = "xpkg takes the standard library that rustup installs; to build it needs a \
                      nightly cargo and `-Z build-std`";

/// All that was said to cross.
#[derive(Debug, Clone, Default)]
pub struct Migration {
    /// `build.default-target`: the target where nobody names one.
    pub default_target: Option<String>,
    /// What is told whatever the targets are.
    pub told: Vec<Unmapped>,
    /// What is told of a `[target.T]` where T is a target.
    of_targets: Vec<Unmapped>,
    layers: Vec<Layer>,
    variables: BTreeMap<String, String>,
    scripts: BTreeSet<String>,
}

/// What xpkg takes for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    pub image: Option<String>,
    pub pre_build: PreBuild,
    pub dockerfile: Option<Dockerfile>,
    pub passthrough: Vec<String>,
    pub volumes: Vec<String>,
    /// A key that is joined of two places is here twice.
    pub from: Vec<ImportedKey>,
    /// What is told where the target is one of the run's.
    pub told: Vec<Unmapped>,
}

/// A target's configuration, xpkg's own and cross's together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    pub config: TargetConfig,
    pub taken: Vec<ImportedKey>,
    pub told: Vec<Unmapped>,
}

/// What `pre-build` says that may be a script's path.
pub fn possible_scripts(sources: &CrossSources) -> BTreeSet<String> {
    let mut scripts = BTreeSet::new();
    // What cannot be read is told by `read`.
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

/// Everything that was said to cross, or all that is wrong with it.
pub fn read(sources: &CrossSources) -> Result<Migration, Vec<Problem>> {
    let (mut problems, mut told) = (Vec::new(), Vec::new());
    let layers = layers(sources, &mut problems, &mut told);
    if !problems.is_empty() {
        return Err(problems);
    }
    let options = "CROSS_BUILD_OPTS";
    if sources.variables.contains_key(options) {
        let becomes = "flags for the engine are not handed on".to_owned();
        told.push(Unmapped {
            key: options.to_owned(),
            place: "the environment".to_owned(),
            triple: None,
            becomes,
            answer: None,
        });
    }
    let (of_targets, told) = told
        .into_iter()
        .partition(|told: &Unmapped| told.triple.is_some());
    let CrossSources {
        variables, scripts, ..
    } = sources.clone();
    let mut migration = Migration {
        default_target: None,
        told,
        of_targets,
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

/// A value, and where it was found.
struct Located<'a, T> {
    value: T,
    key: &'static str,
    at: At<'a>,
    place: String,
}

impl<T> Located<'_, T> {
    fn told(&self, becomes: impl Into<String>, answer: Option<&'static str>) -> Unmapped {
        Unmapped {
            key: self.at.path(self.key),
            place: self.place.clone(),
            triple: self.at.triple(),
            becomes: becomes.into(),
            answer,
        }
    }

    /// `key` is xpkg's name for it.
    fn taken(&self, key: &'static str) -> ImportedKey {
        ImportedKey {
            key,
            place: self.place.clone(),
        }
    }
}

impl Migration {
    /// The first value of a key: by the tables in the order given, in each by variable, Cross.toml,
    /// Cargo.toml.
    fn first<'a, T>(
        &self,
        key: &'static str,
        tables: &[At<'a>],
        pick: impl Fn(&Values) -> Option<T>,
    ) -> Option<Located<'a, T>> {
        tables.iter().find_map(|&at| {
            let variables =
                Values::of_variables(|name| self.variables.get(&at.variable(name)).cloned());
            if let Some(value) = pick(&variables) {
                let name = KEYS.iter().find(|row| row.0 == key).map_or("", |row| row.2);
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

    /// Every target that has a table of its own.
    pub fn targets(&self) -> BTreeSet<String> {
        self.layers
            .iter()
            .flat_map(|layer| layer.tables.target.keys().cloned())
            .collect()
    }

    /// `[target.T]` over `[build]`, as cross puts them together, and what is not carried over.
    pub fn target(&self, triple: &str) -> Imported {
        let (own, build) = (At::Target(triple), At::Build);
        let mut imported = Imported::default();
        imported.told.extend(
            self.of_targets
                .iter()
                .filter(|told| told.triple.as_deref() == Some(triple))
                .cloned(),
        );
        self.without_like(triple, &mut imported.told);
        if let Some(found) = self.first("pre-build", &[own, build], |values| {
            values.pre_build.clone()
        }) {
            imported
                .from
                .extend((found.value != PreBuild::default()).then(|| found.taken("pre-build")));
            imported.pre_build = match found.value {
                PreBuild::Script(script) if !self.scripts.contains(script.as_str()) => {
                    PreBuild::Lines(vec![script.into_string()])
                }
                other => other,
            };
        }
        if let Some(found) = self.first("dockerfile", &[own, build], |values| {
            values.dockerfile().filter(|table| table.file != "")
        }) {
            imported.from.push(found.taken("dockerfile"));
            imported.dockerfile = Some(Dockerfile::Table(self.dockerfile(
                found.value.file,
                own,
                build,
            )));
        }
        // A target's volumes replace those of `[build]`; its variables join them.
        if let Some(found) = self.first("env.volumes", &[own, build], |values| {
            values.env.volumes.clone()
        }) {
            imported
                .from
                .extend((!found.value.is_empty()).then(|| found.taken("volumes")));
            imported.volumes = found.value;
        }
        for at in [build, own] {
            if let Some(found) = self.first("env.passthrough", &[at], |values| {
                values.env.passthrough.clone()
            }) {
                imported
                    .from
                    .extend((!found.value.is_empty()).then(|| found.taken("passthrough")));
                imported.passthrough.extend(found.value);
            }
        }
        self.image(triple, &mut imported);
        imported
    }

    /// Each part is looked for by itself: a target's file may have the context of `[build]`.
    fn dockerfile(&self, file: Utf8PathBuf, own: At<'_>, build: At<'_>) -> DockerfileTable {
        let context = self.first("dockerfile.context", &[own, build], |values| {
            values.dockerfile()?.context
        });
        let mut build_args = BTreeMap::new();
        for at in [build, own] {
            // Those of the stronger place come last.
            for table in self
                .layers
                .iter()
                .rev()
                .filter_map(|layer| layer.values(at)?.dockerfile())
            {
                build_args.extend(table.build_args);
            }
        }
        // Said, for cross's own default is the workspace's root.
        let context = context.map_or_else(|| ".".into(), |found| found.value);
        DockerfileTable {
            file,
            context: Some(context),
            build_args,
        }
    }

    /// What is set for a target and has no like in xpkg.
    fn without_like(&self, triple: &str, told: &mut Vec<Unmapped>) {
        let (own, build) = (At::Target(triple), At::Build);
        for found in [
            self.first("build-std", &[own, build], Values::builds_std),
            self.first("xargo", &[own, build], |values| values.xargo),
        ] {
            told.extend(
                found
                    .filter(|found| found.value)
                    .map(|found| found.told(NO_STD, None)),
            );
        }
        if let Some(found) = self.zig(triple) {
            let glibc = self.first("zig.version", &[own, build], Values::glibc);
            let glibc = glibc
                .map(|found| format!(" and `glibc = \"{}\"`", found.value))
                .unwrap_or_default();
            let becomes = format!(
                "xpkg has zig without an image: say `linker = \"zig\"`{glibc} in xpkg's \
                 configuration of the target"
            );
            told.push(found.told(becomes, Some("linker")));
        }
        let runner = self.first("runner", &[own], |values| values.runner.clone());
        told.extend(runner.map(|found| {
            found.told(
                "xpkg starts nothing in an image: `verify --run` chooses its own emulator",
                None,
            )
        }));
        let squeezed = |name: &str| name.replace(['-', '_'], "").to_lowercase();
        for (layer, name) in self
            .layers
            .iter()
            .flat_map(|layer| layer.tables.target.keys().map(move |name| (layer, name)))
        {
            if name != triple && squeezed(name) == squeezed(triple) {
                let key = format!("target.{name}");
                let becomes = format!("not a name of the target: did you mean `target.{triple}`?");
                told.push(Unmapped {
                    place: layer.place(&key),
                    key,
                    triple: Some(triple.to_owned()),
                    becomes,
                    answer: None,
                });
            }
        }
    }

    fn zig<'a>(&self, triple: &'a str) -> Option<Located<'a, bool>> {
        self.first(
            "zig",
            &[At::Target(triple), At::Build],
            Values::links_with_zig,
        )
        .filter(|found| found.value)
    }

    /// The image that is named for a target, whole. Where cross links with zig, it does not look at
    /// this key.
    fn image(&self, triple: &str, imported: &mut Imported) {
        if self.zig(triple).is_some() {
            return;
        }
        let Some(found) = self.first("image", &[At::Target(triple)], Values::image) else {
            imported
                .told
                .extend(imported.from.first().map(|taken| Unmapped {
                    key: format!("target.{triple}.image"),
                    place: taken.place.clone(),
                    triple: Some(triple.to_owned()),
                    becomes: format!(
                        "not named, and xpkg has no images of its own as cross has: say `image = \
                     \"{REGISTRY}/{triple}:<version>\"` in `[target.{triple}]` of Cross.toml, or \
                     in xpkg's configuration"
                    ),
                    answer: Some("image"),
                }));
            return;
        };
        let (name, toolchain) = &found.value;
        if name.starts_with('-') {
            let becomes = format!(
                "cross puts its own version before `{name}`, which xpkg does not know: say the \
                 whole name, `\"{REGISTRY}/{triple}:<version>{name}\"`"
            );
            imported.told.push(found.told(becomes, Some("image")));
            return;
        }
        if !toolchain.is_empty() {
            let told = found.told(
                "xpkg has no such key: it does not ask which toolchain the image is for",
                Some("image"),
            );
            imported.told.push(Unmapped {
                key: format!("{}.toolchain", told.key),
                ..told
            });
        }
        if imported.dockerfile.is_some() {
            let becomes = "beside `dockerfile`, cross gives this name to what the Dockerfile \
                           makes; xpkg takes it for the image to start from";
            imported.told.push(found.told(becomes, Some("image")));
        }
        imported.from.push(found.taken("image"));
        imported.image = Some(if name.starts_with([':', '@']) {
            format!("{REGISTRY}/{triple}{name}")
        } else {
            name.clone()
        });
    }
}

impl Imported {
    /// xpkg's own configuration of the target, with what it leaves empty from here.
    pub fn under(self, own: &TargetConfig) -> Merged {
        let Self {
            image,
            pre_build,
            dockerfile,
            passthrough,
            volumes,
            from,
            told,
        } = self;
        let own_keys = [
            ("image", own.image.is_some()),
            ("pre-build", own.pre_build != PreBuild::default()),
            ("dockerfile", own.dockerfile.is_some()),
            ("passthrough", !own.passthrough.is_empty()),
            ("volumes", !own.volumes.is_empty()),
            ("linker", own.linker.is_some()),
        ];
        let has = |key: &str| own_keys.contains(&(key, true));
        let config = TargetConfig {
            image: own.image.clone().or(image),
            pre_build: if has("pre-build") {
                own.pre_build.clone()
            } else {
                pre_build
            },
            dockerfile: own.dockerfile.clone().or(dockerfile),
            passthrough: if has("passthrough") {
                own.passthrough.clone()
            } else {
                passthrough
            },
            volumes: if has("volumes") {
                own.volumes.clone()
            } else {
                volumes
            },
            ..own.clone()
        };
        let taken = from.into_iter().filter(|taken| !has(taken.key)).collect();
        let told = told
            .into_iter()
            .filter(|told| told.answer.is_none_or(|key| !has(key)))
            .collect();
        Merged {
            config,
            taken,
            told,
        }
    }
}
