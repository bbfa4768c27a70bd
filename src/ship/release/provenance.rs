//! Trees and their release -> how the release was made. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::ship::release::model::{Build, Release, ReleasedBin};
use crate::tree::manifest::{Artifact, Manifest, TargetRecord};
use crate::tree::provenance::materials::{materials, notes};
use crate::tree::provenance::{
    Asked, AskedBuild, AskedProgram, BUILD_TYPE, BUILDER, BuildDefinition, Builder, Chosen, Note,
    Predicate, RunDetails, RunMetadata, is_address, program_name,
};

/// Returns how a release of these trees was made. `run` is the address of the pipeline that makes
/// the release.
pub fn predicate(release: &Release, manifests: &[Manifest], run: Option<String>) -> Predicate {
    let mut records: BTreeMap<&str, &TargetRecord> = BTreeMap::new();
    let mut built_by: BTreeMap<String, String> = BTreeMap::new();
    let mut waived: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for build in &release.builds {
        for bin in &build.bins {
            let (artifact, record) = recorded(manifests, bin);
            let name = program_name(&build.stem, &bin.name);
            records.insert(&record.id, record);
            for waiver in &artifact.waivers {
                let key = (waiver.code.as_str(), waiver.message.as_str());
                waived.entry(key).or_default().insert(name.clone());
            }
            built_by.insert(name, record.id.clone());
        }
    }
    let records: Vec<TargetRecord> = records.into_values().cloned().collect();
    let of_programs = waived.into_iter().map(|((code, message), subjects)| Note {
        code: code.to_owned(),
        message: message.to_owned(),
        subjects: subjects.into_iter().collect(),
    });
    let mut waivers = notes(&records, &built_by);
    waivers.extend(of_programs);
    waivers.sort();
    let version = (
        env!("CARGO_PKG_NAME").to_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
    );
    Predicate {
        build_definition: BuildDefinition {
            build_type: BUILD_TYPE.to_owned(),
            external_parameters: Asked {
                name: release.name.clone(),
                version: release.version.clone(),
                tag: release.tag.clone(),
                builds: release
                    .builds
                    .iter()
                    .map(|build| asked(build, manifests))
                    .collect(),
            },
            resolved_dependencies: materials(&records),
            internal_parameters: Chosen {
                records,
                built_by,
                waivers,
            },
        },
        run_details: RunDetails {
            builder: Builder {
                id: BUILDER.to_owned(),
                version: BTreeMap::from([version]),
            },
            metadata: run.map(|invocation_id| RunMetadata { invocation_id }),
        },
    }
}

/// Returns the entry of a bin in its tree's manifest, and the record of its build.
fn recorded<'a>(manifests: &'a [Manifest], bin: &ReleasedBin) -> (&'a Artifact, &'a TargetRecord) {
    let manifest = &manifests[bin.tree];
    let mut artifacts = manifest.artifacts.iter();
    let artifact = artifacts
        .find(|artifact| artifact.path == bin.path)
        .expect("a release has bins of its trees");
    let mut records = manifest.targets.iter();
    let record = records
        .find(|record| record.id == artifact.built_by)
        .expect("a manifest that was parsed has the record of each file");
    (artifact, record)
}

/// Returns what was asked for of a build.
fn asked(build: &Build, manifests: &[Manifest]) -> AskedBuild {
    let mut version = "";
    let mut programs = Vec::new();
    for bin in &build.bins {
        let (artifact, _) = recorded(manifests, bin);
        version = &artifact.version;
        programs.push(AskedProgram {
            name: bin.name.clone(),
            bin: artifact.bin.clone(),
            profile: artifact.profile.clone(),
            features: artifact.features.clone(),
        });
    }
    AskedBuild {
        package: build.package.clone(),
        version: version.to_owned(),
        target: build.target.triple().to_owned(),
        glibc: build.target.floor.map(|floor| floor.to_string()),
        programs,
    }
}

/// CI service.
struct Service {
    /// Variable that only this service sets.
    sign: &'static str,
    /// Address of a pipeline: variables, and texts between them. It is the same when a job of the
    /// pipeline is repeated, so that the release is, too.
    address: &'static [Part],
}

/// Part of an address.
enum Part {
    Variable(&'static str),
    Text(&'static str),
}

/// Services whose pipelines have addresses. Sources: their documentation of predefined variables.
const SERVICES: &[Service] = &[
    // Forgejo and Gitea set the same.
    Service {
        sign: "GITHUB_ACTIONS",
        address: &[
            Part::Variable("GITHUB_SERVER_URL"),
            Part::Text("/"),
            Part::Variable("GITHUB_REPOSITORY"),
            Part::Text("/actions/runs/"),
            Part::Variable("GITHUB_RUN_ID"),
        ],
    },
    Service {
        sign: "GITLAB_CI",
        address: &[Part::Variable("CI_PIPELINE_URL")],
    },
    Service {
        sign: "BUILDKITE",
        address: &[Part::Variable("BUILDKITE_BUILD_URL")],
    },
    Service {
        sign: "JENKINS_URL",
        address: &[Part::Variable("BUILD_URL")],
    },
];

/// Returns the address of the pipeline that this is run by, from the variables of its service.
pub fn run_url<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let service = SERVICES
        .iter()
        .find(|service| variable(service.sign).is_some())?;
    let part = |part: &Part| match part {
        Part::Variable(name) => variable(name).map(str::to_owned),
        Part::Text(text) => Some((*text).to_owned()),
    };
    let address: Option<String> = service.address.iter().map(part).collect();
    address.filter(|address| is_address(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_has_the_address_that_its_service_tells() {
        let github = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://git.example"),
            ("GITHUB_REPOSITORY", "acme/chat"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_RUN_ATTEMPT", "2"),
        ];
        let gitlab = [
            ("GITLAB_CI", "true"),
            (
                "CI_PIPELINE_URL",
                "https://lab.example/acme/chat/-/pipelines/7",
            ),
        ];
        type Variables<'a> = &'a [(&'a str, &'a str)];
        let rows: [(Variables, Option<&str>); 6] = [
            (
                &github,
                Some("https://git.example/acme/chat/actions/runs/7"),
            ),
            (&gitlab, Some("https://lab.example/acme/chat/-/pipelines/7")),
            (
                &github[..4],
                Some("https://git.example/acme/chat/actions/runs/7"),
            ),
            (&github[..3], None),
            (
                &[("GITLAB_CI", "true"), ("CI_PIPELINE_URL", "javascript:x")],
                None,
            ),
            (&github[1..], None),
        ];
        for (variables, expected) in rows {
            let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
            let found = run_url(|name| variables.get(name).copied());
            assert_eq!(found.as_deref(), expected);
        }
    }
}
