//! Manifest of a package as cargo packs it, against its line of the index. Pure.

use std::collections::BTreeMap;

use cargo_metadata::semver::VersionReq;
use serde::Deserialize;

use crate::tree::registry::{Dependency, IndexLine};

/// What the manifest of a package says that its line of the index repeats.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackedManifest {
    package: PackedPackage,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    dependencies: PackedDependencies,
    #[serde(default)]
    target: BTreeMap<String, PackedDependencies>,
}

#[derive(Debug, Deserialize)]
struct PackedPackage {
    name: String,
    version: String,
    links: Option<String>,
}

/// Tables of dependencies, by name.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PackedDependencies {
    #[serde(default)]
    dependencies: BTreeMap<String, PackedDependency>,
    #[serde(default)]
    build_dependencies: BTreeMap<String, PackedDependency>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, PackedDependency>,
}

/// Dependency as cargo writes it into a package.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PackedDependency {
    version: Option<String>,
    package: Option<String>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    features: Vec<String>,
    default_features: Option<bool>,
    registry_index: Option<String>,
}

impl PackedManifest {
    /// Parses the `Cargo.toml` of a package.
    ///
    /// # Errors
    /// A clause that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    /// Returns how a line of the index differs from the package; `None` if it agrees. Targets of
    /// dependencies, and the version of Rust are not compared, and of registries only whether it is
    /// this one, at `url`.
    pub fn difference(&self, line: &IndexLine, url: Option<&str>) -> Option<String> {
        let Self {
            package:
                PackedPackage {
                    name,
                    version,
                    links,
                },
            features,
            ..
        } = self;
        let IndexLine {
            name: listed,
            vers,
            deps,
            ..
        } = line;
        if (name, version) != (listed, vers) {
            return Some(format!("its package is `{name}` {version}"));
        }
        if *links != line.links {
            return Some("`links` is not that of its package".to_owned());
        }
        if *features != line.features {
            return Some("`features` are not those of its package".to_owned());
        }
        let listed = deps.iter().map(|one| (one.into(), one.registry.as_deref()));
        let mut listed: Vec<(Comparable, Option<&str>)> = listed.collect();
        let mut packed = self.dependencies();
        listed.sort();
        packed.sort();
        let lacks =
            |all: &[(Comparable, _)], one: &Comparable| !all.iter().any(|(other, _)| other == one);
        let other = listed.iter().find(|(one, _)| lacks(&packed, one));
        let other = other.or_else(|| packed.iter().find(|(one, _)| lacks(&listed, one)));
        if let Some((other, _)) = other {
            return Some(format!("`{}` is not as in its package", other.name));
        }
        if listed.len() != packed.len() {
            return Some("`deps` has one of its package twice".to_owned());
        }
        let own = format!("sparse+{}/index/", url?);
        // A line names no address for this registry, and a package none for the public one.
        let is_moved = |((_, listed), (_, packed)): &(&(_, Option<&str>), &(_, Option<&str>))| {
            listed.is_none() != (*packed == Some(own.as_str()))
        };
        let ((moved, _), _) = listed.iter().zip(&packed).find(is_moved)?;
        Some(format!(
            "`{}` is of another registry in its package",
            moved.name
        ))
    }

    /// Returns the dependencies, each with the index of its registry; `None` for the public one.
    fn dependencies(&self) -> Vec<(Comparable, Option<&str>)> {
        let tables = [&self.dependencies].into_iter().chain(self.target.values());
        let named = tables.flat_map(|tables| {
            let PackedDependencies {
                dependencies,
                build_dependencies,
                dev_dependencies,
            } = tables;
            let kinds = [
                ("normal", dependencies),
                ("build", build_dependencies),
                ("dev", dev_dependencies),
            ];
            kinds.into_iter().flat_map(|(kind, table)| {
                table.iter().map(move |(name, found)| {
                    (
                        found.comparable(kind, name),
                        found.registry_index.as_deref(),
                    )
                })
            })
        });
        named.collect()
    }
}

/// What is compared of a dependency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Comparable {
    name: String,
    kind: String,
    package: Option<String>,
    req: String,
    optional: bool,
    default_features: bool,
    features: Vec<String>,
}

