//! The manifest's record of one target.

use crate::build::look::session::Prepared;
use crate::build::plan::TargetPlan;
use crate::tree::manifest::{ImageRecord, Platform, RustcRecord, TargetRecord, Toolchain, Waiver};
use crate::tree::source::Source;

pub fn record(prepared: &Prepared, target: &TargetPlan, source: &Source) -> TargetRecord {
    let rustc = &prepared.facts.rustc;
    let chosen = &target.toolchain;
    let candidate = &chosen.candidate;
    let waived = chosen
        .findings
        .iter()
        .chain(&prepared.plan.host_findings)
        .filter(|finding| finding.waived());
    TargetRecord {
        id: String::new(),
        target: target.target.triple().to_owned(),
        platform: Platform::of(&target.target),
        libc: target.target.system.libc.name().to_owned(),
        glibc: target.target.floor.map(|floor| floor.to_string()),
        source: source.clone(),
        rustc: RustcRecord {
            release: rustc.release.clone(),
            commit_hash: rustc.commit_hash.clone(),
            host: rustc.host.clone(),
        },
        toolchain: Toolchain {
            kind: candidate.kind,
            chosen_by: chosen.chosen_by.clone(),
            reason: candidate.reason.clone(),
            linker: candidate.linker.clone(),
            c_compiler: candidate.c_compiler.clone(),
            image: candidate.image.as_ref().map(|image| ImageRecord {
                reference: image.reference.clone(),
                digest: image.digest.clone(),
                platform: image.platform.clone(),
                derived: image.derived.clone(),
            }),
            probes: chosen.report.clone(),
            variables: candidate
                .variables
                .iter()
                .map(|variable| (variable.name.clone(), variable.value.clone()))
                .collect(),
        },
        host_probes: match &prepared.facts.of(&target.target).image {
            Some(Ok(image)) if candidate.image.is_some() => image.host_report.clone(),
            _ => prepared.facts.host.report.clone(),
        },
        waivers: waived
            .map(|finding| Waiver {
                code: finding.code.name().to_owned(),
                message: finding.what.clone(),
            })
            .collect(),
    }
}
