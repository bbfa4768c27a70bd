//! The manifest of a staged tree: `manifest.json` with all facts, `MANIFEST.txt` with the digests.
//!
//! Pure. The shape is a contract: `src/tree/manifest.schema.json` describes it, `schema_version` counts
//! its breaks. Nothing in it depends on the time of day, so that the same input gives the same
//! bytes.

use std::collections::BTreeMap;

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

/// The version of the shape that this program writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The identifier of that shape, as its JSON Schema gives it.
pub const SCHEMA_ID: &str = "urn:cargo-xpkg:manifest:1";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "$schema")]
    pub schema: String,
    pub schema_version: u32,
    pub tool: Tool,
    /// Sorted by triple and id.
    pub targets: Vec<TargetRecord>,
    /// Sorted by path.
    pub artifacts: Vec<Artifact>,
}

/// What wrote the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub name: String,
    pub version: String,
}

/// How bins of one target came to be. A run that is narrowed to some bins leaves the others with
/// the record they were built by, so a target may have several, and a tree may hold bins of
/// different commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRecord {
    /// A digest of all the rest: what `built_by` of a file names.
    pub id: String,
    /// The bare triple.
    pub target: String,
    pub platform: Platform,
    pub libc: String,
    /// The glibc floor that was asked for.
    pub glibc: Option<String>,
    pub source: Source,
    pub rustc: RustcRecord,
    pub toolchain: Toolchain,
    /// What the probes say of the host's C compiler; `None` where nothing that runs on the host
    /// stands on C.
    pub host_probes: Option<Report>,
    /// What was let pass about the compilers.
    pub waivers: Vec<Waiver>,
}

impl TargetRecord {
    /// The record of a target that nothing is known of but its name.
    pub fn promised(target: &Target) -> Self {
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

    /// The record with its own digest in place; `digest` is SHA-256 as hex.
    pub fn sealed(self, digest: fn(&[u8]) -> String) -> Self {
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

/// OCI's words for a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
}

impl Platform {
    pub fn of(target: &Target) -> Self {
        Self {
            os: target.system.os.name().to_owned(),
            architecture: target.arch.oci.to_owned(),
            variant: target.arch.variant.map(str::to_owned),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RustcRecord {
    pub release: String,
    pub commit_hash: Option<String>,
    pub host: String,
}

/// What linked, what compiled C, and why it was they.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toolchain {
    pub kind: LinkerKind,
    /// `auto`, or the flag, variable or file that bound the choice.
    pub chosen_by: String,
    pub reason: String,
    pub linker: Program,
    pub c_compiler: Option<Program>,
    /// The cross image that all of it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRecord>,
    /// What the probes say of the C compiler; `None` where the target's graph holds no C.
    pub probes: Option<Report>,
    /// Target-scoped variables of the build, the user's own ones included.
    pub variables: BTreeMap<String, String>,
}

/// A cross image. Which engine ran it does not matter to what came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRecord {
    /// As the configuration writes it.
    pub reference: String,
    /// `sha256:…`.
    pub digest: String,
    /// `linux/amd64`.
    pub platform: String,
    /// What was built upon it and run.
    pub derived: Option<Derived>,
}

/// A finding that `--accept` let pass, or that flags of the user's keep from biting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    pub code: String,
    pub message: String,
}

/// One staged file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Below the tree's root, with `/`.
    pub path: String,
    pub target: String,
    pub package: String,
    pub version: String,
    pub bin: String,
    pub profile: String,
    pub features: Vec<String>,
    /// The `id` of the record in `targets`.
    pub built_by: String,
    /// Bytes.
    pub size: u64,
    pub mode: String,
    /// 64 lower-case hex digits.
    pub sha256: String,
    /// `None` where `unreadable-binary` was accepted.
    pub binary: Option<Binary>,
    /// What was let pass about this file.
    pub waivers: Vec<Waiver>,
}

impl Manifest {
    /// The manifest of these files and those records that they name, in the order that makes equal
    /// trees equal bytes.
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

    /// Reads a `manifest.json`; `place` is what the error calls it.
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
        serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))
    }

    /// The text of `manifest.json`.
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest is plain data");
        text.push('\n');
        text
    }

    /// The text of `MANIFEST.txt`: `<sha256>  <path>` lines only, since BusyBox takes no comments.
    pub fn text(&self) -> String {
        self.artifacts
            .iter()
            .map(|artifact| format!("{}  {}\n", artifact.sha256, artifact.path))
            .collect()
    }
}

impl Platform {
    /// `linux/arm/v7`, as Docker writes it.
    pub fn words(&self) -> String {
        let variant = self
            .variant
            .as_ref()
            .map(|variant| format!("/{variant}"))
            .unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[TREE_UNREADABLE];

pub const TREE_UNREADABLE: Code = code(&CodeInfo {
    name: "tree-unreadable",
    title: "the tree's manifest cannot be read",
    cause: "manifest.json is damaged, or a later xpkg wrote it.",
    detection: "It does not parse as schema version 1, or MANIFEST.txt does not say the same.",
    fix: "Use the xpkg that wrote it, or remove the directory by hand.",
    source: "README, What stands in the tree",
    waivable: false,
});
