//! Standard libraries of the targets, which rustup installs.

pub mod run;
