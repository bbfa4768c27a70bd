//! The only access to the machine: environment, processes, files, locks, the terminal.
//!
//! No decisions are made here. Each error carries the path or the command line by construction. The
//! lints of `clippy.toml` reject access in other files.
#![expect(
    clippy::disallowed_methods,
    reason = "the other files go through this one"
)]

pub mod below;
pub mod cache;
pub mod codes;
pub mod descendants;
pub mod entries;
pub mod exchange;
#[cfg(feature = "test-fakes")]
pub mod fault;
pub mod files;
#[cfg(feature = "s3")]
pub mod http;
pub mod lock;
pub mod machine;
pub mod opened;
pub mod pager;
pub mod pipes;
pub mod process;
pub mod regular;
pub mod replacement;
pub mod shared;
pub mod shell;
pub mod signals;
