//! `cache`: the key of a cache of cargo's target directory, and the removal of what no build uses.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::build::cache::key::{self, Key};
use crate::build::cache::prune::{self, Pruned};
use crate::build::cache::{look, write};
use crate::build::cargo_call::ArtifactDir;
use crate::build::look::reports;
use crate::build::look::request::RunRequest;
use crate::build::look::session::Session;
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::lock::FileLock;
use crate::host::machine::Host;
use crate::host::{lock, shell};
use crate::problem::text::{count, printable, size};
use crate::problem::{Failure, Result};
use crate::project::workspace::cache_dir;
use crate::toolchain::image::look::store::PullPolicy;
use crate::ui;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg cache key --target x86_64-unknown-linux-musl --for github >> \"$GITHUB_OUTPUT\"",
    "cargo xpkg cache key -v",
    "cargo xpkg cache prune --dry-run",
];

/// Arguments of `cache`.
#[derive(Debug, Args)]
pub struct CacheArgs {
    /// Subcommand.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// Subcommands of `cache`.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Print the key of the target directory's cache; `-v` shows its parts
    Key(Box<CacheKeyArgs>),
    /// Remove what no recorded build uses from the target directory: members and old units
    Prune(Box<CachePruneArgs>),
}

/// Arguments of `cache key`.
#[derive(Debug, Args)]
pub struct CacheKeyArgs {
    /// Options of the build.
    #[command(flatten)]
    pub run: RunArgs,

    /// Form to print: the key alone, or outputs of a step
    #[arg(long = "for", value_name = "SYSTEM", value_enum)]
    pub form: Option<KeyForm>,
}

/// Values of `--for`. Docs of the variants would turn up in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyForm {
    Github,
    Forgejo,
}

/// Arguments of `cache prune`.
#[derive(Debug, Args)]
pub struct CachePruneArgs {
    /// Options of the build: what builds of its targets used is kept, of all without `--target`.
    #[command(flatten)]
    pub run: RunArgs,

    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl CacheCommand {
    /// Returns the format of problems.
    pub fn message_format(&self) -> MessageFormat {
        match self {
            Self::Key(args) => args.run.message_format,
            Self::Prune(args) => args.run.message_format,
        }
    }

    /// Returns the paths outside the workspace that the configuration may name.
    pub fn allowed_outside(&self) -> &[Utf8PathBuf] {
        match self {
            Self::Key(args) => &args.run.allow_outside,
            Self::Prune(args) => &args.run.allow_outside,
        }
    }
}

/// Runs `cache`.
pub fn run(host: &Host, args: CacheArgs) -> Result<(), Failure> {
    match args.command {
        CacheCommand::Key(args) => print_key(host, *args),
        CacheCommand::Prune(args) => prune(host, *args),
    }
}

/// JSON document of `cache key`.
#[derive(Serialize)]
struct KeyDocument<'a> {
    #[serde(flatten)]
    key: &'a Key,
    /// Directories to keep in the cache.
    directories: &'a [Utf8PathBuf],
}

/// Runs `cache key`.
///
/// # Errors
/// Those of a plan.
fn print_key(host: &Host, args: CacheKeyArgs) -> Result<(), Failure> {
    let CacheKeyArgs { run, form } = args;
    let format = run.message_format;
    let session = Session::look(host, run.options(), PullPolicy::Never)?;
    let plan = session.plan()?;
    prune::check_build_dir(&session.request.project.workspace)?;
    let cache = cache_dir(&session.request.project.workspace);
    let key = key::key(look::targets(host, &session, &plan)?);
    let records = look::records(host, &cache)?;
    for target in &key.targets {
        host.shell.detail("Target", &target.target);
        for part in &target.parts {
            let text = format!("{} = {}", part.name, printable(&part.value));
            host.shell.detail("Part", &text);
        }
        let before = records.iter().find(|used| {
            used.target == target.target && used.profile == session.request.settings.cargo.profile
        });
        if let Some(used) = before {
            let moved = key::moved(&used.key, &target.parts);
            let text = match moved.as_slice() {
                [] => "nothing since the recorded build".to_owned(),
                moved => format!("{}, since the recorded build", moved.join(", ")),
            };
            host.shell.detail("Moved", &text);
        }
    }
    let directories = look::directories(&session, &plan, &cache);
    shell::data(&match (format, form) {
        (MessageFormat::Json, _) => shell::json(&KeyDocument {
            key: &key,
            directories: &directories,
        }),
        (MessageFormat::Human, None) => format!("{}\n", key.key),
        (MessageFormat::Human, Some(KeyForm::Github | KeyForm::Forgejo)) => {
            ui::cache::outputs(&key, &directories)
        }
    })?;
    Ok(())
}

