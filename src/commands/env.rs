//! `env`: one target's environment for other tools.

use crate::cli::{EnvArgs, MessageFormat};
use crate::host::Host;
use crate::look::images::PullPolicy;
use crate::problem::{Code, Failure, Problem, Result};
use crate::ui::{self, Shell};

pub fn run(host: &Host, shell: Shell, args: EnvArgs) -> Result<(), Failure> {
    let EnvArgs { run } = args;
    let format = run.output.message_format;
    let prepared = super::prepare(host, shell, run.options(), PullPolicy::Leave)?;
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
    ui::data(&match format {
        MessageFormat::Human => ui::exports(&target.toolchain.candidate),
        MessageFormat::Json => ui::json(&target.toolchain.candidate.variables),
    })?;
    Ok(())
}
