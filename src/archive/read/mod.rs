//! Readers of the archive formats, within limits and without unpacking to disk.

pub mod budget;
pub mod file;
pub mod tar;
pub mod unpacking;
pub mod zip;
