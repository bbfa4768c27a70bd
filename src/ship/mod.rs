//! Makes Docker contexts, OCI image layouts and releases of staged, verified trees.

/// Legs of CI runs, and their trees joined into one.
pub mod ci;
/// Docker contexts, Dockerfiles and bake files.
pub mod docker;
/// Files and directories of this machine that an image gets.
pub mod files;
/// OCI image layouts: the images that are written and the bases that are read.
pub mod oci;
pub mod pipeline;
/// Stores that releases are published to.
pub mod publish;
/// Registries of cargo.
pub mod registry;
/// Releases: archives, checksums, installers.
pub mod release;
/// Second builds of staged trees, compared with the first.
pub mod reproduce;
/// The root file system of a base, as far as a loader needs it.
pub mod rootfs;
/// The staged trees that images are made of.
pub mod trees;
