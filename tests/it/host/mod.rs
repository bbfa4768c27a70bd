//! The machine: every wait has an end.

mod processes;
mod waits;
