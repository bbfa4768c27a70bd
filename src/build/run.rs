//! Compiles, inspects and stages what the plan says.

use crate::build::look::session::{self, Prepared, RunOptions};
use crate::build::look::source;
use crate::build::plan::{Plan, STD_MISSING, TargetPlan};
use crate::build::record::record;
use crate::build::stage::{ExistingTree, Provenance, Staging};
use crate::host::lock;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Failure, Problem, Result, text};
use crate::project::setting;
use crate::target::Target;
use crate::toolchain::candidate;
use crate::toolchain::image::look::store::PullPolicy;
use crate::toolchain::probe::assess;
use crate::tree::manifest::{Artifact, Manifest, TargetRecord};
use crate::tree::staged::{self, Output};
use crate::{build, digest};

/// The whole job: the manifest of the tree, and the run that made it. `fits` sees the plan before
/// anything is compiled.
pub fn make(
    host: &Host,
    options: RunOptions,
    keep_going: bool,
    fits: impl FnOnce(&Prepared) -> Result<(), Failure>,
) -> Result<(Manifest, Prepared), Failure> {
    let mut prepared = session::prepare(host, options, PullPolicy::Pinned)?;
    fits(&prepared)?;
    install_std(host, &mut prepared)?;
    prepared.write_tools(host)?;
    tell_choices(host, &prepared);
    let manifest = build(
        host,
        &prepared,
        if keep_going {
            OnFailure::GoOn
        } else {
            OnFailure::Stop
        },
    )?;
    Ok((manifest, prepared))
}

/// Installs missing standard libraries, and looks again.
fn install_std(host: &Host, prepared: &mut Prepared) -> Result<(), Failure> {
    let installs: Vec<_> = prepared
        .plan
        .targets
        .iter()
        .filter_map(|target| Some((target.target.clone(), target.install.clone()?)))
        .collect();
    for (target, install) in &installs {
        rustup_target_add(host, target, install)?;
    }
    if installs.is_empty() {
        return Ok(());
    }
    prepared.renew(host)?;
    let still = prepared
        .plan
        .targets
        .iter()
        .filter_map(|target| Some((&target.target, target.install.as_ref()?)));
    let problems: Vec<Problem> = still
        .map(|(target, install)| {
            Problem::new(
                STD_MISSING,
                format!(
                    "rustup ended well, but rustc still has no standard library for `{target}`"
                ),
            )
            .note("command", [install.to_string()])
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.into())
    }
}

fn tell_choices(host: &Host, prepared: &Prepared) {
    for finding in &prepared.plan.host_findings {
        host.shell.warning(finding.code.name(), &finding.what);
    }
    for target in &prepared.plan.targets {
        let chosen = &target.toolchain;
        for fallen in chosen.rejected.iter().filter(|fallen| fallen.by_probe) {
            host.shell.status(
                "Refusing",
                &format!(
                    "{} for {}: {}",
                    fallen.kind.name(),
                    target.target,
                    fallen.reason
                ),
            );
        }
        for setting in &chosen.ignored_variables {
            host.shell
                .status("Ignoring", &setting::ignored_message(setting));
        }
        for hidden in chosen
            .candidate
            .image
            .iter()
            .flat_map(|image| &image.masked)
        {
            host.shell.status(
                "Masking",
                &format!(
                    "{hidden}, which means this machine, from the image of {}",
                    target.target
                ),
            );
        }
        for finding in &chosen.findings {
            host.shell.warning(
                finding.code.name(),
                &format!("{} (target `{}`)", finding.what, target.target),
            );
        }
        host.shell.status(
            "Linking",
            &format!(
                "{} with {}",
                target.target,
                candidate::choice(&chosen.candidate, &chosen.chosen_by)
            ),
        );
    }
    for left_out in &prepared.plan.left_out {
        host.shell.status(
            "Skipping",
            &format!(
                "{} ({}): {}",
                left_out.bin, left_out.package, left_out.reason
            ),
        );
    }
}

/// What becomes of the other targets when one fails.
#[derive(Clone, Copy, PartialEq)]
enum OnFailure {
    Stop,
    GoOn,
}

