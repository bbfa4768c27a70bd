//! Runs the stages of a pipeline, and records each.

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::cargo_call::fetch;
use crate::build::compile;
use crate::build::look::locked;
use crate::build::look::request::{RunRequest, xpkg_config};
use crate::build::look::session::Session;
use crate::build::look::source::source;
use crate::build::look::timer::{Step, StepKind, Timer};
use crate::build::plan::Plan;
use crate::build::run::{OnFailure, make_timed};
use crate::commands::docker;
use crate::commands::pipeline::args::{
    PipelineArgs, docker_args, options, publish_args, release_args,
};
use crate::commands::pipeline::told::{Told, tree_findings};
use crate::commands::publish;
use crate::commands::release;
use crate::host::machine::Host;
use crate::host::shell::without_data;
use crate::invocation::Invocation;
use crate::problem::code::Code;
use crate::problem::text::count;
use crate::problem::{Failure, Result};
use crate::ship::pipeline::decide::{Range, places};
use crate::ship::pipeline::look::{Asked, Scene};
use crate::ship::pipeline::record::{End, Record, Records};
use crate::ship::pipeline::stage::Stage;
use crate::ship::pipeline::summary::{self, Ran, Summary};
use crate::ship::pipeline::{page, write};
use crate::ship::publish::codes::{STORE_BUSY, STORE_UNREACHABLE};
use crate::ship::trees::look::{Demand, Origin, taken, verified};
use crate::toolchain::image::engine::IMAGE_UNAVAILABLE;
use crate::toolchain::image::look::store::PullPolicy;
use crate::tree;
use crate::tree::manifest::Manifest;
use crate::verify::rules::chosen;

/// Failures that may not be there the next time. Never those of compiling, inspecting or verifying.
const TRANSIENT: &[Code] = &[STORE_BUSY, STORE_UNREACHABLE, IMAGE_UNAVAILABLE];

/// A run of the stages.
pub struct Run<'a> {
    /// Machine.
    pub host: &'a Host,
    /// Arguments.
    pub args: &'a PipelineArgs,
    /// Stages to run.
    pub range: Range,
    /// Records of all stages.
    pub records: Records,
    /// Clock of the run.
    pub timer: Timer,
    /// Stages that were run.
    pub ran: Vec<Ran>,
    /// Hits of the compiler cache.
    pub compiler_cache: Option<String>,
}

/// Makes a problem the failure of the run; after another failure, which stays, it is only reported.
pub fn keep_first(host: &Host, failure: &mut Option<Failure>, outcome: Result<()>) {
    let Err(problem) = outcome else { return };
    match failure {
        Some(Failure::Problems(problems)) if problems.contains(&problem) => {}
        Some(_) => host.shell.problems(&[problem]),
        None => *failure = Some(problem.into()),
    }
}

/// Looked-at session and its plan, or the failure.
pub type Gate = (Option<Session>, Option<Plan>, Option<Failure>);

