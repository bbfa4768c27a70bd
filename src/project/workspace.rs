//! The workspace as `cargo metadata` describes it, and its directories.
//!
//! Pure: the input is cargo's metadata. The bins to build are in [`super::selection`], the C
//! dependencies of a target in [`super::graph`].

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Metadata, Package};

use crate::digest;

/// The members of a workspace with their bins, and its directories.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Root directory.
    pub root: Utf8PathBuf,
    /// cargo's target directory.
    pub target_dir: Utf8PathBuf,
    /// cargo's directory of intermediate files (`build.build-dir`), if it is another one.
    pub build_dir: Option<Utf8PathBuf>,
    /// Members, sorted by name.
    pub members: Vec<Member>,
    /// `package.repository` of the first member that has one.
    pub repository: Option<String>,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub struct Member {
    /// Package name.
    pub name: String,
    /// Package version.
    pub version: String,
    /// cargo's package ID: unique, and also in the messages of `cargo build`.
    pub id: String,
    /// Path of the manifest.
    pub manifest: Utf8PathBuf,
    /// `package.rust-version`: `1.95` or `1.95.0`.
    pub rust_version: Option<String>,
    /// `package.license`, an SPDX expression.
    pub license: Option<String>,
    /// `package.description`.
    pub description: Option<String>,
    /// Path of `package.readme`.
    pub readme: Option<Utf8PathBuf>,
    /// Path of `package.license-file`.
    pub license_file: Option<Utf8PathBuf>,
    /// `package.homepage`.
    pub homepage: Option<String>,
    /// `package.repository`.
    pub repository: Option<String>,
    /// True if it is one of the workspace's default members.
    pub default: bool,
    /// True if it has a `[package.metadata.xpkg]` table.
    pub configured: bool,
    /// True if it has a `[package.metadata.cross]` table.
    pub has_cross: bool,
    /// Path of the build script.
    pub build_script: Option<Utf8PathBuf>,
    /// Root source file of each cargo target: cargo needs them to load the manifest.
    pub sources: Vec<Utf8PathBuf>,
    /// Features, each with what it enables.
    pub features: BTreeMap<String, Vec<String>>,
    /// Bins.
    pub bins: Vec<MemberBin>,
    /// Name of its library; `None` if it has none.
    pub library: Option<MemberLibrary>,
}

/// The library of a member.
#[derive(Debug, Clone)]
pub struct MemberLibrary {
    /// Name, with `_` for `-`.
    pub name: String,
    /// True if `cdylib` is among its crate types.
    pub is_cdylib: bool,
}

/// A package whose sources are on this machine, member or not: it has no registry or repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Package name.
    pub name: String,
    /// Path of the manifest.
    pub manifest: Utf8PathBuf,
    /// Root source file of each cargo target.
    pub sources: Vec<Utf8PathBuf>,
}

impl Local {
    /// Returns all local packages in the output of `cargo metadata` with the resolved graph.
    pub fn all(metadata: &Metadata) -> Vec<Self> {
        let local = |package: &Package| Self {
            name: package.name.to_string(),
            manifest: package.manifest_path.clone(),
            sources: package
                .targets
                .iter()
                .map(|target| target.src_path.clone())
                .collect(),
        };
        metadata
            .packages
            .iter()
            .filter(|package| package.source.is_none())
            .map(local)
            .collect()
    }
}

/// A bin of a member.
#[derive(Debug, Clone)]
pub struct MemberBin {
    /// Name of the bin.
    pub name: String,
    /// `required-features` of the bin.
    pub required_features: Vec<String>,
}

impl Member {
    /// Returns true if `-p SPEC` selects this member: `name` or `name@version`.
    pub fn is(&self, spec: &str) -> bool {
        match spec.split_once('@') {
            Some((name, version)) => name == self.name && version == self.version,
            None => spec == self.name,
        }
    }
}

