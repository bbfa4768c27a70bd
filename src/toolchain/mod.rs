//! Chooses the linker and the C compiler of each target, probes them for known bugs, and derives
//! the target's environment.
//!
//! `choose` decides from `facts::Facts`; only the `look` modules, the `run` modules and `write`
//! touch the machine.

pub mod assemble;
pub mod c_usage;
pub mod candidate;
pub mod choose;
pub mod clang;
pub mod configured;
pub mod context;
pub mod environment;
pub mod facts;
pub mod gate;
pub mod gcc;
pub mod image;
pub mod kinds;
pub mod leaks;
pub mod libraries;
pub mod link_failure;
pub mod lld;
pub mod locked;
pub mod look;
pub mod mingw;
pub mod msvc;
pub mod native;
pub mod packages;
pub mod pkg_config;
pub mod probe;
pub mod program;
pub mod script;
pub mod starter;
pub mod system_library;
#[cfg(test)]
pub mod tests;
pub mod tools;
pub mod undefined;
pub mod wasm;
pub mod words;
pub mod write;
pub mod zig;
