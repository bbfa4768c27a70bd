//! Configuration of `release`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What `release` makes of verified trees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct ReleaseConfig {
    /// Name of the release: of its installers and their variables.
    pub name: Option<String>,
    /// Address of the directory that the files of a version are published in, with `{version}` and
    /// `{tag}` for those of the release.
    pub url: Option<String>,
    /// Package whose version is that of the release, if the packages have different ones.
    pub version_of: Option<String>,
    /// Formats of the archives for all systems but Windows.
    pub archives: Option<Vec<ArchiveFormat>>,
    /// Formats of the archives for Windows.
    pub windows_archives: Option<Vec<ArchiveFormat>>,
    /// Files to add to each archive: pattern -> place in the archive.
    pub include: Option<BTreeMap<String, String>>,
    /// True if each archive gets a file beside it with its digest, `NAME.sha256`.
    pub sidecars: bool,
    /// False if no installers are written.
    pub installers: Option<bool>,
    /// Directory that installers put programs in, below the home directory.
    pub install_dir: Option<String>,
    /// True if a formula of Homebrew is written for each package.
    pub homebrew: bool,
    /// True if a manifest of Scoop is written for each package.
    pub scoop: bool,
    /// Public keys of minisign and SSH that installers verify the list of checksums by.
    pub public_keys: Vec<String>,
    /// False if no provenance is written.
    pub provenance: Option<bool>,
    /// Packages of Debian; none without this table.
    pub deb: Option<DebConfig>,
    /// Registry of cargo; none without this table.
    pub registry: Option<RegistryConfig>,
}

/// A static registry of cargo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of a registry of cargo"
)]
pub struct RegistryConfig {
    /// Address that `registry/` is published at. It is in the packages: another address is another
    /// registry.
    pub url: String,
    /// False if packages are not compiled before they are written.
    pub verify: Option<bool>,
}

/// What `release` makes of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct PackageReleaseConfig {
    /// Files to add to each archive of the package, instead of the workspace's.
    pub include: Option<BTreeMap<String, String>>,
    /// Packages of Debian of this package; what is not set is the workspace's.
    pub deb: Option<DebConfig>,
}

/// Packages of Debian.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of packages of Debian"
)]
pub struct DebConfig {
    /// `Maintainer`: `NAME <ADDRESS>`.
    pub maintainer: Option<String>,
    /// Revision of the package, after the version; `1` by default.
    pub revision: Option<String>,
    /// `Section`; `utils` by default.
    pub section: Option<String>,
    /// Dependencies in addition to those of the programs.
    pub depends: Option<Vec<String>>,
    /// `Recommends`.
    pub recommends: Option<Vec<String>>,
    /// Packages of shared libraries that the programs need, by their names: `libssl.so.3`.
    pub libraries: Option<BTreeMap<String, String>>,
    /// Files to install: pattern -> absolute path. Those below `/etc` belong to the administrator.
    pub files: Option<BTreeMap<String, String>>,
    /// Patterns of units of systemd to install, enable and start.
    pub systemd: Option<Vec<String>>,
}

impl DebConfig {
    /// Returns the settings of a package, with those of the workspace where it sets none.
    pub fn merged(own: Option<&Self>, workspace: Option<&Self>) -> Option<Self> {
        let (own, workspace) = match (own, workspace) {
            (None, None) => return None,
            (Some(one), None) | (None, Some(one)) => return Some(one.clone()),
            (Some(own), Some(workspace)) => (own.clone(), workspace.clone()),
        };
        Some(Self {
            maintainer: own.maintainer.or(workspace.maintainer),
            revision: own.revision.or(workspace.revision),
            section: own.section.or(workspace.section),
            depends: own.depends.or(workspace.depends),
            recommends: own.recommends.or(workspace.recommends),
            libraries: own.libraries.or(workspace.libraries),
            files: own.files.or(workspace.files),
            systemd: own.systemd.or(workspace.systemd),
        })
    }
}

/// Format of an archive, by its suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(expecting = "`tar.gz`, `tar.xz`, `tar.zst` or `zip`")]
pub enum ArchiveFormat {
    /// Tar, compressed with gzip: every system has a reader.
    #[serde(rename = "tar.gz")]
    TarGz,
    /// Tar, compressed with xz: the smallest.
    #[serde(rename = "tar.xz")]
    TarXz,
    /// Tar, compressed with Zstandard.
    #[serde(rename = "tar.zst")]
    TarZst,
    /// Zip.
    #[serde(rename = "zip")]
    Zip,
}

impl ArchiveFormat {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::TarGz, Self::TarXz, Self::TarZst, Self::Zip];

    /// Returns the suffix without its dot: `tar.gz`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::TarGz => "tar.gz",
            Self::TarXz => "tar.xz",
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
        }
    }
}
