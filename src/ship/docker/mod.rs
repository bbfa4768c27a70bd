//! Decides on the images of a tree and writes them as a Docker context.

pub mod bake;
pub mod bases;
pub mod bins;
pub mod cache;
pub mod compose;
pub mod context;
pub mod decide;
pub mod dockerfile;
pub mod healthcheck;
pub mod image;
pub mod one;
/// Collects the files of a context.
pub mod run;
/// A Dockerfile that compiles the workspace in Docker.
pub mod source_build;
#[cfg(test)]
pub mod tests;
pub mod validate;
/// Writes and removes contexts.
pub mod write;