/// Compile, inspect, stage.
fn build(host: &Host, prepared: &Prepared, on_failure: OnFailure) -> Result<Manifest, Failure> {
    let Prepared {
        found,
        settings,
        plan,
        ..
    } = prepared;
    let standing = build::stage::open(host, &plan.out_dir)?;
    let outputs: Vec<Output> = plan.outputs().cloned().collect();
    let narrowed = settings.selection.is_partial();
    let kept = standing
        .manifest
        .as_ref()
        .map(|old| staged::retained(old, &outputs, narrowed))
        .unwrap_or_default();
    let problems = staged::clashes_with_retained(&outputs, &kept);
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let provenance = Provenance {
        profile: &plan.profile,
        accept: &settings.accept,
    };
    let mut staging = build::stage::begin(host, &standing)?;
    staging.keep(&kept)?;
    let mut artifacts = Vec::new();
    let mut failed: Vec<(&TargetPlan, Failure)> = Vec::new();
    for target in &plan.targets {
        match build_target(host, target, &mut staging, &provenance) {
            Ok(made) => artifacts.extend(made),
            Err(failure) if on_failure == OnFailure::Stop || host.interrupted().is_some() => {
                return Err(failure);
            }
            Err(failure) => failed.push((target, failure)),
        }
    }
    // What failed keeps what it had, as far as nothing new stands in its place.
    let lost: Vec<Output> = outputs
        .iter()
        .filter(|output| {
            failed
                .iter()
                .any(|(target, _)| target.target == output.target)
        })
        .cloned()
        .collect();
    let had: Vec<Artifact> = old_of(&standing, &lost, &kept);
    let new: Vec<Output> = outputs
        .iter()
        .filter(|output| !lost.contains(output))
        .cloned()
        .collect();
    let problems = staged::clashes_with_retained(&new, &had);
    if !problems.is_empty() {
        return Err(problems.into());
    }
    staging.keep(&had)?;
    let kept: Vec<Artifact> = kept.into_iter().chain(had).collect();
    tell_unasked(host, prepared, &artifacts);
    // Asked after the build, which may write Cargo.lock and generate sources.
    let lock = lock::lock_path(&plan.out_dir);
    let source = source::source(
        host,
        &found.workspace,
        &[&plan.out_dir, &lock, &found.workspace.target_dir],
    );
    let records: Vec<TargetRecord> = plan
        .targets
        .iter()
        .map(|target| record(prepared, target, &source).with_id(digest::sha256))
        .collect();
    for artifact in &mut artifacts {
        let record = records
            .iter()
            .find(|record| record.target == artifact.target);
        artifact.built_by = record.map(|record| record.id.clone()).unwrap_or_default();
    }
    let old_records = standing
        .manifest
        .iter()
        .flat_map(|old| &old.targets)
        .cloned();
    let manifest = Manifest::new(
        old_records.chain(records).collect(),
        kept.into_iter().chain(artifacts).collect(),
    );
    let bins = text::count(manifest.artifacts.len(), "bin");
    let verb = if staging.finish(&manifest)? {
        "Staged"
    } else {
        "Unchanged"
    };
    host.shell
        .status(verb, &format!("{bins} in {}", plan.out_dir));
    if failed.is_empty() {
        Ok(manifest)
    } else {
        Err(report(host, plan, failed))
    }
}

/// The calls of one target, each one's files taken before the next.
fn build_target(
    host: &Host,
    target: &TargetPlan,
    staging: &mut Staging,
    provenance: &Provenance,
) -> Result<Vec<Artifact>, Failure> {
    for first in &target.toolchain.candidate.cache_warmups {
        build::compile::first_use(host, first)?;
    }
    // Whatever has the container's name while this is held was left behind by a run that was
    // killed.
    let image = target.toolchain.candidate.image.as_ref();
    let _held = image
        .map(|image| {
            let path = image.target_dir.with_extension("lock");
            host.lock(&path, &format!("in `{}`", image.target_dir))
        })
        .transpose()?;
    if let Some(fetch) = &target.fetch {
        host.shell.detail("Running", &format!("`{fetch}`"));
        build::compile::fetch(host, fetch)?;
    }
    let mut artifacts = Vec::new();
    for call in &target.calls {
        host.shell
            .detail("Running", &format!("`{}`", call.invocation));
        let made = build::compile::run(host, call)?;
        artifacts.extend(staging.take(&made, provenance)?);
    }
    Ok(artifacts)
}

