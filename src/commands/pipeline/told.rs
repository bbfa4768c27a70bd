//! What is told about a run of the stages, beside them.

use camino::Utf8Path;

use crate::build::cache;
use crate::build::cache::key;
use crate::build::plan::Plan;
use crate::host::machine::Host;
use crate::problem::Result;
use crate::ship::pipeline::decide::Status;
use crate::ship::pipeline::look::Scene;
use crate::ship::pipeline::summary::Finding;

/// What is told about a run beside its stages.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Status of each stage after the run.
    pub statuses: Vec<Status>,
    /// Parts of the cache's key that moved, by target.
    pub moved: Vec<(String, Vec<String>)>,
    /// Findings that did not stop the run.
    pub findings: Vec<Finding>,
}

/// Returns the parts of each target's key that moved since the build that the cache records.
pub fn moved_parts(
    host: &Host,
    scene: &Scene,
    cache: &Utf8Path,
    profile: &str,
) -> Result<Vec<(String, Vec<String>)>> {
    let used = cache::look::records(host, cache)?;
    let mut moved = Vec::new();
    for target in scene.targets() {
        let before = used
            .iter()
            .find(|used| used.target == target && used.profile == profile);
        let Some(before) = before else { continue };
        let parts = scene.parts(Some(&target))?;
        let names: Vec<String> = key::moved(&before.key, &parts)
            .into_iter()
            .map(str::to_owned)
            .collect();
        if !names.is_empty() {
            moved.push((target, names));
        }
    }
    Ok(moved)
}

/// Returns the findings of a plan that did not stop it.
pub fn plan_findings(plan: &Plan) -> Vec<Finding> {
    let of_targets = plan.targets.iter().flat_map(|target| {
        let findings = target.toolchain.findings.iter();
        findings.map(move |finding| (Some(target.target.to_string()), finding))
    });
    let of_host = plan.host_findings.iter().map(|finding| (None, finding));
    let all = of_host.chain(of_targets);
    all.map(|(of, finding)| Finding {
        code: finding.code.name().to_owned(),
        of,
        text: finding.what.clone(),
    })
    .collect()
}

/// Returns the findings about staged bins that were accepted.
pub fn tree_findings(scene: &Scene) -> Result<Vec<Finding>> {
    let manifest = scene.manifest()?.map(|(manifest, _)| manifest);
    let artifacts = manifest.into_iter().flat_map(|manifest| manifest.artifacts);
    let findings = artifacts.flat_map(|artifact| {
        let path = artifact.path;
        let waivers = artifact.waivers.into_iter();
        waivers.map(move |waiver| Finding {
            code: waiver.code,
            of: Some(path.clone()),
            text: waiver.message,
        })
    });
    Ok(findings.collect())
}
