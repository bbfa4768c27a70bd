//! The command line as its users meet it: help, input errors, and the README.

mod bad_input;
mod cli;
mod hostile;
pub mod readme;
