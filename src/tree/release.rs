//! Document of a release: `release.json`, what a release holds, for programs. Pure.
//!
//! The format is a contract: `src/tree/release.schema.json` describes it, and `schema_version` counts
//! its breaking changes. It contains no time of its own and no path of the machine that wrote it, so
//! the same trees give the same bytes.

use std::collections::BTreeSet;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::inspect::binary::{Binary, Linkage};
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::config::release::ArchiveFormat;
use crate::project::path_template::path_fault;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::target::macos::MacOs;
use crate::tree::fields::{self, is_component, is_hex, list_entry, must};
use crate::tree::manifest::{Platform, Tool};
use crate::tree::registry::{CRATES, INDEX};
use crate::tree::signature::SignatureKind;

/// Name of the document in the directory of a release.
pub const NAME: &str = "release.json";

/// Name of the list of checksums.
pub const SUMS_NAME: &str = "SHA256SUMS";

/// Version of the format that this program writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Identifier of that format, `$id` of its JSON Schema.
pub const SCHEMA_ID: &str = "urn:cargo-xpkg:release:1";

/// Contents of `release.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// [`SCHEMA_ID`].
    #[serde(rename = "$schema")]
    pub schema: String,
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Program that wrote the release.
    pub tool: Tool,
    /// Name of the release.
    pub name: String,
    /// Version of the release.
    pub version: String,
    /// `--tag`.
    pub tag: Option<String>,
    /// Commit that the programs were built from.
    pub commit: Option<String>,
    /// Repository of the sources.
    pub repository: Option<String>,
    /// Address of the directory that the files are published in.
    pub url: Option<String>,
    /// Packages, sorted by name.
    pub packages: Vec<PackageRecord>,
    /// Packages built for targets, sorted by package and triple.
    pub builds: Vec<BuildRecord>,
    /// All other files of the directory but the list of checksums and its signatures, sorted by
    /// path.
    pub files: Vec<FileRecord>,
    /// Signatures of the list of checksums.
    #[serde(default)]
    pub signatures: Vec<SignatureKind>,
}

/// Package of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageRecord {
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
}

/// Package built for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRecord {
    /// Name of the package.
    pub package: String,
    /// Target triple without a glibc floor.
    pub target: String,
    /// Platform in OCI's notation.
    pub platform: Platform,
    /// C library of the target: `gnu`, `musl` or `system`.
    pub libc: String,
    /// What a machine must have to start the programs.
    pub requires: Requirements,
    /// Directory in the archives.
    pub directory: String,
    /// Programs, sorted by name.
    pub bins: Vec<BinRecord>,
    /// Archives, sorted by path.
    pub archives: Vec<String>,
}

/// What a machine must have to start programs: the sum of what was read from each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    /// Highest glibc floor.
    pub glibc: Option<String>,
    /// Dynamic loader; `None` if all programs are static, or their system has no such choice.
    pub interpreter: Option<String>,
    /// Shared libraries, sorted.
    pub libraries: Vec<String>,
    /// Oldest version of macOS.
    pub macos: Option<String>,
}

impl BuildRecord {
    /// Returns the names of its programs, without libraries.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        let programs = self.bins.iter().filter(|bin| bin.kind.is_bin());
        programs.map(|bin| bin.name.as_str())
    }
}

/// Program or shared library of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinRecord {
    /// File name in the archives.
    pub name: String,
    /// Kind of the file; not written for a program.
    #[serde(default, skip_serializing_if = "ArtifactKind::is_bin")]
    pub kind: ArtifactKind,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
}

/// File of a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Path in the directory of the release, with `/` between its parts.
    pub path: String,
    /// Kind of the file.
    pub kind: FileKind,
    /// Package that it is of; `None` for the whole release.
    pub package: Option<String>,
    /// Target that it is for.
    pub target: Option<String>,
    /// Format of an archive.
    pub format: Option<ArchiveFormat>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
}

