//! A release before it is written: packages, builds and the files to make of them. Pure.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::inspect::binary::Binary;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::config::release::ArchiveFormat;
use crate::target::Target;
use crate::tree::manifest::Platform;
use crate::tree::signature::SignatureKind;

/// A release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Name, of the installers and their variables.
    pub name: String,
    /// Version, as cargo knows it.
    pub version: String,
    /// `--tag`.
    pub tag: Option<String>,
    /// Commit that all trees were built from, if they record one.
    pub commit: Option<String>,
    /// Repository, `package.repository`.
    pub repository: Option<String>,
    /// Address of the directory that the files are published in, without a final slash.
    pub url: Option<String>,
    /// True if each archive gets a file with its digest.
    pub sidecars: bool,
    /// True if installers are written.
    pub installers: bool,
    /// Directory that they install programs in, below the home directory, if it is not the default.
    pub install_directory: Option<String>,
    /// True if formulas of Homebrew are written.
    pub homebrew: bool,
    /// True if manifests of Scoop are written.
    pub scoop: bool,
    /// Public keys that installers verify the list of checksums by: one of a kind, for the kinds that
    /// it is signed with.
    pub public_keys: BTreeMap<SignatureKind, String>,
    /// True if provenance is written.
    pub provenance: bool,
    /// Packages with a bin in the release, sorted by name.
    pub packages: Vec<Package>,
    /// Packages built for targets, sorted by package and triple.
    pub builds: Vec<Build>,
}

impl Release {
    /// Returns the public key of a kind that installers have; empty if there is none.
    pub fn public_key(&self, kind: SignatureKind) -> &str {
        self.public_keys.get(&kind).map_or("", String::as_str)
    }
}

/// A package of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `package.description`.
    pub description: Option<String>,
    /// `package.license`, an SPDX expression.
    pub license: Option<String>,
    /// `package.homepage`.
    pub homepage: Option<String>,
    /// Settings of its packages of Debian; `None` if there are none.
    pub deb: Option<DebSettings>,
}

/// Settings of the packages of Debian of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebSettings {
    /// `Maintainer`: name and address.
    pub maintainer: String,
    /// Revision after the version.
    pub revision: String,
    /// `Section`.
    pub section: String,
    /// Dependencies in addition to those of the programs.
    pub depends: Vec<String>,
    /// `Recommends`.
    pub recommends: Vec<String>,
    /// Packages of shared libraries that the programs need.
    pub libraries: BTreeMap<String, String>,
    /// Files to install; their places are below `/`.
    pub files: Vec<IncludedFile>,
    /// Units of systemd, by their names.
    pub units: Vec<IncludedFile>,
}

/// All bins of a package for a target: the contents of one archive in each format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Name of the package.
    pub package: String,
    /// Target, with the glibc floor that was requested.
    pub target: Target,
    /// Platform in OCI's notation.
    pub platform: Platform,
    /// Name of the archives without their suffix, and of the directory in them:
    /// `app-1.0.0-x86_64-unknown-linux-musl`.
    pub stem: String,
    /// Formats of its archives.
    pub formats: Vec<ArchiveFormat>,
    /// Bins, sorted by name.
    pub bins: Vec<ReleasedBin>,
    /// Files of the workspace, sorted by their place.
    pub files: Vec<IncludedFile>,
    /// True if all bins have the list of their packages, of which an SBOM is made.
    pub is_listed: bool,
}

impl Build {
    /// Returns the bins that are programs, not libraries: what installers and packages install.
    pub fn programs(&self) -> impl Iterator<Item = &ReleasedBin> + Clone {
        self.bins.iter().filter(|bin| bin.kind.is_bin())
    }
}

/// A bin of a build, or a shared library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasedBin {
    /// Kind of the file.
    pub kind: ArtifactKind,
    /// File name in the archives.
    pub name: String,
    /// Index of its tree.
    pub tree: usize,
    /// Path in its tree.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 as 64 hex digits.
    pub sha256: String,
    /// Facts of the program; `None` if it could not be read.
    pub binary: Option<Binary>,
}

/// Files and settings of one package.
#[derive(Debug, Clone, Default)]
pub struct Included {
    /// Files of its archives.
    pub files: Vec<IncludedFile>,
    /// Settings of its packages of Debian.
    pub deb: Option<DebSettings>,
}

/// A file of the workspace in an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IncludedFile {
    /// Path in the archive's directory, with `/` between its parts.
    pub to: String,
    /// Path of the file, links resolved.
    pub from: Utf8PathBuf,
    /// True if somebody may execute it.
    pub executable: bool,
}

impl Build {
    /// Returns the name of its SBOM.
    pub fn sbom_name(&self) -> String {
        format!("{}.cdx.json", self.stem)
    }

    /// Returns the names of its archives with their formats.
    pub fn archives(&self) -> impl Iterator<Item = (String, ArchiveFormat)> {
        let name = |format: &ArchiveFormat| format!("{}.{}", self.stem, format.suffix());
        self.formats
            .iter()
            .map(move |format| (name(format), *format))
    }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[RELEASE_INVALID, RELEASE_DIRTY];

/// A release that cannot be made of these trees and this configuration.
pub const RELEASE_INVALID: Code = code(&CodeInfo {
    name: "release-invalid",
    title: "no release can be made of these trees as configured",
    cause: "The trees have no bin for a requested target, bins of two versions or commits, or two \
            files for one place; a pattern of `include` matches nothing; `url` is no address.",
    detection: "The manifests of the trees, the workspace's members and the configuration are held \
                against each other before anything is written, and before a build.",
    fix: "Follow the help of the message.",
    page: "release",
    sources: &[],
    waivable: false,
});

/// Trees that were built with uncommitted changes.
pub const RELEASE_DIRTY: Code = code(&CodeInfo {
    name: "release-dirty",
    title: "the trees were built with uncommitted changes",
    cause: "`git status` reported changed or untracked files when the trees were built.",
    detection: "`dirty` in the source of the manifests' records.",
    fix: "Commit and build again, or pass `--allow-dirty`.",
    page: "release",
    sources: &[],
    waivable: false,
});
