//! One target of a run, with its settings from flags and configuration.

use camino::Utf8PathBuf;

use crate::problem::code::Code;
use crate::project::config::{DockerfileTable, PreBuild};
use crate::project::linker::LinkerChoice;
use crate::project::reference::Reference;
use crate::project::reproducible::Reproducible;
use crate::target::Target;

/// A requested target and its settings.
#[derive(Debug, Clone)]
pub struct TargetRequest {
    /// Parsed target.
    pub target: Target,
    /// Requested linker, and the source of the request (`--linker`, `XPKG_LINKER`, the
    /// configuration). An explicit `auto` makes xpkg choose even if cargo's configuration names a
    /// linker.
    pub choice: Option<(LinkerChoice, String)>,
    /// `c-dependencies` of the configuration, which overrides the graph.
    pub c_dependencies: Option<bool>,
    /// Root of the target's C library, for a gcc or clang that does not know it.
    pub sysroot: Option<Utf8PathBuf>,
    /// Cross image that the configuration sets for the target.
    pub image: Option<WantedImage>,
    /// Additions of the configuration to this target's cargo calls.
    pub overrides: TargetOverrides,
    /// Codes of findings that do not stop the run.
    pub accept: Vec<Code>,
}

/// Additions of the configuration to one target's cargo calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TargetOverrides {
    /// Settings of cargo's profile, as TOML.
    pub profile: toml::Table,
    /// Rustflags to append to those in effect.
    pub rustflags: Vec<String>,
    /// Features to add to the requested ones.
    pub features: Vec<String>,
    /// What makes the build reproducible, if that is asked for.
    pub reproducible: Option<Reproducible>,
}

/// The image of a target, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedImage {
    /// Reference to the base image.
    pub reference: Reference,
    /// Commands to run once in the image.
    pub pre_build: PreBuild,
    /// Dockerfile to build on the base image, with absolute paths.
    pub dockerfile: Option<DockerfileTable>,
    /// Environment variables to forward: `NAME`, or `NAME=value`.
    pub passthrough: Vec<String>,
    /// Directories to mount: `NAME`, a variable that holds a path, or `NAME=/path`.
    pub volumes: Vec<String>,
}

impl WantedImage {
    /// Returns true if another image is built from the reference before it is used.
    pub fn is_derived(&self) -> bool {
        self.dockerfile.is_some() || self.pre_build != PreBuild::default()
    }
}
