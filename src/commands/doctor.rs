//! `doctor`: checks whether this machine can build every target. Works outside a workspace, too.

use clap::Args;

use crate::build::doctor::CompilerCheck;
use crate::build::look::doctor::{check_compilers, check_image, diagnose, install_std};
use crate::build::look::options;
use crate::build::look::request::is_no_workspace;
use crate::build::look::session::Session;
use crate::commands::args::{BUILD_ARGS, MessageFormat, RunArgs};
use crate::commands::env::ONE_TARGET;
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Problem, Result};
use crate::project::look::context;
use crate::toolchain::image::look::store::PullPolicy;
use crate::ui::doctor;
use crate::verify::sarif;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg doctor",
    "cargo xpkg doctor --compilers",
    "cargo xpkg doctor --image registry.example/cross:1.2 --target aarch64-unknown-linux-gnu",
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

    /// Check the C compilers of this image for known bugs, without pinning it; needs `--target`
    #[arg(long, value_name = "REF", conflicts_with_all = ["compilers", "fix"], requires = "target")]
    pub image: Option<String>,

    /// With `--compilers` or `--image`: print a SARIF 2.1 document for code scanning
    #[arg(long)]
    pub sarif: bool,
}

/// Runs `doctor`.
pub fn run(host: &Host, args: DoctorArgs) -> Result<(), Failure> {
    let DoctorArgs {
        run,
        fix,
        compilers,
        image,
        sarif,
    } = args;
    let format = run.message_format;
    if compilers {
        return tell(&check_compilers(host)?, "compilers", format, sarif);
    }
    if let Some(image) = image {
        let [triple] = &run.target[..] else {
            return Err(
                Problem::new(ONE_TARGET, "`--image` needs exactly one target")
                    .help("name it: `--target aarch64-unknown-linux-gnu`")
                    .into(),
            );
        };
        let project = context::workspace(
            host,
            &options::cargo_options(host, None),
            options::manifest_path(host, run.manifest.manifest_path.clone())?.as_deref(),
        )?;
        let check = check_image(host, &project, &image, triple)?;
        return tell(&check, &image, format, sarif);
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

/// Prints what the probes say of compilers.
///
/// # Errors
/// One has a bug, or a probe could not decide.
fn tell(
    check: &CompilerCheck,
    subject: &str,
    format: MessageFormat,
    as_sarif: bool,
) -> Result<(), Failure> {
    let (findings, skipped) = check.for_sarif();
    shell::data(&match format {
        _ if as_sarif => sarif::of_findings(subject, &findings, &skipped),
        MessageFormat::Human => doctor::compilers(check),
        MessageFormat::Json => shell::json(check),
    })?;
    if check.findings().is_empty() {
        Ok(())
    } else {
        Err(Failure::AlreadyReported)
    }
}
