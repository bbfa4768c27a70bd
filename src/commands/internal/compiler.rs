//! `__compiler`: the hidden child that says which C compiler and flags a build script would use in
//! this environment.
//!
//! A process of its own, because the `cc` crate reads the environment, and ours is never changed.

use clap::Args;

use crate::host::codes::PROCESS_FAILED;
use crate::host::shell;
use crate::problem::{Failure, Problem, Result};
use crate::toolchain::probe::run::CommandLine;

#[derive(Debug, Args)]
pub struct CompilerArgs {
    pub target: String,
    pub host: String,
    pub opt_level: String,
    pub out_dir: std::path::PathBuf,
}

pub fn run(args: CompilerArgs) -> Result<(), Failure> {
    let CompilerArgs {
        target,
        host,
        opt_level,
        out_dir,
    } = args;
    let tool = cc::Build::new()
        .cargo_metadata(false)
        .cargo_output(false)
        .target(&target)
        .host(&host)
        .opt_level_str(&opt_level)
        .debug(false)
        .out_dir(out_dir)
        .try_get_compiler()
        .map_err(|error| Problem::new(PROCESS_FAILED, error.to_string()))?;
    // The compiler itself, without a ccache in front: that would hand the same call on.
    let text = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
    let line = CommandLine {
        program: text(tool.path().as_os_str()),
        args: tool.args().iter().map(|word| text(word)).collect(),
        env: tool
            .get_envs()
            .map(|(name, value)| (text(name), text(value)))
            .collect(),
    };
    shell::data(&shell::json(&line))?;
    Ok(())
}