/// Kind of a file of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// Archive of a build.
    Archive,
    /// Digest of the file beside it.
    Checksum,
    /// Script that installs the programs.
    Installer,
    /// Page for people.
    Page,
    /// Package of Debian.
    Deb,
    /// Package of cargo.
    Crate,
    /// File of the index of the registry.
    Index,
    /// Formula of Homebrew.
    Homebrew,
    /// Manifest of Scoop.
    Scoop,
    /// SBOM of a build, CycloneDX.
    Sbom,
    /// How the files were made: a statement of in-toto.
    Provenance,
}

impl FileKind {
    /// Returns the name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Checksum => "checksum",
            Self::Installer => "installer",
            Self::Page => "page",
            Self::Deb => "package of Debian",
            Self::Crate => "package of cargo",
            Self::Index => "index of the registry",
            Self::Homebrew => "formula of Homebrew",
            Self::Scoop => "manifest of Scoop",
            Self::Sbom => "SBOM",
            Self::Provenance => "provenance",
        }
    }

    /// Returns the directory of the release that files of the kind are below; `None` if they may be
    /// anywhere.
    fn directory(self) -> Option<&'static str> {
        match self {
            Self::Crate => Some(CRATES),
            Self::Index => Some(INDEX),
            _ => None,
        }
    }
}

/// Returns the oldest macOS that a program starts on; of a universal one, that of the part with the
/// oldest.
fn oldest_macos(binary: &Binary) -> Option<&str> {
    let own = std::slice::from_ref(binary);
    let parts = if binary.slices.is_empty() {
        own
    } else {
        binary.slices.as_slice()
    };
    let versions = parts
        .iter()
        .filter_map(|part| part.mach_o.as_ref()?.minos.as_deref());
    versions.min_by_key(|version| MacOs::parse(version))
}

impl Requirements {
    /// Returns what a machine must have to start these programs.
    pub fn of<'a>(programs: impl Iterator<Item = &'a Binary> + Clone) -> Self {
        let highest = |versions: Vec<&str>| {
            let parsed = versions.into_iter();
            parsed
                .max_by_key(|version| Glibc::parse(version))
                .map(str::to_owned)
        };
        let floors = programs
            .clone()
            .filter_map(|binary| Some(binary.glibc_floor.as_ref()?.version.as_str()));
        let systems = programs.clone().filter_map(oldest_macos);
        let is_dynamic = |binary: &&Binary| binary.linkage == Linkage::Dynamic;
        let libraries: BTreeSet<&String> =
            programs.clone().flat_map(|binary| &binary.needed).collect();
        Self {
            glibc: highest(floors.collect()),
            interpreter: programs
                .filter(is_dynamic)
                .find_map(|binary| binary.interpreter.clone()),
            libraries: libraries.into_iter().cloned().collect(),
            macos: highest(systems.collect()),
        }
    }

    /// Returns the requirement that decides where the programs start, for people: `glibc 2.17`,
    /// `macOS 11.0`, a loader's path, or `nothing`.
    pub fn label(&self) -> String {
        let Self {
            glibc,
            interpreter,
            libraries: _,
            macos,
        } = self;
        match (glibc, macos, interpreter) {
            (Some(version), ..) => format!("glibc {version}"),
            (_, Some(version), _) => format!("macOS {version}"),
            (_, _, Some(loader)) => loader.clone(),
            _ => "nothing".to_owned(),
        }
    }
}

