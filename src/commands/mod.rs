//! One file a command; each reads like the picture in the crate's doc. Here stands what they share: from what was
//! typed to a [`Plan`].

pub mod build;
pub mod clean;
pub mod compiler;
pub mod env;
pub mod explain;
pub mod plan;
pub mod show;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::cargo_config;
use crate::cli::{Cli, Color, Command, MessageFormat, OutputArgs, RunArgs, TreeArgs};
use crate::config::{Config, LinkerChoice};
use crate::facts::Facts;
use crate::host::Host;
use crate::look::{self, Asking, Found, Scope};
use crate::plan::{CargoArgs, Plan, Settings};
use crate::problem::{Code, Failure, Problem, Result, nearest};
use crate::profile::Profiles;
use crate::target::Target;
use crate::toolchain::{Kind, Request};
use crate::tree::{DEFAULT_LAYOUT, Layout};
use crate::ui::{self, Shell, Verbosity};
use crate::workspace::{Selected, Selection};

/// Runs what was typed. The exit code: 0, 1 for a problem, cargo's own where cargo has spoken.
pub fn run(cli: Cli) -> u8 {
    let Cli { explain, command } = cli;
    if let Some(code) = explain {
        return told(Shell { verbosity: Verbosity::Normal }, MessageFormat::Human, explain::run(&code));
    }
    let Some(command) = command else { return 0 };
    let command = match command {
        Command::Compiler(args) => return told(Shell { verbosity: Verbosity::Normal }, MessageFormat::Human, compiler::run(args)),
        command => command,
    };
    let OutputArgs { message_format, quiet, verbose, color } = *match &command {
        Command::Build(args) => &args.run.output,
        Command::Plan(args) => &args.run.output,
        Command::Env(args) => &args.run.output,
        Command::Show(args) | Command::Clean(args) => &args.output,
        Command::Compiler(_) => return 0,
    };
    let verbosity = match (quiet, verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    };
    let shell = Shell { verbosity };
    let outcome = Host::new().map_err(Failure::from).and_then(|host| {
        if let Some(choice) = colour(&host, color) {
            choice.write_global();
        }
        match command {
            Command::Build(args) => build::run(&host, shell, args),
            Command::Plan(args) => plan::run(&host, shell, args),
            Command::Env(args) => env::run(&host, shell, args),
            Command::Show(args) => show::run(&host, args),
            Command::Clean(args) => clean::run(&host, shell, args),
            Command::Compiler(_) => Ok(()),
        }
    });
    told(shell, message_format, outcome)
}

fn told(shell: Shell, format: MessageFormat, outcome: Result<(), Failure>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(Failure::Spoken(code)) => code,
        Err(Failure::Problems(problems)) => {
            #[derive(Serialize)]
            struct Report {
                problems: Vec<Problem>,
            }
            shell.problems(&problems);
            if format == MessageFormat::Json {
                ui::data(&ui::json(&Report { problems }));
            }
            1
        }
    }
}

/// `--color`, else CARGO_TERM_COLOR; what neither says, NO_COLOR and the terminal say.
fn colour(host: &Host, flag: Option<Color>) -> Option<anstream::ColorChoice> {
    match flag.map(Color::name).or_else(|| host.var("CARGO_TERM_COLOR"))? {
        "always" => Some(anstream::ColorChoice::Always),
        "never" => Some(anstream::ColorChoice::Never),
        _ => None,
    }
}

/// A run, looked at and decided.
pub struct Prepared {
    pub found: Found,
    pub settings: Settings,
    pub plan: Plan,
    pub facts: Facts,
    decider: Decider,
}

/// What it takes to look and decide once more, after a standard library was installed.
struct Decider {
    asking: Asking,
    cargo_config: cargo_config2::Config,
    selected: Selected,
    roots: Vec<String>,
    profiles: Profiles,
}

