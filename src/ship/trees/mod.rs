//! Staged trees, built here or elsewhere.

pub mod look;
