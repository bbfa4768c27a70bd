//! Versions that are taken back.

pub mod run;
