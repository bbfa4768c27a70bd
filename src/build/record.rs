//! Makes the manifest's record of how a target was built.

use crate::build::plan::{Plan, TargetPlan};
use crate::digest;
use crate::toolchain::facts::Facts;
use crate::toolchain::probe::report::Report;
use crate::tree::manifest::{ImageRecord, Platform, RustcRecord, TargetRecord, Toolchain, Waiver};
use crate::tree::source::Source;

/// Returns the record of a target, without an ID.
pub fn record(facts: &Facts, plan: &Plan, target: &TargetPlan, source: &Source) -> TargetRecord {
    let rustc = &facts.rustc;
    let choice = &target.toolchain;
    let candidate = &choice.candidate;
    let waived = choice
        .findings
        .iter()
        .chain(&plan.host_findings)
        .filter(|finding| finding.waived());
    TargetRecord {
        id: String::new(),
        target: target.target.triple().to_owned(),
        platform: Platform::of(&target.target),
        libc: target.target.system.libc.name().to_owned(),
        glibc: target.target.floor.map(|floor| floor.to_string()),
        level: target.raised.clone(),
        source: source.clone(),
        rustc: RustcRecord {
            release: rustc.release.clone(),
            commit_hash: rustc.commit_hash.clone(),
            host: rustc.host.clone(),
        },
        toolchain: Toolchain {
            kind: candidate.kind,
            chosen_by: choice.chosen_by.clone(),
            reason: candidate.reason.clone(),
            linker: candidate.linker.clone(),
            c_compiler: candidate.c_compiler.clone(),
            image: candidate.image.as_ref().map(|image| ImageRecord {
                reference: image.reference.clone(),
                digest: image.digest.clone(),
                platform: image.platform.clone(),
                derived: image.derived.clone(),
            }),
            probes: choice.report.clone().map(without_flags),
            variables: candidate
                .variables
                .iter()
                .map(|variable| {
                    (
                        variable.name.clone(),
                        digest::sha256(variable.value.as_bytes()),
                    )
                })
                .collect(),
        },
        host_probes: host_report(facts, target).map(without_flags),
        waivers: waived
            .map(|finding| Waiver {
                code: finding.code.name().to_owned(),
                message: finding.what.clone(),
            })
            .collect(),
    }
}

/// Returns a report with a digest in place of the flags. They are the user's, as the variables are,
/// and the manifest is published: `-DTOKEN=…`.
fn without_flags(report: Report) -> Report {
    let flags = report.flags.join("\n");
    Report {
        flags: vec![format!("sha256:{}", digest::sha256(flags.as_bytes()))],
        ..report
    }
}

/// Returns the probes' report on the compiler that built the target's build scripts: the image's,
/// or the host's.
fn host_report(facts: &Facts, target: &TargetPlan) -> Option<Report> {
    match &facts.of(&target.target).image {
        Some(Ok(image)) if target.toolchain.candidate.image.is_some() => image.host_report.clone(),
        _ => facts.host.report.clone(),
    }
}
