//! `env`: one target's environment for other tools.

use clap::Args;

use crate::build::look::session;
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::machine::Host;
use crate::host::shell::{self, Shell};
use crate::problem::codes::Code;
use crate::problem::{Failure, Problem, Result};
use crate::toolchain::image::look::store::PullPolicy;
use crate::ui::plan;

#[derive(Debug, Args)]
pub struct EnvArgs {
    #[command(flatten)]
    pub run: RunArgs,
}

pub fn run(host: &Host, shell: Shell, args: EnvArgs) -> Result<(), Failure> {
    let EnvArgs { run } = args;
    let format = run.output.message_format;
    let prepared = session::prepare(host, shell, run.options(), PullPolicy::Leave)?;
    let [target] = prepared.plan.targets.as_slice() else {
        let names = prepared
            .plan
            .targets
            .iter()
            .map(|target| target.target.to_string());
        return Err(
            Problem::new(Code::OneTarget, "an environment is one target's")
                .note("asked for", names)
                .help("name one: `cargo xpkg env --target TRIPLE`")
                .into(),
        );
    };
    if let Some(image) = &target.toolchain.candidate.image {
        return Err(Problem::new(
            Code::ImageEnvironment,
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
