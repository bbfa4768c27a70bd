//! `env`: one target's environment for other tools.

use clap::Args;

use crate::build::look::session;
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Failure, Problem, Result};
use crate::toolchain::image::look::store::PullPolicy;
use crate::ui::plan;

#[derive(Debug, Args)]
pub struct EnvArgs {
    #[command(flatten)]
    pub run: RunArgs,
}

pub fn run(host: &Host, args: EnvArgs) -> Result<(), Failure> {
    let EnvArgs { run } = args;
    let format = run.message_format;
    let prepared = session::prepare(host, run.options(), PullPolicy::Never)?;
    let [target] = prepared.plan.targets.as_slice() else {
        let names = prepared
            .plan
            .targets
            .iter()
            .map(|target| target.target.to_string());
        return Err(Problem::new(ONE_TARGET, "an environment is one target's")
            .note("asked for", names)
            .help("name one: `cargo xpkg env --target TRIPLE`")
            .into());
    };
    if let Some(image) = &target.toolchain.candidate.image {
        return Err(Problem::new(
            IMAGE_ENVIRONMENT,
            format!(
                "`{}` is built in `{}`, whose environment is not this machine's",
                target.target, image.reference
            ),
        )
        .help("see what the container sees: `cargo xpkg plan`")
        .help(format!(
            "or ask for tools of this machine: `cargo xpkg env --target {} --linker gcc`",
            target.target
        ))
        .into());
    }
    prepared.write_tools(host)?;
    shell::data(&match format {
        MessageFormat::Human => plan::exports(&target.toolchain.candidate),
        MessageFormat::Json => shell::json(&target.toolchain.candidate.variables),
    })?;
    Ok(())
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[IMAGE_ENVIRONMENT, ONE_TARGET];

pub const IMAGE_ENVIRONMENT: Code = code(&CodeInfo {
    name: "image-environment",
    title: "the target's environment is inside an image",
    cause: "`env` prints variables for tools of this machine, and the target is built in an \
            image: its compilers and their variables are there.",
    detection: "The choice for the target is an image.",
    fix: "See `cargo xpkg plan`, or choose a linker of this machine with `--linker`.",
    source: "README, Cross images",
    waivable: false,
});

pub const ONE_TARGET: Code = code(&CodeInfo {
    name: "one-target",
    title: "an environment is one target's",
    cause: "`env` was asked for several targets, or the configuration names several; their \
            variables differ.",
    detection: "The targets of the run are counted.",
    fix: "Name one with `--target`.",
    source: "README, Tasks",
    waivable: false,
});
