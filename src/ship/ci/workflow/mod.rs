//! The workflow files of a CI system: decided from the configuration, written by `ci init`, and
//! compared by `ci check`.

pub mod codes;
pub mod decide;
pub mod diff;
pub mod fault;
pub mod forge;
pub mod github;
pub mod gitlab;
pub mod mark;
pub mod settings;
pub mod tool;
pub mod write;

#[cfg(test)]
mod tests;
