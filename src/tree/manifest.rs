//! Manifest of a staged tree: `manifest.json` with all facts, `MANIFEST.txt` with the digests.
//!
//! Pure. The format is a contract: `src/tree/manifest.schema.json` describes it, and
//! `schema_version` counts its breaking changes. It contains no timestamps, so the same input gives
//! the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::inspect::binary::Binary;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::toolchain::image::lockfile::Derived;
use crate::toolchain::probe::report::Report;
use crate::toolchain::program::Program;
use crate::tree::source::Source;

/// Version of the format that this program writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Identifier of that format, `$id` of its JSON Schema.
pub const SCHEMA_ID: &str = "urn:cargo-xpkg:manifest:1";

/// Contents of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA_ID`].
    #[serde(rename = "$schema")]
    pub schema: String,
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Program that wrote the manifest.
    pub tool: Tool,
    /// Records of the builds, sorted by triple and id.
    pub targets: Vec<TargetRecord>,
    /// Staged files, sorted by path.
    pub artifacts: Vec<Artifact>,
}

/// Program that wrote the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Name of the package, `cargo-xpkg`.
    pub name: String,
    /// Version of the package.
    pub version: String,
}

/// Record of a build of one target. A run of some bins keeps the others with the record of the run
/// that built them, so a target may have several records, and a tree may contain bins of different
/// commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRecord {
    /// Digest of the other fields, 16 hex digits. `built_by` of a file refers to it.
    pub id: String,
    /// Target triple without a glibc floor.
    pub target: String,
    /// Platform in OCI's notation.
    pub platform: Platform,
    /// C library: `gnu`, `musl` or `system`.
    pub libc: String,
    /// Requested glibc floor.
    pub glibc: Option<String>,
    /// Commit that was built.
    pub source: Source,
    /// Rust compiler.
    pub rustc: RustcRecord,
    /// Linker and C compiler.
    pub toolchain: Toolchain,
    /// Results of the probes of the host's C compiler; `None` if nothing that runs on the host
    /// contains C.
    pub host_probes: Option<Report>,
    /// Accepted findings about the compilers.
    pub waivers: Vec<Waiver>,
}

impl TargetRecord {
    /// Creates the record of a target before its build: only facts of the triple are known.
    pub fn expected(target: &Target) -> Self {
        Self {
            id: target.triple().to_owned(),
            target: target.triple().to_owned(),
            platform: Platform::of(target),
            libc: target.system.libc.name().to_owned(),
            glibc: target.floor.map(|floor| floor.to_string()),
            source: Source::default(),
            rustc: RustcRecord {
                release: String::new(),
                commit_hash: None,
                host: String::new(),
            },
            toolchain: Toolchain {
                kind: LinkerKind::Native,
                chosen_by: String::new(),
                reason: String::new(),
                linker: Program::default(),
                c_compiler: None,
                image: None,
                probes: None,
                variables: BTreeMap::new(),
            },
            host_probes: None,
            waivers: Vec::new(),
        }
    }

    /// Sets `id` to the digest of the record; `digest` is SHA-256 as hex.
    pub fn with_id(self, digest: fn(&[u8]) -> String) -> Self {
        let blank = Self {
            id: String::new(),
            ..self
        };
        let text = serde_json::to_string(&blank).expect("a record is plain data");
        Self {
            id: digest(text.as_bytes()).chars().take(16).collect(),
            ..blank
        }
    }
}

/// Platform in OCI's notation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// Operating system (`linux`).
    pub os: String,
    /// Architecture (`arm64`).
    pub architecture: String,
    /// Variant of the architecture (`v7`).
    pub variant: Option<String>,
}

impl Platform {
    /// Returns the platform of a target.
    pub fn of(target: &Target) -> Self {
        Self {
            os: target.system.os.name().to_owned(),
            architecture: target.arch.oci.to_owned(),
            variant: target.arch.variant.map(str::to_owned),
        }
    }
}

/// Rust compiler of a build, from `rustc -vV`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RustcRecord {
    /// Version, such as `1.93.0`.
    pub release: String,
    /// Commit of the compiler, if it reports one.
    pub commit_hash: Option<String>,
    /// Triple of the host.
    pub host: String,
}

/// Linker and C compiler of a build, and the reason for their choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toolchain {
    /// Kind of the linker.
    pub kind: LinkerKind,
    /// Origin of the choice: `auto`, or the flag, variable or file that set it.
    pub chosen_by: String,
    /// Reason for the choice.
    pub reason: String,
    /// Linker.
    pub linker: Program,
    /// C compiler, if the target has one.
    pub c_compiler: Option<Program>,
    /// Cross image that contains linker and C compiler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRecord>,
    /// Results of the probes of the C compiler; `None` if the target's graph contains no C.
    pub probes: Option<Report>,
    /// Target-scoped variables of the build, including the user's.
    pub variables: BTreeMap<String, String>,
}

