//! From what was typed to a plan: looks, and decides.

use std::collections::BTreeSet;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::plan::Plan;
use crate::host::machine::Host;
use crate::host::shell::Verbosity;
use crate::problem::code::{Code, NO_SUCH_CODE};
use crate::problem::text::list;
use crate::problem::{Failure, Problem, Result, nearest};
use crate::project::config::Config;
use crate::project::linker::LinkerChoice;
use crate::project::look::cargo_config::{self, ExtraConfig};
use crate::project::look::context::{self, CargoOptions, ProjectContext, WORKSPACE_UNREADABLE};
use crate::project::look::graph::Scope;
use crate::project::request::TargetRequest;
use crate::project::selection::{Selected, Selection};
use crate::project::settings::{self, CargoArgs, CliOverrides, Settings, Variables};
use crate::project::{cross_toml, look};
use crate::target::Target;
use crate::toolchain;
use crate::toolchain::facts::Facts;
use crate::toolchain::image::look::store::{ImageStore, PullPolicy};
use crate::toolchain::look::survey::Survey;
use crate::verify::rules::table;

/// A run, looked at and decided.
pub struct Prepared {
    pub found: ProjectContext,
    pub settings: Settings,
    pub plan: Plan,
    pub facts: Facts,
    pub decider: Decider,
}

/// What it takes to look and decide once more, after a standard library was installed.
pub struct Decider {
    pub asking: CargoOptions,
    cargo_config: cargo_config2::Config,
    pub selected: Selected,
    roots: Vec<String>,
    more: ExtraConfig,
    pull_policy: PullPolicy,
}

/// Look and decide: from what was typed to a plan, or every problem.
pub fn prepare(
    host: &Host,
    options: RunOptions,
    pull_policy: PullPolicy,
) -> Result<Prepared, Failure> {
    let Gathered {
        found,
        settings,
        facts,
        decider,
    } = gather(host, options, pull_policy)?;
    let plan = Plan::new(&found.workspace, &decider.selected, &settings, &facts)?;
    Ok(Prepared {
        found,
        settings,
        plan,
        facts,
        decider,
    })
}

/// All that deciding needs.
pub struct Gathered {
    pub found: ProjectContext,
    pub settings: Settings,
    pub facts: Facts,
    decider: Decider,
}

impl Gathered {
    /// The plan for one of the targets alone.
    pub fn plan_for(&self, request: &TargetRequest) -> Result<Plan, Vec<Problem>> {
        let settings = Settings {
            requests: vec![request.clone()],
            ..self.settings.clone()
        };
        Plan::new(
            &self.found.workspace,
            &self.decider.selected,
            &settings,
            &self.facts,
        )
    }

    /// cargo's `[env]`, as build scripts see it.
    pub fn configured_variables(&self, host: &Host) -> Vec<(String, String)> {
        cargo_config::configured_variables(host, &self.decider.cargo_config)
    }

    /// Looks again.
    pub fn renew(&mut self, host: &Host) -> Result<(), Failure> {
        self.facts = facts(host, &self.found, &self.settings, &self.decider)?;
        Ok(())
    }
}

/// Look: from what was typed to settings and facts.
pub fn gather(
    host: &Host,
    options: RunOptions,
    pull_policy: PullPolicy,
) -> Result<Gathered, Failure> {
    let (found, settings, decider) = asked(host, options, pull_policy)?;
    let facts = facts(host, &found, &settings, &decider)?;
    Ok(Gathered {
        found,
        settings,
        facts,
        decider,
    })
}

/// Everything that is typed about what to build and how.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub targets: Vec<String>,
    pub linker: Option<LinkerChoice>,
    pub out_dir: Option<Utf8PathBuf>,
    pub manifest_path: Option<PathBuf>,
    pub selection: Selection,
    pub profile: String,
    pub jobs: Option<String>,
    pub locked: bool,
    pub offline: bool,
    pub frozen: bool,
    pub target_dir: Option<Utf8PathBuf>,
    pub config: Vec<String>,
    pub accept: Vec<String>,
}

/// Where a staged tree is, as typed.
#[derive(Debug, Clone, Default)]
pub struct TreeOptions {
    pub manifest_path: Option<PathBuf>,
    pub out_dir: Option<Utf8PathBuf>,
    pub target_dir: Option<Utf8PathBuf>,
}

