//! Cross images on this machine: engines asked, images pulled and built, facts of them collected.

pub mod build;
pub mod context;
pub mod derived;
pub mod engine;
pub mod exposed;
pub mod inside;
pub mod libraries;
pub mod probing;
pub mod store;
