//! Makes a release of staged, verified trees: archives, checksums and a document that describes
//! them.

/// Members of an archive.
pub mod archive;
/// Packages of Debian.
pub mod deb;
/// The release that the trees, the configuration and the flags add up to.
pub mod decide;
/// The contents of `release.json`.
pub mod document;
/// Files that the configuration adds to archives.
pub mod include;
/// Installers.
pub mod installer;
/// Looks for included files, and for the commit of a tag.
pub mod look;
/// Homebrew and Scoop.
pub mod managers;
/// A release before it is written.
pub mod model;
/// The page for people.
pub mod page;
/// Files before they are written.
pub mod planned;
/// How the files were made.
pub mod provenance;
/// SBOM of a build.
pub mod sbom;
pub mod sign;
/// Templates of installers and of the page.
pub mod template;
/// Texts made of the archives' records.
pub mod texts;
/// Version and tag of a release.
pub mod version;
/// Writes the directory of a release in one step.
pub mod write;

#[cfg(test)]
mod tests;
