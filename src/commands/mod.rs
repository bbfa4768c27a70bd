//! The commands, one file each, and their dispatch.

pub mod args;
pub mod build;
pub mod cache;
pub mod candidates;
pub mod ci;
pub mod clean;
pub mod codes;
pub mod command_line;
pub mod completions;
pub mod docker;
pub mod doctor;
pub mod env;
pub mod explain;
pub mod help;
pub mod image;
pub mod internal;
pub mod lock;
pub mod man;
pub mod matrix;
pub mod merge;
pub mod pipeline;
pub mod plan;
pub mod publish;
pub mod release;
pub mod show;
pub mod verify;
pub mod yank;

use camino::Utf8PathBuf;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use serde::Serialize;

use crate::commands::args::{MessageFormat, OutputArgs, TreeArgs};
use crate::commands::build::BuildArgs;
use crate::commands::cache::CacheArgs;
use crate::commands::ci::CiArgs;
use crate::commands::codes::CARGO_FAILED;
use crate::commands::completions::CompletionsArgs;
use crate::commands::docker::DockerArgs;
use crate::commands::doctor::DoctorArgs;
use crate::commands::env::EnvArgs;
use crate::commands::help::HelpArgs;
use crate::commands::image::ImageArgs;
use crate::commands::internal::compiler::{self, CompilerArgs};
use crate::commands::internal::zig::{self, ZigArgs, ZigToolsArgs};
use crate::commands::lock::LockArgs;
use crate::commands::man::ManArgs;
use crate::commands::matrix::MatrixArgs;
use crate::commands::merge::MergeArgs;
use crate::commands::pipeline::args::PipelineArgs;
use crate::commands::plan::PlanArgs;
use crate::commands::publish::PublishArgs;
use crate::commands::release::ReleaseArgs;
use crate::commands::verify::VerifyArgs;
use crate::commands::yank::YankArgs;
use crate::host::codes::INTERRUPTED;
use crate::host::machine::Host;
use crate::host::shell::{self, Shell};
use crate::problem::{Failure, Problem, Result};

/// Runs a command line. Returns the exit code: 0, 1 for a problem, or that of a child process that
/// has reported its failure itself; 3 if only what follows failed.
pub fn run(cli: Cli) -> u8 {
    let Cli {
        explain,
        output,
        command,
    } = cli;
    let shell = output.shell();
    let mut host = match Host::new(shell) {
        Ok(host) => host,
        Err(problem) => return report(shell, MessageFormat::Human, Err(problem.into())),
    };
    if let Some(choice) = color(&host) {
        choice.write_global();
    }
    let allowed = command.as_ref().map(Command::allowed_outside);
    let allowed = allowed.unwrap_or_default().iter();
    host.allowed_outside = allowed.map(|path| host.absolute(path)).collect();
    let internal = command.as_ref().is_some_and(Command::is_internal);
    if !internal {
        host.handle_signals();
    }
    let human = MessageFormat::Human;
    let mut staged = "";
    let (format, outcome) = match command {
        None => (human, explain.map_or(Ok(()), |code| explain::run(&code))),
        Some(Command::Build(args)) => {
            staged = "; no staged tree was changed";
            (args.run.message_format, build::run(&host, args))
        }
        Some(Command::Plan(args)) => (args.run.message_format, plan::run(&host, args)),
        Some(Command::Doctor(args)) => (args.run.message_format, doctor::run(&host, args)),
        Some(Command::Verify(args)) => (args.format.of_problems(), verify::run(&host, args)),
        Some(Command::Env(args)) => (args.run.message_format, env::run(&host, args)),
        Some(Command::Docker(args)) => (args.run.message_format, docker::run(&host, args)),
        Some(Command::Release(args)) => (args.run.message_format, release::run(&host, args)),
        Some(Command::Publish(args)) => (args.store.message_format, publish::run(&host, args)),
        Some(Command::Yank(args)) => (args.store.message_format, yank::run(&host, args)),
        Some(Command::Matrix(args)) => (args.run.message_format, matrix::run(&host, args)),
        Some(Command::Merge(args)) => (args.message_format, merge::run(&host, args)),
        Some(Command::Pipeline(args)) => (args.run.message_format, pipeline::run(&host, *args)),
        Some(Command::Cache(args)) => (args.command.message_format(), cache::run(&host, args)),
        Some(Command::Ci(args)) => (args.command.shared().message_format, ci::run(&host, args)),
        Some(Command::Image(args)) => (args.command.run().message_format, image::run(&host, args)),
        Some(Command::Lock(args)) => (args.run.message_format, lock::run(&host, args)),
        Some(Command::Show(args)) => (args.message_format, show::run(&host, args)),
        Some(Command::Clean(args)) => (args.message_format, clean::run(&host, args)),
        Some(Command::Help(args)) => (human, help::run(&host, args, &command_line())),
        Some(Command::Completions(args)) => (human, completions::run(args)),
        Some(Command::Man(args)) => (human, man::run(&host, args, command_line())),
        Some(Command::Compiler(args)) => (human, compiler::run(args)),
        Some(Command::ZigInner(args)) => (human, zig::inner(args)),
        Some(Command::ZigTools(args)) => (human, zig::tools(args)),
        Some(Command::Zig(args)) => match zig::run(&host, args) {
            Ok(code) => return code,
            Err(failure) => (human, Err(failure)),
        },
    };
    let signal = host
        .interrupted()
        .and_then(|signal| u8::try_from(signal).ok());
    match (outcome, signal) {
        // After a signal all failures are its consequences.
        (Err(_), Some(signal)) => {
            let message = format!("interrupted by signal {signal}{staged}");
            let problem = Problem::new(INTERRUPTED, message);
            report(shell, format, Err(problem.into()));
            128 + signal
        }
        (outcome, _) => report(shell, format, outcome),
    }
}

