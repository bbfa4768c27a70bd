pub mod derived;
pub mod engine;
pub mod exposed;
pub mod inside;
pub mod probing;
pub mod store;
