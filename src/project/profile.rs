//! The `opt-level` at which C code is compiled: build scripts pass cargo's OPT_LEVEL on to the C
//! compiler.
//!
//! Pure: the input is the `[profile]` tables of cargo's configuration and of the workspace's
//! manifest.

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

use crate::digest;

/// Packages whose build scripts set a level themselves, regardless of the profile.
const FORCED: &[(&str, &str)] = &[("openssl-src", "2"), ("openssl-sys", "2")];

/// All sources from which cargo reads the profiles of a workspace.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    /// `[profile]` tables of `--config` arguments, highest precedence first.
    pub arguments: Vec<Table>,
    /// Environment variables that begin with CARGO_PROFILE_.
    pub variables: BTreeMap<String, String>,
    /// `[profile]` tables of configuration files, nearest first, then of the manifest.
    pub files: Vec<Table>,
}

/// A package as `[profile.NAME.package.SPEC]` tables refer to it.
#[derive(Debug, Clone, Copy)]
pub struct ProfilePackage<'a> {
    /// Package name.
    pub name: &'a str,
    /// Package version.
    pub version: &'a str,
    /// True for a workspace member: `package."*"` does not apply to it.
    pub member: bool,
}

/// The platform that a package is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The target: bins and their libraries.
    Target,
    /// The host: build scripts, proc macros and their dependencies.
    Host,
}

impl Profiles {
    /// Returns a digest of all definitions, as 16 hex digits.
    pub fn digest(&self) -> String {
        let Self {
            arguments,
            variables,
            files,
        } = self;
        let variables = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let tables = arguments.iter().chain(files).map(Table::to_string);
        let text = variables.chain(tables).collect::<Vec<_>>().join("\n---\n");
        digest::sha256(text.as_bytes())[..16].to_owned()
    }

    /// Returns the levels at which the C code of a package is compiled: the profile's, and the one
    /// that its build script sets. Sorted, without duplicates.
    pub fn levels(&self, profile: &str, package: ProfilePackage, side: Side) -> Vec<String> {
        let ProfilePackage {
            name,
            version,
            member,
        } = package;
        let specs = [
            name.to_owned(),
            format!("{name}@{version}"),
            format!("{name}:{version}"),
        ];
        let level_for = |spec: &str| self.find(profile, &["package", spec, "opt-level"]);
        let special = specs
            .iter()
            .find_map(|spec| level_for(spec))
            .or_else(|| if member { None } else { level_for("*") });
        let general = || match side {
            Side::Target => self.level(profile),
            Side::Host => self
                .find(profile, &["build-override", "opt-level"])
                .unwrap_or_else(|| "0".to_owned()),
        };
        let forced = FORCED
            .iter()
            .filter(|(forced, _)| *forced == name)
            .map(|(_, level)| (*level).to_owned());
        let mut levels: Vec<String> = std::iter::once(special.unwrap_or_else(general))
            .chain(forced)
            .collect();
        levels.sort();
        levels.dedup();
        levels
    }

    /// Returns the level of the profile itself, without package overrides.
    pub fn level(&self, profile: &str) -> String {
        let built_in = if self.lineage(profile).iter().any(|name| name == "dev") {
            "0"
        } else {
            "3"
        };
        self.find(profile, &["opt-level"])
            .unwrap_or_else(|| built_in.to_owned())
    }

