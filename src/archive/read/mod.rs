pub mod file;
pub mod tar;
pub mod unpacking;
pub mod zip;
