//! Rules for one program, by family: `machine` (made for the machine, executable, permissions),
//! `level` (processor), `libc` (static on musl, loader, glibc floor, libraries), `hardening` (RPATH, stack, PIE, RELRO,
//! symbols, the builder's home), `signature` (Apple's), `macos` (the oldest macOS),
//! `webassembly` (imports). `table` lists and runs them.
//!
//! A new rule is a function, a row in `RULES` and a code in `CODES` of its family; a code with
//! `at_build` is `waivable`. Rules over a whole tree are in [`crate::verify::between`].

pub mod chosen;
pub mod context;
pub mod hardening;
pub mod level;
pub mod libc;
pub mod libraries;
pub mod machine;
pub mod macos;
pub mod policy;
pub mod signature;
pub mod table;
pub mod webassembly;

#[cfg(test)]
mod tests;
