//! Writes OCI image layouts, and reads those that are bases.

pub mod documents;
pub mod look;
#[cfg(test)]
pub mod tests;
/// Writes layouts, as directories or as tar archives.
pub mod write;
