//! What the machine has, asked step by step ([`survey`]).

pub mod apple_sdk;
pub mod candidates;
pub mod levels;
pub mod libraries;
pub mod ndk;
pub mod objcopy;
pub mod platform;
pub mod programs;
pub mod runtimes;
pub mod settings;
pub mod survey;
pub mod tools;
