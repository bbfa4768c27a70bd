//! The command line as its users meet it: help, input errors, and the guide.

mod bad_input;
mod cli;
pub mod guide;
mod hostile;
mod shells;