    /// Returns the rustflags of a profile and of its packages (cargo's unstable `profile-rustflags`),
    /// in all the places that set them. Build scripts have their own.
    pub fn rustflags(&self, profile: &str) -> Vec<Vec<String>> {
        let lineage = self.lineage(profile);
        let tables = self.arguments.iter().chain(&self.files);
        let profiles = tables.flat_map(|table| lineage.iter().filter_map(|name| table.get(name)));
        let packages = |profile: &toml::Value| {
            let packages = profile.get("package").and_then(toml::Value::as_table);
            packages
                .into_iter()
                .flat_map(Table::values)
                .cloned()
                .collect::<Vec<_>>()
        };
        let scopes =
            profiles.flat_map(|profile| [vec![profile.clone()], packages(profile)].concat());
        let flags = |scope: toml::Value| {
            let list = scope.get("rustflags")?.as_array()?;
            Some(
                list.iter()
                    .filter_map(toml::Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            )
        };
        scopes.filter_map(flags).collect()
    }

    /// Returns the settings of a profile with those that it inherits, by their keys:
    /// `package.ring.opt-level`.
    pub fn effective(&self, profile: &str) -> BTreeMap<String, String> {
        let lineage = self.lineage(profile);
        let tables = self.arguments.iter().chain(&self.files);
        let of_tables = tables.flat_map(|table| {
            let profiles = lineage.iter().filter_map(|name| table.get(name));
            profiles.flat_map(|profile| leaves(profile, &[]))
        });
        let of_variables = self.variables.keys().filter_map(|variable| {
            let key = lineage.iter().find_map(|name| {
                let prefix = format!("CARGO_PROFILE_{}_", name.to_uppercase().replace('-', "_"));
                variable.strip_prefix(&prefix)
            })?;
            let key = key.to_lowercase().replace('_', "-");
            Some(match key.strip_prefix("build-override-") {
                Some(rest) => vec!["build-override".to_owned(), rest.to_owned()],
                None => vec![key],
            })
        });
        let paths: BTreeSet<Vec<String>> = of_tables.chain(of_variables).collect();
        let settings = paths.iter().filter_map(|path| {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            Some((path.join("."), self.find(profile, &keys)?))
        });
        settings.filter(|(key, _)| key != "inherits").collect()
    }

    /// Returns the value of a profile, or of the first profile that it inherits from. Arguments
    /// have precedence over variables, and variables over files.
    fn find(&self, profile: &str, path: &[&str]) -> Option<String> {
        self.lineage(profile).iter().find_map(|name| {
            let variable = || {
                let parts = std::iter::once("CARGO_PROFILE")
                    .chain([name.as_str()])
                    .chain(path.iter().copied());
                let variable = parts
                    .map(|part| part.to_uppercase().replace('-', "_"))
                    .collect::<Vec<_>>()
                    .join("_");
                self.variables.get(&variable).cloned()
            };
            lookup(&self.arguments, name, path)
                .or_else(variable)
                .or_else(|| lookup(&self.files, name, path))
        })
    }

    /// Returns a profile and those that it inherits from, in this order; a cycle ends the list.
    fn lineage(&self, profile: &str) -> Vec<String> {
        let mut lineage = vec![profile.to_owned()];
        while let Some(parent) = self
            .parent(&lineage[lineage.len() - 1])
            .filter(|parent| !lineage.contains(parent))
        {
            lineage.push(parent);
        }
        lineage
    }

    /// Returns the profile that a profile inherits from.
    fn parent(&self, profile: &str) -> Option<String> {
        match profile {
            "test" => Some("dev".to_owned()),
            "bench" => Some("release".to_owned()),
            "dev" | "release" => None,
            custom => lookup(&self.arguments, custom, &["inherits"])
                .or_else(|| lookup(&self.files, custom, &["inherits"])),
        }
    }
}

/// Returns the first value at `path` of a profile, as text.
fn lookup(tables: &[Table], profile: &str, path: &[&str]) -> Option<String> {
    tables.iter().find_map(|table| {
        let start = table.get(profile)?;
        let value = path.iter().try_fold(start, |value, key| value.get(key))?;
        match value {
            toml::Value::String(text) => Some(text.clone()),
            toml::Value::Table(_) => None,
            other => Some(other.to_string()),
        }
    })
}

/// Returns the paths of all values in a table that are no tables.
fn leaves(value: &toml::Value, path: &[String]) -> Vec<Vec<String>> {
    let toml::Value::Table(table) = value else {
        return vec![path.to_vec()];
    };
    let inner = table.iter();
    inner
        .flat_map(|(key, value)| leaves(value, &[path, std::slice::from_ref(key)].concat()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: ProfilePackage = ProfilePackage {
        name: "ring",
        version: "0.17.0",
        member: false,
    };
    const MEMBER: ProfilePackage = ProfilePackage {
        name: "member",
        version: "0.1.0",
        member: true,
    };

    fn profiles(text: &str) -> Profiles {
        Profiles {
            files: vec![text.parse().unwrap()],
            ..Profiles::default()
        }
    }

    #[test]
    fn settings_come_from_the_place_of_the_highest_precedence() {
        let profiles = Profiles {
            arguments: vec!["[release]\nlto = true".parse().unwrap()],
            variables: [
                ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
                ("CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_DEBUG", "2"),
                ("CARGO_PROFILE_DEV_DEBUG", "0"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            files: vec![
                "[release]\nopt-level = 2\nlto = 'thin'\n[tiny]\ninherits = 'release'\nstrip = \
                 true\n[dev]\ndebug = 1\n[release.package.ring]\nopt-level = 3"
                    .parse()
                    .unwrap(),
            ],
        };
        let shown = |profile: &str| {
            let settings = profiles.effective(profile);
            let settings = settings.iter().map(|(key, value)| format!("{key}={value}"));
            settings.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            shown("tiny"),
            "build-override.debug=2 lto=true opt-level=1 package.ring.opt-level=3 strip=true"
        );
        assert_eq!(shown("dev"), "debug=0");
        assert_eq!(shown("other"), "");
    }

    fn check(text: &str, profile: &str, expected: &str) {
        assert_eq!(
            profiles(text).levels(profile, RING, Side::Target),
            [expected],
            "{text}"
        );
    }

    #[test]
    fn c_is_compiled_at_the_profiles_level() {
        check("", "release", "3");
        check("", "dev", "0");
        check("", "bench", "3");
        check("[release]\nopt-level = 's'", "release", "s");
        check("[tiny]\ninherits = 'release'\nopt-level = 1", "tiny", "1");
        check("[quick]\ninherits = 'dev'", "quick", "0");
        check("[dev.package.ring]\nopt-level = 2", "dev", "2");
        check("[dev.package.'ring@0.17.0']\nopt-level = 2", "dev", "2");
        check("[dev.package.'ring@0.16.0']\nopt-level = 2", "dev", "0");
        check("[dev.package.'*']\nopt-level = 2", "dev", "2");
        check("[release]\ninherits = 'release'", "release", "3");
    }

    #[test]
    fn all_packages_means_all_but_the_workspaces_own() {
        let profiles = profiles("[dev.package.'*']\nopt-level = 2");
        assert_eq!(profiles.levels("dev", MEMBER, Side::Target), ["0"]);
        assert_eq!(profiles.levels("dev", RING, Side::Host), ["2"]);
        assert_eq!(profiles.levels("release", RING, Side::Host), ["0"]);
    }

    #[test]
    fn the_rustflags_of_a_profile_are_its_own_and_its_packages() {
        let profiles = profiles(
            "[dist]\ninherits = 'release'\n[release]\nrustflags = ['-C', 'target-cpu=native']\n\
             [dist.package.ring]\nrustflags = ['-Ctarget-cpu=native']\n\
             [dist.build-override]\nrustflags = ['-Cdebuginfo=0']\n[dev]\nrustflags = ['-g']",
        );
        assert_eq!(
            profiles.rustflags("dist"),
            [
                vec!["-Ctarget-cpu=native".to_owned()],
                vec!["-C".to_owned(), "target-cpu=native".to_owned()]
            ]
        );
        assert_eq!(profiles.rustflags("bench").len(), 1);
    }

    #[test]
    fn a_build_script_may_set_its_own_level() {
        let openssl = ProfilePackage {
            name: "openssl-sys",
            version: "0.9.0",
            member: false,
        };
        assert_eq!(
            profiles("").levels("dev", openssl, Side::Target),
            ["0", "2"]
        );
    }

    #[test]
    fn arguments_beat_variables_beat_files() {
        let table = |text: &str| text.parse::<Table>().unwrap();
        let mut profiles = profiles("[dev]\nopt-level = 1");
        profiles
            .variables
            .insert("CARGO_PROFILE_DEV_OPT_LEVEL".to_owned(), "2".to_owned());
        profiles.variables.insert(
            "CARGO_PROFILE_DEV_BUILD_OVERRIDE_OPT_LEVEL".to_owned(),
            "1".to_owned(),
        );
        assert_eq!(profiles.levels("dev", RING, Side::Target), ["2"]);
        assert_eq!(profiles.levels("dev", RING, Side::Host), ["1"]);
        profiles.arguments = vec![table("[dev]\nopt-level = 3"), table("[dev]\nopt-level = 0")];
        assert_eq!(profiles.levels("dev", RING, Side::Target), ["3"]);
    }
}
