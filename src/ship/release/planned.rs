//! A release before it is written: what `release --dry-run` shows. Pure.
//!
//! It has its own document, without what only the written files tell: their sizes and digests, and
//! before the build what programs need. `src/ship/release/release-plan.schema.json` describes it.

use serde::{Serialize, Serializer};

use crate::problem::{Problem, Result};
use crate::project::artifact_kind::ArtifactKind;
use crate::ship::release::deb;
use crate::ship::release::document::{package_record, requirements};
use crate::ship::release::model::{Build, Release, ReleasedBin};
use crate::ship::release::page::PAGE_NAME;
use crate::ship::release::texts::texts;
use crate::tree::manifest::{Platform, Tool};
use crate::tree::provenance;
use crate::tree::registry::{CRATES, INDEX};
use crate::tree::release::{
    FileKind, FileRecord, NAME, PackageRecord, Requirements, SCHEMA_VERSION, SUMS_NAME,
};
use crate::tree::signature::SignatureKind;

/// Identifier of the document, `$id` of its JSON Schema.
pub const SCHEMA_ID: &str = "urn:cargo-xpkg:release-plan:1";

/// A release that is not written. The fields are those of `release.json`, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleasePlan {
    /// [`SCHEMA_ID`].
    #[serde(rename = "$schema")]
    pub schema: &'static str,
    /// Version of its format.
    pub schema_version: u32,
    /// Program that would write the release.
    pub tool: Tool,
    /// Name of the release.
    pub name: String,
    /// Version of the release.
    pub version: String,
    /// `--tag`.
    pub tag: Option<String>,
    /// Commit that the programs are or would be built from.
    pub commit: Option<String>,
    /// Repository of the sources.
    pub repository: Option<String>,
    /// Address of the directory that the files are published in.
    pub url: Option<String>,
    /// Packages, sorted by name.
    pub packages: Vec<PackageRecord>,
    /// Packages built for targets, sorted by package and triple.
    pub builds: Vec<PlannedBuild>,
    /// All files of the directory: those that `release.json` will list, sorted by path, of a registry
    /// its directories; then `release.json`, the list of checksums, and its signatures.
    pub files: Vec<PlannedFile>,
    /// Signatures of the list of checksums.
    pub signatures: Vec<SignatureKind>,
}

/// Package for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedBuild {
    /// Name of the package.
    pub package: String,
    /// Target triple without a glibc floor.
    pub target: String,
    /// Platform in OCI's notation.
    pub platform: Platform,
    /// C library of the target: `gnu`, `musl` or `system`.
    pub libc: &'static str,
    /// What a machine must have to start the programs; not written before they are built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires: Option<Requirements>,
    /// Directory in the archives.
    pub directory: String,
    /// Programs, sorted by name.
    pub bins: Vec<PlannedBin>,
    /// Archives, sorted by path.
    pub archives: Vec<String>,
}

/// Program or shared library of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedBin {
    /// File name in the archives.
    pub name: String,
    /// Kind of the file; not written for a program.
    #[serde(skip_serializing_if = "ArtifactKind::is_bin")]
    pub kind: ArtifactKind,
}

/// File of the release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PlannedFile {
    /// Path in the directory of the release.
    pub path: String,
    /// Kind of the file.
    pub kind: PlannedKind,
}

/// Kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlannedKind {
    /// One that `release.json` lists.
    File(FileKind),
    /// `release.json`.
    Document,
    /// `SHA256SUMS`.
    Checksums,
    /// Signature of `SHA256SUMS`.
    Signature,
}

impl PlannedKind {
    /// Returns the name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::File(kind) => kind.name(),
            Self::Document => "document",
            Self::Checksums => "checksums",
            Self::Signature => "signature",
        }
    }
}

impl Serialize for PlannedKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::File(kind) => kind.serialize(serializer),
            Self::Document | Self::Checksums | Self::Signature => {
                serializer.serialize_str(self.name())
            }
        }
    }
}

