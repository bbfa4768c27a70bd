pub mod doctor;
pub mod session;
pub mod source;
pub mod tree;
