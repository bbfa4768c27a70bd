//! Linker, rustflags and compilers that the user has set for a target.

use camino::{Utf8Path, Utf8PathBuf};
use cargo_platform::Cfg;

use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::project::cargo_config::CARGO_CONFIG;
use crate::project::look::cargo_config::{cargo_config_problem, variable};
use crate::project::look::context::ProjectContext;
use crate::project::reproducible::Reproducible;
use crate::project::request::TargetOverrides;
use crate::project::rustflags::{self, CfgValue, RustflagsSources};
use crate::project::setting::{Setting, SettingOrigin};
use crate::target::Target;
use crate::toolchain::environment::{Bare, ENV_VARS, Spelling};
use crate::toolchain::facts::TargetFacts;
use crate::toolchain::look::platform::{CargoFlags, cargo_flags};

/// Linker, rustflags and C compilers that the user has set for a target, in cargo's configuration
/// or the environment. `overrides` has the rustflags that xpkg adds, and `files` are cargo's
/// configuration.
pub fn cargo_settings(
    host: &Host,
    project: &ProjectContext,
    config: &cargo_config2::Config,
    target: &Target,
    overrides: &TargetOverrides,
    files: &[(Utf8PathBuf, toml::Table)],
) -> Result<TargetFacts> {
    let host_triple = project.rustc.host.as_str();
    let of_target = format!("CARGO_TARGET_{}_RUSTFLAGS", target.upper());
    // Empty ones count, too: they leave no flags.
    let value = |name: &str| {
        let mut variables = host.vars();
        variables.find_map(|(known, value)| (known == name).then_some(value))
    };
    let sources = RustflagsSources {
        files,
        encoded: value("CARGO_ENCODED_RUSTFLAGS"),
        plain: value("RUSTFLAGS"),
        of_target: value(&of_target),
        of_build: value("CARGO_BUILD_RUSTFLAGS"),
    };
    let CargoFlags { flags, cfg } = cargo_flags(host, project, target, &sources)?;
    // Names of directories come first: the last one that matches is taken, so that the user's own
    // have precedence.
    let named = overrides.reproducible.iter();
    let rustflags: Vec<String> = named
        .flat_map(Reproducible::rustflags)
        .chain(flags)
        .chain(overrides.rustflags.iter().cloned())
        .collect();
    if let Some(file) = rustflags::argument_file(&rustflags) {
        let message = format!(
            "the rustflags for `{target}` name a file of arguments, `{file}`, which xpkg does not \
             read"
        );
        return Err(Problem::new(CARGO_CONFIG, message)
            .help("write the flags themselves where that file is named"));
    }
    let linker = match rustflags::value(&rustflags, "linker") {
        Some(value) => Some(Setting {
            name: "-C linker".to_owned(),
            value,
            place: SettingOrigin::Rustflags,
        }),
        None => linker(host, config, target, files, &cfg)?,
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
    if let Some(setting) = runner(host, config, target, files, &cfg)? {
        here.settings.entry("RUNNER".to_owned()).or_insert(setting);
    }
    Ok(here)
}

/// Returns true if a variable is set. An empty one is a setting, too: it names no linker.
fn has_variable(host: &Host, variable: &str) -> bool {
    host.vars().any(|(name, _)| name == variable)
}

/// Returns true if a key of the target's own table is set, or the variable of the key.
fn is_set(host: &Host, target: &Target, files: &[(Utf8PathBuf, toml::Table)], key: &str) -> bool {
    let variable = format!("CARGO_TARGET_{}_{}", target.upper(), key.to_uppercase());
    let of_target = |(_, table): &(Utf8PathBuf, toml::Table)| {
        let targets = table.get("target")?.as_table()?;
        targets.get(target.triple())?.get(key).map(drop)
    };
    has_variable(host, &variable) || files.iter().any(|file| of_target(file).is_some())
}

/// Returns the value of a key in the one `cfg(…)` table that applies and sets it.
///
/// # Errors
/// Several tables set it, which cargo rejects.
fn by_cfg(
    files: &[(Utf8PathBuf, toml::Table)],
    cfg: &[Cfg],
    key: &str,
) -> Result<Option<CfgValue>> {
    let mut values = rustflags::cfg_values(files, cfg, key);
    if let [first, second, ..] = values.as_slice() {
        let message = format!(
            "`target.'{}'.{key}` and `target.'{}'.{key}` in cargo's configuration both apply",
            first.key, second.key
        );
        return Err(Problem::new(CARGO_CONFIG, message).help("remove one of them"));
    }
    Ok(values.pop())
}

/// Resolves a program in a configuration file, as cargo does: a path is relative to the directory
/// of its `.cargo`.
fn resolved(value: &CfgValue, program: &str) -> String {
    let directory = value.file.parent().and_then(Utf8Path::parent);
    match directory.filter(|_| program.contains('/')) {
        Some(directory) => directory.join(program).into_string(),
        None => program.to_owned(),
    }
}

/// Returns the linker that cargo is told to use, besides rustflags.
fn linker(
    host: &Host,
    config: &cargo_config2::Config,
    target: &Target,
    files: &[(Utf8PathBuf, toml::Table)],
    cfg: &[Cfg],
) -> Result<Option<Setting>> {
    if !is_set(host, target, files, "linker") {
        let value = by_cfg(files, cfg, "linker")?;
        return Ok(value.and_then(|value| {
            Some(Setting {
                name: format!("target.'{}'.linker", value.key),
                value: resolved(&value, value.value.as_str()?),
                place: SettingOrigin::CargoConfiguration,
            })
        }));
    }
    let linker = config
        .linker(target.triple())
        .map_err(|error| cargo_config_problem(&error))?;
    let variable = format!("CARGO_TARGET_{}_LINKER", target.upper());
    Ok(linker.map(|path: std::path::PathBuf| {
        let (name, place) = if has_variable(host, &variable) {
            (variable, SettingOrigin::Environment)
        } else {
            (
                format!("target.{}.linker", target.triple()),
                SettingOrigin::CargoConfiguration,
            )
        };
        Setting {
            name,
            value: path.to_string_lossy().into_owned(),
            place,
        }
    }))
}

/// Returns the runner of a target's programs that cargo is told to use.
fn runner(
    host: &Host,
    config: &cargo_config2::Config,
    target: &Target,
    files: &[(Utf8PathBuf, toml::Table)],
    cfg: &[Cfg],
) -> Result<Option<Setting>> {
    let setting = |name: String, words: Vec<String>| Setting {
        name,
        value: words.join(" "),
        place: SettingOrigin::CargoConfiguration,
    };
    if !is_set(host, target, files, "runner") {
        let value = by_cfg(files, cfg, "runner")?;
        return Ok(value.and_then(|value| {
            let words: Vec<String> = match &value.value {
                toml::Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
                toml::Value::Array(words) => {
                    let words = words.iter().filter_map(toml::Value::as_str);
                    words.map(str::to_owned).collect()
                }
                _ => Vec::new(),
            };
            let (program, arguments) = words.split_first()?;
            let program = resolved(&value, program);
            let words = std::iter::once(program).chain(arguments.iter().cloned());
            let name = format!("target.'{}'.runner", value.key);
            Some(setting(name, words.collect()))
        }));
    }
    let runner = config
        .runner(target.triple())
        .map_err(|error| cargo_config_problem(&error))?;
    Ok(runner.map(|runner| {
        let words = std::iter::once(runner.path.to_string_lossy().into_owned());
        let arguments = runner.args.iter();
        let words = words.chain(arguments.map(|word| word.to_string_lossy().into_owned()));
        setting(
            format!("target.{}.runner", target.triple()),
            words.collect(),
        )
    }))
}
