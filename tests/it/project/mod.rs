//! The workspace and its configuration: the graph, and the settings of each target.

mod access;
mod graph;
mod settings;
