//! A cross image, here and looked into.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::toolchain::image::container::{ForwardedVar, Mount};
use crate::toolchain::image::engine::Engine;
use crate::toolchain::image::lockfile::Derived;
use crate::toolchain::probe::report::Report;
use crate::toolchain::program::Program;

/// A cross image, here and looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    pub engine: Engine,
    /// SELinux enforces here.
    pub label: bool,
    /// `uid:gid` that programs inside run as.
    pub user: String,
    /// As the configuration writes it.
    pub reference: String,
    /// What it is pinned to.
    pub digest: String,
    /// What is run: name and digest, or the ID of what was built upon it.
    pub run: String,
    /// What was built upon it.
    pub derived: Option<Derived>,
    pub platform: String,
    pub created: String,
    /// The image's own environment.
    pub variables: BTreeMap<String, String>,
    /// The same with what it sees of this machine's over it: what a build script there finds,
    /// besides xpkg's own.
    pub environment: BTreeMap<String, String>,
    pub inside: InsideFacts,
    /// What the probes say of the C compiler of build scripts inside, where the graph holds C for
    /// them.
    pub host_report: Option<Report>,
    /// Variables of this machine that it sees.
    pub passed: Vec<ForwardedVar>,
    /// What of this machine it sees, besides what it writes to.
    pub mounts: Vec<Mount>,
    pub cargo_home: Utf8PathBuf,
    /// What of this machine's configuration and environment means nothing inside, and is hidden
    /// from it.
    pub hidden: Vec<String>,
}

/// What a shell inside an image says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsideFacts {
    /// The text of os-release.
    pub os_release: Option<String>,
    /// Programs that were looked for and are there, by the name they were looked for.
    pub programs: BTreeMap<String, Program>,
    /// Libraries that were looked for and are there, by the tool's id.
    pub libraries: BTreeMap<String, Utf8PathBuf>,
}