/// What is asked for: of what workspace, which bins, for which targets. Nothing of the machine's
/// compilers.
pub fn asked(
    host: &Host,
    options: RunOptions,
    pull_policy: PullPolicy,
) -> Result<(ProjectContext, Settings, Decider), Failure> {
    let RunOptions {
        targets: target,
        linker,
        out_dir,
        manifest_path: manifest,
        selection,
        profile,
        jobs,
        locked,
        offline,
        frozen,
        target_dir,
        config,
        accept,
    } = options;

    let accept = accept
        .iter()
        .map(|name| acceptable(name))
        .collect::<Result<Vec<Code>>>()?;
    // A file of configuration is named from where the user stands; cargo will run elsewhere.
    let here = |value: String| match Utf8Path::new(&value) {
        file if host.is_file(file) => host.absolute(file).into_string(),
        _ => value,
    };
    let config: Vec<String> = config.into_iter().map(here).collect();
    let target_dir = target_directory(host, target_dir);
    let asking = CargoOptions {
        program: cargo_program(host),
        locked,
        offline,
        frozen,
        config: config.clone(),
        target_dir: target_dir.clone(),
    };
    let mut found = context::workspace(host, &asking, manifest_path(host, manifest)?.as_deref())?;
    let own = own_config(&found)?;
    let cargo_config = cargo_config::cargo_config(host, &found.workspace, &found.rustc)?;
    let named = settings::named_targets(&target, variables(host).targets.as_deref());
    let own = with_cross(host, &found, own, &named, true)?;
    context::configured_rustc(host, &mut found, &cargo_config)?;
    let more = cargo_config::more_configuration(host, &found.workspace, &config)?;
    let cargo = CargoArgs {
        program: asking.program.clone(),
        rustup_toolchain: host.var("RUSTUP_TOOLCHAIN").map(str::to_owned),
        profile,
        jobs,
        locked,
        offline,
        frozen,
        target_dir,
        config,
        quiet: host.shell.verbosity == Verbosity::Quiet,
        verbose: match host.shell.verbosity {
            Verbosity::Verbose { cargo } => cargo,
            Verbosity::Quiet | Verbosity::Normal => 0,
        },
        color: host.shell.color.map(str::to_owned),
    };
    let typed = CliOverrides {
        targets: target,
        linker,
        out_dir: out_dir.map(|dir| host.absolute(&dir)),
        accept,
        variables: variables(host),
        cargo_targets: cargo_config::cargo_targets(&cargo_config),
    };
    // Everything that is wrong, at once.
    let selected = found.workspace.select(&selection, &own);
    let settings = settings::resolve(
        typed,
        cargo,
        selection,
        &own,
        &found.workspace,
        &found.rustc,
        &found.triples,
        &more.opaque,
    );
    let (selected, mut settings) = match (selected, settings) {
        (Ok(selected), Ok(settings)) => (selected, settings),
        (selected, settings) => {
            return Err(selected
                .err()
                .into_iter()
                .chain(settings.err())
                .flatten()
                .collect::<Vec<_>>()
                .into());
        }
    };
    settings.out_dir = host.resolve(&settings.out_dir);
    let roots = selected
        .bins
        .iter()
        .map(|bin| bin.package_id.clone())
        .collect();
    let pull_policy = if asking.offline || asking.frozen {
        PullPolicy::Never
    } else {
        pull_policy
    };
    let decider = Decider {
        asking,
        cargo_config,
        selected,
        roots,
        more,
        pull_policy,
    };
    Ok((found, settings, decider))
}

/// xpkg's configuration of a workspace.
pub fn own_config(found: &ProjectContext) -> Result<Config, Vec<Problem>> {
    Config::parse(&found.sources)
}

/// The configuration with what the project has said to cross, where xpkg has no entry of its own.
/// `named` are the targets that were asked for elsewhere; what is not carried over is told of the
/// run's targets alone.
pub fn with_cross(
    host: &Host,
    found: &ProjectContext,
    mut config: Config,
    named: &[String],
    run: bool,
) -> Result<Config, Failure> {
    let migration = cross_toml::read(&look::cross_toml::sources(host, &found.workspace.root)?)?;
    if named.is_empty() && config.targets.is_empty() {
        config.targets.extend(migration.default_target.clone());
    }
    let bare = |name: &String| Target::split(name).0.to_owned();
    let asked: BTreeSet<String> = if named.is_empty() {
        &config.targets
    } else {
        named
    }
    .iter()
    .map(bare)
    .collect();
    let asked = if run {
        asked
    } else {
        asked.into_iter().chain(migration.targets()).collect()
    };
    let mut told: BTreeSet<String> = migration.unmapped.iter().map(ToString::to_string).collect();
    for triple in asked.iter().filter(|triple| found.triples.contains(triple)) {
        let own = config.target.get(triple).cloned().unwrap_or_default();
        let mut merged = migration.target(triple).under(&own);
        told.extend(merged.unmapped.iter().map(ToString::to_string));
        if merged.config.image.is_none() {
            // Without an image the rest has nothing to hold to.
            merged.config = own.clone();
        } else if own.image.is_none() {
            // xpkg's own word for all targets comes before cross's for one.
            merged.config.linker = merged.config.linker.or(config.linker);
        }
        if merged.config != own {
            let taken: Vec<String> = merged.imported.iter().map(ToString::to_string).collect();
            host.shell
                .status("Importing", &format!("{} for {triple}", taken.join(", ")));
            config.target.insert(triple.clone(), merged.config);
        }
    }
    for told in &told {
        host.shell.status("Skipping", told);
    }
    Ok(config)
}

