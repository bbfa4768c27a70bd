//! Reads base layouts and collects the files of layers.

pub mod base;
pub mod check;
pub mod members;
