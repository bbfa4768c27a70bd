//! Cross images: containers with a C compiler in which cargo runs.

pub mod candidates;
pub mod chosen;
pub mod container;
pub mod engine;
pub mod facts;
pub mod inside;
pub mod inspected;
pub mod lockfile;
pub mod look;
pub mod recipe;
pub mod run;
pub mod tools;
