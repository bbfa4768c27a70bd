//! `plan`: what `build` would do and why. Compiles and installs nothing.

use clap::Args;

use crate::build::look::session;
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Result};
use crate::toolchain::image::look::store::PullPolicy;
use crate::ui;

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub run: RunArgs,
}

pub fn run(host: &Host, args: PlanArgs) -> Result<(), Failure> {
    let PlanArgs { run } = args;
    let format = run.message_format;
    let prepared = session::prepare(host, run.options(), PullPolicy::Never)?;
    // The printed lines are to work when pasted, so the names in them must stand for something.
    prepared.write_tools(host)?;
    shell::data(&match format {
        MessageFormat::Human => ui::plan::plan(&prepared.plan),
        MessageFormat::Json => shell::json(&prepared.plan),
    })?;
    Ok(())
}
