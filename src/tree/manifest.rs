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
use crate::project::artifact_kind::ArtifactKind;
use crate::project::linker::LinkerKind;
use crate::project::path_template::path_fault;
use crate::project::reference::Reference;
use crate::target::glibc::Glibc;
use crate::target::level::Level;
use crate::target::macos::MacOs;
use crate::target::system::{Libc, Os};
use crate::target::{SLICES, Target, UNIVERSAL};
use crate::toolchain::image::lockfile::Derived;
use crate::toolchain::probe::report::Report;
use crate::tree::fields::{
    self, LARGEST_SIZE, excerpt, is_commit, is_component, is_digest, is_hex, is_mode, is_word, must,
};
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
    /// Level of processor that the rustflags allow, if it is above the target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// True if the build kept the machine's directories and the time out of the programs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reproducible: bool,
    /// Oldest macOS that its programs were linked for (`11.0`); `None` for other systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macos: Option<String>,
    /// IDs of the records of the programs that its programs hold, for a universal target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<String>,
    /// What cargo was asked to build; `None` if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<SelectionRecord>,
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
            level: None,
            reproducible: false,
            macos: None,
            slices: Vec::new(),
            selection: None,
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
                linker: ProgramRecord::default(),
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

/// What cargo was asked to build: other packages in one call are other features of what they share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectionRecord {
    /// Packages, sorted.
    pub packages: Vec<String>,
    /// Bins that were asked for by name, sorted; none: all of the packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bins: Vec<String>,
    /// Features of the command line, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// True if all features were asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_features: bool,
    /// True if default features were left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_default_features: bool,
    /// True if lists of packages were added to the programs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auditable: bool,
    /// Digest of the settings of cargo's profile; `None` if it has its defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Digest of the rustflags; `None` if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rustflags: Option<String>,
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
    pub linker: ProgramRecord,
    /// C compiler, if the target has one.
    pub c_compiler: Option<ProgramRecord>,
    /// Cross image that contains linker and C compiler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRecord>,
    /// Results of the probes of the C compiler; `None` if the target's graph contains no C.
    pub probes: Option<Report>,
    /// Target-scoped variables of the build, including the user's: SHA-256 of each value as 64 hex
    /// digits, with names in place of this machine's directories. The values may be secrets, and the
    /// manifest is published.
    pub variables: BTreeMap<String, String>,
}

/// Linker or compiler of a build. Its path is not recorded: the record of a build is the same on
/// every machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramRecord {
    /// Name by which it is called.
    pub program: String,
    /// Version line, as the program prints it.
    pub version: Option<String>,
    /// GNU triple that a compiler compiles for.
    pub machine: Option<String>,
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
    /// Name of the bin target, or of the library.
    pub bin: String,
    /// Kind of the file; not written for a bin.
    #[serde(default, skip_serializing_if = "ArtifactKind::is_bin")]
    pub kind: ArtifactKind,
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
        let has_files = |id: &String| artifacts.iter().any(|artifact| artifact.built_by == *id);
        let in_others: BTreeSet<String> = targets
            .iter()
            .filter(|record| has_files(&record.id))
            .flat_map(|record| record.slices.clone())
            .collect();
        targets.retain(|record| has_files(&record.id) || in_others.contains(&record.id));
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
        let manifest: Self = fields::parse(text, SCHEMA_VERSION).map_err(unreadable)?;
        manifest.validate().map_err(unreadable)?;
        Ok(manifest)
    }

    /// Checks what the types of the fields cannot express. This is the one place: what has passed is
    /// not checked again.
    fn validate(&self) -> Result<(), String> {
        must(
            self.schema == SCHEMA_ID,
            "`$schema`",
            &self.schema,
            SCHEMA_ID,
        )?;
        let mut records = BTreeMap::new();
        for record in &self.targets {
            record.validate()?;
            if records.insert(&record.id, &record.target).is_some() {
                return Err(format!("the record `{}` is listed twice", record.id));
            }
        }
        for record in &self.targets {
            let of_slice = |slice: &String| records.get(slice).map(|target| target.as_str());
            let found: Vec<_> = record.slices.iter().filter_map(of_slice).collect();
            let expected: &[&str] = match record.target == UNIVERSAL {
                true => &SLICES,
                false => &[],
            };
            if found != expected || record.slices.len() != found.len() {
                let TargetRecord { id, target, .. } = record;
                return Err(format!(
                    "`slices` of the record `{id}` are not those of `{target}`"
                ));
            }
        }
        let mut paths = BTreeSet::new();
        for artifact in &self.artifacts {
            artifact.validate()?;
            let Artifact {
                path,
                target,
                built_by,
                ..
            } = artifact;
            if records.get(built_by) != Some(&target) {
                return Err(format!("`{path}` is built by no record of its target"));
            }
            if !paths.insert(path.as_str()) {
                return Err(format!("`{path}` is listed twice"));
            }
        }
        for path in &paths {
            let mut directories = path.match_indices('/').map(|(end, _)| &path[..end]);
            if let Some(file) = directories.find(|directory| paths.contains(directory)) {
                return Err(format!(
                    "`{file}` is listed as a file, and `{path}` below it"
                ));
            }
        }
        Ok(())
    }

    /// Returns the text of `manifest.json`.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a manifest is plain data");
        fields::visible(&text) + "\n"
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

