pub mod base;
pub mod check;
pub mod members;
