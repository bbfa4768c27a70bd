//! Provenance of a release: `provenance.intoto.json`, an in-toto statement with SLSA's provenance as
//! its predicate. Pure.
//!
//! It contains no time and no path of the machine that wrote it, so the same trees give the same
//! bytes. What it says twice, [`compare`] compares. Sources:
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>,
//! <https://slsa.dev/spec/v1.2/build-provenance>

/// How a statement is not that of a release.
pub mod compare;
/// Sources and tools of builds.
pub mod materials;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::tree::fields::{self, excerpt, is_component, is_word, list_entry, must};
use crate::tree::manifest::TargetRecord;
use crate::tree::release::{BuildRecord, Document, FileKind};

/// Name of the file in the directory of a release.
pub const NAME: &str = "provenance.intoto.json";

/// Type of the statement.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// Type of its predicate.
pub const PREDICATE: &str = "https://slsa.dev/provenance/v1";

/// Type of the build: what the parameters mean. The guide describes it.
pub const BUILD_TYPE: &str = "urn:cargo-xpkg:release-build:1";

/// Builder: a program that says of itself what it did. A service that runs it may say more, in a
/// statement of its own.
pub const BUILDER: &str = "urn:cargo-xpkg:builder:self-asserted";

/// Contents of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Statement {
    /// [`STATEMENT`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// Files and programs of the release, sorted by name.
    pub subject: Vec<Subject>,
    /// [`PREDICATE`].
    pub predicate_type: String,
    /// How they were made.
    pub predicate: Predicate,
}

/// File of the release, or program in an archive of it (`DIRECTORY/PROGRAM`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Path in the directory of the release, or in the archive.
    pub name: String,
    /// Digest.
    pub digest: Sha256,
}

/// Digest of a subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sha256 {
    /// 64 lower-case hex digits.
    pub sha256: String,
}

/// SLSA's provenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Predicate {
    /// Input of the build.
    pub build_definition: BuildDefinition,
    /// The run.
    pub run_details: RunDetails,
}

/// Input of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BuildDefinition {
    /// [`BUILD_TYPE`].
    pub build_type: String,
    /// What was asked for.
    pub external_parameters: Asked,
    /// What this tool chose.
    pub internal_parameters: Chosen,
    /// Sources and tools; see [`materials::materials`].
    pub resolved_dependencies: Vec<Material>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Asked {
    /// Name of the release.
    pub name: String,
    /// Version of the release.
    pub version: String,
    /// `--tag`.
    pub tag: Option<String>,
    /// Packages built for targets, sorted by package and triple.
    pub builds: Vec<AskedBuild>,
}

/// Package built for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskedBuild {
    /// Name of the package.
    pub package: String,
    /// Version of the package.
    pub version: String,
    /// Target triple.
    pub target: String,
    /// Requested glibc floor.
    pub glibc: Option<String>,
    /// Programs and libraries, sorted by name.
    pub programs: Vec<AskedProgram>,
}

/// Program of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskedProgram {
    /// Name in the archives.
    pub name: String,
    /// Name of the bin target.
    pub bin: String,
    /// cargo profile.
    pub profile: String,
    /// Features.
    pub features: Vec<String>,
}

/// What this tool chose: compilers, their probes, variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Chosen {
    /// Records of the builds, as in `manifest.json`, sorted by id.
    pub records: Vec<TargetRecord>,
    /// `id` of the record of each program, by the program's name as a subject.
    pub built_by: BTreeMap<String, String>,
    /// Findings that were accepted, or that flags work around: of the compilers, and of programs.
    pub waivers: Vec<Note>,
}

/// Accepted finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Note {
    /// Code of the finding.
    pub code: String,
    /// Message of the finding.
    pub message: String,
    /// Subjects that it is about, sorted by name.
    pub subjects: Vec<String>,
}

/// Source or tool of a build: in-toto's resource descriptor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Material {
    /// What it is: `source`, `Cargo.lock`, `rustc`.
    pub name: String,
    /// Address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Digests, by their algorithms.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// What else is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The run of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RunDetails {
    /// Who ran it.
    pub builder: Builder,
    /// Where it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<RunMetadata>,
}

/// Who ran a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Builder {
    /// [`BUILDER`].
    pub id: String,
    /// Versions of its programs.
    pub version: BTreeMap<String, String>,
}

/// Where a build ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RunMetadata {
    /// Address of the pipeline, as the variables of a CI service tell it.
    pub invocation_id: String,
}