impl PackedDependency {
    fn comparable(&self, kind: &str, name: &str) -> Comparable {
        let Self {
            version,
            package,
            optional,
            features,
            default_features,
            registry_index: _,
        } = self;
        Comparable {
            name: name.to_owned(),
            kind: kind.to_owned(),
            package: package.clone(),
            req: requirement(version.as_deref().unwrap_or("*")),
            optional: *optional,
            default_features: default_features.unwrap_or(true),
            features: sorted(features),
        }
    }
}

impl From<&Dependency> for Comparable {
    fn from(dependency: &Dependency) -> Self {
        let Dependency {
            name,
            req,
            features,
            optional,
            default_features,
            target: _,
            kind,
            registry: _,
            package,
        } = dependency;
        Self {
            name: name.clone(),
            kind: kind.clone(),
            package: package.clone(),
            req: requirement(req),
            optional: *optional,
            default_features: *default_features,
            features: sorted(features),
        }
    }
}

/// Returns a version requirement in the form that cargo writes into an index: `^1.2`.
fn requirement(text: &str) -> String {
    let parsed = VersionReq::parse(text);
    parsed.map_or_else(|_| text.to_owned(), |parsed| parsed.to_string())
}

fn sorted(features: &[String]) -> Vec<String> {
    let mut features = features.to_vec();
    features.sort();
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_its_package_says() {
        let manifest = PackedManifest::parse(
            "[package]\nname = \"chat\"\nversion = \"1.0.0\"\n[features]\na = [\"dep:b\"]\n\
             [dependencies.b]\nversion = \"1\"\noptional = true\nregistry-index = \"sparse+https://x/index/\"\n\
             [target.\"cfg(unix)\".build-dependencies.c]\nversion = \">=1, <2\"\npackage = \"d\"\n\
             features = [\"y\", \"x\"]\ndefault-features = false\n\
             [dev-dependencies.e]\nversion = \"=1.2.3\"\n",
        )
        .unwrap();
        let line = format!(
            r#"{{"name":"chat","vers":"1.0.0","deps":[{{"name":"b","req":"^1","features":[],"optional":true,"default_features":true,"target":null,"kind":"normal","registry":null,"package":null}},{{"name":"c","req":">=1, <2","features":["x","y"],"optional":false,"default_features":false,"target":"cfg(unix)","kind":"build","registry":null,"package":"d"}},{{"name":"e","req":"=1.2.3","features":[],"optional":false,"default_features":true,"target":null,"kind":"dev","registry":null,"package":null}}],"cksum":"{}","features":{{"a":["dep:b"]}},"yanked":false,"v":2}}"#,
            "0a".repeat(32)
        );
        for (from, to, expected) in [
            ("", "", None),
            ("chat", "chats", Some("its package is `chat` 1.0.0")),
            (
                "[\"dep:b\"]",
                "[]",
                Some("`features` are not those of its package"),
            ),
            (
                "\"name\":\"b\"",
                "\"name\":\"f\"",
                Some("`f` is not as in its package"),
            ),
            ("^1", "^2", Some("`b` is not as in its package")),
            ("\"d\"", "\"g\"", Some("`c` is not as in its package")),
            (
                "\"kind\":\"dev\"",
                "\"kind\":\"normal\"",
                Some("`e` is not as in its package"),
            ),
            (
                "\"optional\":true",
                "\"optional\":false",
                Some("`b` is not as in its package"),
            ),
            (
                "\"v\":2",
                "\"links\":\"z\",\"v\":2",
                Some("`links` is not that of its package"),
            ),
        ] {
            let line = IndexLine::parse(&line.replacen(from, to, 1)).unwrap();
            let found = manifest.difference(&line, None);
            assert_eq!(found.as_deref(), expected, "{to}");
        }
        let null = "\"registry\":null";
        // `b` is of this registry, the others are of the public one.
        let public = "\"registry\":\"https://public\"";
        let line = line.replace(null, public).replacen(public, null, 1);
        let parsed = |from: &str, to: &str| IndexLine::parse(&line.replacen(from, to, 1)).unwrap();
        for (url, from, to, expected) in [
            ("https://x", "", "", None),
            ("https://y", "", "", Some("b")),
            ("https://x", null, public, Some("b")),
            ("https://x", public, null, Some("c")),
        ] {
            let found = manifest.difference(&parsed(from, to), Some(url));
            let expected =
                expected.map(|name| format!("`{name}` is of another registry in its package"));
            assert_eq!(found, expected, "{url} {from}");
        }
    }
}
