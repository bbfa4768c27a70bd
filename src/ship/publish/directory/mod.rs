//! A directory as a store: `file:///srv/site`, served by any static server.

pub mod run;