impl Document {
    /// Parses a `release.json`; `place` is its name in error messages.
    ///
    /// # Errors
    /// `release-unreadable`: it is not a document of [`SCHEMA_VERSION`], or a field of it does not
    /// have its form.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let unreadable = |why: String| {
            Problem::new(RELEASE_UNREADABLE, format!("cannot read `{place}`: {why}")).help(
                "use the xpkg that wrote it, or choose another directory: `--release-dir DIR`",
            )
        };
        let document: Self = fields::parse(text, SCHEMA_VERSION).map_err(unreadable)?;
        document.validate().map_err(unreadable)?;
        Ok(document)
    }

    fn validate(&self) -> Result<(), String> {
        must(
            self.schema == SCHEMA_ID,
            "`$schema`",
            &self.schema,
            SCHEMA_ID,
        )?;
        let mut paths = BTreeSet::new();
        for FileRecord {
            path, kind, sha256, ..
        } in &self.files
        {
            list_entry(&mut paths, "file", path, sha256)?;
            // `publish` makes keys of a channel's registry from these paths.
            if let Some(directory) = kind.directory() {
                let place = format!("a path of kind `{}`", kind.name());
                let is_below = path
                    .strip_prefix(directory)
                    .is_some_and(|rest| rest.starts_with('/'));
                must(is_below, &place, path, &format!("below `{directory}`"))?;
            }
        }
        // A directory of that name is beside `latest` and `registry` at a store.
        let is_version = |text: &str| Version::parse(text).is_ok();
        must(
            is_version(&self.version),
            "`version`",
            &self.version,
            "a version",
        )?;
        must(is_component(&self.name), "`name`", &self.name, "a name")?;
        for PackageRecord { name, version, .. } in &self.packages {
            must(is_component(name), "`name` of a package", name, "a name")?;
            must(
                is_version(version),
                &format!("`version` of `{name}`"),
                version,
                "a version",
            )?;
        }
        self.builds
            .iter()
            .try_for_each(|build| build.validate(&paths))
    }

    /// Returns the text of `release.json`.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a document is plain data");
        fields::visible(&text) + "\n"
    }
}

impl BuildRecord {
    /// Checks the fields of a build; `paths` are those of the listed files.
    fn validate(&self, paths: &BTreeSet<&str>) -> Result<(), String> {
        let Self {
            package,
            target,
            directory,
            bins,
            archives,
            ..
        } = self;
        must(
            is_component(package),
            "`package` of a build",
            package,
            "a name",
        )?;
        let of = |field: &str| format!("`{field}` of the build of `{package}`");
        let is_known = Target::of_triple(target).is_some();
        must(is_known, &of("target"), target, "a known target")?;
        must(
            is_component(directory),
            &of("directory"),
            directory,
            "a name",
        )?;
        for bin in bins {
            let BinRecord {
                name, sha256, kind, ..
            } = bin;
            // A package for JavaScript is a directory.
            let is_packaged = *kind == ArtifactKind::WasmBindgen && path_fault(name).is_none();
            must(
                is_packaged || is_component(name),
                &of("bins"),
                name,
                "a name",
            )?;
            let place = format!("`sha256` of `{name}`");
            must(is_hex(sha256, 64), &place, sha256, "64 hex digits")?;
        }
        // Installers take the directory from the name of the archive.
        let is_named = |archive: &String| {
            let suffix = archive.strip_prefix(directory.as_str());
            let suffix = suffix.and_then(|rest| rest.strip_prefix('.'));
            suffix.is_some_and(|suffix| {
                ArchiveFormat::ALL
                    .iter()
                    .any(|known| known.suffix() == suffix)
            })
        };
        for archive in archives {
            let is_listed = paths.contains(archive.as_str()) && is_named(archive);
            let form = "a listed archive with the name of the directory";
            must(is_listed, &of("archives"), archive, form)?;
        }
        Ok(())
    }
}

/// Returns the text of `SHA256SUMS`: lines `<sha256>  <path>`, sorted by path.
pub fn sums<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut lines: Vec<(&str, &str)> = files.into_iter().collect();
    lines.sort_unstable();
    let line = |(path, digest): (&str, &str)| format!("{digest}  {path}\n");
    lines.into_iter().map(line).collect()
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[RELEASE_UNREADABLE];

