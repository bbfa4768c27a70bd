//! Readers of the archive formats, within limits and without unpacking to disk.

pub mod budget;
pub mod compression;
pub mod contents;
pub mod cpio;
pub mod deb;
pub mod file;
pub mod member;
pub mod rpm;
pub mod tar;
pub mod unpacking;
pub mod zip;
