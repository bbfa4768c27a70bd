//! `ci`: writes the workflow of a CI system, and compares it with the configuration.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::build::look::options::{cargo_options, manifest_path};
use crate::build::look::request::xpkg_config;
use crate::commands::args::MessageFormat;
use crate::host::machine::Host;
use crate::host::shell::{self, Verbosity};
use crate::problem::text::count;
use crate::problem::{Failure, Problem, Result};
use crate::project::config::Config;
use crate::project::look::context::{self, ProjectContext};
use crate::ship::ci::decide::target_problems;
use crate::ship::ci::workflow::codes::CI_MISSING;
use crate::ship::ci::workflow::decide::{self, Fate, WorkflowFile};
use crate::ship::ci::workflow::forge::Forge;
use crate::ship::ci::workflow::mark::{Origin, normal, origin};
use crate::ship::ci::workflow::settings::settings;
use crate::ship::ci::workflow::tool::Tool;
use crate::ship::ci::workflow::write;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg ci init --for github --print",
    "cargo xpkg ci init --for github",
    "cargo xpkg ci check",
];

/// Arguments of `ci`.
#[derive(Debug, Args)]
pub struct CiArgs {
    /// Subcommand.
    #[command(subcommand)]
    pub command: CiCommand,
}

/// Subcommands of `ci`.
#[derive(Debug, Subcommand)]
pub enum CiCommand {
    /// Write the workflow: plan, legs, merge, verify, images, release, publish
    Init(CiInitArgs),
    /// Check that the workflow is what `init` would write now
    Check(CiCheckArgs),
}

/// Arguments of `ci init`.
#[derive(Debug, Args)]
pub struct CiInitArgs {
    /// CI system
    #[arg(long = "for", value_name = "SYSTEM", value_enum)]
    pub system: System,

    /// Print the files, and write nothing
    #[arg(long, visible_alias = "dry-run", conflicts_with = "force")]
    pub print: bool,

    /// Overwrite files that xpkg did not write, or that were edited by hand
    #[arg(long)]
    pub force: bool,

    /// Shared arguments.
    #[command(flatten)]
    pub shared: CiSharedArgs,
}

/// Arguments of `ci check`.
#[derive(Debug, Args)]
pub struct CiCheckArgs {
    /// CI system [default: all whose workflow is there]
    #[arg(long = "for", value_name = "SYSTEM", value_enum)]
    pub system: Option<System>,

    /// Shared arguments.
    #[command(flatten)]
    pub shared: CiSharedArgs,
}

/// Arguments of all subcommands of `ci`.
#[derive(Debug, Args)]
pub struct CiSharedArgs {
    /// `--manifest-path`.
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    /// Print text, or a single JSON document on stdout
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,
}

/// Values of `--for`. Docs of the variants would turn up in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum System {
    Github,
    Gitlab,
    Forgejo,
}

impl System {
    fn forge(self) -> Forge {
        match self {
            Self::Github => Forge::Github,
            Self::Gitlab => Forge::Gitlab,
            Self::Forgejo => Forge::Forgejo,
        }
    }
}

impl CiCommand {
    /// Returns the arguments that all subcommands share.
    pub fn shared(&self) -> &CiSharedArgs {
        match self {
            Self::Init(args) => &args.shared,
            Self::Check(args) => &args.shared,
        }
    }
}

/// The JSON document of both subcommands.
#[derive(Serialize)]
struct Report<'a> {
    files: Vec<Entry<'a>>,
}

/// A file in that document.
#[derive(Serialize)]
struct Entry<'a> {
    path: &'a str,
    /// `written`, `unchanged` or `printed`.
    state: &'static str,
    /// Text of a file that is printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn new(file: &'a WorkflowFile, state: &'static str) -> Self {
        Self {
            path: file.path.as_str(),
            state,
            text: None,
        }
    }
}

/// Runs `ci`.
///
/// # Errors
/// Those of [`target_problems`], [`decide::files`], [`decide::fate`] and [`decide::finding`].
pub fn run(host: &Host, args: CiArgs) -> Result<(), Failure> {
    let CiArgs { command } = args;
    let shared = command.shared();
    let manifest = manifest_path(host, shared.manifest.manifest_path.clone())?;
    let project = context::workspace(host, &cargo_options(host, None), manifest.as_deref())?;
    match command {
        CiCommand::Init(args) => init(host, &project, &args),
        CiCommand::Check(args) => check(host, &project, &args),
    }
}

