//! `image`: the cross images of a workspace, locked by digest in `xpkg.lock`.

use clap::{Args, Subcommand};

use crate::build::look::session;
use crate::commands::args::MessageFormat;
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Problem, Result};
use crate::project::look::context::{self, CargoOptions};
use crate::toolchain::image;
use crate::toolchain::image::lockfile::{IMAGE_NOT_PINNED, PinStatus};
use crate::toolchain::image::look::store::{self, ImageStore, PullPolicy};
use crate::toolchain::image::run::{PinSession, rows};
use crate::ui::images;

#[derive(Debug, Args)]
pub struct ImageArgs {
    #[command(subcommand)]
    pub command: ImageCommand,
}

#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Write the digests of images that have none yet, with what is found in them
    Pin(ImageRunArgs),
    /// Ask what the tags mean now, show old against new, and write it
    Update(ImageUpdateArgs),
    /// Show each image, what is found in it, and whether its tag has moved
    List(ImageRunArgs),
    /// Fetch the pinned images, and build what is built upon them
    Pull(ImageRunArgs),
}

#[derive(Debug, Args)]
pub struct ImageUpdateArgs {
    /// Show the difference and leave xpkg.lock as it is
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub run: ImageRunArgs,
}

/// What all of `image` take.
#[derive(Debug, Args)]
pub struct ImageRunArgs {
    /// Only these targets' images; repeatable or comma-separated [default: all that the
    /// configuration names]
    #[arg(long, value_name = "TRIPLE", value_delimiter = ',')]
    pub target: Vec<String>,

    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    /// Require that xpkg.lock stays as it is
    #[arg(long)]
    pub locked: bool,

    /// Do without the network
    #[arg(long)]
    pub offline: bool,

    /// Print for people, or one JSON document on stdout and nothing else there
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,
}

impl ImageCommand {
    pub fn run(&self) -> &ImageRunArgs {
        match self {
            Self::Pin(run) | Self::List(run) | Self::Pull(run) => run,
            Self::Update(update) => &update.run,
        }
    }
}

pub fn run(host: &Host, args: ImageArgs) -> Result<(), Failure> {
    let ImageArgs { command } = args;
    let (again, dry) = match &command {
        ImageCommand::Update(update) => (true, update.dry_run),
        ImageCommand::Pin(_) | ImageCommand::List(_) | ImageCommand::Pull(_) => (false, false),
    };
    let ImageRunArgs {
        target,
        manifest,
        locked,
        offline,
        message_format,
    } = command.run();
    let (locked, offline) = (*locked, *offline);
    let asking = CargoOptions {
        program: session::cargo_program(host),
        locked: false,
        offline: false,
        frozen: false,
        config: Vec::new(),
        target_dir: session::target_directory(host, None),
    };
    let found = context::workspace(
        host,
        &asking,
        session::manifest_path(host, manifest.manifest_path.clone())?.as_deref(),
    )?;
    let config = session::own_config(&found)?;
    let config = session::with_cross(host, &found, config, target, false)?;
    let rows = rows(&config, &found, target)?;
    if rows.is_empty() {
        return Err(
            Problem::new(IMAGE_NOT_PINNED, "no target of this workspace has an image")
                .help(
                    "name one in xpkg's configuration: `[workspace.metadata.xpkg.target.TRIPLE]` \
                   with `image = \"registry/name:tag\"`",
                )
                .into(),
        );
    }
    let lock = store::read_lock(host, &found)?;
    // Who only looks leaves what is built upon images as it is.
    let pull_policy = if again && !dry {
        PullPolicy::Rebuild
    } else {
        PullPolicy::Latest
    };
    let work = PinSession {
        host,
        found: &found,
        lock: &lock,
        pull_policy,
    };
    match command {
        ImageCommand::List(_) => {
            let statuses: Vec<PinStatus> = rows
                .iter()
                .map(|row| work.pin_status(row, offline))
                .collect();
            shell::data(&match message_format {
                MessageFormat::Human => images::images(&statuses),
                MessageFormat::Json => shell::json(&statuses),
            })?;
            return Ok(());
        }
        ImageCommand::Pull(_) => {
            let looking = ImageStore::new(
                host,
                &found,
                if offline {
                    PullPolicy::Never
                } else {
                    PullPolicy::Pinned
                },
            );
            let problems: Vec<Problem> = rows
                .iter()
                .filter_map(|row| work.pull(&looking, row).err())
                .collect();
            return if problems.is_empty() {
                Ok(())
            } else {
                Err(problems.into())
            };
        }
        ImageCommand::Pin(_) | ImageCommand::Update(_) => {}
    }
    let mut problems = Vec::new();
    let mut pins = Vec::new();
    for row in &rows {
        match work.pin(row, again) {
            Ok(pin) => pins.extend(pin),
            Err(problem) => problems.push(problem),
        }
    }
    // A lock without a target's filter holds just what the configuration names. What could be
    // pinned is, though others could not.
    let all = image::run::rows(&config, &found, &[])?;
    let names: Vec<&str> = all
        .iter()
        .filter(|row| work.is_locked(row))
        .map(|row| row.request.target.triple())
        .collect();
    let new = lock.with(pins, &names);
    work.write(&new, locked, dry)?;
    if !problems.is_empty() {
        return Err(problems.into());
    }
    if *message_format == MessageFormat::Json {
        shell::data(&shell::json(&new))?;
    }
    Ok(())
}
