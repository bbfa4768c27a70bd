//! Requests, signed and repeated.

pub mod run;
