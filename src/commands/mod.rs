//! One file a command; each reads like the picture in the crate's doc. Here stands what they share:
//! from what was typed to a [`Plan`].

pub mod build;
pub mod clean;
pub mod compiler;
pub mod docker;
mod docker_build;
pub mod doctor;
pub mod env;
pub mod explain;
pub mod image;
pub mod plan;
pub mod show;
pub mod verify;
pub mod zig;

use std::collections::BTreeSet;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::cli::{Cli, Color, Command, MessageFormat, ReportFormat, TalkArgs};
use crate::config::{Config, LinkerChoice, PolicyConfig};
use crate::cross_toml;
use crate::facts::Facts;
use crate::host::Host;
use crate::invocation::Invocation;
use crate::look::images::{ImageStore, PullPolicy};
use crate::look::{self, CargoOptions, ProjectContext, Scope, configuration};
use crate::plan::Plan;
use crate::policy;
use crate::problem::{Code, Failure, Problem, Result, nearest};
use crate::settings::{self, CargoArgs, CliOverrides, Settings, Variables};
use crate::target::Target;
use crate::toolchain::TargetRequest;
use crate::ui::{self, Shell, Verbosity};
use crate::workspace::{Selected, Selection, list};

/// Runs what was typed. The exit code: 0, 1 for a problem, cargo's own where cargo has spoken.
pub fn run(cli: Cli) -> u8 {
    let Cli { explain, command } = cli;
    if let Some(code) = explain {
        return told(
            Shell {
                verbosity: Verbosity::Normal,
            },
            MessageFormat::Human,
            explain::run(&code),
        );
    }
    let Some(command) = command else { return 0 };
    let command = match command {
        Command::Compiler(args) => return inner(compiler::run(args)),
        Command::ZigInner(args) => return inner(zig::inner(args)),
        Command::ZigTools(args) => return inner(zig::tools(args)),
        Command::Zig(args) => {
            return Host::new()
                .map_err(Failure::from)
                .and_then(|host| zig::run(&host, args))
                .unwrap_or_else(|failure| inner(Err(failure)));
        }
        command => command,
    };
    let (message_format, talk) = match &command {
        Command::Build(args) => args.run.output.split(),
        Command::Plan(args) => args.run.output.split(),
        Command::Env(args) => args.run.output.split(),
        Command::Doctor(args) => args.run.output.split(),
        Command::Show(args) | Command::Clean(args) => args.output.split(),
        Command::Image(args) => args.command.run().output.split(),
        Command::Docker(args) => args.run.output.split(),
        // A problem is told as a document only where the report is xpkg's own.
        Command::Verify(args) => (
            if args.format == ReportFormat::Json {
                MessageFormat::Json
            } else {
                MessageFormat::Human
            },
            args.talk,
        ),
        Command::Compiler(_) | Command::Zig(_) | Command::ZigInner(_) | Command::ZigTools(_) => {
            return 0;
        }
    };
    let TalkArgs {
        quiet,
        verbose,
        color,
    } = talk;
    let verbosity = match (quiet, verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    };
    let shell = Shell { verbosity };
    let host = match Host::new() {
        Ok(host) => host,
        Err(problem) => return told(shell, message_format, Err(problem.into())),
    };
    host.hear_signals();
    if let Some(choice) = colour(&host, color) {
        choice.write_global();
    }
    let stages = matches!(command, Command::Build(_));
    let outcome = match command {
        Command::Build(args) => build::run(&host, shell, args),
        Command::Plan(args) => plan::run(&host, shell, args),
        Command::Env(args) => env::run(&host, shell, args),
        Command::Doctor(args) => doctor::run(&host, shell, args),
        Command::Show(args) => show::run(&host, args),
        Command::Image(args) => image::run(&host, shell, args),
        Command::Docker(args) => docker::run(&host, shell, args),
        Command::Verify(args) => verify::run(&host, shell, args),
        Command::Clean(args) => clean::run(&host, shell, args),
        Command::Compiler(_) | Command::Zig(_) | Command::ZigInner(_) | Command::ZigTools(_) => {
            Ok(())
        }
    };
    // Whatever broke off because of a signal, the signal is the reason.
    match (
        outcome,
        host.interrupted()
            .and_then(|signal| u8::try_from(signal).ok()),
    ) {
        (Err(_), Some(signal)) => {
            let problem = Problem::new(
                Code::Interrupted,
                format!(
                    "interrupted by signal {signal}{}",
                    if stages {
                        "; what was staged before stands"
                    } else {
                        ""
                    }
                ),
            );
            told(shell, message_format, Err(problem.into()));
            128 + signal
        }
        (outcome, _) => told(shell, message_format, outcome),
    }
}

