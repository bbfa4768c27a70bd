//! The staged tree and the release: their documents, its files as values, and the source it was built from.

pub mod fields;
pub mod installer;
pub mod look;
pub mod manifest;
pub mod packed;
pub mod provenance;
pub mod registry;
pub mod release;
pub mod signature;
pub mod source;
pub mod staged;
pub mod write;
