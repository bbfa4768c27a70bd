//! `merge`: the trees of the legs, joined into one, against the list of what was expected.
//!
//! [`decide`] is pure: it compares manifests. [`look`] reads the trees, and [`write`] copies their
//! files, each with its digest.

pub mod codes;
pub mod decide;
pub mod look;
pub mod write;
