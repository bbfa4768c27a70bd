//! Queries about project, machine and staged tree.

pub mod doctor;
pub mod locked;
pub mod options;
pub mod reports;
pub mod request;
pub mod session;
pub mod source;
pub mod timer;
pub mod tree;