/// Cross image of a build. The engine is not recorded, because it does not affect the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRecord {
    /// Reference as configured.
    pub reference: String,
    /// Digest of the image, `sha256:…`.
    pub digest: String,
    /// Platform of the image, such as `linux/amd64`.
    pub platform: String,
    /// Image that was built on it and run instead.
    pub derived: Option<Derived>,
}

/// Finding that was accepted by `--accept`, or that the user's own flags work around.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Code of the finding.
    pub code: String,
    /// Message of the finding.
    pub message: String,
}

/// One staged file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Path relative to the tree's root, with `/` between its parts.
    pub path: String,
    /// Target triple without a glibc floor.
    pub target: String,
    /// Name of the package.
    pub package: String,
    /// Version of the package.
    pub version: String,
    /// Name of the bin target.
    pub bin: String,
    /// cargo profile.
    pub profile: String,
    /// Features enabled for the build.
    pub features: Vec<String>,
    /// `id` of the record in `targets`.
    pub built_by: String,
    /// Size in bytes.
    pub size: u64,
    /// Permission bits in octal, such as `0755`.
    pub mode: String,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
    /// Facts of the program; `None` if `unreadable-binary` was accepted.
    pub binary: Option<Binary>,
    /// Accepted findings about this file.
    pub waivers: Vec<Waiver>,
}

impl Manifest {
    /// Creates the manifest of these files and of the records that they refer to. Both are sorted,
    /// so that equal trees give equal bytes.
    pub fn new(mut targets: Vec<TargetRecord>, mut artifacts: Vec<Artifact>) -> Self {
        targets.retain(|record| {
            artifacts
                .iter()
                .any(|artifact| artifact.built_by == record.id)
        });
        targets.sort_by(|a, b| (&a.target, &a.id).cmp(&(&b.target, &b.id)));
        targets.dedup_by(|a, b| a.id == b.id);
        artifacts.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            schema: SCHEMA_ID.to_owned(),
            schema_version: SCHEMA_VERSION,
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            targets,
            artifacts,
        }
    }

    /// Parses a `manifest.json`; `place` is its name in error messages.
    ///
    /// # Errors
    /// The text is not a manifest of [`SCHEMA_VERSION`].
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let unreadable = |why: String| {
            Problem::new(TREE_UNREADABLE, format!("cannot read `{place}`: {why}"))
                .help("use the xpkg that wrote it, or remove the tree by hand and build again")
        };
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let Version { schema_version } =
            serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        if schema_version != SCHEMA_VERSION {
            return Err(unreadable(format!(
                "it has schema version {schema_version}, this xpkg reads {SCHEMA_VERSION}"
            )));
        }
        let manifest: Self =
            serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        manifest.validate().map_err(unreadable)?;
        Ok(manifest)
    }

    /// Checks what the types of the fields cannot express. This is the one place: what has passed is
    /// not checked again.
    fn validate(&self) -> Result<(), String> {
        let mut paths = BTreeSet::new();
        for artifact in &self.artifacts {
            let Artifact {
                path,
                target,
                built_by,
                ..
            } = artifact;
            let record = self.targets.iter().find(|record| record.id == *built_by);
            if record.is_none_or(|record| record.target != *target) {
                return Err(format!("`{path}` is built by no record of its target"));
            }
            if Target::of_triple(target).is_none() {
                return Err(format!("`{path}` is for the unknown target `{target}`"));
            }
            if !paths.insert(path) {
                return Err(format!("`{path}` is listed twice"));
            }
        }
        Ok(())
    }

    /// Returns the text of `manifest.json`.
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest is plain data");
        text.push('\n');
        text
    }

    /// Returns the text of `MANIFEST.txt`: only lines `<sha256>  <path>`, because BusyBox's
    /// `sha256sum` rejects comments.
    pub fn text(&self) -> String {
        self.artifacts
            .iter()
            .map(|artifact| format!("{}  {}\n", artifact.sha256, artifact.path))
            .collect()
    }
}

impl Platform {
    /// Returns `linux/arm/v7`, as Docker writes it.
    pub fn label(&self) -> String {
        let variant = self
            .variant
            .as_ref()
            .map(|variant| format!("/{variant}"))
            .unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[TREE_UNREADABLE];

/// A manifest that cannot be read or parsed, or two that disagree.
pub const TREE_UNREADABLE: Code = code(&CodeInfo {
    name: "tree-unreadable",
    title: "the tree's manifest cannot be read",
    cause: "manifest.json is damaged, or a later xpkg wrote it.",
    detection: "It does not parse as schema version 1, or MANIFEST.txt disagrees with it.",
    fix: "Use the xpkg that wrote it, or remove the directory by hand.",
    page: "manifest",
    sources: &[],
    waivable: false,
});
