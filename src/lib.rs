//! `cargo xpkg` **looks** (asks cargo, rustc, PATH and compilers for facts), **decides** (pure
//! functions make a whole [`plan::Plan`]), **does** (a dull loop runs the plan) and **tells** (one
//! [`manifest::Manifest`], as a table or JSON).
//!
//! ```text
//!  argv ─► Cli ─┐
//!               ├─► Config ───┐
//!  cargo        │             ├─► Plan ─► per target: compile ─► inspect ─► policy ─► stage ─► Manifest ─► table | JSON
//!  metadata ─► Workspace ─────┤  (pure)     Call      Made       Binary    Problem   Staging
//!  compilers, PATH, engine ─► Facts ──┘
//! ```
//!
//! Only *look* and *do* touch the world, and only through [`host`]. The rooms stand below from top
//! to bottom; a room imports from rooms below its own, never from above (`tests/it/house.rs` holds
//! them to it).

// what was typed, and one file a command
pub mod cli;
pub mod commands;
// tell
pub mod ui;
// look
pub mod look;
// do
pub mod compile;
pub mod contents;
pub mod context;
pub mod engine;
pub mod host;
pub mod layout;
pub mod stage;
// decide: no file, no environment, no process, no clock
pub mod cargo_config;
pub mod config;
pub mod container;
pub mod cross_toml;
pub mod docker;
pub mod doctor;
pub mod facts;
pub mod formats;
pub mod graph;
pub mod inspect;
pub mod leaks;
pub mod lock;
pub mod manifest;
pub mod needs;
pub mod plan;
pub mod policy;
pub mod probe;
pub mod profile;
pub mod rootfs;
pub mod settings;
pub mod toolchain;
pub mod tree;
pub mod verify;
pub mod workspace;
pub mod zig_arguments;
// words
pub mod invocation;
pub mod problem;
pub mod target;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with the process's arguments, its own name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match cli::Cli::parse_from_process(args) {
        Ok(cli) => commands::run(cli).into(),
        Err(error) => {
            // clap prints help to stdout, errors to stderr, and knows the exit code: 0 and 2.
            let _ = error.print();
            u8::try_from(error.exit_code()).unwrap_or(2).into()
        }
    }
}
