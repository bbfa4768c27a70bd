//! Where the task keeps its files.

use std::path::PathBuf;

use crate::command::root;

/// Below the directory of the task.
pub fn place(name: &str) -> PathBuf {
    root().join("target/installs").join(name)
}
