//! Toolchains: chosen, probed for miscompilation, and kept apart from the host.

mod cache;
mod choose;
pub mod gate;
pub mod image;
mod leaks;
mod levels;
mod libraries;
mod lld;
mod macos;
mod probes;
pub mod wasm;
pub mod windows;
mod words;
pub mod zig;
