//! Hidden commands, which xpkg's own children and wrappers run.

pub mod compiler;
pub mod failure;
pub mod lld;
pub mod zig;
