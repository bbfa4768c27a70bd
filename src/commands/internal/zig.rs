//! `zig`, `__zig` and `__zig-tools`: what xpkg's wrappers of zig start. Nobody types them.
//!
//! `__zig-tools` has cargo-zigbuild's library write the wrappers. Each wrapper calls `zig cc ARGS`,
//! which takes what zig does not know out of the arguments and hands the rest to `__zig`, the
//! library's own filter, in a process of its own: so what zig says can be heard and explained.

use camino::{Utf8Path, Utf8PathBuf};
use cargo_zigbuild::Zig;
use cargo_zigbuild::zig::prepare_zig_linker;
use clap::Args;

use crate::host::codes::PROCESS_FAILED;
use crate::host::machine::Host;
use crate::host::shell;
use crate::invocation::Invocation;
use crate::problem::{Failure, Problem, Result};
use crate::toolchain::facts::ZigTools;
use crate::toolchain::zig::arguments::{self, KEEP_SYMBOLS, Step, ZIG_ARGUMENT};

#[derive(Debug, Args)]
pub struct ZigArgs {
    #[command(subcommand)]
    pub tool: cargo_zigbuild::Zig,
}

#[derive(Debug, Args)]
pub struct ZigToolsArgs {
    pub target: String,
}

pub fn tools(args: ZigToolsArgs) -> Result<(), Failure> {
    let ZigToolsArgs { target } = args;
    let failed = |words: String| Problem::new(PROCESS_FAILED, words);
    let config = cargo_config2::Config::load().map_err(|error| failed(error.to_string()))?;
    let made =
        prepare_zig_linker(&target, &config).map_err(|error| failed(format!("{error:#}")))?;
    let path = |path: std::path::PathBuf| {
        Utf8PathBuf::from_path_buf(path)
            .map_err(|path| failed(format!("the path `{}` is not UTF-8", path.display())))
    };
    let tools = ZigTools {
        cc: path(made.cc)?,
        cxx: path(made.cxx)?,
        ranlib: path(made.ranlib)?,
        target: made.target,
    };
    shell::data(&shell::json(&tools))?;
    Ok(())
}

/// The library's own part.
pub fn inner(args: ZigArgs) -> Result<(), Failure> {
    let ZigArgs { tool } = args;
    tool.execute()
        .map_err(|error| Problem::new(PROCESS_FAILED, format!("zig: {error:#}")).into())
}

/// What a wrapper calls. zig's exit code is ours.
pub fn run(host: &Host, args: ZigArgs) -> Result<u8, Failure> {
    let ZigArgs { tool } = args;
    let (word, args) = match tool {
        Zig::Cc { args } => ("cc", args),
        Zig::Cxx { args } => ("c++", args),
        Zig::Ar { args } => ("ar", args),
        Zig::Ranlib { args } => ("ranlib", args),
        Zig::Lib { args } => ("lib", args),
        Zig::Dlltool { args } => ("dlltool", args),
    };
    // A linker script of our own has to stand while zig runs.
    let scratch = host.scratch()?;
    let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
    let args = if matches!(word, "cc" | "c++") {
        rewrite(host, directory, args)?
    } else {
        args
    };
    let own = host
        .own_program()
        .ok_or_else(|| Problem::new(PROCESS_FAILED, "the path of this program is not known"))?;
    let mut call = Invocation::new(own, host.cwd())
        .args(["__zig", word, "--"])
        .args(args);
    if let Some(cache) = host.cache_dir() {
        call = call.env("CARGO_ZIGBUILD_CACHE_DIR", cache);
    }
    let ended = host.relay(&call)?;
    if ended.code != Some(0)
        && let Some(argument) = arguments::rejected_argument(&ended.stderr)
    {
        host.shell.problems(&[problem(argument)]);
    }
    Ok(ended
        .code
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

fn problem(argument: &str) -> Problem {
    Problem::new(
        ZIG_ARGUMENT,
        format!("zig does not know the linker argument `{argument}`"),
    )
    .help(
        "take it out where it is set: `-C link-arg` in rustflags, `cargo:rustc-link-arg` in \
               a build script, a `CFLAGS` variable",
    )
    .help("or link this target with something else: `--linker gcc`, `--linker clang`")
}

/// Takes our rows' arguments out, on the command line and in the file that rustc writes when that
/// is too long.
fn rewrite(host: &Host, directory: &Utf8Path, args: Vec<String>) -> Result<Vec<String>> {
    let mut script = false;
    let keep = directory.join("keep-symbols.ld");
    let mut stepped = |args: Vec<String>| {
        let (args, steps) = arguments::rewrite(args);
        script |= steps.contains(&Step::KeepSymbols);
        let extra = steps
            .contains(&Step::KeepSymbols)
            .then(|| format!("-Wl,-T,{keep}"));
        args.into_iter().chain(extra).collect::<Vec<String>>()
    };
    let mut rewritten = Vec::new();
    for arg in stepped(args) {
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
            let lines: Vec<String> = stepped(lines)
                .iter()
                .map(|arg| arguments::escape(arg))
                .collect();
            host.write(&file, (lines.join("\n") + "\n").as_bytes())?;
        }
        rewritten.push(arg);
    }
    if script {
        host.write(&keep, KEEP_SYMBOLS.as_bytes())?;
    }
    Ok(rewritten)
}
