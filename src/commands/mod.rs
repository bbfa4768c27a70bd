//! One file a command; each reads like the picture in the crate's doc. Here stands what they share:
//! from what was typed to a [`Plan`].

pub mod args;
pub mod build;
pub mod clean;
pub mod codes;
pub mod docker;
pub mod doctor;
pub mod env;
pub mod explain;
pub mod image;
pub mod internal;
pub mod plan;
pub mod show;
pub mod verify;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::commands::args::{Color, MessageFormat, TalkArgs, TreeArgs};
use crate::commands::build::BuildArgs;
use crate::commands::codes::CARGO_FAILED;
use crate::commands::docker::DockerArgs;
use crate::commands::doctor::DoctorArgs;
use crate::commands::env::EnvArgs;
use crate::commands::image::ImageArgs;
use crate::commands::internal::compiler::{self, CompilerArgs};
use crate::commands::internal::zig::{self, ZigArgs, ZigToolsArgs};
use crate::commands::plan::PlanArgs;
use crate::commands::verify::{ReportFormat, VerifyArgs};
use crate::host::codes::INTERRUPTED;
use crate::host::machine::Host;
use crate::host::shell::{self, Shell, Verbosity};
use crate::problem::{Failure, Problem, Result};

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
                INTERRUPTED,
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

pub fn told(shell: Shell, format: MessageFormat, outcome: Result<(), Failure>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            let (code, problems) = match failure {
                // It has said what is wrong; only the document has to say that something is.
                Failure::Spoken(code) => (
                    code,
                    vec![Problem::new(
                        CARGO_FAILED,
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
                && let Err(problem) = shell::data(&shell::json(&Report { problems }))
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

/// Build every bin of a workspace for every target, inspected and with a manifest.
#[derive(Debug, Parser)]
#[command(name = "cargo xpkg", bin_name = "cargo xpkg", version, arg_required_else_help = true, styles = clap_cargo::style::CLAP_STYLING)]
pub struct Cli {
    /// Explain a code: cause, detection, fix and source
    #[arg(long, value_name = "CODE", exclusive = true)]
    pub explain: Option<String>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile every selected bin for every target, inspect it, and stage the tree with its
    /// manifest
    Build(BuildArgs),
    /// Show what `build` would do and why; compiles and installs nothing
    Plan(PlanArgs),
    /// Hold machine and project against each other: what each target lacks, and the fix
    Doctor(DoctorArgs),
    /// Hold a tree, an archive or a file against what it lists and what its targets promise
    Verify(VerifyArgs),
    /// Print one target's environment for other tools: `eval "$(cargo xpkg env --target T)"`
    Env(EnvArgs),
    /// Make a Docker context of the staged tree: bins by platform, Dockerfiles, a bake file
    Docker(DockerArgs),
    /// Cross images, locked by digest in `xpkg.lock`
    Image(ImageArgs),
    /// Show the staged tree: bins, sizes, linkage, digests
    Show(TreeArgs),
    /// Remove what xpkg made, never cargo's own output
    Clean(TreeArgs),
    /// Say what a build script would compile C with (xpkg asks itself)
    #[command(name = "__compiler", hide = true)]
    Compiler(CompilerArgs),
    /// Stand in for zig (xpkg's wrappers call it)
    #[command(name = "zig", hide = true)]
    Zig(ZigArgs),
    /// Hand on to zig (`zig` calls it)
    #[command(name = "__zig", hide = true)]
    ZigInner(ZigArgs),
    /// Write the wrappers of zig for one target (xpkg asks itself)
    #[command(name = "__zig-tools", hide = true)]
    ZigTools(ZigToolsArgs),
}

impl Cli {
    /// From the process's arguments: `cargo xpkg build` starts `cargo-xpkg xpkg build`, where the
    /// word `xpkg` is optional.
    pub fn parse_from_process(
        args: impl IntoIterator<Item = std::ffi::OsString>,
    ) -> Result<Self, clap::Error> {
        let mut args: Vec<_> = args.into_iter().collect();
        if args.get(1).is_some_and(|word| word == "xpkg") {
            args.remove(1);
        }
        Self::try_parse_from(args)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
