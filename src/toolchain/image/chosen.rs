//! The image of a candidate.

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::toolchain::image::container::Container;
use crate::toolchain::image::lockfile::Derived;

/// The image that contains a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolvedImage {
    /// Reference as the configuration writes it.
    pub reference: String,
    /// Digest to which it is pinned.
    pub digest: String,
    /// Platform: `linux/amd64`.
    pub platform: String,
    /// Image that was built from it, with the digest of its inputs.
    pub derived: Option<Derived>,
    /// Engine with its version: `podman 4.3.1, rootless`.
    pub engine: String,
    /// cargo's target directory for this image and this compiler only: build scripts linked for
    /// another glibc do not start.
    pub target_dir: Utf8PathBuf,
    /// Settings of this machine that are masked in the container.
    pub masked: Vec<String>,
    /// Container in which cargo runs.
    #[serde(skip)]
    pub container: Container,
}
