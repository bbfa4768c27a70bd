//! Objects in parts.

pub mod run;