/// Reports a failure on stderr and, with `--message-format json`, as a document on stdout. Returns
/// the exit code.
pub fn report(shell: Shell, format: MessageFormat, outcome: Result<(), Failure>) -> u8 {
    #[derive(Serialize)]
    struct Report {
        problems: Vec<Problem>,
    }
    let (code, problems) = match outcome {
        Ok(()) => return 0,
        Err(Failure::AlreadyReported) => return 1,
        Err(Failure::HookFailed(problem)) => {
            shell.problems(&[*problem]);
            return 3;
        }
        // The child has reported the reason; only the document still needs an entry.
        Err(Failure::ChildFailed(code)) => {
            let message = format!("cargo exited with {code}; its messages are on stderr");
            (code, vec![Problem::new(CARGO_FAILED, message)])
        }
        Err(Failure::Problems(problems)) => {
            shell.problems(&problems);
            (1, problems)
        }
    };
    if format == MessageFormat::Json
        && let Err(problem) = shell::data(&shell::json(&Report { problems }))
    {
        shell.problems(&[problem]);
    }
    code
}

/// Returns the choice of `--color`, else of CARGO_TERM_COLOR. Without either, anstream checks
/// NO_COLOR and the terminal.
fn color(host: &Host) -> Option<anstream::ColorChoice> {
    match host.shell.color.or_else(|| host.var("CARGO_TERM_COLOR"))? {
        "always" => Some(anstream::ColorChoice::Always),
        "never" => Some(anstream::ColorChoice::Never),
        _ => None,
    }
}

/// Build every bin of a workspace for every target, inspect it, and record it in a manifest
#[derive(Debug, Parser)]
#[command(name = "cargo xpkg", bin_name = "cargo xpkg", version, arg_required_else_help = true, disable_help_subcommand = true, styles = clap_cargo::style::CLAP_STYLING)]
pub struct Cli {
    /// Explain a code: cause, detection, fix and source
    #[arg(long, value_name = "CODE", exclusive = true)]
    pub explain: Option<String>,

    /// Global flags.
    #[command(flatten)]
    pub output: OutputArgs,

