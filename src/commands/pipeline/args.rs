//! Arguments of `pipeline`, and those of the commands that it runs.

use camino::Utf8PathBuf;
use clap::Args;

use crate::build::look::options::RunOptions;
use crate::commands::args::{MessageFormat, RunArgs, path};
use crate::commands::docker::DockerArgs;
use crate::commands::publish::{PublishArgs, StoreArgs};
use crate::commands::release::{self, ReleaseArgs};
use crate::ship::pipeline::decide::Forced;
use crate::ship::pipeline::stage::Stage;

/// Arguments of `pipeline`.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    /// Options of the build.
    #[command(flatten)]
    pub run: RunArgs,

    /// First stage to run; those before must be up to date
    #[arg(long, value_name = "STAGE", value_enum)]
    pub from: Option<Stage>,

    /// Last stage to run; nothing is published unless it is `publish`
    #[arg(long, value_name = "STAGE", value_enum, default_value = "release")]
    pub until: Stage,

    /// Compile members again, or run another stage anew: `STAGE` or `STAGE=TARGET`; repeatable
    #[arg(long, value_name = "STAGE[=TARGET]", value_parser = Forced::parse)]
    pub force: Vec<Forced>,

    /// Try again what failed in the network: packages, images, uploads
    #[arg(long, value_name = "N", default_value = "0")]
    pub retry: u32,

    /// Show the state of each stage, and why it is stale, without running any
    #[arg(long, conflicts_with_all = ["from", "force", "retry", "summary"])]
    pub status: bool,

    /// Write a summary: a page if the name ends in `.html`, else Markdown
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub summary: Option<Utf8PathBuf>,

    /// Tree or manifest.json to compare sizes with [default: the tree before the run]
    #[arg(long, value_name = "PATH", value_parser = path(), requires = "summary")]
    pub base: Option<Utf8PathBuf>,

    /// Tag of the release
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,

    /// Release trees that were built with uncommitted changes
    #[arg(long)]
    pub allow_dirty: bool,

    /// Sign the release: `minisign:FILE` or `ssh:FILE`; repeatable
    #[arg(long, value_name = "KIND:FILE")]
    pub sign: Vec<String>,

    /// Store to publish to: `s3://BUCKET/PREFIX` or `file:///DIR`
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,

    /// Channel at the store [default: the name of the branch]
    #[arg(long, value_name = "NAME")]
    pub channel: Option<String>,

    /// Server that speaks S3's protocol
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

/// Returns the options of the build: as of `release`, also of a run that ends before it. Else going
/// on would release a tree without the lists of packages.
pub fn options(args: &PipelineArgs) -> RunOptions {
    release::with_defaults(args.run.clone().options())
}

/// Returns the arguments of `docker` for the staged tree.
pub fn docker_args(run: &RunArgs, force: bool) -> DockerArgs {
    DockerArgs {
        run: run.clone(),
        context: None,
        base: None,
        no_build: true,
        from: Vec::new(),
        force,
        build_in_docker: false,
        builder: None,
        old_builder: false,
        oci: None,
        cache: false,
        cache_to: None,
        cache_from: Vec::new(),
        compose: false,
    }
}

/// Returns the arguments of `release` for the staged tree.
pub fn release_args(run: &RunArgs, args: &PipelineArgs) -> ReleaseArgs {
    ReleaseArgs {
        run: run.clone(),
        release_dir: None,
        tag: args.tag.clone(),
        no_build: true,
        from: Vec::new(),
        allow_dirty: args.allow_dirty,
        sign: args.sign.clone(),
        dry_run: false,
    }
}

/// Returns the arguments of `publish` for a release.
pub fn publish_args(
    run: &RunArgs,
    args: &PipelineArgs,
    directory: Option<Utf8PathBuf>,
) -> PublishArgs {
    PublishArgs {
        directory,
        store: store_args(run, args),
        check: false,
        move_latest: false,
        accept: Vec::new(),
    }
}

/// Returns the arguments that locate the channel.
pub fn store_args(run: &RunArgs, args: &PipelineArgs) -> StoreArgs {
    StoreArgs {
        to: args.to.clone(),
        channel: args.channel.clone(),
        endpoint: args.endpoint.clone(),
        dry_run: false,
        manifest: run.manifest.clone(),
        target_dir: run.target_dir.clone(),
        message_format: MessageFormat::Human,
    }
}