/// Look and decide: from what was typed to a plan, or every problem.
pub fn prepare(host: &Host, shell: Shell, args: RunArgs, accept: Vec<Code>) -> Result<Prepared, Failure> {
    let RunArgs {
        target,
        linker,
        out_dir,
        manifest,
        workspace: packages,
        bin,
        features,
        profile,
        jobs,
        locked,
        offline,
        frozen,
        target_dir,
        config,
        output,
    } = args;
    let OutputArgs { message_format: _, quiet, verbose, color } = output;

    // A file of configuration is named from where the user stands; cargo will run elsewhere.
    let config: Vec<String> = config
        .into_iter()
        .map(|value| if host.is_file(Utf8Path::new(&value)) { host.absolute(Utf8Path::new(&value)).into_string() } else { value })
        .collect();
    let target_dir = target_dir.map(|dir| host.absolute(&dir));
    let asking = Asking { program: cargo_program(host), locked, offline, frozen, config: config.clone(), target_dir: target_dir.clone() };
    let found = look::workspace(host, &asking, manifest_path(host, manifest)?.as_deref())?;
    let own = Config::parse(&found.sources)?;
    let selection = Selection {
        packages: packages.package,
        workspace: packages.workspace || packages.all,
        exclude: packages.exclude,
        bins: bin,
        features: features
            .features
            .iter()
            .flat_map(|list| list.split([',', ' ']))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        all_features: features.all_features,
        no_default_features: features.no_default_features,
    };
    let selected = found.workspace.select(&selection, &own)?;
    let cargo_config = look::cargo_config(host, &found.workspace, &found.rustc)?;
    let requests = requests(host, &found, &own, &cargo_config, &target, linker, &accept)?;
    let (elsewhere, profiles) = look::more_configuration(host, &found.workspace, &config)?;
    let targets: Vec<&Target> = requests.iter().map(|request| &request.target).collect();
    let given = !target.is_empty() || host.var("XPKG_TARGETS").is_some() || !own.targets.is_empty();
    let refused = cargo_config::refusals(&elsewhere, &targets, &found.rustc.host, given);
    if !refused.is_empty() {
        return Err(refused.into());
    }
    let settings = Settings {
        cargo: CargoArgs {
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
            color: color.map(|color| color.name().to_owned()),
        },
        selection,
        requests,
        out_dir: self::out_dir(host, out_dir, &own, &found),
        layout: Layout::parse(own.layout.as_deref().unwrap_or(DEFAULT_LAYOUT))?,
        strip: own.strip,
        accept,
    };
    let roots = selected.bins.iter().map(|bin| bin.package_id.clone()).collect();
    let decider = Decider { asking, cargo_config, selected, roots, profiles };
    let (facts, plan) = decide(host, shell, &found, &settings, &decider)?;
    Ok(Prepared { found, settings, plan, facts, decider })
}

fn decide(host: &Host, shell: Shell, found: &Found, settings: &Settings, decider: &Decider) -> Result<(Facts, Plan), Failure> {
    let Decider { asking, cargo_config, selected, roots, profiles } = decider;
    let talk = move |line: &str| shell.pass_on(line);
    let scope = Scope { requests: &settings.requests, selection: &settings.selection, roots, profile: &settings.cargo.profile, profiles };
    let facts = look::facts(host, found, asking, cargo_config, &scope, talk)?;
    let plan = Plan::new(&found.workspace, selected, settings, &facts)?;
    Ok((facts, plan))
}

impl Prepared {
    /// Looks and decides again.
    pub fn renew(&mut self, host: &Host, shell: Shell) -> Result<(), Failure> {
        (self.facts, self.plan) = decide(host, shell, &self.found, &self.settings, &self.decider)?;
        Ok(())
    }

    /// Makes the links by which tools get their names. They are xpkg's own, and `clean` removes them.
    pub fn link_tools(&self, host: &Host) -> Result<()> {
        for (link, to) in self.plan.targets.iter().filter_map(|target| target.toolchain.candidate.link.as_ref()) {
            host.create_dir_all(link.parent().unwrap_or(Utf8Path::new("/")))?;
            host.symlink(to, link)?;
        }
        Ok(())
    }
}

/// cargo through PATH, so that rustup's proxy reads the workspace's pin; where there is no rustup, the cargo that started us.
fn cargo_program(host: &Host) -> String {
    match host.var("CARGO") {
        Some(program) if host.var("RUSTUP_TOOLCHAIN").is_none() => program.to_owned(),
        _ => "cargo".to_owned(),
    }
}

fn manifest_path(host: &Host, manifest: clap_cargo::Manifest) -> Result<Option<Utf8PathBuf>> {
    let Some(path) = manifest.manifest_path else { return Ok(None) };
    let path = Utf8PathBuf::from_path_buf(path)
        .map_err(|path| Problem::new(Code::WorkspaceUnreadable, format!("the path `{}` is not UTF-8", path.display())))?;
    Ok(Some(host.absolute(&path)))
}

/// The flag, XPKG_OUT_DIR, the configuration (from the workspace's root), `<target directory>/xpkg`.
fn out_dir(host: &Host, flag: Option<Utf8PathBuf>, config: &Config, found: &Found) -> Utf8PathBuf {
    let typed = flag.or_else(|| host.var("XPKG_OUT_DIR").map(Utf8PathBuf::from));
    match (typed, &config.out_dir) {
        (Some(dir), _) => host.absolute(&dir),
        (None, Some(dir)) => host.absolute(&found.workspace.root.join(dir)),
        (None, None) => found.workspace.target_dir.join("xpkg"),
    }
}

