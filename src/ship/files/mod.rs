//! Files and directories of this machine, as an image gets them.

pub mod look;
