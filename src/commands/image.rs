//! `image`: pins the cross images of a workspace by digest in `xpkg.lock`.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use crate::build::look::options;
use crate::build::look::request::{CrossTargets, with_cross_toml, xpkg_config};
use crate::commands::args::{MessageFormat, path};
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Problem, Result};
use crate::project::look::context;
use crate::toolchain::image::lockfile::{IMAGE_NOT_PINNED, Pin, PinStatus};
use crate::toolchain::image::look::store::{self, ImageStore, PullPolicy};
use crate::toolchain::image::run::{ImageTarget, PinSession, rows};
use crate::ui::images;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg image pin",
    "cargo xpkg image update --dry-run",
    "cargo xpkg image list --message-format json",
];

/// Arguments of `image`.
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// Subcommand.
    #[command(subcommand)]
    pub command: ImageCommand,
}

/// Subcommands of `image`.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Pin images that have no digest yet, and record their contents
    Pin(ImageRunArgs),
    /// Update pinned images to what their tags refer to now, and show the difference
    Update(ImageUpdateArgs),
    /// Show each image, its contents, and whether its tag has moved
    List(ImageRunArgs),
    /// Pull the pinned images, and build the images derived from them
    Pull(ImageRunArgs),
}

/// Arguments of `image update`.
#[derive(Debug, Args)]
pub struct ImageUpdateArgs {
    /// Show the difference without changing xpkg.lock
    #[arg(long)]
    pub dry_run: bool,

    /// Shared arguments.
    #[command(flatten)]
    pub run: ImageRunArgs,
}

/// Arguments of all subcommands of `image`.
#[derive(Debug, Args)]
pub struct ImageRunArgs {
    /// Use only the images of these targets; repeatable or comma-separated [default: all of the
    /// configuration]
    #[arg(long, value_name = "TRIPLE", value_delimiter = ',')]
    pub target: Vec<String>,

    /// `--manifest-path`.
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    /// Assert that `xpkg.lock` will remain unchanged
    #[arg(long)]
    pub locked: bool,

    /// Run without accessing the network
    #[arg(long)]
    pub offline: bool,

    /// Let the configuration name this path outside the workspace, or paths below it; repeatable
    #[arg(long, value_name = "PATH", value_parser = path())]
    pub allow_outside: Vec<Utf8PathBuf>,

    /// Print text, or a single JSON document on stdout
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,
}

impl ImageCommand {
    /// Returns the arguments that all subcommands share.
    pub fn run(&self) -> &ImageRunArgs {
        match self {
            Self::Pin(run) | Self::List(run) | Self::Pull(run) => run,
            Self::Update(update) => &update.run,
        }
    }
}

/// Runs `image`.
pub fn run(host: &Host, args: ImageArgs) -> Result<(), Failure> {
    let ImageArgs { command } = args;
    let (update, dry_run) = match &command {
        ImageCommand::Update(update) => (true, update.dry_run),
        ImageCommand::Pin(_) | ImageCommand::List(_) | ImageCommand::Pull(_) => (false, false),
    };
    let ImageRunArgs {
        target,
        manifest,
        locked,
        offline,
        // Of the host: see `Command::allowed_outside`.
        allow_outside: _,
        message_format,
    } = command.run();
    let project = context::workspace(
        host,
        &options::cargo_options(host, None),
        options::manifest_path(host, manifest.manifest_path.clone())?.as_deref(),
    )?;
    let config = xpkg_config(&project)?;
    let config = with_cross_toml(host, &project, config, target, CrossTargets::All)?;
    let images = rows(&config, &project, target)?;
    if images.is_empty() {
        return Err(no_image().into());
    }
    let lock = store::read_lock(host, &project)?;
    let session = PinSession {
        host,
        found: &project,
        lock: &lock,
        // A dry run must not build derived images again.
        pull_policy: if update && !dry_run {
            PullPolicy::Rebuild
        } else {
            PullPolicy::Latest
        },
    };
    match command {
        ImageCommand::List(_) => list(&session, &images, *offline, *message_format),
        ImageCommand::Pull(_) => pull(&session, &images, *offline),
        ImageCommand::Pin(_) | ImageCommand::Update(_) => {
            let (pins, problems) = pin(&session, &images, update);
            // The new lock contains all targets of the configuration, whatever `--target` selects.
            let configured = rows(&config, &project, &[])?;
            let names: Vec<&str> = configured
                .iter()
                .filter(|image| session.is_locked(image))
                .map(|image| image.request.target.triple())
                .collect();
            // Problems with some images do not keep the others from being pinned.
            let new = session.write(pins, &names, *locked, dry_run)?;
            if !problems.is_empty() {
                return Err(problems.into());
            }
            if *message_format == MessageFormat::Json {
                shell::data(&shell::json(&new))?;
            }
            Ok(())
        }
    }
}

/// Returns the problem of a configuration without images.
fn no_image() -> Problem {
    Problem::new(IMAGE_NOT_PINNED, "no target of this workspace has an image").help(
        "name one in xpkg's configuration: `[workspace.metadata.xpkg.target.TRIPLE]` with \
         `image = \"registry/name:tag\"`",
    )
}

/// Prints each image with the status of its pin.
fn list(
    session: &PinSession,
    images: &[ImageTarget],
    offline: bool,
    format: MessageFormat,
) -> Result<(), Failure> {
    let statuses: Vec<PinStatus> = images
        .iter()
        .map(|image| session.pin_status(image, offline))
        .collect();
    shell::data(&match format {
        MessageFormat::Human => images::images(&statuses),
        MessageFormat::Json => shell::json(&statuses),
    })?;
    Ok(())
}

/// Pulls the pinned images, or returns all problems.
fn pull(session: &PinSession, images: &[ImageTarget], offline: bool) -> Result<(), Failure> {
    let pull_policy = if offline {
        PullPolicy::Never
    } else {
        PullPolicy::Pinned
    };
    let store = ImageStore::new(session.host, session.found, pull_policy);
    let problems: Vec<Problem> = images
        .iter()
        .filter_map(|image| session.pull(&store, image).err())
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.into())
    }
}

/// Returns the new pins of images, and the problems with the others. Pinned images are resolved
/// again only with `update`.
fn pin(session: &PinSession, images: &[ImageTarget], update: bool) -> (Vec<Pin>, Vec<Problem>) {
    let (mut pins, mut problems) = (Vec::new(), Vec::new());
    for image in images {
        match session.pin(image, update) {
            Ok(pin) => pins.extend(pin),
            Err(problem) => problems.push(problem),
        }
    }
    (pins, problems)
}
