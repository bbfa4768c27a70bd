//! `doctor`: checks whether this machine can build every target. Works outside a workspace, too.

use clap::Args;

use crate::build::look::doctor::{check_compilers, diagnose, install_std};
use crate::build::look::request::is_no_workspace;
use crate::build::look::session::Session;
use crate::commands::args::{BUILD_ARGS, MessageFormat, RunArgs};
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Result};
use crate::toolchain::image::look::store::PullPolicy;
use crate::ui::doctor;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg doctor",
    "cargo xpkg doctor --target aarch64-unknown-linux-musl",
    "cargo xpkg doctor --compilers",
];

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Options of the run.
    #[command(flatten)]
    pub run: RunArgs,

    /// Install missing standard libraries with rustup
    #[arg(long)]
    pub fix: bool,

    /// Check every C compiler on PATH for known bugs, and nothing else
    #[arg(long, conflicts_with_all = BUILD_ARGS, conflicts_with_all = ["target", "fix"])]
    pub compilers: bool,
}

/// Runs `doctor`.
pub fn run(host: &Host, args: DoctorArgs) -> Result<(), Failure> {
    let DoctorArgs {
        run,
        fix,
        compilers,
    } = args;
    let format = run.message_format;
    if compilers {
        let check = check_compilers(host)?;
        shell::data(&match format {
            MessageFormat::Human => doctor::compilers(&check),
            MessageFormat::Json => shell::json(&check),
        })?;
        return match check.findings().next() {
            None => Ok(()),
            Some(_) => Err(Failure::AlreadyReported),
        };
    }
    // With a manifest or targets on the command line, a missing workspace is a problem.
    let needs_workspace = run.manifest.manifest_path.is_some() || !run.target.is_empty();
    let session = match Session::look(host, run.options(), PullPolicy::Never) {
        Ok(mut session) => {
            if fix {
                install_std(host, &mut session)?;
            }
            Ok(session)
        }
        // Outside a workspace only the machine is examined.
        Err(Failure::Problems(problems)) if !needs_workspace && is_no_workspace(&problems) => {
            Err(Vec::new())
        }
        Err(Failure::Problems(problems)) => Err(problems),
        Err(failure) => return Err(failure),
    };
    let diagnosis = diagnose(host, session.as_ref().map_err(Vec::as_slice))?;
    shell::data(&match format {
        MessageFormat::Human => doctor::diagnosis(&diagnosis),
        MessageFormat::Json => shell::json(&diagnosis),
    })?;
    if diagnosis.healthy() {
        Ok(())
    } else {
        Err(Failure::AlreadyReported)
    }
}