pub fn variables(host: &Host) -> Variables {
    let variable = |name: &str| host.var(name).map(str::to_owned);
    Variables {
        targets: variable("XPKG_TARGETS"),
        linker: variable("XPKG_LINKER"),
        out_dir: variable("XPKG_OUT_DIR").map(|dir| host.absolute(Utf8Path::new(&dir))),
    }
}

/// `--target-dir`, or the variable where it is relative: it means the directory that the user
/// stands in, and cargo will run in the workspace's.
pub fn target_directory(host: &Host, flag: Option<Utf8PathBuf>) -> Option<Utf8PathBuf> {
    let variable = host
        .var("CARGO_TARGET_DIR")
        .or_else(|| host.var("CARGO_BUILD_TARGET_DIR"));
    let relative = variable
        .map(Utf8PathBuf::from)
        .filter(|dir| dir.is_relative());
    flag.or(relative).map(|dir| host.absolute(&dir))
}

fn facts(
    host: &Host,
    found: &ProjectContext,
    settings: &Settings,
    decider: &Decider,
) -> Result<Facts, Failure> {
    let Decider {
        asking,
        cargo_config,
        selected,
        roots,
        more,
        pull_policy,
    } = decider;
    let scope = Scope {
        requests: &settings.requests,
        selection: &settings.selection,
        packages: &selected.packages,
        roots,
        profile: &settings.cargo.profile,
        profiles: &more.profiles,
        configuration: &more.digest,
    };
    let images = ImageStore::new(host, found, *pull_policy);
    let survey = Survey {
        host,
        project: found,
        options: asking,
        config: cargo_config,
        scope: &scope,
        images: &images,
    };
    survey.take()
}

impl Prepared {
    /// Looks and decides again.
    pub fn renew(&mut self, host: &Host) -> Result<(), Failure> {
        self.facts = facts(host, &self.found, &self.settings, &self.decider)?;
        self.plan = Plan::new(
            &self.found.workspace,
            &self.decider.selected,
            &self.settings,
            &self.facts,
        )?;
        Ok(())
    }

    /// Writes the files that variables name. They are xpkg's own, and `clean` removes them.
    pub fn write_tools(&self, host: &Host) -> Result<()> {
        let candidates = || {
            self.plan
                .targets
                .iter()
                .map(|target| &target.toolchain.candidate)
        };
        toolchain::write::write_tools(
            host,
            &self.found.workspace,
            candidates().flat_map(|candidate| &candidate.files),
        )?;
        // An engine mounts only what is there.
        for image in candidates().filter_map(|candidate| candidate.image.as_ref()) {
            host.create_target_dir(&self.found.workspace.target_dir)?;
            host.create_dir_all(&image.target_dir)?;
        }
        Ok(())
    }
}

/// cargo through PATH, so that rustup's proxy reads the workspace's pin; where there is no rustup,
/// the cargo that started us.
pub fn cargo_program(host: &Host) -> String {
    match host.var("CARGO") {
        Some(program) if host.var("RUSTUP_TOOLCHAIN").is_none() => program.to_owned(),
        _ => "cargo".to_owned(),
    }
}

pub fn manifest_path(host: &Host, path: Option<PathBuf>) -> Result<Option<Utf8PathBuf>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let path = Utf8PathBuf::from_path_buf(path).map_err(|path| {
        Problem::new(
            WORKSPACE_UNREADABLE,
            format!("the path `{}` is not UTF-8", path.display()),
        )
    })?;
    Ok(Some(host.absolute(&path)))
}

/// Whether it is only that there is no workspace here.
pub fn outside(problems: &[Problem]) -> bool {
    let lines = |problem: &Problem| {
        problem.notes.iter().any(|note| {
            note.lines
                .iter()
                .any(|line| line.contains("could not find `Cargo.toml`"))
        })
    };
    problems
        .iter()
        .all(|problem| problem.code == WORKSPACE_UNREADABLE && lines(problem))
}

pub fn acceptable(name: &str) -> Result<Code> {
    let names = || table::acceptable().map(Code::name);
    match table::acceptable().find(|code| code.name() == name) {
        Some(code) => Ok(code),
        None => {
            let problem = Problem::new(
                NO_SUCH_CODE,
                format!("`--accept {name}`: no such finding can be accepted"),
            );
            Err(match nearest(name, names()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("what can be accepted: {}", list(names()))),
            })
        }
    }
}