impl Run<'_> {
    /// Returns true if a failure may not be there the next time.
    pub fn is_transient(stage: Stage, failure: &Failure) -> bool {
        match failure {
            // cargo has told why; the lockfile was checked before.
            Failure::ChildFailed(_) => stage == Stage::Fetch,
            Failure::Problems(problems) => {
                !problems.is_empty()
                    && problems
                        .iter()
                        .all(|problem| TRANSIENT.contains(&problem.code))
            }
            Failure::AlreadyReported | Failure::HookFailed(_) => false,
        }
    }

    /// Runs a stage, again after transient failures, and records it. `part` returns the directory of
    /// a release.
    pub fn stage(
        &mut self,
        scene: Option<&Scene>,
        stage: Stage,
        mut part: impl FnMut(&Host) -> Result<Option<Utf8PathBuf>, Failure>,
    ) -> Result<(), Failure> {
        let began = self.timer.now();
        let mut attempts = 0;
        let outcome = loop {
            attempts += 1;
            let outcome = without_data(|| part(self.host));
            match outcome {
                Err(failure)
                    if attempts <= self.args.retry && Self::is_transient(stage, &failure) =>
                {
                    let text = format!("{} after {}", stage.name(), failure.name());
                    self.host.shell.status("Retrying", &text);
                    if let Failure::Problems(problems) = &failure {
                        self.host.shell.problems(problems);
                    }
                    self.host.check_interrupted()?;
                }
                outcome => break outcome,
            }
        };
        let took = self.timer.now() - began;
        let end = match &outcome {
            Ok(_) => End::Done,
            Err(failure) => End::Failed(failure.name()),
        };
        let (inputs, outputs) = match (scene, &outcome) {
            (Some(scene), Ok(directory)) => (
                scene.inputs(stage, None)?,
                scene.outputs(stage, None, directory.as_deref())?,
            ),
            _ => (Vec::new(), Vec::new()),
        };
        self.ran.push(Ran {
            stage,
            target: None,
            end: Some(end.clone()),
            began,
            took,
        });
        self.records.put(Record {
            stage,
            target: None,
            inputs,
            outputs,
            end,
            attempts,
            began,
            took,
        });
        if let Some(scene) = scene {
            write::records(self.host, &scene.cache(), &self.records)?;
        }
        outcome.map(drop)
    }

    /// Fetches the packages of all targets.
    pub fn fetch(&mut self, request: &RunRequest) -> Result<(), Failure> {
        if !self.range.contains(Stage::Fetch) {
            return Ok(());
        }
        let RunRequest {
            project, settings, ..
        } = request;
        let targets = settings.requests.iter().map(|request| &request.target);
        let call = fetch(&project.workspace, settings, &project.rustc.host, targets);
        self.stage(None, Stage::Fetch, |host| {
            host.shell.detail("Running", &format!("`{call}`"));
            compile::fetch(host, &call).map(|()| None)
        })
    }

    /// Looks at the machine and makes the plan, with the verdicts on all compilers.
    pub fn gate(&mut self, targets: &[String]) -> Result<Gate, Failure> {
        let began = self.timer.now();
        let policy = PullPolicy::Pinned;
        let mut attempts = 0;
        let looked = loop {
            attempts += 1;
            match Session::look(self.host, options(self.args), policy) {
                Err(failure)
                    if attempts <= self.args.retry && Self::is_transient(Stage::Gate, &failure) =>
                {
                    self.host.shell.status("Retrying", "gate");
                }
                looked => break looked,
            }
        };
        let planned = looked.and_then(|session| {
            let plan = session.plan()?;
            let changed = locked::changed(self.host, &session, &plan)?;
            Ok((session, plan, changed))
        });
        let (planned, changed) = match planned {
            Ok((session, plan, changed)) => (Ok((session, plan)), changed),
            Err(failure) => (Err(failure), Vec::new()),
        };
        let problems = changed.iter().map(|(_, problem)| problem.clone());
        let mut refused = (!changed.is_empty()).then(|| Failure::Problems(problems.collect()));
        if !self.range.contains(Stage::Gate) {
            let (session, plan) = planned?;
            return refused.map_or(Ok((Some(session), Some(plan), None)), Err);
        }
        let took = self.timer.now() - began;
        let end_of = |target: &String| {
            let problem = changed.iter().find(|(changed, _)| changed == target);
            match (&planned, problem) {
                (Err(failure), _) => End::Failed(failure.name()),
                (Ok(_), Some((_, problem))) => End::Failed(problem.code.name().to_owned()),
                (Ok(_), None) => End::Done,
            }
        };
        let looked = planned.as_ref().ok();
        let scene =
            looked.map(|(session, plan)| Scene::look(self.host, session, plan, Asked::default()));
        for target in targets {
            let inputs = match &scene {
                Some(scene) => scene.inputs(Stage::Gate, Some(target))?,
                None => Vec::new(),
            };
            let end = end_of(target);
            self.ran.push(Ran {
                stage: Stage::Gate,
                target: Some(target.clone()),
                end: Some(end.clone()),
                began,
                took,
            });
            self.records.put(Record {
                stage: Stage::Gate,
                target: Some(target.clone()),
                inputs,
                outputs: Vec::new(),
                end,
                attempts,
                began,
                took,
            });
        }
        Ok(match planned {
            Ok((session, plan)) => (Some(session), Some(plan), refused.take()),
            Err(failure) => (None, None, Some(failure)),
        })
    }

    /// Runs the stages after the gate.
    pub fn stages(&mut self, scene: &Scene, session: &Session, plan: &Plan) -> Result<(), Failure> {
        let config = xpkg_config(&session.request.project)?;
        if self.range.contains(Stage::Compile) {
            self.clean(session, plan)?;
            self.build(scene)?;
        }
        let run = &self.args.run.clone();
        if self.range.contains(Stage::Verify) {
            let demand = Demand {
                policy: chosen::policy(None, config.policy.clone())?,
                consequence: "the stages after it are not run",
                taken: Some(taken(&session.request)),
            };
            let tree = plan.out_dir.clone();
            self.stage(Some(scene), Stage::Verify, |host| {
                verified(host, &tree, Origin::Here, &demand)?;
                host.shell.status("Verified", tree.as_str());
                Ok(None)
            })?;
        }
        if self.range.contains(Stage::Docker) {
            let force = self
                .args
                .force
                .iter()
                .any(|forced| forced.is(Stage::Docker, None));
            self.stage(Some(scene), Stage::Docker, |host| {
                docker::run(host, docker_args(run, force)).map(|()| None)
            })?;
        }
        let mut directory = scene.release(&self.records);
        if self.range.contains(Stage::Release) {
            let args = self.args;
            self.stage(Some(scene), Stage::Release, |host| {
                release::make(host, release_args(run, args), release::Output::Table).map(Some)
            })?;
            directory = scene.release(&self.records);
        }
        if self.range.contains(Stage::Publish) {
            let args = self.args;
            self.stage(Some(scene), Stage::Publish, |host| {
                let args = publish_args(run, args, directory.clone());
                publish::run(host, args).map(|()| None)
            })?;
        }
        Ok(())
    }

    /// Removes the units of members that `--force compile` wants compiled again.
    pub fn clean(&self, session: &Session, plan: &Plan) -> Result<(), Failure> {
        let is_forced = |target: &str| {
            let stages = [Stage::Compile, Stage::Inspect, Stage::Stage];
            let mut forced = self.args.force.iter();
            forced.any(|forced| stages.iter().any(|stage| forced.is(*stage, Some(target))))
        };
        let cargo = &session.request.settings.cargo;
        for target in &plan.targets {
            if !is_forced(&target.target.to_string()) {
                continue;
            }
            let call = target.calls.first();
            let directory = call.map(|call| call.artifacts.target_dir.to_string());
            let root = &session.request.project.workspace.root;
            let clean = Invocation::new(&cargo.program, root)
                .args(["clean", "--quiet"])
                .options("--target", [&target.target.triple().to_owned()])
                .options("--profile", [&cargo.profile])
                .options("--target-dir", directory.iter())
                .options("--package", &session.request.selected.packages);
            self.host.shell.detail("Running", &format!("`{clean}`"));
            compile::fetch(self.host, &clean)?;
        }
        Ok(())
    }

    /// Compiles, inspects and stages.
    pub fn build(&mut self, scene: &Scene) -> Result<(), Failure> {
        let first = self.timer.steps.len();
        let outcome = make_timed(
            self.host,
            options(self.args),
            OnFailure::KeepGoing,
            |_, _| Ok(()),
            &mut self.timer,
        );
        let mut steps = merged(self.timer.steps.split_off(first));
        if let Err(failure) = &outcome
            && self.host.interrupted().is_none()
        {
            let now = self.timer.now();
            steps.extend(uncompiled(&scene.targets(), &steps, &failure.name(), now));
        }
        for step in steps {
            let stage = match step.kind {
                StepKind::Compile => Stage::Compile,
                StepKind::Inspect => Stage::Inspect,
                StepKind::Stage => Stage::Stage,
            };
            let target = step.target.as_deref();
            let (inputs, outputs) = match &step.failed {
                None => (
                    scene.inputs(stage, target)?,
                    scene.outputs(stage, target, None)?,
                ),
                Some(_) => (Vec::new(), Vec::new()),
            };
            let end = match step.failed {
                None => End::Done,
                Some(code) => End::Failed(code),
            };
            self.ran.push(Ran {
                stage,
                target: step.target.clone(),
                end: Some(end.clone()),
                began: step.began,
                took: step.took,
            });
            self.records.put(Record {
                stage,
                target: step.target,
                inputs,
                outputs,
                end,
                attempts: 1,
                began: step.began,
                took: step.took,
            });
        }
        write::records(self.host, &scene.cache(), &self.records)?;
        let report = outcome?.compiler_cache;
        self.compiler_cache = report.map(|report| report.line());
        Ok(())
    }

    /// Makes a failure that no stage has that of the first which did not run, so that no summary says
    /// that the run passed.
    pub fn attribute(&mut self, targets: &[String], failure: &Failure) {
        let is_failed = |ran: &Ran| matches!(ran.end, Some(End::Failed(_)));
        if self.ran.iter().any(is_failed) {
            return;
        }
        let has_run = |place: &(Stage, Option<&str>)| {
            let mut ran = self.ran.iter();
            ran.any(|ran| (ran.stage, ran.target.as_deref()) == *place)
        };
        let places = places(targets).into_iter();
        let mut missing = places.filter(|place| self.range.contains(place.0) && !has_run(place));
        let Some((stage, target)) = missing.next() else {
            return;
        };
        let (target, end) = (target.map(str::to_owned), End::Failed(failure.name()));
        let began = self.timer.now();
        self.ran.push(Ran {
            stage,
            target: target.clone(),
            end: Some(end.clone()),
            began,
            took: 0,
        });
        self.records.put(Record {
            stage,
            target,
            inputs: Vec::new(),
            outputs: Vec::new(),
            end,
            attempts: 1,
            began,
            took: 0,
        });
    }

    /// Adds the inputs of `fetch`, which was recorded before they could be known, and what is known
    /// after the run.
    pub fn complete(&mut self, scene: &Scene, told: &mut Told, failure: &mut Option<Failure>) {
        let host = self.host;
        let fetched = scene.inputs(Stage::Fetch, None).map(|inputs| {
            let mut records = self.records.stages.iter_mut();
            let fetch = records.find(|record| record.stage == Stage::Fetch);
            if let Some(fetch) = fetch.filter(|fetch| fetch.inputs.is_empty()) {
                fetch.inputs = inputs;
            }
        });
        keep_first(host, failure, fetched);
        match scene.statuses(&self.records) {
            Ok(statuses) => told.statuses = statuses,
            Err(problem) => keep_first(host, failure, Err(problem)),
        }
        match tree_findings(scene) {
            Ok(findings) => told.findings.extend(findings),
            Err(problem) => keep_first(host, failure, Err(problem)),
        }
    }

    /// Returns the summary of the run.
    pub fn summary(
        &self,
        request: &RunRequest,
        targets: &[String],
        base: Option<&Manifest>,
        told: Told,
    ) -> Result<Summary> {
        let Told {
            statuses: _,
            moved,
            findings,
        } = told;
        let workspace = &request.project.workspace;
        let found = tree::look::read(self.host, &request.settings.out_dir)?;
        let (bins, gone) = match &found {
            Some((manifest, _)) => summary::bins(manifest, base),
            None => (Vec::new(), Vec::new()),
        };
        let generated: [&Utf8Path; 2] = [&request.settings.out_dir, &workspace.target_dir];
        let source = source(self.host, workspace, &generated);
        let mut stages = self.ran.clone();
        for (stage, target) in places(targets) {
            let is = |ran: &Ran| ran.stage == stage && ran.target.as_deref() == target;
            if self.range.contains(stage) && !self.ran.iter().any(is) {
                stages.push(Ran {
                    stage,
                    target: target.map(str::to_owned),
                    end: None,
                    began: 0,
                    took: 0,
                });
            }
        }
        stages.sort_by_key(|ran| (ran.stage, ran.target.clone()));
        let name = workspace.root.file_name().unwrap_or("workspace");
        Ok(Summary {
            name: name.to_owned(),
            commit: source.commit,
            is_dirty: source.dirty == Some(true),
            stages,
            bins,
            gone,
            moved,
            compiler_cache: self.compiler_cache.clone(),
            findings,
        })
    }

    /// Writes the summary to the file of `--summary`, and to the page of the CI job.
    pub fn write_summary(&self, summary: &Summary) -> Result<()> {
        let host = self.host;
        if let Some(file) = &self.args.summary {
            let text = match file.extension() {
                Some("html") => page::page(summary),
                _ => summary::markdown(summary),
            };
            let file = host.absolute(file);
            if let Some(parent) = file.parent() {
                host.create_dir_all(parent)?;
            }
            host.replace(&file, text.as_bytes())?;
        }
        let page = host.var("GITHUB_STEP_SUMMARY");
        if let Some(file) = page.filter(|file| !file.is_empty()) {
            let file = host.absolute(Utf8Path::new(file));
            if let Err(problem) = host.append(&file, summary::markdown(summary).as_bytes()) {
                host.shell.warning(problem.code.name(), &problem.message);
            }
        }
        let ran = summary
            .stages
            .iter()
            .filter(|ran| ran.end.is_some())
            .count();
        match summary.failed() {
            None => host.shell.status("Passed", &count(ran, "stage")),
            Some(failed) => {
                let text = format!(
                    "in {}: {ran} of {} were run",
                    failed.stage.name(),
                    count(summary.stages.len(), "stage")
                );
                host.shell.status("Failed", &text);
            }
        }
        Ok(())
    }
}

/// Returns failed steps for the targets for which cargo was not even started: of a failed build, or
/// one that has failed for them.
fn uncompiled(targets: &[String], steps: &[Step], failure: &str, now: u64) -> Vec<Step> {
    let is_missing = |target: &&String| {
        let mut steps = steps.iter();
        !steps.any(|step| step.kind == StepKind::Compile && step.target.as_ref() == Some(target))
    };
    let missing = targets.iter().filter(is_missing);
    missing
        .map(|target| Step {
            kind: StepKind::Compile,
            target: Some(target.clone()),
            began: now,
            took: 0,
            failed: Some(failure.to_owned()),
        })
        .collect()
}

/// Joins the steps of a target that has several calls of cargo.
fn merged(steps: Vec<Step>) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::new();
    for step in steps {
        let same = merged
            .iter_mut()
            .find(|known| known.kind == step.kind && known.target == step.target);
        match same {
            Some(known) => {
                known.took = step.began + step.took - known.began;
                known.failed = known.failed.take().or(step.failed);
            }
            None => merged.push(step),
        }
    }
    merged
}
