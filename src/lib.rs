//! `cargo xpkg` builds every bin of a workspace for every target, inspects it, and stages the tree
//! with a manifest.
//!
//! The manual is [`guide`], one page a topic; `cargo xpkg help TOPIC` shows the same pages. The library
//! is the program's own: its other modules may change with every version.
//!
//! # How it works
//! It **looks** (asks cargo, rustc, PATH, compilers and container engines for facts), **decides**
//! (pure functions make a whole `Plan`), **does** (a loop runs the plan) and **tells**
//! (one document, as a table or as JSON).
//!
//! ```text
//! arguments ──► RunOptions ─┐
//! cargo metadata, xpkg's ───┼─► Settings ─┐
//! configuration, Cross.toml ┘             ├─► Plan ─► per target: compile ─► inspect ─► rules ─► stage ─► Manifest
//! compilers, PATH, engines, images ─► Facts ┘ (pure)
//! ```
//!
//! # Map
//! A subject is a folder, and the phase is the file name: only files called `look`, `run`, `write`,
//! `compile` or `stage` (or in a folder `look/`) and the commands touch the machine, through
//! `host`; every other file is pure. Imports go downward in this list, and no files import each
//! other in a circle. `tests/it/house.rs` checks all three.
//!
//! | module | contents |
//! |---|---|
//! | [`guide`] | the manual: pages in Markdown, shown by `help`, as man pages and here |
//! | `commands` | one file for each command: its arguments and its `run`; `codes`, all codes |
//! | `ui` | text for people, one file for each document |
//! | `ship` | what is made of verified trees: Docker contexts, OCI image layouts (cross images are `toolchain::image`), releases; legs and workflows of CI |
//! | `build` | a run of `build`: its session, plan, cargo calls, staging, records; `doctor` |
//! | `verify` | rules for trees, archives and files; reports as JSON, SARIF and Markdown |
//! | `tree` | the staged tree and its manifest, a contract (`manifest.schema.json`) |
//! | `toolchain` | the choice of linker and C compiler; a folder each for clang, zig, probes, and cross images with `xpkg.lock` |
//! | `project` | what the user has and wants: configuration, workspace, graph, settings; `cross_toml` imports Cross.toml |
//! | `archive` | reading archives within bounds, and writing them reproducibly |
//! | `inspect` | facts of one program, from its bytes |
//! | `host` | the one door to the machine: processes, files, locks, replacement, printing |
//! | `target` | target triples, parsed once; the tables of processors and systems |
//! | `invocation`, `variables`, `problem`, `digest` | a process as a value; variables and paths that cargo reads; problems and codes; SHA-256 |
//!
//! The text of a code (`--explain not-static`) is in the file whose check reports it: search for its
//! name in quotes, `"not-static"`.

#[doc(hidden)]
pub mod archive;
#[doc(hidden)]
pub mod build;
#[doc(hidden)]
pub mod commands;
#[doc(hidden)]
pub mod digest;
pub mod guide;
#[doc(hidden)]
pub mod host;
#[doc(hidden)]
pub mod inspect;
#[doc(hidden)]
pub mod invocation;
#[doc(hidden)]
pub mod problem;
#[doc(hidden)]
pub mod project;
#[doc(hidden)]
pub mod ship;
#[doc(hidden)]
pub mod target;
#[doc(hidden)]
pub mod toolchain;
#[doc(hidden)]
pub mod tree;
#[doc(hidden)]
pub mod ui;
#[doc(hidden)]
pub mod variables;
#[doc(hidden)]
pub mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::commands::Cli;

/// Runs the program with the process's arguments, its own name first. Returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(code) = commands::internal::lld::answer(&args) {
        return code;
    }
    let parsed = match commands::completions::answer(args.clone(), commands::command_line) {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => Cli::parse_from_process(args),
        Err(error) => Err(error),
    };
    match parsed {
        Ok(cli) => commands::run(cli).into(),
        Err(error) => {
            // clap prints help to stdout, errors to stderr, and knows the exit code: 0 and 2. An
            // error quotes an argument, which may come from elsewhere.
            if error.use_stderr() {
                host::shell::say(&error.render().ansi().to_string());
            } else {
                let _ = error.print();
            }
            u8::try_from(error.exit_code()).unwrap_or(2).into()
        }
    }
}
