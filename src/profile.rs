//! At which `opt-level` cargo has C compiled: build scripts hand cargo's OPT_LEVEL on to the C compiler.
//!
//! Pure: it is given the `[profile]` tables of cargo's configuration and of the workspace's manifest.

use toml::Table;

/// The `[profile]` tables that hold for a workspace, the strongest first.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    pub tables: Vec<Table>,
}

impl Profiles {
    /// Every level at which the C of these packages is compiled under `profile`, without repeats.
    pub fn opt_levels<'a>(&self, profile: &str, packages: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let base = self.opt_level(profile);
        let mut levels: Vec<String> =
            packages.into_iter().map(|package| self.package_level(profile, package).unwrap_or_else(|| base.clone())).collect();
        if levels.is_empty() {
            levels.push(base);
        }
        levels.sort();
        levels.dedup();
        levels
    }

    /// The level of build scripts, proc macros and what they need.
    pub fn host_opt_level(&self, profile: &str) -> String {
        self.find(profile, &["build-override", "opt-level"]).unwrap_or_else(|| "0".to_owned())
    }

    fn opt_level(&self, profile: &str) -> String {
        let built_in = if self.ends_in_dev(profile) { "0" } else { "3" };
        self.find(profile, &["opt-level"]).unwrap_or_else(|| built_in.to_owned())
    }

    fn package_level(&self, profile: &str, package: &str) -> Option<String> {
        self.find(profile, &["package", package, "opt-level"]).or_else(|| self.find(profile, &["package", "*", "opt-level"]))
    }

    /// A value of a profile, or of the first that it inherits from.
    fn find(&self, profile: &str, path: &[&str]) -> Option<String> {
        let lineage = self.lineage(profile);
        lineage.iter().find_map(|name| {
            self.tables.iter().find_map(|table| {
                let start = table.get(name)?;
                let value = path.iter().try_fold(start, |value, key| value.get(key))?;
                value.as_str().map(str::to_owned).or_else(|| value.as_integer().map(|level| level.to_string()))
            })
        })
    }

    fn lineage(&self, profile: &str) -> Vec<String> {
        let mut lineage = vec![profile.to_owned()];
        while let Some(parent) = self.parent(&lineage[lineage.len() - 1]).filter(|parent| !lineage.contains(parent)) {
            lineage.push(parent);
        }
        lineage
    }

    fn parent(&self, profile: &str) -> Option<String> {
        match profile {
            "test" => Some("dev".to_owned()),
            "bench" => Some("release".to_owned()),
            "dev" | "release" => None,
            custom => self.tables.iter().find_map(|table| table.get(custom)?.get("inherits")?.as_str()).map(str::to_owned),
        }
    }

    fn ends_in_dev(&self, profile: &str) -> bool {
        self.lineage(profile).iter().any(|name| name == "dev")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, profile: &str, expected: &[&str]) {
        let profiles = Profiles { tables: vec![text.parse().unwrap()] };
        assert_eq!(profiles.opt_levels(profile, ["ring", "zstd-sys"]), expected, "{text}");
    }

    #[test]
    fn c_is_compiled_at_the_profiles_level() {
        check("", "release", &["3"]);
        check("", "dev", &["0"]);
        check("", "bench", &["3"]);
        check("[release]\nopt-level = 's'", "release", &["s"]);
        check("[tiny]\ninherits = 'release'\nopt-level = 1", "tiny", &["1"]);
        check("[quick]\ninherits = 'dev'", "quick", &["0"]);
        check("[dev.package.ring]\nopt-level = 2", "dev", &["0", "2"]);
        check("[dev.package.'*']\nopt-level = 2", "dev", &["2"]);
        check("[release]\ninherits = 'release'", "release", &["3"]);
    }

    #[test]
    fn the_first_table_is_the_strongest() {
        let tables = ["[release]\nopt-level = 1", "[release]\nopt-level = 2"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(Profiles { tables }.opt_levels("release", []), ["1"]);
    }
}
