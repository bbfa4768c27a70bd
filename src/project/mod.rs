//! The user's project: workspace, dependency graph, configuration, and the settings of a run.

pub mod apple_libraries;
pub mod artifact_kind;
pub mod asked;
pub mod build_tools;
pub mod cargo_config;
pub mod cargo_tree;
pub mod compiler_cache;
pub mod config;
pub mod cross_toml;
pub mod graph;
pub mod installer;
pub mod linker;
pub mod look;
pub mod package_graph;
pub mod path_template;
pub mod profile;
pub mod reference;
pub mod reproducible;
pub mod request;
pub mod rustc;
pub mod selection;
pub mod setting;
pub mod settings;
pub mod system_libraries;
pub mod wasm_bindgen;
pub mod workspace;
