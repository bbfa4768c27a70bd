//! Packages that the versions of a channel offer.

pub mod look;
