//! What keeps a build from hitting in a shared cache, for `doctor`. Pure.

use serde::Serialize;

/// sccache as a build on this machine uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheHealth {
    /// Variables of cargo's in the environment that are part of every key.
    pub key_variables: Vec<String>,
    /// Scheduler of sccache-dist, if one is configured.
    pub scheduler: Option<String>,
    /// C compilers that are scripts, which sccache-dist does not distribute.
    pub scripts: Vec<String>,
}

/// Variables of cargo's that are not part of a key.
///
/// Source: `hash_key` in `src/compiler/rust.rs` of sccache 0.16 to 0.19.
const NOT_IN_KEYS: &[&str] = &[
    "CARGO_MAKEFLAGS",
    "CARGO_BUILD_JOBS",
    "CARGO_ENCODED_RUSTFLAGS",
];

/// Returns those of the variables that are part of every key, sorted.
pub fn key_variables<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let is_in_keys = |name: &&str| {
        name.starts_with("CARGO_")
            && !name.starts_with("CARGO_REGISTRIES_")
            && !NOT_IN_KEYS.contains(name)
    };
    let mut names: Vec<String> = names.filter(is_in_keys).map(str::to_owned).collect();
    names.sort();
    names
}

/// Returns the address of the scheduler in the text of sccache's configuration file.
pub fn scheduler(configuration: &str) -> Option<String> {
    let table: toml::Table = configuration.parse().ok()?;
    let address = table.get("dist")?.get("scheduler_url")?.as_str()?;
    Some(without_credentials(address))
}

/// Removes name and password from the addresses in a text.
pub fn without_credentials(text: &str) -> String {
    let mut parts = text.split("://");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("://");
        let end = part.find(['/', ',', ' ']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        kept.push_str(authority.rsplit('@').next().unwrap_or_default());
        kept.push_str(rest);
    }
    kept
}

impl CacheHealth {
    /// Returns the lines of the report.
    pub fn lines(&self) -> Vec<String> {
        let Self {
            key_variables,
            scheduler,
            scripts,
        } = self;
        let keys = match key_variables.join(", ") {
            none if none.is_empty() => {
                "no variable of the environment is part of its keys".to_owned()
            }
            names => format!("part of its keys, to be the same on all machines: {names}"),
        };
        let distributed = scheduler.iter().map(|scheduler| {
            let scripts = match scripts.join(", ") {
                none if none.is_empty() => String::new(),
                names => format!(", and C by {names}, which are scripts"),
            };
            format!(
                "{scheduler} (sccache-dist) gets Rust libraries and C; bins, proc macros, build \
                 scripts and links stay here{scripts}"
            )
        });
        [keys].into_iter().chain(distributed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_cargos_are_part_of_keys() {
        let names = [
            "PATH",
            "CARGO_TERM_COLOR",
            "CARGO_HOME",
            "CARGO",
            "CARGO_REGISTRIES_MY_TOKEN",
            "CARGO_BUILD_JOBS",
        ];
        assert_eq!(
            key_variables(names.into_iter()),
            ["CARGO_HOME", "CARGO_TERM_COLOR"]
        );
    }

    #[test]
    fn what_is_not_distributed_is_said() {
        let health = CacheHealth {
            key_variables: Vec::new(),
            scheduler: scheduler("[dist]\nscheduler_url = 'http://me:secret@build:10600'\n"),
            scripts: vec!["x86_64-linux-musl-gcc".to_owned()],
        };
        assert_eq!(
            health.lines(),
            [
                "no variable of the environment is part of its keys",
                "http://build:10600 (sccache-dist) gets Rust libraries and C; bins, proc macros, \
                 build scripts and links stay here, and C by x86_64-linux-musl-gcc, which are scripts"
            ]
        );
        assert_eq!(scheduler("[cache.disk]\nsize = 1\n"), None);
    }
}