/// Returns the plan of a release.
///
/// # Errors
/// All problems of its packages of Debian.
pub fn planned(
    release: &Release,
    has_registry: bool,
    signatures: Vec<SignatureKind>,
) -> Result<ReleasePlan, Vec<Problem>> {
    let mut files = files(release, has_registry)?;
    files.extend(signatures.iter().map(|kind| PlannedFile {
        path: kind.file_name().to_owned(),
        kind: PlannedKind::Signature,
    }));
    Ok(ReleasePlan {
        schema: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        name: release.name.clone(),
        version: release.version.clone(),
        tag: release.tag.clone(),
        commit: release.commit.clone(),
        repository: release.repository.clone(),
        url: release.url.clone(),
        packages: release.packages.iter().map(package_record).collect(),
        builds: release.builds.iter().map(build).collect(),
        files,
        signatures,
    })
}

/// Returns a build as far as it is known.
fn build(build: &Build) -> PlannedBuild {
    let mut archives: Vec<String> = build.archives().map(|(name, _)| name).collect();
    archives.sort();
    let bin = |bin: &ReleasedBin| PlannedBin {
        name: bin.name.clone(),
        kind: bin.kind,
    };
    PlannedBuild {
        package: build.package.clone(),
        target: build.target.triple().to_owned(),
        platform: build.platform.clone(),
        libc: build.target.system.libc.name(),
        requires: known_requirements(build),
        directory: build.stem.clone(),
        bins: build.bins.iter().map(bin).collect(),
        archives,
    }
}

/// Returns what a machine must have to start the programs of a build; `None` before they are built.
pub fn known_requirements(build: &Build) -> Option<Requirements> {
    let is_known = build.bins.iter().all(|bin| bin.binary.is_some());
    is_known.then(|| requirements(build))
}

/// Returns the files of a release but its signatures.
fn files(release: &Release, has_registry: bool) -> Result<Vec<PlannedFile>, Vec<Problem>> {
    let file = |path: String, kind: FileKind| PlannedFile {
        path,
        kind: PlannedKind::File(kind),
    };
    // The digests do not matter for the names.
    let archives: Vec<FileRecord> = release.builds.iter().flat_map(archives).collect();
    let names = archives.iter().map(|archive| archive.path.clone());
    let mut files: Vec<PlannedFile> = names.map(|name| file(name, FileKind::Archive)).collect();
    let listed = release.builds.iter().filter(|build| build.is_listed);
    files.extend(listed.map(|build| file(build.sbom_name(), FileKind::Sbom)));
    let texts = texts(release, &archives).into_iter();
    files.extend(texts.map(|text| file(text.path, text.kind)));
    let debs = deb::debs(release, 0)?;
    files.extend(
        debs.into_iter()
            .map(|deb| file(deb.file_name, FileKind::Deb)),
    );
    if has_registry {
        files.push(file(format!("{CRATES}/"), FileKind::Crate));
        files.push(file(format!("{INDEX}/"), FileKind::Index));
    }
    if release.provenance {
        files.push(file(provenance::NAME.to_owned(), FileKind::Provenance));
    }
    files.push(file(PAGE_NAME.to_owned(), FileKind::Page));
    files.sort();
    let own = [
        (NAME, PlannedKind::Document),
        (SUMS_NAME, PlannedKind::Checksums),
    ];
    files.extend(own.map(|(path, kind)| PlannedFile {
        path: path.to_owned(),
        kind,
    }));
    Ok(files)
}

/// Returns the records of the archives of a build, as far as they are known.
fn archives(build: &Build) -> Vec<FileRecord> {
    let record = |(path, format)| FileRecord {
        path,
        kind: FileKind::Archive,
        package: Some(build.package.clone()),
        target: Some(build.target.triple().to_owned()),
        format: Some(format),
        size: 0,
        sha256: String::new(),
    };
    build.archives().map(record).collect()
}