impl TargetRecord {
    /// Checks the fields of a record that become names or arguments, or that the triple determines.
    ///
    /// # Errors
    /// The reason as a clause.
    pub fn validate(&self) -> Result<(), String> {
        let Self {
            id,
            target,
            platform,
            libc,
            glibc,
            level,
            reproducible: _,
            macos,
            slices: _,
            selection,
            source,
            rustc,
            toolchain,
            host_probes,
            waivers,
        } = self;
        must(is_hex(id, 16), "the `id` of a record", id, "16 hex digits")?;
        let of = |field: &str| format!("`{field}` of the record `{id}`");
        let Some(known) = Target::of_triple(target) else {
            return Err(format!(
                "the record `{id}` is for the unknown target `{}`",
                excerpt(target)
            ));
        };
        let expected = Platform::of(&known);
        must(
            *platform == expected,
            &of("platform"),
            &platform.label(),
            &format!("`{}`, that of `{target}`", expected.label()),
        )?;
        let expected = known.system.libc.name();
        must(
            libc == expected,
            &of("libc"),
            libc,
            &format!("`{expected}`, that of `{target}`"),
        )?;
        if let Some(floor) = glibc {
            let is_floor = known.system.libc == Libc::Gnu && Glibc::parse(floor).is_some();
            must(is_floor, &of("glibc"), floor, "a glibc floor of its target")?;
        }
        if let Some(version) = macos {
            let is_version = known.system.os == Os::Darwin && MacOs::parse(version).is_some();
            must(is_version, &of("macos"), version, "a version of macOS")?;
        }
        if let Some(commit) = &source.commit {
            must(is_commit(commit), &of("source.commit"), commit, "a commit")?;
        }
        if let Some(digest) = &source.cargo_lock_sha256 {
            let place = of("source.cargo_lock_sha256");
            must(is_hex(digest, 64), &place, digest, "64 hex digits")?;
        }
        let release = &rustc.release;
        let is_release = is_word(release, &['.', '-', '+']);
        must(is_release, &of("rustc.release"), release, "a version")?;
        let host = &rustc.host;
        must(
            is_word(host, &['.', '-']),
            &of("rustc.host"),
            host,
            "a triple",
        )?;
        if let Some(image) = &toolchain.image {
            image.validate(id)?;
        }
        if let Some(selection) = selection {
            selection.validate(&of("selection"))?;
        }
        for (name, digest) in &toolchain.variables {
            let place = of("toolchain.variables");
            must(is_word(name, &['-', '.']), &place, name, "a variable")?;
            let place = of(&format!("toolchain.variables.{name}"));
            must(is_hex(digest, 64), &place, digest, "64 hex digits")?;
        }
        validate_level(level.as_ref(), &of("level"))?;
        for report in [&toolchain.probes, host_probes].into_iter().flatten() {
            let level = report.facts.as_ref().and_then(|facts| facts.level.as_ref());
            validate_level(level, &of("probes.facts.level"))?;
            for flags in &report.flags {
                must(is_digest(flags), &of("probes.flags"), flags, "a digest")?;
            }
        }
        waivers.iter().try_for_each(|waiver| waiver.validate(id))
    }
}

impl SelectionRecord {
    /// Checks the names, which become arguments of cargo.
    fn validate(&self, place: &str) -> Result<(), String> {
        let Self {
            packages,
            bins,
            features,
            all_features: _,
            no_default_features: _,
            auditable: _,
            profile,
            rustflags,
        } = self;
        for digest in profile.iter().chain(rustflags) {
            must(is_hex(digest, 64), place, digest, "64 hex digits")?;
        }
        let names = packages.iter().chain(bins).chain(features);
        for name in names {
            let is_name = !name.starts_with('-') && is_word(name, SELECTED);
            must(is_name, place, name, "names of packages, bins and features")?;
        }
        Ok(())
    }
}

