//! Directories, files and archives, read and damaged.

pub mod mutants;
pub mod read;