/// A `release.json` that cannot be parsed.
pub const RELEASE_UNREADABLE: Code = code(&CodeInfo {
    name: "release-unreadable",
    title: "the document of a release cannot be read",
    cause: "release.json is damaged, or another xpkg wrote it.",
    detection: "It does not parse as schema version 1, or a path or a digest does not have its \
                form. Nothing of such a directory is used or removed.",
    fix: "Use the xpkg that wrote it, or remove the directory by hand.",
    page: "release",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> String {
        let digest = "0a".repeat(32);
        format!(
            r#"{{"$schema":"{SCHEMA_ID}","schema_version":1,"tool":{{"name":"cargo-xpkg","version":"0.1.0"}},"name":"chat","version":"1.2.3","tag":null,"commit":null,"repository":null,"url":null,"packages":[{{"name":"chat","version":"1.2.3","description":"it's","license":null,"homepage":null}}],"builds":[{{"package":"chat","target":"x86_64-unknown-linux-musl","platform":{{"os":"linux","architecture":"amd64","variant":null}},"libc":"musl","requires":{{"glibc":null,"interpreter":null,"libraries":[],"macos":null}},"directory":"chat-1.2.3","bins":[{{"name":"server","size":1,"sha256":"{digest}"}}],"archives":["chat-1.2.3.tar.gz"]}}],"files":[{{"path":"chat-1.2.3.tar.gz","kind":"archive","package":"chat","target":null,"format":"tar.gz","size":1,"sha256":"{digest}"}}]}}"#
        )
    }

    #[test]
    fn every_field_has_its_form() {
        let parsed = Document::parse(&document(), "release.json").unwrap();
        assert_eq!(Document::parse(&parsed.json(), "release.json"), Ok(parsed));
        for (from, to, expected) in [
            (
                "release:1",
                "release:2",
                "`$schema` is `urn:cargo-xpkg:release:2`, not urn:cargo-xpkg:release:1",
            ),
            (
                "\"schema_version\":1",
                "\"schema_version\":2",
                "it has schema version 2, this xpkg reads 1",
            ),
            (
                "it's",
                "it\\u202es",
                "`it\\u{202e}s` has characters that cannot be seen",
            ),
            (
                "\"path\":\"chat-1.2.3.tar.gz",
                "\"path\":\"../chat-1.2.3.tar.gz",
                "the file `../chat-1.2.3.tar.gz` is not below it: it has a component `..`",
            ),
            (
                "\"directory\":\"chat-1.2.3",
                "\"directory\":\"a/b",
                "`directory` of the build of `chat` is `a/b`, not a name",
            ),
            (
                "\"name\":\"server\"",
                "\"name\":\"-rf\"",
                "`bins` of the build of `chat` is `-rf`, not a name",
            ),
            (
                "x86_64-unknown-linux-musl",
                "x86_64",
                "`target` of the build of `chat` is `x86_64`, not a known target",
            ),
            (
                "[\"chat-1.2.3.tar.gz\"]",
                "[\"other\"]",
                "`archives` of the build of `chat` is `other`, not a listed archive with the name of the \
                 directory",
            ),
            (
                "\"version\":\"1.2.3\",\"tag\"",
                "\"version\":\"../1\",\"tag\"",
                "`version` is `../1`, not a version",
            ),
            (
                "\"version\":\"1.2.3\",\"tag\"",
                "\"version\":\"latest\",\"tag\"",
                "`version` is `latest`, not a version",
            ),
            (
                "\"kind\":\"archive\"",
                "\"kind\":\"index\"",
                "a path of kind `index of the registry` is `chat-1.2.3.tar.gz`, not below \
                 `registry/index`",
            ),
            (
                "\"path\":\"chat-1.2.3.tar.gz\",\"kind\":\"archive\"",
                "\"path\":\"registry/cratesx\",\"kind\":\"crate\"",
                "a path of kind `package of cargo` is `registry/cratesx`, not below \
                 `registry/crates`",
            ),
        ] {
            let text = document().replacen(from, to, 1);
            let problem = Document::parse(&text, "release.json").unwrap_err();
            assert_eq!(
                problem.message,
                format!("cannot read `release.json`: {expected}")
            );
        }
    }
}
