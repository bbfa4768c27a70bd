//! Reading and writing of archives, and their entries as values.

pub mod entry;
pub mod limits;
pub mod list_name;
pub mod look;
pub mod packing;
pub mod read;
pub mod write;
