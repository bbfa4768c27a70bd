//! Makes a static registry of cargo of the workspace's packages.
//!
//! cargo packs them from a shadow of the workspace: copies of the manifests in which dependencies
//! between members name the registry, and links to the files that cargo would pack. The user's files
//! are not touched.

/// Manifests of the shadow.
pub mod manifest;
/// Runs cargo on the shadow.
pub mod run;
