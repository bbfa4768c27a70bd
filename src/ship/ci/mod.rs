//! Builds on many machines: the legs of a CI run, and their trees joined into one.
//!
//! [`legs`] is the document of the legs; `matrix` decides it in [`decide`] and renders it for a CI
//! system, in one file each. All of it is pure.

pub mod assigned;
pub mod azure;
pub mod buildkite;
pub mod circleci;
pub mod codes;
pub mod decide;
pub mod github;
pub mod gitlab;
pub mod legs;
pub mod lines;
pub mod merge;
pub mod render;
pub mod runners;
pub mod workflow;

#[cfg(test)]
mod tests;
