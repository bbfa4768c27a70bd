//! Queries to cargo and rustc, and the files that configure a project.

pub mod access;
pub mod apple_libraries;
pub mod cargo_config;
pub mod context;
pub mod cross_toml;
pub mod graph;
pub mod ignored;
pub mod local;
pub mod outside;
pub mod rustc;