/// Characters in the names of packages, bins and features, and between them, besides letters and
/// digits.
const SELECTED: &[char] = &['-', '_', '.', '+', '/', '?', '@', ':'];

/// Checks the names of RISC-V's extensions; the other levels are enumerations.
fn validate_level(level: Option<&Level>, place: &str) -> Result<(), String> {
    let Some(Level::Riscv { extensions, .. }) = level else {
        return Ok(());
    };
    extensions
        .iter()
        .try_for_each(|name| must(is_word(name, &['-']), place, name, "names of extensions"))
}

impl ImageRecord {
    /// Checks the fields of the image of the record `id`.
    fn validate(&self, id: &str) -> Result<(), String> {
        let Self {
            reference,
            digest,
            platform,
            derived,
        } = self;
        let of = |field: &str| format!("`toolchain.image.{field}` of the record `{id}`");
        let is_reference = Reference::parse(reference).is_ok();
        must(is_reference, &of("reference"), reference, "an image")?;
        let is_platform = is_word(platform, &['/', '.', '-']);
        must(is_platform, &of("platform"), platform, "a platform")?;
        let derived = derived.iter().flat_map(|derived| {
            [
                ("derived.inputs", &derived.inputs),
                ("derived.id", &derived.id),
            ]
        });
        for (field, digest) in [("digest", digest)].into_iter().chain(derived) {
            must(
                is_digest(digest),
                &of(field),
                digest,
                "`sha256:` and 64 hex digits",
            )?;
        }
        Ok(())
    }
}

impl Waiver {
    /// Checks the code; `place` is what the finding is about.
    fn validate(&self, place: &str) -> Result<(), String> {
        let code = &self.code;
        let is_code = is_word(code, &['-']);
        must(
            is_code,
            &format!("a waiver's `code` in `{place}`"),
            code,
            "a code",
        )
    }
}

impl Artifact {
    /// Checks the fields of a file.
    fn validate(&self) -> Result<(), String> {
        let Self {
            path,
            target,
            package,
            version,
            bin,
            kind: _,
            profile,
            features: _,
            built_by: _,
            size,
            mode,
            sha256,
            binary,
            waivers,
        } = self;
        if let Some(fault) = path_fault(path) {
            return Err(format!(
                "the path `{}` is not one below the tree: {fault}",
                excerpt(path)
            ));
        }
        let of = |field: &str| format!("`{field}` of `{path}`");
        if Target::of_triple(target).is_none() {
            return Err(format!(
                "`{path}` is for the unknown target `{}`",
                excerpt(target)
            ));
        }
        must(is_component(package), &of("package"), package, "a name")?;
        must(is_component(bin), &of("bin"), bin, "a name")?;
        let is_version = is_word(version, &['.', '-', '+']);
        must(is_version, &of("version"), version, "a version")?;
        must(
            is_word(profile, &['-']),
            &of("profile"),
            profile,
            "a profile",
        )?;
        must(
            *size <= LARGEST_SIZE,
            &of("size"),
            &size.to_string(),
            "a size",
        )?;
        must(is_mode(mode), &of("mode"), mode, "a mode such as `0755`")?;
        must(is_hex(sha256, 64), &of("sha256"), sha256, "64 hex digits")?;
        let slices = binary.iter().flat_map(|binary| &binary.slices);
        for binary in binary.iter().chain(slices) {
            let class = binary.class;
            if ![32, 64].contains(&class) {
                return Err(format!("{} is {class}, not 32 or 64", of("binary.class")));
            }
            validate_level(binary.level.as_ref(), &of("binary.level"))?;
        }
        waivers.iter().try_for_each(|waiver| waiver.validate(path))
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
    cause: "manifest.json is damaged, another xpkg wrote it, or somebody wrote it to do harm: a path \
            that leads out of the tree, a commit that is an option of git.",
    detection: "It does not parse as schema version 1, a field does not have its form, or \
                MANIFEST.txt disagrees with it. Nothing of such a tree is used or removed.",
    fix: "Use the xpkg that wrote it, or remove the directory by hand.",
    page: "manifest",
    sources: &[],
    waivable: false,
});
