//! Linker, rustflags and compilers that the user has set for a target.

use std::collections::BTreeSet;

use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::cargo_config;
use crate::project::look::cargo_config::{cargo_config_problem, variable};
use crate::project::reproducible::Reproducible;
use crate::project::request::TargetOverrides;
use crate::project::setting::{Setting, SettingOrigin};
use crate::target::Target;
use crate::toolchain::environment::{Bare, ENV_VARS, Spelling};
use crate::toolchain::facts::TargetFacts;

/// Linker, rustflags and C compilers that the user has set for a target, in cargo's configuration
/// or the environment. `overrides` has the rustflags that xpkg adds, and `linker_keys` the keys of
/// cargo's that set a linker.
pub fn cargo_settings(
    host: &Host,
    config: &cargo_config2::Config,
    target: &Target,
    host_triple: &str,
    overrides: &TargetOverrides,
    linker_keys: &BTreeSet<String>,
) -> Result<TargetFacts> {
    let rustflags = config
        .rustflags(target.triple())
        .map_err(|error| cargo_config_problem(&error))?;
    // Names of directories come first: the last one that matches is taken, so that the user's own
    // have precedence.
    let named = overrides.reproducible.iter();
    let rustflags: Vec<String> = named
        .flat_map(Reproducible::rustflags)
        .chain(rustflags.map(|flags| flags.flags).unwrap_or_default())
        .chain(overrides.rustflags.iter().cloned())
        .collect();
    let linker = match cargo_config::linker_flag(&rustflags) {
        Some(value) => Some(Setting {
            name: "-C linker".to_owned(),
            value,
            place: SettingOrigin::Rustflags,
        }),
        None => {
            let linker = config
                .linker(target.triple())
                .map_err(|error| cargo_config_problem(&error))?;
            let variable = format!("CARGO_TARGET_{}_LINKER", target.upper());
            linker.map(|path: std::path::PathBuf| {
                // An empty one is a setting, too: it names no linker.
                let (name, place) = if host.vars().any(|(name, _)| name == variable) {
                    (variable, SettingOrigin::Environment)
                } else {
                    (
                        cargo_config::linker_key(linker_keys, target.triple()),
                        SettingOrigin::CargoConfiguration,
                    )
                };
                Setting {
                    name,
                    value: path.to_string_lossy().into_owned(),
                    place,
                }
            })
        }
    };
    let foreign = target.triple() != host_triple || target.floor.is_some();
    let mut here = TargetFacts {
        triple: target.triple().to_owned(),
        linker,
        rustflags,
        ..TargetFacts::default()
    };
    for row in ENV_VARS {
        let role = row.role.to_owned();
        if let Some(setting) = row
            .accepted(target, host_triple)
            .into_iter()
            .find_map(|name| variable(host, config, name))
        {
            here.settings.insert(role, setting);
            continue;
        }
        match (
            variable(host, config, role.clone()).filter(|_| {
                foreign && matches!(row.spelling, Spelling::Scoped | Spelling::Suffixed)
            }),
            row.bare,
        ) {
            (Some(setting), Bare::Joined) => _ = here.joined.insert(role, setting),
            (Some(setting), Bare::Hosts) if !row.adds => here.passed_over.push(setting),
            _ => {}
        }
    }
    if let Some(runner) = config
        .runner(target.triple())
        .map_err(|error| cargo_config_problem(&error))?
    {
        let name = format!("target.{}.runner", target.triple());
        let value = runner.path.to_string_lossy().into_owned();
        let words = runner
            .args
            .iter()
            .map(|word| word.to_string_lossy().into_owned());
        let setting = Setting {
            name,
            value: std::iter::once(value)
                .chain(words)
                .collect::<Vec<_>>()
                .join(" "),
            place: SettingOrigin::CargoConfiguration,
        };
        here.settings.entry("RUNNER".to_owned()).or_insert(setting);
    }
    Ok(here)
}
