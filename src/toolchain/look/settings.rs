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
    let target_flags = format!("CARGO_TARGET_{}_RUSTFLAGS", target.upper());
    // Empty ones count, too: they leave no flags.
    let value = |name: &str| {
        let mut variables = host.vars();
        variables.find_map(|(known, value)| (known == name).then_some(value))
    };
    let sources = RustflagsSources {
        files,
        encoded: value("CARGO_ENCODED_RUSTFLAGS"),
        plain: value("RUSTFLAGS"),
        of_target: value(&target_flags),
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
    let of_target = TargetTables {
        host,
        config,
        target,
        files,
        cfg: &cfg,
    };
    let linker = match rustflags::value(&rustflags, "linker") {
        Some(value) => Some(Setting {
            name: "-C linker".to_owned(),
            value,
            place: SettingOrigin::Rustflags,
        }),
        None => of_target.linker()?,
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
    if let Some(setting) = of_target.runner()? {
        here.settings.entry("RUNNER".to_owned()).or_insert(setting);
    }
    Ok(here)
}

/// Tables of cargo's configuration that apply to a target.
struct TargetTables<'a> {
    host: &'a Host,
    config: &'a cargo_config2::Config,
    target: &'a Target,
    files: &'a [(Utf8PathBuf, toml::Table)],
    /// Values of `cfg` by which `cfg(…)` tables apply.
    cfg: &'a [Cfg],
}

impl TargetTables<'_> {
    /// Returns true if the variable of a key is set. An empty one is a setting, too: it names no
    /// program.
    fn has_variable(&self, key: &str) -> bool {
        let variable = self.variable(key);
        self.host.vars().any(|(name, _)| name == variable)
    }

    /// Returns the name of the variable of a key.
    fn variable(&self, key: &str) -> String {
        format!(
            "CARGO_TARGET_{}_{}",
            self.target.upper(),
            key.to_uppercase()
        )
    }

    /// Returns true if a key of the target's own table is set, or its variable.
    fn is_set(&self, key: &str) -> bool {
        let of_target = |(_, table): &(Utf8PathBuf, toml::Table)| {
            let targets = table.get("target")?.as_table()?;
            targets.get(self.target.triple())?.get(key).map(drop)
        };
        self.has_variable(key) || self.files.iter().any(|file| of_target(file).is_some())
    }

    /// Returns the value of a key in the one `cfg(…)` table that applies and sets it.
    ///
    /// # Errors
    /// Several tables set it, which cargo rejects.
    fn by_cfg(&self, key: &str) -> Result<Option<CfgValue>> {
        let mut values = rustflags::cfg_values(self.files, self.cfg, key);
        if let [first, second, ..] = values.as_slice() {
            let message = format!(
                "`target.'{}'.{key}` and `target.'{}'.{key}` in cargo's configuration both apply",
                first.key, second.key
            );
            return Err(Problem::new(CARGO_CONFIG, message).help("remove one of them"));
        }
        Ok(values.pop())
    }

    /// Returns the linker that cargo is told to use, besides rustflags.
    fn linker(&self) -> Result<Option<Setting>> {
        const KEY: &str = "linker";
        if !self.is_set(KEY) {
            let setting = |value: CfgValue| {
                Some(Setting {
                    name: format!("target.'{}'.{KEY}", value.key),
                    value: resolved(&value, value.value.as_str()?),
                    place: SettingOrigin::CargoConfiguration,
                })
            };
            return Ok(self.by_cfg(KEY)?.and_then(setting));
        }
        let linker = self
            .config
            .linker(self.target.triple())
            .map_err(|error| cargo_config_problem(&error))?;
        let (name, place) = if self.has_variable(KEY) {
            (self.variable(KEY), SettingOrigin::Environment)
        } else {
            (
                format!("target.{}.{KEY}", self.target.triple()),
                SettingOrigin::CargoConfiguration,
            )
        };
        Ok(linker.map(|path: std::path::PathBuf| Setting {
            name,
            value: path.to_string_lossy().into_owned(),
            place,
        }))
    }

    /// Returns the runner of a target's programs that cargo is told to use.
    fn runner(&self) -> Result<Option<Setting>> {
        const KEY: &str = "runner";
        let setting = |name: String, words: Vec<String>| Setting {
            name,
            value: words.join(" "),
            place: SettingOrigin::CargoConfiguration,
        };
        if !self.is_set(KEY) {
            return Ok(self.by_cfg(KEY)?.and_then(|value| {
                let words = rustflags::words_of(&value.value);
                let (program, arguments) = words.split_first()?;
                let program = resolved(&value, program);
                let words = std::iter::once(program).chain(arguments.iter().cloned());
                let name = format!("target.'{}'.{KEY}", value.key);
                Some(setting(name, words.collect()))
            }));
        }
        let runner = self
            .config
            .runner(self.target.triple())
            .map_err(|error| cargo_config_problem(&error))?;
        Ok(runner.map(|runner| {
            let words = std::iter::once(runner.path.to_string_lossy().into_owned());
            let arguments = runner.args.iter();
            let words = words.chain(arguments.map(|word| word.to_string_lossy().into_owned()));
            let name = format!("target.{}.{KEY}", self.target.triple());
            setting(name, words.collect())
        }))
    }
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
