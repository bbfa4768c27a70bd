//! `completions`: prints a shell's completion script, and what is asked of the program by it.
//!
//! The script asks the program for candidates, which may be those of this machine and workspace.

use std::ffi::OsString;

use clap::{Args, Command};
use clap_complete::env::{CompleteEnv, Shells};

use crate::host::shell;
use crate::problem::{Failure, Result};

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "source <(cargo xpkg completions bash)",
    "cargo xpkg completions zsh > ~/.zfunc/_cargo-xpkg",
    "cargo xpkg completions fish > ~/.config/fish/completions/cargo-xpkg.fish",
];

/// Variable in which a shell's script names its shell when it asks for candidates.
const VARIABLE: &str = "CARGO_XPKG_COMPLETE";

/// Name of the program.
pub const PROGRAM: &str = "cargo-xpkg";

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell
    #[arg(value_parser = ["bash", "zsh", "fish", "powershell", "elvish"])]
    pub shell: String,
}

/// Runs `completions`.
pub fn run(args: CompletionsArgs) -> Result<(), Failure> {
    let CompletionsArgs { shell: name } = args;
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let shell = shells
        .completer(&name)
        .expect("clap accepts the names of these shells only");
    shell
        .write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)
        .expect("memory takes every script");
    let script = String::from_utf8_lossy(&script);
    shell::data(&match through_cargo(&name) {
        Some(more) => format!("{}\n\n{more}", script.trim()),
        None => format!("{}\n", script.trim()),
    })?;
    Ok(())
}

/// Returns what completes `cargo xpkg …`, too, where the shell lets one command's completion hand
/// over to another's. zsh's completion of cargo looks for a function of this name by itself.
fn through_cargo(shell: &str) -> Option<&'static str> {
    match shell {
        "bash" => Some(include_str!("completions.bash")),
        "zsh" => Some(include_str!("completions.zsh")),
        "fish" => Some(include_str!("completions.fish")),
        _ => None,
    }
}

/// Answers a shell that asks for candidates. Returns false if none does.
///
/// # Errors
/// The shell's script is not one of `completions`.
pub fn answer(
    args: impl IntoIterator<Item = OsString>,
    command: fn() -> Command,
) -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .bin(PROGRAM)
        .try_complete(args, None)
}
