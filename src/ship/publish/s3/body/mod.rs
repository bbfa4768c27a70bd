//! Bodies of requests, which are checked as they are sent.

pub mod look;