impl Statement {
    /// Creates the statement about these subjects.
    pub fn new(subject: Vec<Subject>, predicate: Predicate) -> Self {
        Self {
            kind: STATEMENT.to_owned(),
            subject,
            predicate_type: PREDICATE.to_owned(),
            predicate,
        }
    }

    /// Returns the text of the file.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a statement is plain data");
        fields::visible(&text) + "\n"
    }

    /// Parses the file.
    ///
    /// # Errors
    /// The reason as a clause: a field is missing, is not known, or does not have its form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let statement: Self = fields::strict(text)?;
        statement.validate()?;
        Ok(statement)
    }

    fn validate(&self) -> Result<(), String> {
        let Self {
            kind,
            subject,
            predicate_type,
            predicate,
        } = self;
        let Predicate {
            build_definition,
            run_details,
        } = predicate;
        let BuildDefinition {
            build_type,
            external_parameters,
            internal_parameters,
            resolved_dependencies,
        } = build_definition;
        for (place, value, wanted) in [
            ("`_type`", kind, STATEMENT),
            ("`predicateType`", predicate_type, PREDICATE),
            ("`buildType`", build_type, BUILD_TYPE),
            ("`builder.id`", &run_details.builder.id, BUILDER),
        ] {
            must(value == wanted, place, value, wanted)?;
        }
        if subject.is_empty() {
            return Err("it has no subject".to_owned());
        }
        let mut names = BTreeSet::new();
        for Subject { name, digest } in subject {
            list_entry(&mut names, "subject", name, &digest.sha256)?;
        }
        for AskedBuild {
            package, target, ..
        } in &external_parameters.builds
        {
            must(
                is_component(package),
                "`package` of a build",
                package,
                "a name",
            )?;
            must(
                is_word(target, &['-', '.']),
                "`target` of a build",
                target,
                "a triple",
            )?;
        }
        let mut ids = BTreeSet::new();
        for record in &internal_parameters.records {
            record.validate()?;
            if !ids.insert(record.id.as_str()) {
                return Err(format!("the record `{}` is listed twice", record.id));
            }
        }
        for (name, id) in &internal_parameters.built_by {
            let is_known = ids.contains(id.as_str()) && names.contains(name.as_str());
            let place = format!("`builtBy` of `{}`", excerpt(name));
            must(is_known, &place, id, "a record of a subject")?;
        }
        for Note { code, subjects, .. } in &internal_parameters.waivers {
            must(is_word(code, &['-']), "`code` of a waiver", code, "a code")?;
            for name in subjects {
                let place = format!("a subject of the waiver `{code}`");
                must(
                    names.contains(name.as_str()),
                    &place,
                    name,
                    "one of the statement",
                )?;
            }
        }
        for Material {
            name, uri, digest, ..
        } in resolved_dependencies
        {
            if uri.is_none() && digest.is_empty() {
                let name = excerpt(name);
                return Err(format!(
                    "the dependency `{name}` has neither `uri` nor `digest`"
                ));
            }
        }
        if let Some(RunMetadata { invocation_id }) = &run_details.metadata {
            let place = "`invocationId`";
            must(
                is_address(invocation_id),
                place,
                invocation_id,
                "an address",
            )?;
        }
        Ok(())
    }
}

/// Returns true for an address of a web server.
pub fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic()))
}

/// Returns the name of a program as a subject.
pub fn program_name(directory: &str, name: &str) -> String {
    format!("{directory}/{name}")
}

/// Returns the names of the programs of a build as subjects.
pub fn program_names(build: &BuildRecord) -> impl Iterator<Item = String> + '_ {
    let names = build.bins.iter();
    names.map(|bin| program_name(&build.directory, &bin.name))
}

/// Returns the subjects of a release: its files, and the programs in its archives. The page has
/// their digests only, and the statement cannot have its own.
pub fn subjects(document: &Document) -> Vec<Subject> {
    let subject = |name: String, sha256: &String| Subject {
        name,
        digest: Sha256 {
            sha256: sha256.clone(),
        },
    };
    let is_subject = |kind: FileKind| !matches!(kind, FileKind::Page | FileKind::Provenance);
    let files = document.files.iter().filter(|file| is_subject(file.kind));
    let mut all: Vec<Subject> = files
        .map(|file| subject(file.path.clone(), &file.sha256))
        .collect();
    for build in &document.builds {
        let bins = build.bins.iter().zip(program_names(build));
        all.extend(bins.map(|(bin, name)| subject(name, &bin.sha256)));
    }
    all.sort();
    all
}

#[cfg(test)]
mod tests;
