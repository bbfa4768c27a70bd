//! What a store can do, as it shows when asked.

pub mod run;
