//! Texts of a release that are made of the records of its archives: digests beside them, installers,
//! what package managers read. Pure.

use crate::ship::release::installer;
use crate::ship::release::managers;
use crate::ship::release::model::Release;
use crate::tree::installer::{PS1_NAME, SH_NAME};
use crate::tree::release::{FileKind, FileRecord, sums};

/// A text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Path in the directory of the release.
    pub path: String,
    /// Kind of the file.
    pub kind: FileKind,
    /// Package and target of the archive that it is about.
    pub about: Option<(String, String)>,
    /// True if it is a script for a shell.
    pub is_executable: bool,
    /// Contents.
    pub text: String,
}

/// Returns the texts of a release with these archives.
pub fn texts(release: &Release, archives: &[FileRecord]) -> Vec<TextFile> {
    let file = |kind: FileKind, (path, text): (String, String)| TextFile {
        is_executable: path == SH_NAME,
        path,
        kind,
        about: None,
        text,
    };
    let mut files: Vec<TextFile> = Vec::new();
    if release.sidecars {
        files.extend(archives.iter().map(sidecar));
    }
    if release.installers {
        let scripts = [
            (SH_NAME, installer::sh(release, archives)),
            (PS1_NAME, installer::ps1(release, archives)),
        ];
        let scripts = scripts.into_iter();
        let made = scripts.filter_map(|(name, text)| Some((name.to_owned(), text?)));
        files.extend(made.map(|made| file(FileKind::Installer, made)));
    }
    let formulas = managers::formulas(release, archives).into_iter();
    files.extend(formulas.map(|made| file(FileKind::Homebrew, made)));
    let manifests = managers::scoop_manifests(release, archives).into_iter();
    files.extend(manifests.map(|made| file(FileKind::Scoop, made)));
    files
}

/// Returns the file with the digest of an archive.
fn sidecar(archive: &FileRecord) -> TextFile {
    TextFile {
        path: format!("{}.sha256", archive.path),
        kind: FileKind::Checksum,
        about: archive.package.clone().zip(archive.target.clone()),
        is_executable: false,
        text: sums([(archive.path.as_str(), archive.sha256.as_str())]),
    }
}