impl Workspace {
    /// Converts the output of `cargo metadata --no-deps`.
    pub fn new(metadata: &Metadata) -> Self {
        let default: BTreeSet<_> = if metadata.workspace_default_members.is_available() {
            metadata.workspace_default_members.iter().collect()
        } else {
            metadata.workspace_members.iter().collect()
        };
        let ids: BTreeSet<_> = metadata.workspace_members.iter().collect();
        let mut members: Vec<Member> = metadata
            .packages
            .iter()
            .filter(|package| ids.contains(&package.id))
            .map(|package| member(package, default.contains(&package.id)))
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            root: metadata.workspace_root.clone(),
            target_dir: metadata.target_directory.clone(),
            build_dir: metadata
                .build_directory
                .clone()
                .filter(|directory| *directory != metadata.target_directory),
            repository: metadata
                .packages
                .iter()
                .find_map(|package| package.repository.clone()),
            members,
        }
    }

    /// Returns the features that apply to one package: its own, and `package/feature` if the
    /// package before the slash is this one or not a member.
    pub fn features_of(&self, package: &str, features: &[String]) -> Vec<String> {
        let member = self.members.iter().find(|member| member.name == package);
        let has =
            |feature: &str| member.is_some_and(|member| member.features.contains_key(feature));
        let applies = |feature: &&String| match feature.split_once('/') {
            Some((owner, _)) => {
                owner == package || !self.members.iter().any(|member| member.name == owner)
            }
            None => has(feature),
        };
        features.iter().filter(applies).cloned().collect()
    }

    /// Returns the member whose manifest is the workspace's.
    pub fn root_member(&self) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.manifest.parent() == Some(&self.root))
    }
}

/// Converts a package of `cargo metadata`.
fn member(package: &Package, default: bool) -> Member {
    Member {
        name: package.name.to_string(),
        version: package.version.to_string(),
        id: package.id.repr.clone(),
        manifest: package.manifest_path.clone(),
        rust_version: package.rust_version.as_ref().map(ToString::to_string),
        license: package.license.clone(),
        description: package.description.clone(),
        readme: package.readme(),
        license_file: package.license_file(),
        homepage: package.homepage.clone(),
        repository: package.repository.clone(),
        default,
        configured: package.metadata.get("xpkg").is_some(),
        has_cross: package.metadata.get("cross").is_some(),
        build_script: package
            .targets
            .iter()
            .find(|target| target.is_custom_build())
            .map(|target| target.src_path.clone()),
        sources: package
            .targets
            .iter()
            .map(|target| target.src_path.clone())
            .collect(),
        features: package.features.clone(),
        bins: package
            .targets
            .iter()
            .filter(|target| target.is_bin())
            .map(|target| MemberBin {
                name: target.name.clone(),
                required_features: target.required_features.clone(),
            })
            .collect(),
        library: package.targets.iter().find_map(library),
    }
}

/// Returns the library that a target of cargo's is, if it is one for others than rustc.
fn library(target: &cargo_metadata::Target) -> Option<MemberLibrary> {
    let is_library = target.is_lib() || target.is_cdylib() || target.is_dylib();
    (is_library || target.is_rlib() || target.is_staticlib()).then(|| MemberLibrary {
        // cargo names the file after the crate.
        name: target.name.replace('-', "_"),
        is_cdylib: target.is_cdylib(),
    })
}

/// Returns xpkg's cache directory, for files that it can create again: links to tools, answers to
/// slow queries.
pub fn cache_dir(workspace: &Workspace) -> Utf8PathBuf {
    workspace.target_dir.join("xpkg-cache")
}

/// Returns true for the name of an entry that xpkg writes into [`cache_dir`]. `clean` keeps others.
pub fn is_cache_entry(name: &str) -> bool {
    [
        "tools",
        "images",
        "zig.lock",
        "derived-images",
        "stages.json",
    ]
    .contains(&name)
        || ["graph-", "taken-", "used-", "zig-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Returns the directory of links that give tools their names.
pub fn tools_dir(workspace: &Workspace) -> Utf8PathBuf {
    cache_dir(workspace).join("tools")
}

/// Returns the directory below `tools` of generated files that have the path of a workspace in them:
/// workspaces may share a target directory.
pub fn tools_with_root(tools: &Utf8Path, root: &Utf8Path) -> Utf8PathBuf {
    let digest = digest::sha256(root.as_str().as_bytes());
    tools.join(&digest[..12])
}