/// The outcome of a command that xpkg itself has started.
fn inner(outcome: Result<(), Failure>) -> u8 {
    told(
        Shell {
            verbosity: Verbosity::Normal,
        },
        MessageFormat::Human,
        outcome,
    )
}

fn told(shell: Shell, format: MessageFormat, outcome: Result<(), Failure>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            let (code, problems) = match failure {
                // It has said what is wrong; only the document has to say that something is.
                Failure::Spoken(code) => (
                    code,
                    vec![Problem::new(
                        Code::CargoFailed,
                        format!("cargo ended with {code}; its messages are on stderr"),
                    )],
                ),
                Failure::Told => return 1,
                Failure::Problems(problems) => {
                    shell.problems(&problems);
                    (1, problems)
                }
            };
            #[derive(Serialize)]
            struct Report {
                problems: Vec<Problem>,
            }
            if format == MessageFormat::Json
                && let Err(problem) = ui::data(&ui::json(&Report { problems }))
            {
                shell.problems(&[problem]);
            }
            code
        }
    }
}

/// `--color`, else CARGO_TERM_COLOR; what neither says, NO_COLOR and the terminal say.
fn colour(host: &Host, flag: Option<Color>) -> Option<anstream::ColorChoice> {
    match flag
        .map(Color::name)
        .or_else(|| host.var("CARGO_TERM_COLOR"))?
    {
        "always" => Some(anstream::ColorChoice::Always),
        "never" => Some(anstream::ColorChoice::Never),
        _ => None,
    }
}

/// A run, looked at and decided.
pub struct Prepared {
    pub found: ProjectContext,
    pub settings: Settings,
    pub plan: Plan,
    pub facts: Facts,
    decider: Decider,
}

/// What it takes to look and decide once more, after a standard library was installed.
struct Decider {
    asking: CargoOptions,
    cargo_config: cargo_config2::Config,
    selected: Selected,
    roots: Vec<String>,
    more: configuration::ExtraConfig,
    having: PullPolicy,
}

/// Look and decide: from what was typed to a plan, or every problem.
pub fn prepare(
    host: &Host,
    shell: Shell,
    options: RunOptions,
    having: PullPolicy,
) -> Result<Prepared, Failure> {
    let Gathered {
        found,
        settings,
        facts,
        decider,
    } = gather(host, shell, options, having)?;
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
        configuration::configured_variables(host, &self.decider.cargo_config)
    }

    /// Looks again.
    pub fn renew(&mut self, host: &Host, shell: Shell) -> Result<(), Failure> {
        self.facts = facts(host, shell, &self.found, &self.settings, &self.decider)?;
        Ok(())
    }
}

