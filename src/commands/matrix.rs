//! `matrix`: prints the legs of a run on many machines. Compiles nothing and looks at no compiler.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};

use crate::build::look::options::{self, RunOptions};
use crate::build::look::request::{RunRequest, xpkg_config};
use crate::build::look::source::source;
use crate::commands::args::RunArgs;
use crate::host::lock::lock_path;
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Result};
use crate::project::config::ci::CiSystem;
use crate::project::look::context;
use crate::ship::ci::decide::{self, Input};
use crate::ship::ci::{lines, render};
use crate::ship::trees::look::asking;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg matrix --for github --set pr",
    "cargo xpkg matrix --for lines --target x86_64-unknown-linux-musl,aarch64-unknown-linux-musl",
    "cargo xpkg matrix --for json > legs.json",
];

/// Arguments of `matrix`.
#[derive(Debug, Args)]
pub struct MatrixArgs {
    /// Options of the legs' builds: they become their arguments.
    #[command(flatten)]
    pub run: RunArgs,

    /// Form to print: for a CI system, shell lines, or the document of `merge --expect`
    #[arg(long = "for", value_name = "SYSTEM", value_enum)]
    pub form: Form,

    /// Set of targets in `[workspace.metadata.xpkg.ci.sets]`
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    pub set: Option<String>,
}

/// Values of `--for`. Docs of the variants would turn up in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Github,
    Gitlab,
    Forgejo,
    Buildkite,
    Circleci,
    Azure,
    Lines,
    Json,
}

/// Runs `matrix`.
///
/// # Errors
/// Those of a run's settings, of [`decide::decide`] and of [`render::render`].
pub fn run(host: &Host, args: MatrixArgs) -> Result<(), Failure> {
    let MatrixArgs { run, form, set } = args;
    let allow_outside: Vec<Utf8PathBuf> = run.allow_outside.clone();
    let mut run = run.options();
    let linker = options::variables(host).linker;
    let arguments = decide::arguments(&run, &allow_outside, linker.as_deref())?;
    if let Some(set) = &set {
        run.targets = set_targets(host, &run, set)?;
    }
    let RunRequest {
        project,
        settings,
        selected,
        ..
    } = RunRequest::resolve(host, run)?;
    // After the workspace was read, which may write Cargo.lock.
    let out_dir = &settings.out_dir;
    let lock = lock_path(out_dir);
    let generated: [&Utf8Path; 3] = [out_dir, &lock, &project.workspace.target_dir];
    let source = source(host, &project.workspace, &generated);
    let legs = decide::decide(Input {
        settings: &settings,
        bins: &selected.bins,
        arguments: &arguments,
        rustc: &project.rustc,
        source,
        set,
    })?;
    let system = match form {
        Form::Github => CiSystem::Github,
        Form::Gitlab => CiSystem::Gitlab,
        Form::Forgejo => CiSystem::Forgejo,
        Form::Buildkite => CiSystem::Buildkite,
        Form::Circleci => CiSystem::Circleci,
        Form::Azure => CiSystem::Azure,
        Form::Lines => {
            shell::data(&lines::lines(&legs))?;
            return Ok(());
        }
        Form::Json => {
            shell::data(&legs.json())?;
            return Ok(());
        }
    };
    let config = xpkg_config(&project)?;
    shell::data(&render::render(system, &legs, &config.ci)?)?;
    Ok(())
}

/// Returns the targets of a set of the workspace.
fn set_targets(host: &Host, run: &RunOptions, set: &str) -> Result<Vec<String>, Failure> {
    let project = context::workspace(
        host,
        &asking(host, run),
        options::manifest_path(host, run.manifest_path.clone())?.as_deref(),
    )?;
    Ok(decide::targets_of(&xpkg_config(&project)?, set)?)
}
