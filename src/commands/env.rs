//! `env`: prints one target's environment for other tools.

use camino::Utf8PathBuf;
use clap::Args;

use crate::build::look::session::Session;
use crate::build::write::write_tools;
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Failure, Problem, Result};
use crate::toolchain::candidate::{Candidate, Variable};
use crate::toolchain::image::look::store::PullPolicy;
use crate::ui::plan;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    r#"eval "$(cargo xpkg env --target aarch64-unknown-linux-gnu)""#,
    "cargo xpkg env --target x86_64-unknown-linux-musl --linker zig",
    "cargo xpkg env --target x86_64-unknown-linux-musl --message-format json",
];

/// Arguments of `env`.
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// Options of the run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Runs `env`.
///
/// # Errors
/// `one-target` unless there is exactly one target; `image-environment` if it is built in an image.
pub fn run(host: &Host, args: EnvArgs) -> Result<(), Failure> {
    let EnvArgs { run } = args;
    let format = run.message_format;
    let session = Session::look(host, run.options(), PullPolicy::Never)?;
    let plan = session.plan()?;
    let [target] = plan.targets.as_slice() else {
        let targets = plan.targets.iter().map(|target| target.target.to_string());
        return Err(Problem::new(ONE_TARGET, "`env` needs exactly one target")
            .note("requested", targets)
            .help("name one: `cargo xpkg env --target TRIPLE`")
            .into());
    };
    if let Some(image) = &target.toolchain.candidate.image {
        return Err(Problem::new(
            IMAGE_ENVIRONMENT,
            format!(
                "`{}` is built in the image `{}`, whose environment is of no use outside",
                target.target, image.reference
            ),
        )
        .help("see the container's variables: `cargo xpkg plan`")
        .help(format!(
            "or choose tools of this machine: `cargo xpkg env --target {} --linker gcc`",
            target.target
        ))
        .into());
    }
    write_tools(host, &session.request.project.workspace, &plan)?;
    shell::data(&match format {
        MessageFormat::Human => plan::exports(&target.toolchain.candidate),
        MessageFormat::Json => shell::json(&variables(host, &target.toolchain.candidate)),
    })?;
    Ok(())
}

/// Returns the variables of a candidate, with PATH if a directory comes first in it.
fn variables(host: &Host, candidate: &Candidate) -> Vec<Variable> {
    let path = |directory: &Utf8PathBuf| {
        let inherited = host.var("PATH").unwrap_or_default();
        Variable::ours("PATH".to_owned(), &format!("{directory}:{inherited}"))
    };
    candidate
        .path
        .iter()
        .map(path)
        .chain(candidate.variables.iter().cloned())
        .chain(candidate.runner.clone())
        .collect()
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[IMAGE_ENVIRONMENT, ONE_TARGET];

/// `env` for a target that is built in an image.
pub const IMAGE_ENVIRONMENT: Code = code(&CodeInfo {
    name: "image-environment",
    title: "the target is built in an image",
    cause: "`env` prints variables for tools of this machine, but the target's compilers and \
            their variables are inside an image.",
    detection: "The toolchain of the target is an image.",
    fix: "Run `cargo xpkg plan` to see the variables, or choose a linker of this machine with \
          `--linker`.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});

/// `env` for no target, or for several.
pub const ONE_TARGET: Code = code(&CodeInfo {
    name: "one-target",
    title: "`env` needs exactly one target",
    cause: "Several targets were requested, by flag or configuration, and their variables differ.",
    detection: "The targets of the run are counted.",
    fix: "Name one with `--target`.",
    page: "environment",
    sources: &[],
    waivable: false,
});
