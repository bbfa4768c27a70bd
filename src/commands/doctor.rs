//! `doctor`: machine and project held against each other. Works outside a workspace, too.

use clap::Args;

use crate::build::look::doctor::{diagnose, install_std};
use crate::build::look::session;
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Result};
use crate::toolchain::image::look::store::PullPolicy;
use crate::ui::doctor;

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub run: RunArgs,

    /// Do what is safe: install missing standard libraries by rustup
    #[arg(long)]
    pub fix: bool,
}

pub fn run(host: &Host, args: DoctorArgs) -> Result<(), Failure> {
    let DoctorArgs { run, fix } = args;
    let format = run.message_format;
    // Who names a workspace or targets does not mean the machine alone.
    let named = run.manifest.manifest_path.is_some() || !run.target.is_empty();
    let gathered = match session::gather(host, run.options(), PullPolicy::Never) {
        Ok(mut gathered) => {
            if fix {
                install_std(host, &mut gathered)?;
            }
            Ok(gathered)
        }
        // No workspace here: the machine alone.
        Err(Failure::Problems(problems)) if !named && session::outside(&problems) => {
            Err(Vec::new())
        }
        Err(Failure::Problems(problems)) => Err(problems),
        Err(failure) => return Err(failure),
    };
    let diagnosis = diagnose(host, gathered)?;
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
