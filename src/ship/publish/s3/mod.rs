//! A bucket of S3, or of a server that speaks its protocol, as a store.

pub mod answer;
#[cfg(feature = "s3")]
pub mod body;
#[cfg(feature = "s3")]
pub mod checksum;
#[cfg(feature = "s3")]
pub mod client;
pub mod credentials;
#[cfg(feature = "s3")]
pub mod look;
#[cfg(feature = "s3")]
pub mod parts;
#[cfg(feature = "s3")]
pub mod run;
pub mod settings;
