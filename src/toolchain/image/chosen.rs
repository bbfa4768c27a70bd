//! The image of a candidate.

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::toolchain::image::container::Container;
use crate::toolchain::image::lockfile::Derived;

/// An image that a candidate stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolvedImage {
    /// As the configuration writes it.
    pub reference: String,
    pub digest: String,
    pub platform: String,
    /// What was built upon it, by its ID, from inputs of this digest.
    pub derived: Option<Derived>,
    /// The engine, in a word.
    pub engine: String,
    /// Where cargo writes, for this image and this compiler alone: build scripts of another glibc
    /// do not start.
    pub target_dir: Utf8PathBuf,
    /// What of this machine's configuration and environment does not count there.
    pub hidden: Vec<String>,
    #[serde(skip)]
    pub container: Container,
}
