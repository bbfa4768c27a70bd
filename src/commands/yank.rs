//! `yank`: takes a version back that was published.

use clap::Args;

use crate::commands::publish::{Place, StoreArgs, accepted};
use crate::host::machine::Host;
use crate::problem::code::Code;
use crate::problem::{Failure, Result};
use crate::ship::publish::codes::{STORE_HIDES_MISSING, STORE_UNCONDITIONAL};
use crate::ship::publish::yank::run::{channel, yank};

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg yank 1.4.0 --to file:///srv/site --channel main",
    "cargo xpkg yank 1.4.0 --to s3://BUCKET/PREFIX --dry-run",
    "cargo xpkg yank 1.4.0 --to s3://BUCKET/PREFIX --undo",
];

/// Findings that can be accepted.
const ACCEPTABLE: &[Code] = &[STORE_HIDES_MISSING, STORE_UNCONDITIONAL];

/// Arguments of `yank`.
#[derive(Debug, Args)]
pub struct YankArgs {
    /// Version to yank
    #[arg(value_name = "VERSION")]
    pub version: String,

    /// Undo a yank: the version can be chosen again
    #[arg(long)]
    pub undo: bool,

    /// Go on in spite of a finding; repeatable
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,

    /// Location of the channel.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Runs `yank`.
pub fn run(host: &Host, args: YankArgs) -> Result<(), Failure> {
    let YankArgs {
        version,
        undo,
        accept,
        store,
    } = args;
    let accepted = accepted(&accept, ACCEPTABLE)?;
    let place = Place::find(host, &store)?;
    // Before a directory is opened to be written, which creates it.
    let read = place.open(host, true)?;
    channel(&place.session(host, read.as_ref(), true))?;
    let opened = place.open(host, store.dry_run)?;
    let session = place.session(host, opened.as_ref(), store.dry_run);
    let receipt = yank(&session, &version, !undo, &accepted)?;
    let verb = if undo { "Restored" } else { "Yanked" };
    place.finish(host, verb, receipt, store.message_format)
}