fn init(host: &Host, project: &ProjectContext, args: &CiInitArgs) -> Result<(), Failure> {
    let CiInitArgs {
        system,
        print,
        force,
        shared,
    } = args;
    let forge = system.forge();
    let config = xpkg_config(project)?;
    check_targets(project, &config)?;
    let files = decide::files(forge, &config)?;
    if *print {
        return printed(&files, shared.message_format);
    }
    let root = &project.workspace.root;
    write::check_root(host, root, forge)?;
    // All are decided before the first is written.
    let mut fates = Vec::new();
    let mut problems = Vec::new();
    for file in &files {
        if let Err(problem) = write::check_links(host, root, file) {
            // One link may be in the way of all files.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
            continue;
        }
        let found = write::read(host, root, &file.path)?;
        match decide::fate(file, found.as_deref(), forge, *force) {
            Ok(fate) => fates.push((file, fate)),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    if settings(forge, &config)?.tool == Tool::Registry {
        let version = env!("CARGO_PKG_VERSION");
        host.shell.status(
            "Noting",
            &format!(
                "every job compiles cargo-xpkg {version} from the public registry; name an archive \
                 by its SHA-256 to download it instead (`ci.tool.archives`)"
            ),
        );
    }
    let mut entries = Vec::new();
    for (file, fate) in fates {
        let (verb, state) = match fate {
            Fate::Write => {
                write::write(host, root, file)?;
                ("Wrote", "written")
            }
            Fate::Keep => ("Unchanged", "unchanged"),
        };
        host.shell.status(verb, file.path.as_str());
        entries.push(Entry::new(file, state));
    }
    report(entries, shared.message_format)
}

/// Fails if the workflow would build targets that are not there: its runs would end with that.
fn check_targets(project: &ProjectContext, config: &Config) -> Result<(), Failure> {
    let problems = target_problems(config, &project.triples);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.into())
    }
}

/// Prints the files, each below its path.
fn printed(files: &[WorkflowFile], format: MessageFormat) -> Result<(), Failure> {
    match format {
        MessageFormat::Human => {
            let texts: Vec<String> = files
                .iter()
                .map(|file| format!("# {}\n{}", file.path, file.text))
                .collect();
            shell::data(&texts.join("\n"))?;
            Ok(())
        }
        MessageFormat::Json => {
            let entries = files.iter().map(|file| Entry {
                text: Some(file.text.as_str()),
                ..Entry::new(file, "printed")
            });
            report(entries.collect(), format)
        }
    }
}

fn check(host: &Host, project: &ProjectContext, args: &CiCheckArgs) -> Result<(), Failure> {
    let CiCheckArgs { system, shared } = args;
    let config = xpkg_config(project)?;
    check_targets(project, &config)?;
    let root = &project.workspace.root;
    let forges: Vec<Forge> = match system {
        Some(system) => vec![system.forge()],
        None => {
            let mut there = Vec::new();
            for forge in Forge::ALL {
                let script = write::read(host, root, &forge.tool_path())?;
                let workflow = write::read(host, root, &forge.path(&config.ci)?)?;
                let is_ours = |text: String| origin(&normal(&text)) != Origin::Foreign;
                if script.is_some() || workflow.is_some_and(is_ours) {
                    there.push(*forge);
                }
            }
            there
        }
    };
    if forges.is_empty() {
        write::check_root(host, root, Forge::Github)?;
        let message = "there is no workflow of `ci init`";
        let help = "write one: `cargo xpkg ci init --for github`";
        return Err(Problem::new(CI_MISSING, message).help(help).into());
    }
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for forge in forges {
        write::check_root(host, root, forge)?;
        for file in decide::files(forge, &config)? {
            let found = write::read(host, root, &file.path)?;
            problems.extend(decide::finding(&file, found.as_deref(), forge));
            files.push(file);
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    if host.shell.verbosity != Verbosity::Quiet {
        let number = count(files.len(), "file");
        host.shell
            .status("Checked", &format!("{number}: as the configuration says"));
    }
    let entries = files.iter().map(|file| Entry::new(file, "unchanged"));
    report(entries.collect(), shared.message_format)
}

/// Prints the document, if that is asked for.
fn report(files: Vec<Entry>, format: MessageFormat) -> Result<(), Failure> {
    if format == MessageFormat::Json {
        shell::data(&shell::json(&Report { files }))?;
    }
    Ok(())
}