/// Look: from what was typed to settings and facts.
pub fn gather(
    host: &Host,
    shell: Shell,
    options: RunOptions,
    having: PullPolicy,
) -> Result<Gathered, Failure> {
    let (found, settings, decider) = asked(host, shell, options, having)?;
    let facts = facts(host, shell, &found, &settings, &decider)?;
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
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    /// `auto`, `always`, `never`.
    pub color: Option<String>,
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
fn asked(
    host: &Host,
    shell: Shell,
    options: RunOptions,
    having: PullPolicy,
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
        quiet,
        verbose,
        color,
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
    let mut found = look::workspace(host, &asking, manifest_path(host, manifest)?.as_deref())?;
    let own = own_config(&found)?;
    let cargo_config = configuration::cargo_config(host, &found.workspace, &found.rustc)?;
    let named = settings::named_targets(&target, variables(host).targets.as_deref());
    let own = with_cross(host, shell, &found, own, &named, true)?;
    look::configured_rustc(host, &mut found, &cargo_config)?;
    let more = configuration::more_configuration(host, &found.workspace, &config)?;
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
        quiet,
        verbose: verbose.saturating_sub(1),
        color,
    };
    let typed = CliOverrides {
        targets: target,
        linker,
        out_dir: out_dir.map(|dir| host.absolute(&dir)),
        accept,
        variables: variables(host),
        cargo_targets: configuration::cargo_targets(&cargo_config),
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
        &more.elsewhere,
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
    let having = if asking.offline || asking.frozen {
        PullPolicy::Leave
    } else {
        having
    };
    let decider = Decider {
        asking,
        cargo_config,
        selected,
        roots,
        more,
        having,
    };
    Ok((found, settings, decider))
}

/// xpkg's configuration of a workspace.
fn own_config(found: &ProjectContext) -> Result<Config, Vec<Problem>> {
    Config::parse(&found.sources)
}

/// The configuration with what the project has said to cross, where xpkg has no entry of its own.
/// `named` are the targets that were asked for elsewhere; what is not carried over is told of the
/// run's targets alone.
fn with_cross(
    host: &Host,
    shell: Shell,
    found: &ProjectContext,
    mut config: Config,
    named: &[String],
    run: bool,
) -> Result<Config, Failure> {
    let migration = cross_toml::read(&look::cross_toml::sources(host, &found.workspace.root)?)?;
    if named.is_empty() && config.targets.is_empty() {
        config.targets.extend(migration.default_target.clone());
    }
    let bare = |name: &String| name.split('.').next().unwrap_or_default().to_owned();
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
    let mut told: BTreeSet<String> = migration.told.iter().map(ToString::to_string).collect();
    for triple in asked.iter().filter(|triple| found.triples.contains(triple)) {
        let own = config.target.get(triple).cloned().unwrap_or_default();
        let mut merged = migration.target(triple).under(&own);
        told.extend(merged.told.iter().map(ToString::to_string));
        if merged.config.image.is_none() {
            // Without an image the rest has nothing to hold to.
            merged.config = own.clone();
        } else if own.image.is_none() {
            // xpkg's own word for all targets comes before cross's for one.
            merged.config.linker = merged.config.linker.or(config.linker);
        }
        if merged.config != own {
            let taken: Vec<String> = merged.taken.iter().map(ToString::to_string).collect();
            shell.status("Taking", &format!("{} for {triple}", taken.join(", ")));
            config.target.insert(triple.clone(), merged.config);
        }
    }
    for told in &told {
        shell.status("Leaving", told);
    }
    Ok(config)
}

fn variables(host: &Host) -> Variables {
    let variable = |name: &str| host.var(name).map(str::to_owned);
    Variables {
        targets: variable("XPKG_TARGETS"),
        linker: variable("XPKG_LINKER"),
        out_dir: variable("XPKG_OUT_DIR").map(|dir| host.absolute(Utf8Path::new(&dir))),
    }
}

/// `--target-dir`, or the variable where it is relative: it means the directory that the user
/// stands in, and cargo will run in the workspace's.
fn target_directory(host: &Host, flag: Option<Utf8PathBuf>) -> Option<Utf8PathBuf> {
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
    shell: Shell,
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
        having,
    } = decider;
    let talk = move |line: &str| shell.pass_on(line);
    let scope = Scope {
        requests: &settings.requests,
        selection: &settings.selection,
        packages: &selected.packages,
        roots,
        profile: &settings.cargo.profile,
        profiles: &more.profiles,
        configuration: &more.digest,
    };
    let hear = move |verb: &str, line: &str| match verb {
        "" => shell.pass_on(line),
        verb => shell.status(verb, line),
    };
    let images = ImageStore::new(host, found, *having, &hear);
    look::facts(host, found, asking, cargo_config, &scope, &images, talk)
}

