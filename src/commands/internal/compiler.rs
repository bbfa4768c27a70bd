//! `__compiler`: prints the C compiler and flags that a build script would use in this environment.
//!
//! A process of its own: the `cc` crate reads the environment, and xpkg never changes its own.

use clap::Args;

use crate::host::codes::PROCESS_FAILED;
use crate::host::shell;
use crate::problem::{Failure, Problem, Result};
use crate::toolchain::probe::look::subject::CommandLine;

/// Arguments of `__compiler`: the variables that cargo sets for a build script.
#[derive(Debug, Args)]
pub struct CompilerArgs {
    /// TARGET.
    pub target: String,
    /// HOST.
    pub host: String,
    /// OPT_LEVEL.
    pub opt_level: String,
    /// OUT_DIR.
    pub out_dir: std::path::PathBuf,
}

/// Runs `__compiler`.
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
    // `path` is the compiler without a wrapper such as ccache, which would call the same compiler.
    // Words in `CC` after the compiler are in the command only, before `args`.
    let command = tool.to_command();
    let has_wrapper = command.get_program() != tool.path().as_os_str();
    let passed: Vec<_> = command.get_args().skip(usize::from(has_wrapper)).collect();
    let words = passed.len().saturating_sub(tool.args().len());
    let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
    let line = CommandLine {
        program: text(tool.path().as_os_str()),
        words: passed[..words].iter().map(|arg| text(arg)).collect(),
        args: passed[words..].iter().map(|arg| text(arg)).collect(),
        env: tool
            .get_envs()
            .map(|(name, value)| (text(name), text(value)))
            .collect(),
    };
    shell::data(&shell::json(&line))?;
    Ok(())
}
