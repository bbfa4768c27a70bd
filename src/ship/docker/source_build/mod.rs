//! Builds in Docker: the workspace is compiled inside of a Dockerfile.

pub mod dockerfile;
pub mod ignore;
pub mod look;
/// Writes the Dockerfile into the workspace.
pub mod write;
