//! `__lld`: run by xpkg's script before rust-lld, never by users.
//!
//! It starts before the command line is built and before anything of the machine is read, because
//! every link of a build waits for it.

use std::ffi::OsString;
use std::process::ExitCode;

use camino::Utf8Path;

use crate::commands::internal::failure;
use crate::host::codes::PROCESS_FAILED;
use crate::host::machine::Host;
use crate::host::shell::Shell;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::project::linker::LinkerKind;
use crate::toolchain::link_failure::LinkFailure;
use crate::toolchain::lld;
use crate::toolchain::lld::arguments::{self, Refused};

/// Longest command line that is passed as it is, in bytes. Systems allow more for one argument,
/// and Linux far more for all.
const LONGEST: usize = 100 * 1024;

/// Depth of response files in response files at which an argument is left to lld.
const DEEPEST: u8 = 8;

/// Runs the link if these are the arguments of the script. Returns its exit code.
pub fn answer(args: &[OsString]) -> Option<ExitCode> {
    let args = match args {
        [_, subcommand, args @ ..] if subcommand == lld::SUBCOMMAND => args,
        _ => return None,
    };
    let shell = Shell::default();
    let text = |arg: &OsString| {
        arg.to_str().map(str::to_owned).ok_or_else(|| {
            let shown = arg.to_string_lossy();
            Problem::new(
                PROCESS_FAILED,
                format!("the linker argument `{shown}` is not UTF-8"),
            )
        })
    };
    let args: Result<Vec<String>> = args.iter().map(text).collect();
    let linked = args.and_then(|args| link(&Host::new(shell)?, args));
    Some(match linked {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            shell.problems(&[problem]);
            ExitCode::FAILURE
        }
    })
}

/// Translates the arguments, and links. Returns the exit code.
fn link(host: &Host, args: Vec<String>) -> Result<u8> {
    let (args, from_file) = expand(host, args, DEEPEST)?;
    let has = |directory: &str, file: &str| {
        host.is_file(&host.absolute(&Utf8Path::new(directory).join(file)))
    };
    let args = match arguments::translate(args, &has) {
        Ok(args) => args,
        Err(Refused { argument, reason }) => {
            let failure = LinkFailure::Argument {
                argument,
                reason: Some(reason.to_owned()),
            };
            failure::keep(host, &failure, LinkerKind::RustLld);
            return Ok(1);
        }
    };
    let size: usize = args.iter().map(|arg| arg.len() + 1).sum();
    let scratch;
    let args = if from_file || size > LONGEST {
        scratch = host.scratch()?;
        let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
        let file = directory.join("arguments");
        let (flavor, rest) = args.split_at(arguments::flavor_length(&args));
        host.write(&file, arguments::to_response_file(rest).as_bytes())?;
        [flavor, &[format!("@{file}")]].concat()
    } else {
        args
    };
    let ended = host.relay(&Invocation::new(lld::RUST_LLD, host.cwd()).args(args))?;
    if ended.code != Some(0)
        && let Some(failure) = LinkFailure::of_lld(&ended.stderr)
    {
        failure::keep(host, &failure, LinkerKind::RustLld);
    }
    Ok(ended
        .code
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

/// Replaces response files by the arguments in them, as lld does. Returns true if there were any:
/// rustc writes one if the command line would be too long.
fn expand(host: &Host, args: Vec<String>, depth: u8) -> Result<(Vec<String>, bool)> {
    let mut expanded = Vec::new();
    let mut has_file = false;
    for arg in args {
        // lld takes a name for which there is no file as it is.
        let file = arg
            .strip_prefix('@')
            .map(|file| host.absolute(Utf8Path::new(file)))
            .filter(|file| depth > 0 && host.is_file(file));
        match file {
            Some(file) => {
                has_file = true;
                let inside = arguments::response_file(&host.read_text(&file)?);
                expanded.extend(expand(host, inside, depth - 1)?.0);
            }
            None => expanded.push(arg),
        }
    }
    Ok((expanded, has_file))
}
