//! `build`: compiles, inspects and stages the bins.

use clap::Args;
use serde::Serialize;

use crate::build::compiler_cache::CacheReport;
use crate::build::run::{Built, OnFailure, make};
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::machine::Host;
use crate::host::shell::{self, Verbosity};
use crate::problem::{Failure, Result};
use crate::tree::manifest::Manifest;
use crate::ui::tree;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg build --target x86_64-unknown-linux-musl,aarch64-unknown-linux-musl",
    "cargo xpkg build --target x86_64-unknown-linux-gnu.2.17",
    "cargo xpkg build -p bot-server --bin indexer --message-format json",
];

/// Arguments of `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Options of the run.
    #[command(flatten)]
    pub run: RunArgs,

    /// Build the remaining targets if one fails; they are staged, and the failed one keeps its
    /// earlier bins
    #[arg(long)]
    pub keep_going: bool,
}

/// JSON document: the manifest, and what only this run knows.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    manifest: &'a Manifest,
    #[serde(skip_serializing_if = "Option::is_none")]
    compiler_cache: Option<CacheReport>,
}

/// Runs `build`.
pub fn run(host: &Host, args: BuildArgs) -> Result<(), Failure> {
    let BuildArgs { run, keep_going } = args;
    let format = run.message_format;
    let on_failure = if keep_going {
        OnFailure::KeepGoing
    } else {
        OnFailure::Stop
    };
    let Built {
        manifest,
        compiler_cache,
        ..
    } = make(host, run.options(), on_failure, |_, _| Ok(()))?;
    match format {
        MessageFormat::Json => shell::data(&shell::json(&Document {
            manifest: &manifest,
            compiler_cache,
        }))?,
        MessageFormat::Human if host.shell.verbosity == Verbosity::Quiet => {}
        MessageFormat::Human => shell::data(&tree::tree(&manifest))?,
    }
    Ok(())
}
