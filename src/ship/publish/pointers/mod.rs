//! What follows from the latest version: scripts and the page.

pub mod run;