/// JSON document of `cache prune`.
#[derive(Serialize)]
struct PruneDocument {
    dry_run: bool,
    directories: Vec<Pruned>,
}

/// Runs `cache prune`.
///
/// # Errors
/// `cache-unrecorded`, `cache-layout`, `file-access`.
fn prune(host: &Host, args: CachePruneArgs) -> Result<(), Failure> {
    let CachePruneArgs { run, dry_run } = args;
    let message_format = run.message_format;
    let run = run.options();
    let is_narrowed = !run.targets.is_empty();
    let RunRequest {
        project, settings, ..
    } = RunRequest::resolve(host, run)?;
    let requests = settings.requests.iter().filter(|_| is_narrowed);
    let target: Vec<String> = requests.map(|request| request.target.to_string()).collect();
    prune::check_build_dir(&project.workspace)?;
    let target_dir = &project.workspace.target_dir;
    let cache = cache_dir(&project.workspace);
    // Before the records are read: a build that ends now writes its own.
    let waiting_for = format!("on `{cache}`");
    let _builds = host
        .is_dir(target_dir)
        .then(|| host.lock(&lock::lock_path(&cache), &waiting_for))
        .transpose()?;
    let records = look::records(host, &cache)?;
    let kept = prune::kept(&records, &target, target_dir)?;
    let mut directories = Vec::new();
    for (below, units) in &kept {
        let directory = target_dir.join(below);
        if !host.is_dir(&directory) {
            continue;
        }
        let place = ArtifactDir {
            target_dir: target_dir.clone(),
            below: below.clone(),
        };
        reports::reject_links(host, &place, below)?;
        let _cargos = cargo_locks(host, &directory)?;
        let pruned = prune::decide(below.clone(), &look::entries(host, &directory)?, units);
        if !dry_run {
            write::prune(host, &directory, &pruned)?;
        }
        directories.push(pruned);
    }
    for pruned in directories
        .iter()
        .filter(|pruned| !pruned.unknown.is_empty())
    {
        let text = format!(
            "{} in {} that cargo's layout does not explain: {}",
            count(pruned.unknown.len(), "path"),
            pruned.directory,
            pruned.unknown.join(", ")
        );
        host.shell.status("Keeping", &text);
    }
    for other in look::unrecorded(host, target_dir, &kept)? {
        let text = format!("{other}, which no recorded build uses; remove it by hand");
        host.shell.status("Keeping", &text);
    }
    let sum = |of: fn(&Pruned) -> u64| directories.iter().map(of).sum::<u64>();
    let text = format!(
        "{target_dir}: {} before, {} after",
        size(sum(|pruned| pruned.before)),
        size(sum(|pruned| pruned.after))
    );
    let verb = if dry_run { "Would prune" } else { "Pruned" };
    host.shell.status(verb, &text);
    let document = PruneDocument {
        dry_run,
        directories,
    };
    shell::data(&match message_format {
        MessageFormat::Human => ui::cache::pruned(&document.directories),
        MessageFormat::Json => shell::json(&document),
    })?;
    Ok(())
}

/// Takes cargo's own locks on the directory of a profile.
fn cargo_locks(host: &Host, directory: &Utf8Path) -> Result<Vec<FileLock>> {
    let is_lock = |name: &String| name.starts_with(".cargo") && name.ends_with("lock");
    let names = host.list(directory)?.into_iter().map(|entry| entry.name);
    let locks = names.filter(is_lock).map(|name| {
        let waiting_for = format!("in `{directory}`");
        host.lock(&directory.join(name), &waiting_for)
    });
    locks.collect()
}
