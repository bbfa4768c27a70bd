//! `cargo xpkg` **looks** (asks cargo, rustc, PATH and compilers for facts), **decides** (pure
//! functions make a whole [`plan::Plan`]), **does** (a dull loop runs the plan) and **tells** (one
//! [`manifest::Manifest`], as a table or JSON).
//!
//! ```text
//! argv ─► Cli ─┐
//! ├─► Config ───┐
//! cargo        │             ├─► Plan ─► per target: compile ─► inspect ─► policy ─► stage ─► Manifest ─► table | JSON
//! metadata ─► Workspace ─────┤  (pure)     Call      Made       Binary    Problem   Staging
//! compilers, PATH, engine ─► Facts ──┘
//! ```
//!
//! Only *look* and *do* touch the world, and only through [`host`]. The rooms stand below from top
//! to bottom; a room imports from rooms below its own, never from above (`tests/it/house.rs` holds
//! them to it).

pub mod archive;
pub mod build;
pub mod commands;
pub mod digest;
pub mod host;
pub mod inspect;
pub mod invocation;
pub mod problem;
pub mod project;
pub mod ship;
pub mod target;
pub mod toolchain;
pub mod tree;
pub mod ui;
pub mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::commands::Cli;

/// Runs the program with the process's arguments, its own name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::parse_from_process(args) {
        Ok(cli) => commands::run(cli).into(),
        Err(error) => {
            // clap prints help to stdout, errors to stderr, and knows the exit code: 0 and 2.
            let _ = error.print();
            u8::try_from(error.exit_code()).unwrap_or(2).into()
        }
    }
}
