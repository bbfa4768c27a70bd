//! A release and its written files -> `release.json`. Pure.

use crate::ship::release::model::{Build, Package, Release, ReleasedBin};
use crate::tree::manifest::Tool;
use crate::tree::release::{
    BinRecord, BuildRecord, Document, FileRecord, PackageRecord, Requirements, SCHEMA_ID,
    SCHEMA_VERSION,
};
use crate::tree::signature::SignatureKind;

/// Returns the document of a release, its written files and its signatures.
pub fn document(
    release: &Release,
    mut files: Vec<FileRecord>,
    signatures: Vec<SignatureKind>,
) -> Document {
    let Release {
        name,
        version,
        tag,
        commit,
        repository,
        url,
        sidecars: _,
        installers: _,
        install_directory: _,
        homebrew: _,
        scoop: _,
        public_keys: _,
        provenance: _,
        packages,
        builds,
    } = release;
    files.sort();
    Document {
        schema: SCHEMA_ID.to_owned(),
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        name: name.clone(),
        version: version.clone(),
        tag: tag.clone(),
        commit: commit.clone(),
        repository: repository.clone(),
        url: url.clone(),
        packages: packages.iter().map(package_record).collect(),
        builds: builds.iter().map(build_record).collect(),
        files,
        signatures,
    }
}

/// Returns the record of a package.
pub fn package_record(package: &Package) -> PackageRecord {
    let Package {
        name,
        version,
        description,
        license,
        homepage,
        deb: _,
    } = package.clone();
    PackageRecord {
        name,
        version,
        description,
        license,
        homepage,
    }
}

/// Returns the record of a build.
pub fn build_record(build: &Build) -> BuildRecord {
    let mut archives: Vec<String> = build.archives().map(|(name, _)| name).collect();
    archives.sort();
    let bin = |bin: &ReleasedBin| BinRecord {
        name: bin.name.clone(),
        kind: bin.kind,
        size: bin.size,
        sha256: bin.sha256.clone(),
    };
    BuildRecord {
        package: build.package.clone(),
        target: build.target.triple().to_owned(),
        platform: build.platform.clone(),
        libc: build.target.system.libc.name().to_owned(),
        requires: requirements(build),
        directory: build.stem.clone(),
        bins: build.bins.iter().map(bin).collect(),
        archives,
    }
}

/// Returns what a machine must have to start the programs of a build.
pub fn requirements(build: &Build) -> Requirements {
    Requirements::of(build.bins.iter().filter_map(|bin| bin.binary.as_ref()))
}
