//! The workspace and its configuration: the graph, and the settings of each target.

mod access;
mod cargo_config;
mod from_cross;
mod graph;
mod settings;
