pub mod candidates;
pub mod levels;
pub mod platform;
pub mod programs;
pub mod settings;
pub mod survey;
pub mod tools;
