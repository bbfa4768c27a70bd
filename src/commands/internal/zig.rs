//! `zig`, `__zig` and `__zig-tools`: run by xpkg's wrappers of zig, never by users.
//!
//! `__zig-tools` lets cargo-zigbuild's library write the wrappers. Each wrapper calls `zig cc
//! ARGS`, which removes arguments that zig rejects and passes the rest to `__zig`, the library's
//! own filter. That is a process of its own, so that xpkg can read and explain zig's errors.

use camino::{Utf8Path, Utf8PathBuf};
use cargo_zigbuild::Zig;
use cargo_zigbuild::zig::prepare_zig_linker;
use clap::Args;

use crate::commands::internal::failure;
use crate::host::cache;
use crate::host::codes::PROCESS_FAILED;
use crate::host::machine::Host;
use crate::host::shell;
use crate::invocation::Invocation;
use crate::problem::{Failure, Problem, Result};
use crate::project::linker::LinkerKind;
use crate::toolchain::environment::RUSTC_VERSION;
use crate::toolchain::facts::ZigTools;
use crate::toolchain::link_failure::LinkFailure;
use crate::toolchain::zig::arguments::{self, KEEP_SYMBOLS, NO_SANITIZER_LIBRARY, Step};

/// Arguments of `zig` and `__zig`.
#[derive(Debug, Args)]
pub struct ZigArgs {
    /// Tool of zig, with its arguments.
    #[command(subcommand)]
    pub tool: cargo_zigbuild::Zig,
}

/// Arguments of `__zig-tools`.
#[derive(Debug, Args)]
pub struct ZigToolsArgs {
    /// Target as cargo-zigbuild writes it, with an optional glibc floor.
    pub target: String,
}

/// Lets the library write its wrappers of a target, and prints the arguments in them as JSON. xpkg's
/// own wrappers call zig with the same, and are the same on every machine.
pub fn tools(args: ZigToolsArgs) -> Result<(), Failure> {
    let ZigToolsArgs { target } = args;
    let failed = |message: String| Problem::new(PROCESS_FAILED, message);
    let config = cargo_config2::Config::load().map_err(|error| failed(error.to_string()))?;
    let wrappers =
        prepare_zig_linker(&target, &config).map_err(|error| failed(format!("{error:#}")))?;
    let path = Utf8PathBuf::from_path_buf(wrappers.cc)
        .map_err(|path| failed(format!("the path `{}` is not UTF-8", path.display())))?;
    let text = Host::new(shell::Shell::default())?.read_text(&path)?;
    let arguments = text.lines().find_map(|line| {
        let (_, call) = line.split_once(" zig cc -- ")?;
        call.strip_suffix(" \"$@\"")
    });
    let arguments = arguments.ok_or_else(|| failed(format!("`{path}` calls no `zig cc`")))?;
    let tools = ZigTools {
        arguments: format!("{NO_SANITIZER_LIBRARY} {arguments}"),
        target: wrappers.target,
    };
    shell::data(&shell::json(&tools))?;
    Ok(())
}

/// Runs cargo-zigbuild's filter, which calls zig.
pub fn inner(args: ZigArgs) -> Result<(), Failure> {
    let ZigArgs { tool } = args;
    tool.execute()
        .map_err(|error| Problem::new(PROCESS_FAILED, format!("zig: {error:#}")).into())
}

/// Runs a tool of zig for a wrapper, and returns its exit code.
pub fn run(host: &Host, args: ZigArgs) -> Result<u8, Failure> {
    let ZigArgs { tool } = args;
    let (tool, args) = match tool {
        Zig::Cc { args } => ("cc", args),
        Zig::Cxx { args } => ("c++", args),
        Zig::Ar { args } => ("ar", args),
        Zig::Ranlib { args } => ("ranlib", args),
        Zig::Lib { args } => ("lib", args),
        Zig::Dlltool { args } => ("dlltool", args),
    };
    // xpkg's own linker script must exist until zig has ended.
    let scratch = host.scratch()?;
    let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
    let args = if matches!(tool, "cc" | "c++") {
        arguments::keep_assertions(rewrite(host, directory, args)?)
    } else {
        args
    };
    let program = host
        .own_program()
        .ok_or_else(|| Problem::new(PROCESS_FAILED, "the path of xpkg's own program is unknown"))?;
    // zig leaves an empty `a.o` where it is asked for its version, as cc-rs does in the directory of a
    // package.
    let is_question = args.iter().any(|arg| arg == "--version");
    let place = if is_question { directory } else { host.cwd() };
    let mut call = Invocation::new(program, place)
        .args(["__zig", tool, "--"])
        .args(args);
    // The library asks rustc otherwise, for each call.
    if let Some(version) = host.var(RUSTC_VERSION) {
        call = call.env("CARGO_ZIGBUILD_RUSTC_VERSION", version);
    }
    let is_private = |cache: &Utf8PathBuf| cache::private(cache).unwrap_or(false);
    if let Some(cache) = host.cache_dir().filter(is_private) {
        call = call.env("CARGO_ZIGBUILD_CACHE_DIR", cache);
    }
    let ended = host.relay(&call)?;
    if ended.code != Some(0)
        && let Some(failure) = LinkFailure::of_zig(&ended.stderr)
    {
        failure::keep(host, &failure, LinkerKind::Zig);
    }
    Ok(ended
        .code
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

/// Rewrites the arguments that zig rejects, on the command line and in the response file that rustc
/// writes if the command line would be too long.
fn rewrite(host: &Host, directory: &Utf8Path, args: Vec<String>) -> Result<Vec<String>> {
    let mut needs_script = false;
    let script = directory.join("keep-symbols.ld");
    let mut rewrite_args = |args: Vec<String>| {
        let (args, steps) = arguments::rewrite(args);
        needs_script |= steps.contains(&Step::KeepSymbols);
        let extra = steps
            .contains(&Step::KeepSymbols)
            .then(|| format!("-Wl,-T,{script}"));
        args.into_iter().chain(extra).collect::<Vec<String>>()
    };
    let mut rewritten = Vec::new();
    for arg in rewrite_args(args) {
        if let Some(file) = arg
            .strip_prefix('@')
            .filter(|file| file.ends_with("linker-arguments"))
        {
            let file = host.absolute(Utf8Path::new(file));
            let lines = host
                .read_text(&file)?
                .lines()
                .map(arguments::unescape)
                .collect();
            let lines: Vec<String> = rewrite_args(lines)
                .iter()
                .map(|arg| arguments::escape(arg))
                .collect();
            host.write(&file, (lines.join("\n") + "\n").as_bytes())?;
        }
        rewritten.push(arg);
    }
    if needs_script {
        host.write(&script, KEEP_SYMBOLS.as_bytes())?;
    }
    Ok(rewritten)
}
