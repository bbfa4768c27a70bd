//! What a store has already.

pub mod look;
