//! End to end: exact output, exit codes and files. One binary, with the folders and names of `src`.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "the tests stand outside the house"
)]

mod archive;
mod build;
mod commands;
mod host;
mod house;
mod inspect;
mod project;
mod ship;
mod support;
mod toolchain;
mod tree;
mod verify;
