//! `build`: look, decide, compile, inspect, stage, tell.

use clap::Args;

use crate::build::run::make;
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::machine::Host;
use crate::host::shell::{self, Verbosity};
use crate::problem::{Failure, Result};
use crate::ui::tree;

#[derive(Debug, Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub run: RunArgs,

    /// Build the other targets, too, where one fails; what succeeded is staged, what failed keeps
    /// what it had
    #[arg(long)]
    pub keep_going: bool,
}

pub fn run(host: &Host, args: BuildArgs) -> Result<(), Failure> {
    let BuildArgs { run, keep_going } = args;
    let format = run.message_format;
    let (manifest, _) = make(host, run.options(), keep_going, |_| Ok(()))?;
    match format {
        MessageFormat::Json => shell::data(&shell::json(&manifest))?,
        MessageFormat::Human if host.shell.verbosity == Verbosity::Quiet => {}
        MessageFormat::Human => shell::data(&tree::tree(&manifest))?,
    }
    Ok(())
}