/// Targets and who chose their linkers. Targets: the flag, XPKG_TARGETS, the configuration, cargo's `build.target`, the host.
fn requests(
    host: &Host,
    found: &Found,
    config: &Config,
    cargo: &cargo_config2::Config,
    flag: &[String],
    linker: Option<LinkerChoice>,
    accept: &[Code],
) -> Result<Vec<Request>, Vec<Problem>> {
    let variable: Vec<String> = words(host.var("XPKG_TARGETS").unwrap_or_default());
    let lists = [flag.to_vec(), variable, config.targets.clone(), look::cargo_targets(cargo)];
    let names = lists.into_iter().find(|list| !list.is_empty()).unwrap_or_else(|| vec![found.rustc.host.clone()]);
    let mut problems = Vec::new();
    let mut requests: Vec<Request> = Vec::new();
    for name in names {
        let request = |target| request(host, config, target, linker, found);
        match Target::parse(&name, &found.triples).and_then(request) {
            Ok(request) if requests.iter().any(|other| other.target.triple() == request.target.triple()) => problems.push(
                Problem::new(Code::TargetTwice, format!("the target `{}` is asked for twice", request.target.triple()))
                    .help("name each triple once"),
            ),
            Ok(request) => requests.push(Request { accept: accept.to_vec(), ..request }),
            Err(problem) => problems.push(problem),
        }
    }
    for name in config.target.keys().filter(|name| !found.triples.contains(name)) {
        let problem = Problem::new(Code::UnknownTarget, format!("the configuration has a table for `{name}`, which rustc does not know"));
        problems.push(match nearest(name, found.triples.iter().map(String::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        });
    }
    if problems.is_empty() { Ok(requests) } else { Err(problems) }
}

fn words(text: &str) -> Vec<String> {
    text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// One target with what its own table in the configuration says.
fn request(host: &Host, config: &Config, mut target: Target, flag: Option<LinkerChoice>, found: &Found) -> Result<Request> {
    let own = config.target.get(target.triple());
    if let (None, Some(floor)) = (target.floor, own.and_then(|own| own.glibc.as_ref())) {
        target = Target::parse(&format!("{}.{floor}", target.triple()), &found.triples)?;
    }
    let variable = match host.var("XPKG_LINKER") {
        Some(name) => Some(<LinkerChoice as clap::ValueEnum>::from_str(name, false).map_err(|_| {
            let names = <LinkerChoice as clap::ValueEnum>::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value);
            let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
            Problem::new(Code::LinkerUnfit, format!("`XPKG_LINKER={name}` is no kind of linker"))
                .help(format!("it is one of {}", crate::workspace::list(names.iter().map(String::as_str))))
        })?),
        None => None,
    };
    let table = own.and_then(|own| own.linker);
    let choices = [(flag, "`--linker`"), (variable, "`XPKG_LINKER`"), (table.or(config.linker), "xpkg's configuration")];
    let choice: Option<(Kind, String)> =
        choices.into_iter().find_map(|(choice, by)| Some((choice?, by))).and_then(|(choice, by)| Some((choice.kind()?, by.to_owned())));
    let c_dependencies = own.and_then(|own| own.c_dependencies).or(config.c_dependencies);
    Ok(Request { target, choice, c_dependencies, accept: Vec::new() })
}

/// Where the tree of `show` and `clean` stands: asked of the workspace only where nobody named it.
pub fn find_tree(host: &Host, args: &TreeArgs) -> Result<(Utf8PathBuf, Option<Utf8PathBuf>), Failure> {
    let TreeArgs { manifest, out_dir, target_dir, output: _ } = args;
    if let (Some(dir), None) = (out_dir, &manifest.manifest_path) {
        return Ok((host.absolute(dir), None));
    }
    let target_dir = target_dir.as_ref().map(|dir| host.absolute(dir));
    let asking = Asking { program: cargo_program(host), locked: false, offline: false, frozen: false, config: Vec::new(), target_dir };
    let found = look::workspace(host, &asking, manifest_path(host, manifest.clone())?.as_deref())?;
    let config = Config::parse(&found.sources)?;
    let cache = crate::plan::cache_dir(&found.workspace);
    Ok((self::out_dir(host, out_dir.clone(), &config, &found), Some(cache)))
}