/// What the old tree has of outputs that could not be made again, where it is not kept anyway.
fn old_of(standing: &ExistingTree, lost: &[Output], kept: &[Artifact]) -> Vec<Artifact> {
    let old = standing
        .manifest
        .iter()
        .flat_map(|old| &old.artifacts)
        .filter(|artifact| !kept.contains(artifact));
    old.filter(|artifact| {
        lost.iter()
            .any(|output| output.target.triple() == artifact.target)
    })
    .cloned()
    .collect()
}

/// A line for each target, and one failure for all: cargo's own code where cargo alone has failed.
fn report(host: &Host, plan: &Plan, failed: Vec<(&TargetPlan, Failure)>) -> Failure {
    for target in &plan.targets {
        match failed
            .iter()
            .find(|(failing, _)| failing.target == target.target)
        {
            None => host.shell.status("Built", target.target.triple()),
            Some((_, Failure::ChildFailed(code))) => host.shell.status(
                "Failed",
                &format!(
                    "{}: cargo ended with {code}; it keeps what it had",
                    target.target
                ),
            ),
            Some(_) => host.shell.status(
                "Failed",
                &format!("{}: see below; it keeps what it had", target.target),
            ),
        }
    }
    let mut problems = Vec::new();
    let mut spoken = None;
    for (_, failure) in failed {
        match failure {
            Failure::Problems(found) => problems.extend(found),
            Failure::ChildFailed(code) => spoken = Some(code),
            Failure::AlreadyReported => {}
        }
    }
    match spoken {
        Some(code) if problems.is_empty() => Failure::ChildFailed(code),
        _ => Failure::Problems(problems),
    }
}

/// Tells of code in the finished bins that came compiled, by compilers that were not probed.
fn tell_unasked(host: &Host, prepared: &Prepared, artifacts: &[Artifact]) {
    for target in &prepared.plan.targets {
        let candidate = &target.toolchain.candidate;
        // A linker brings start files of its own making; where C was compiled and nobody was asked,
        // that clears nothing.
        let linker = Some(&candidate.linker)
            .filter(|_| target.c.packages.is_empty() || target.toolchain.report.is_some());
        let asked = [
            linker,
            candidate
                .c_compiler
                .as_ref()
                .filter(|_| target.toolchain.report.is_some()),
        ];
        let asked: Vec<&str> = asked
            .into_iter()
            .flatten()
            .filter_map(|program| program.version.as_deref())
            .collect();
        let known = &prepared.facts.of(&target.target).std_compilers;
        for artifact in artifacts
            .iter()
            .filter(|artifact| artifact.target == target.target.triple())
        {
            let named = artifact
                .binary
                .as_ref()
                .map(|binary| binary.compilers.as_slice())
                .unwrap_or_default();
            for compiler in assess::unprobed(named, &asked, known) {
                host.shell.status(
                    "Noting",
                    &format!(
                        "{} holds code that came compiled by `{compiler}`, which was not probed",
                        artifact.path
                    ),
                );
            }
        }
    }
}

/// Runs the line that brings a target's standard library.
pub fn rustup_target_add(host: &Host, target: &Target, install: &Invocation) -> Result<()> {
    host.shell.status(
        "Installing",
        &format!("the standard library for `{target}` (rustup)"),
    );
    host.shell.detail("Running", &format!("`{install}`"));
    let output = host.capture(install)?;
    if output.success() {
        return Ok(());
    }
    Err(Problem::new(
        STD_MISSING,
        format!("rustup could not install the standard library for `{target}`"),
    )
    .note("command", [install.to_string()])
    .cause(&output.stderr))
}
