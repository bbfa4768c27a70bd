//! One target of a run, with what flags and configuration say of it.

use camino::Utf8PathBuf;

use crate::problem::code::Code;
use crate::project::config::{DockerfileTable, PreBuild};
use crate::project::linker::LinkerChoice;
use crate::project::reference::Reference;
use crate::target::Target;

/// A target and who chose its linker.
#[derive(Debug, Clone)]
pub struct TargetRequest {
    pub target: Target,
    /// What was asked for, and by what (`--linker`, `XPKG_LINKER`, the configuration). `auto` asked
    /// for leaves the choice to xpkg in spite of what cargo's configuration says.
    pub choice: Option<(LinkerChoice, String)>,
    /// `c-dependencies`, where the configuration overrides the graph.
    pub c_dependencies: Option<bool>,
    /// Where the target's C library stands, for a gcc or clang that does not know.
    pub sysroot: Option<Utf8PathBuf>,
    /// The cross image that the configuration names for it.
    pub image: Option<WantedImage>,
    /// What the configuration adds to this target's calls of cargo.
    pub own: TargetOverrides,
    /// Findings that do not stop the run.
    pub accept: Vec<Code>,
}

/// What the configuration says of one target's calls of cargo.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TargetOverrides {
    /// Settings of the profile.
    pub profile: toml::Table,
    pub rustflags: Vec<String>,
    pub features: Vec<String>,
}

/// What the configuration says of a target's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedImage {
    pub reference: Reference,
    pub pre_build: PreBuild,
    /// With absolute paths.
    pub dockerfile: Option<DockerfileTable>,
    pub passthrough: Vec<String>,
    pub volumes: Vec<String>,
}

impl WantedImage {
    /// Something is built upon it before it serves.
    pub fn is_derived(&self) -> bool {
        self.dockerfile.is_some() || self.pre_build != PreBuild::default()
    }
}
