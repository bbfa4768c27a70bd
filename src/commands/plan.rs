//! `plan`: shows what `build` would do and why. Compiles and installs nothing.

use clap::Args;

use crate::build::look::locked;
use crate::build::look::session::Session;
use crate::build::write::write_tools;
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Result};
use crate::toolchain::image::look::store::PullPolicy;
use crate::{tree, ui};

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg plan",
    "cargo xpkg plan --target aarch64-unknown-linux-gnu --linker zig",
    "cargo xpkg plan --message-format json",
];

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Options of the run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Runs `plan`.
///
/// # Errors
/// All problems of the plan; `tree-foreign`.
pub fn run(host: &Host, args: PlanArgs) -> Result<(), Failure> {
    let PlanArgs { run } = args;
    let format = run.message_format;
    let session = Session::look(host, run.options(), PullPolicy::Never)?;
    let plan = session.plan()?;
    locked::check(host, &session, &plan)?;
    tree::look::check(host, &plan.out_dir)?;
    // The printed commands must work when pasted, so the files that they name must exist.
    write_tools(host, &session.request.project.workspace, &plan)?;
    shell::data(&match format {
        MessageFormat::Human => ui::plan::plan(&plan),
        MessageFormat::Json => shell::json(&plan),
    })?;
    Ok(())
}
