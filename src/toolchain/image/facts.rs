//! Facts about a pulled cross image.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::toolchain::image::container::{ForwardedVar, Mount};
use crate::toolchain::image::engine::Engine;
use crate::toolchain::image::lockfile::Derived;
use crate::toolchain::probe::report::Report;
use crate::toolchain::program::Program;

/// A pulled cross image, with what a container of it would see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// Engine that runs it.
    pub engine: Engine,
    /// True if SELinux enforces on this machine.
    pub label: bool,
    /// `uid:gid` that programs in the container run as.
    pub user: String,
    /// Reference as the configuration writes it.
    pub reference: String,
    /// Digest to which it is pinned.
    pub digest: String,
    /// Image to run: name and digest, or the ID of the derived image.
    pub run: String,
    /// Image that was built from it.
    pub derived: Option<Derived>,
    /// Platform: `linux/amd64`.
    pub platform: String,
    /// Creation time of the image, RFC 3339.
    pub created: String,
    /// Environment variables that the image sets.
    pub variables: BTreeMap<String, String>,
    /// The image's variables, overridden by those forwarded from this machine: the environment of a
    /// build script without xpkg's own variables.
    pub environment: BTreeMap<String, String>,
    /// Answers of a shell in the image.
    pub inside: InsideFacts,
    /// Probe report on the C compiler of build scripts in the image, if the graph contains C for
    /// them.
    pub host_report: Option<Report>,
    /// Variables that are forwarded from this machine.
    pub passed: Vec<ForwardedVar>,
    /// Read-only directories and files of this machine that it sees.
    pub mounts: Vec<Mount>,
    /// Directory of cargo's registry and configuration in the container.
    pub cargo_home: Utf8PathBuf,
    /// Settings of this machine that would be wrong in the container and are masked.
    pub hidden: Vec<String>,
}

/// Answers of a shell in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsideFacts {
    /// Text of os-release.
    pub os_release: Option<String>,
    /// Programs that were searched for and found, by the name that was searched for.
    pub programs: BTreeMap<String, Program>,
    /// Libraries that were searched for and found, by the tool's ID.
    pub libraries: BTreeMap<String, Utf8PathBuf>,
}
