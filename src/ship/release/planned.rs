//! Files of a release before it is written: what `release --dry-run` shows. Pure.

use crate::problem::{Problem, Result};
use crate::ship::release::deb;
use crate::ship::release::model::{Build, Release};
use crate::ship::release::page::PAGE_NAME;
use crate::ship::release::texts::texts;
use crate::tree::provenance;
use crate::tree::registry::{CRATES, INDEX};
use crate::tree::release::{FileKind, FileRecord, NAME, SUMS_NAME};

/// A file that is no archive of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Path in the directory of the release.
    pub path: String,
    /// Name of its kind in tables.
    pub kind: &'static str,
}

/// Returns the files of a release but its archives, in the order of the written table.
///
/// # Errors
/// All problems of its packages of Debian.
pub fn planned(release: &Release, has_registry: bool) -> Result<Vec<Planned>, Vec<Problem>> {
    let file = |path: String, kind: FileKind| Planned {
        path,
        kind: kind.name(),
    };
    // The digests do not matter for the names.
    let archives: Vec<FileRecord> = release.builds.iter().flat_map(archives).collect();
    let mut files: Vec<Planned> = Vec::new();
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
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let documents = [(NAME, "document"), (SUMS_NAME, "checksums")];
    files.extend(documents.map(|(path, kind)| Planned {
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