impl Prepared {
    /// Looks and decides again.
    pub fn renew(&mut self, host: &Host, shell: Shell) -> Result<(), Failure> {
        self.facts = facts(host, shell, &self.found, &self.settings, &self.decider)?;
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
        look::write_tools(
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
fn cargo_program(host: &Host) -> String {
    match host.var("CARGO") {
        Some(program) if host.var("RUSTUP_TOOLCHAIN").is_none() => program.to_owned(),
        _ => "cargo".to_owned(),
    }
}

fn manifest_path(host: &Host, path: Option<PathBuf>) -> Result<Option<Utf8PathBuf>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let path = Utf8PathBuf::from_path_buf(path).map_err(|path| {
        Problem::new(
            Code::WorkspaceUnreadable,
            format!("the path `{}` is not UTF-8", path.display()),
        )
    })?;
    Ok(Some(host.absolute(&path)))
}

/// Whether it is only that there is no workspace here.
fn outside(problems: &[Problem]) -> bool {
    let lines = |problem: &Problem| {
        problem.notes.iter().any(|note| {
            note.lines
                .iter()
                .any(|line| line.contains("could not find `Cargo.toml`"))
        })
    };
    problems
        .iter()
        .all(|problem| problem.code == Code::WorkspaceUnreadable && lines(problem))
}

/// Where a staged tree stands, and what its workspace says.
pub struct FoundTree {
    pub out_dir: Utf8PathBuf,
    /// What xpkg keeps in the workspace's target directory, where a workspace was asked.
    pub cache: Option<Utf8PathBuf>,
    pub policy: PolicyConfig,
}

/// The tree of `show`, `clean` and `verify`: asked of the workspace only where nobody named it.
pub fn find_tree(host: &Host, options: &TreeOptions) -> Result<FoundTree, Failure> {
    let TreeOptions {
        manifest_path: manifest,
        out_dir,
        target_dir,
    } = options;
    if let (Some(dir), None) = (out_dir, manifest) {
        return Ok(FoundTree {
            out_dir: host.resolve(&host.absolute(dir)),
            cache: None,
            policy: PolicyConfig::default(),
        });
    }
    let target_dir = target_directory(host, target_dir.clone());
    let asking = CargoOptions {
        program: cargo_program(host),
        locked: false,
        offline: false,
        frozen: false,
        config: Vec::new(),
        target_dir,
    };
    let found = look::workspace(
        host,
        &asking,
        manifest_path(host, manifest.clone())?.as_deref(),
    )?;
    let config = own_config(&found)?;
    let cache = crate::plan::cache_dir(&found.workspace);
    let out_dir = out_dir.as_ref().map(|dir| host.absolute(dir));
    let out_dir = host.resolve(&settings::out_dir(
        out_dir,
        variables(host).out_dir,
        &config,
        &found.workspace,
    ));
    Ok(FoundTree {
        out_dir,
        cache: Some(cache),
        policy: config.policy,
    })
}

/// Runs the line that brings a target's standard library.
pub fn install_std(host: &Host, shell: Shell, target: &Target, install: &Invocation) -> Result<()> {
    shell.status(
        "Installing",
        &format!("the standard library for `{target}` (rustup)"),
    );
    shell.detail("Running", &format!("`{install}`"));
    let output = host.capture(install)?;
    if output.success() {
        return Ok(());
    }
    Err(Problem::new(
        Code::StdMissing,
        format!("rustup could not install the standard library for `{target}`"),
    )
    .note("command", [install.to_string()])
    .cause(&output.stderr))
}

fn acceptable(name: &str) -> Result<Code> {
    let names = || policy::FINDINGS.iter().map(|code| code.name());
    match Code::from_name(name).filter(|code| policy::FINDINGS.contains(code)) {
        Some(code) => Ok(code),
        None => {
            let problem = Problem::new(
                Code::NoSuchName,
                format!("`--accept {name}`: no such finding can be accepted"),
            );
            Err(match nearest(name, names()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("what can be accepted: {}", list(names()))),
            })
        }
    }
}