    /// Command, unless `--explain` is given.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile every selected bin for every target, inspect it, and stage the tree with its
    /// manifest
    Build(BuildArgs),
    /// Show what `build` would do and why, without compiling or installing anything
    Plan(PlanArgs),
    /// Check whether this machine can build every target, and how to fix what is missing
    Doctor(DoctorArgs),
    /// Verify a tree, archive or file against its checksums and its targets' requirements
    Verify(VerifyArgs),
    /// Print one target's environment for other tools: `eval "$(cargo xpkg env --target T)"`
    Env(EnvArgs),
    /// Write a Docker context of the staged tree: bins by platform, Dockerfiles, a bake file
    Docker(DockerArgs),
    /// Write a release of the staged tree: archives, checksums and `release.json`
    Release(ReleaseArgs),
    /// Publish a release to a store: versions that never change, pointers exchanged last
    Publish(PublishArgs),
    /// Take a published version back: it is no longer the latest, and its files stay
    Yank(YankArgs),
    /// Print the legs of a CI run: what each machine builds, and what its tree must have
    Matrix(MatrixArgs),
    /// Join the trees of the legs into one, against the list of what was expected
    Merge(MergeArgs),
    /// Run the stages from the lockfile to the release, from where they are up to date
    Pipeline(Box<PipelineArgs>),
    /// Print the key of the target directory's cache, and remove what no build uses from it
    Cache(CacheArgs),
    /// Write the workflow of a CI system, and check that it is what the configuration says
    Ci(CiArgs),
    /// Pin, update, list and pull cross images, locked by digest in `xpkg.lock`
    Image(ImageArgs),
    /// Record the tools of targets by content in `xpkg.lock`, for `build --locked`
    Lock(LockArgs),
    /// Show the staged tree: bins, sizes, linkage, digests
    Show(TreeArgs),
    /// Remove the files that xpkg created, never cargo's output
    Clean(TreeArgs),
    /// Show a page of the guide, or the help of a command; without one, list both
    Help(HelpArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
    /// Write the man pages of the commands and of the guide
    Man(ManArgs),
    /// Print the C compiler of build scripts (run by xpkg itself)
    #[command(name = "__compiler", hide = true)]
    Compiler(CompilerArgs),
    /// Run zig with arguments that it accepts (run by xpkg's wrappers)
    #[command(name = "zig", hide = true)]
    Zig(ZigArgs),
    /// Run cargo-zigbuild's filter and zig (run by `zig`)
    #[command(name = "__zig", hide = true)]
    ZigInner(ZigArgs),
    /// Write zig's wrappers for a target (run by xpkg itself)
    #[command(name = "__zig-tools", hide = true)]
    ZigTools(ZigToolsArgs),
}

/// Returns the whole command line.
pub fn command_line() -> clap::Command {
    command_line::complete(Cli::command())
}

impl Command {
    /// Returns the paths outside the workspace that the configuration may name.
    fn allowed_outside(&self) -> &[Utf8PathBuf] {
        match self {
            Self::Build(args) => &args.run.allow_outside,
            Self::Plan(args) => &args.run.allow_outside,
            Self::Doctor(args) => &args.run.allow_outside,
            Self::Env(args) => &args.run.allow_outside,
            Self::Docker(args) => &args.run.allow_outside,
            Self::Release(args) => &args.run.allow_outside,
            Self::Matrix(args) => &args.run.allow_outside,
            Self::Cache(args) => args.command.allowed_outside(),
            Self::Pipeline(args) => &args.run.allow_outside,
            Self::Lock(args) => &args.run.allow_outside,
            Self::Image(args) => &args.command.run().allow_outside,
            Self::Verify(_)
            | Self::Publish(_)
            | Self::Yank(_)
            | Self::Merge(_)
            | Self::Ci(_)
            | Self::Show(_)
            | Self::Clean(_)
            | Self::Help(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Compiler(_)
            | Self::Zig(_)
            | Self::ZigInner(_)
            | Self::ZigTools(_) => &[],
        }
    }

    /// Returns true for commands that are run by xpkg's children and wrappers.
    fn is_internal(&self) -> bool {
        matches!(
            self,
            Self::Compiler(_) | Self::Zig(_) | Self::ZigInner(_) | Self::ZigTools(_)
        )
    }
}

impl Cli {
    /// Parses the process's arguments. cargo runs `cargo xpkg build` as `cargo-xpkg xpkg build`;
    /// the argument `xpkg` is optional.
    pub fn parse_from_process(
        args: impl IntoIterator<Item = std::ffi::OsString>,
    ) -> Result<Self, clap::Error> {
        let mut args: Vec<_> = args.into_iter().collect();
        if args.get(1).is_some_and(|arg| arg == "xpkg") {
            args.remove(1);
        }
        Self::from_arg_matches(&command_line().try_get_matches_from(args)?)
    }
}
