//! Compiles, inspects and stages the bins of a plan.

use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::cache;
use crate::build::cache::used::{Messages, Used};
use crate::build::cargo_call::Call;
use crate::build::compile::BuiltBin;
use crate::build::compiler_cache::CacheReport;
use crate::build::compiler_cache::run::Servers;
use crate::build::look::locked;
use crate::build::look::options::RunOptions;
use crate::build::look::session::Session;
use crate::build::look::source;
use crate::build::look::timer::{StepKind, Timer};
use crate::build::plan::{Plan, TargetPlan};
use crate::build::record::{expected, record, universal_record};
use crate::build::stage::{ExistingTree, Provenance, Staging};
use crate::build::write::write_tools;
use crate::build::{standard_library, wasm_bindgen};
use crate::host::lock::{self, FileLock};
use crate::host::machine::Host;
use crate::host::shared::SharedLock;
use crate::problem::{Failure, Problem, Result, text};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::left_out;
use crate::project::setting;
use crate::project::workspace::{Workspace, cache_dir};
use crate::toolchain::candidate;
use crate::toolchain::image::look::store::PullPolicy;
use crate::toolchain::probe::assess;
use crate::tree::manifest::{Artifact, Manifest, TargetRecord};
use crate::tree::source::Source;
use crate::tree::staged::{self, Output};
use crate::{build, digest};

/// Name of the lock file beside the files that cargo builds, where `cargo xpkg clean` removes
/// nothing.
const LOCK_NAME: &str = ".xpkg-lock";

/// A finished build.
pub struct Built {
    /// Manifest of the staged tree.
    pub manifest: Manifest,
    /// What it took from the cache of compilers, if it used one.
    pub compiler_cache: Option<CacheReport>,
    /// Session that the plan was made from.
    pub session: Session,
    /// Plan that was carried out.
    pub plan: Plan,
}

/// Reaction to a target whose build fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The build ends; nothing is staged.
    Stop,
    /// The other targets are built and staged; the build fails at its end.
    KeepGoing,
}

/// Looks, plans, compiles and stages. `check` may reject the plan before anything is compiled.
pub fn make(
    host: &Host,
    options: RunOptions,
    on_failure: OnFailure,
    check: impl FnOnce(&Session, &Plan) -> Result<(), Failure>,
) -> Result<Built, Failure> {
    make_timed(host, options, on_failure, check, &mut Timer::default())
}

/// The same with a timer, which has the steps of a build that fails, too.
pub fn make_timed(
    host: &Host,
    options: RunOptions,
    on_failure: OnFailure,
    check: impl FnOnce(&Session, &Plan) -> Result<(), Failure>,
    timer: &mut Timer,
) -> Result<Built, Failure> {
    let mut session = Session::look(host, options, PullPolicy::Pinned)?;
    let mut plan = session.plan()?;
    check(&session, &plan)?;
    locked::check(host, &session, &plan)?;
    if standard_library::run::install(host, &plan.targets)? {
        session.look_again(host)?;
        plan = session.plan()?;
        standard_library::run::check(&plan)?;
        locked::check(host, &session, &plan)?;
    }
    let workspace = &session.request.project.workspace;
    let _cache = share_cache(host, workspace)?;
    write_tools(host, workspace, &plan)?;
    report_plan(host, &plan);
    let servers = session
        .sccache
        .as_ref()
        .map(|sccache| Servers::start(host, sccache, &plan))
        .transpose()?;
    for target in &mut plan.targets {
        let variables = servers.as_ref().map(|servers| servers.variables(target));
        for call in &mut target.calls {
            let variables = variables.iter().flatten().cloned();
            call.invocation.env.extend(variables);
        }
    }
    let built = build(host, &session, &plan, on_failure, timer);
    let compiler_cache = servers
        .as_ref()
        .map(|servers| servers.report(built.is_ok()));
    if let Some(Ok(report)) = &compiler_cache {
        host.shell.status("Cached", &report.line());
    }
    let manifest = built?;
    Ok(Built {
        manifest,
        compiler_cache: compiler_cache.transpose()?,
        session,
        plan,
    })
}

/// Shares the lock of xpkg's cache, whose files the build uses: `clean` does not take them away until
/// its end.
fn share_cache(host: &Host, workspace: &Workspace) -> Result<SharedLock> {
    let cache = cache_dir(workspace);
    let writable =
        |problem: Problem| problem.help("choose a writable directory: `--target-dir DIR`");
    host.create_target_dir(&workspace.target_dir)
        .map_err(writable)?;
    host.share_lock(&lock::lock_path(&cache), &format!("on `{cache}`"))
}

/// Reports the findings and choices of a plan.
fn report_plan(host: &Host, plan: &Plan) {
    for finding in &plan.host_findings {
        host.shell.warning(finding.code.name(), &finding.what);
    }
    for problem in &plan.missing_tools {
        let help = problem.help.join("; ");
        host.shell.warning(
            problem.code.name(),
            &format!("{} ({help})", problem.message),
        );
    }
    for target in &plan.targets {
        report_choice(host, target);
    }
    for line in left_out::lines(&plan.left_out) {
        host.shell.status("Skipping", &line);
    }
}

/// Reports the toolchain of a target, and what was rejected, ignored or masked for it.
fn report_choice(host: &Host, plan: &TargetPlan) {
    let target = &plan.target;
    let choice = &plan.toolchain;
    for rejected in choice.rejected.iter().filter(|rejected| rejected.by_probe) {
        host.shell.status(
            "Refusing",
            &format!("{} for {target}: {}", rejected.kind.name(), rejected.reason),
        );
    }
    for setting in &choice.ignored_variables {
        host.shell
            .status("Ignoring", &setting::ignored_message(setting));
    }
    let image = choice.candidate.image.iter();
    for masked in image.flat_map(|image| &image.masked) {
        host.shell.status(
            "Masking",
            &format!("{masked} in the image of {target}, because it refers to this machine"),
        );
    }
    for finding in &choice.findings {
        host.shell.warning(
            finding.code.name(),
            &format!("{} (target `{target}`)", finding.what),
        );
    }
    host.shell.status(
        "Linking",
        &format!(
            "{target} with {}",
            candidate::choice(&choice.candidate, &choice.chosen_by)
        ),
    );
}

/// A target whose build failed, and the failure.
type Failed<'a> = (&'a TargetPlan, Failure);

/// Builds all targets and stages their bins.
fn build(
    host: &Host,
    session: &Session,
    plan: &Plan,
    on_failure: OnFailure,
    timer: &mut Timer,
) -> Result<Manifest, Failure> {
    let settings = &session.request.settings;
    let existing = build::stage::open(host, &plan.out_dir)?;
    let outputs: Vec<Output> = plan.outputs().cloned().collect();
    let retained = existing
        .manifest
        .as_ref()
        .map(|old| staged::retained(old, &outputs, settings.selection.is_partial()))
        .unwrap_or_default();
    reject_clashes(&outputs, &retained)?;
    let provenance = Provenance {
        profile: &plan.profile,
        accept: &settings.accept,
        expected: plan
            .targets
            .iter()
            .map(|target| (target.target.triple(), expected(target)))
            .collect(),
        dispatching: plan
            .targets
            .iter()
            .filter_map(|target| {
                let mut packages = target.c.packages.iter();
                let package = packages.find(|package| package.is_dispatching())?;
                Some((target.target.triple(), package))
            })
            .collect(),
        lists: plan
            .targets
            .iter()
            .filter_map(|target| Some((target.target.triple(), target.lists.as_ref()?)))
            .collect(),
    };
    let mut staging = build::stage::begin(host, &existing)?;
    staging.keep(&retained)?;
    let workspace = &session.request.project.workspace;
    let generated = generated(workspace, plan, &staging);
    let generated: Vec<&Utf8Path> = generated.iter().map(Utf8PathBuf::as_path).collect();
    // git answers while cargo finds that there is nothing to do.
    let (built, source) = thread::scope(|threads| {
        let source = threads.spawn(|| source::find(host, workspace, &generated));
        let built = build_targets(
            host,
            session,
            plan,
            &mut staging,
            &provenance,
            on_failure,
            timer,
        );
        (built, source.join().expect("the query does not panic"))
    });
    let Targets {
        mut artifacts,
        failed,
        has_compiled,
    } = built?;
    let source = source::source_after(host, workspace, &generated, source, has_compiled);
    let began = timer.now();
    if let Some(universal) = &plan.universal {
        let joined =
            build::universal::run::join(host, universal, &artifacts, &mut staging, &provenance)?;
        artifacts.extend(joined);
    }
    let previous = previous_artifacts(&existing, &outputs, &failed, &retained)?;
    staging.keep(&previous)?;
    report_unprobed(host, session, plan, &artifacts);
    let records = records(host, session, plan, &source);
    for artifact in &mut artifacts {
        let record = records
            .iter()
            .find(|record| record.target == artifact.target);
        artifact.built_by = record.map(|record| record.id.clone()).unwrap_or_default();
    }
    let old_records = existing
        .manifest
        .iter()
        .flat_map(|old| &old.targets)
        .cloned();
    let manifest = Manifest::new(
        old_records.chain(records).collect(),
        retained
            .into_iter()
            .chain(previous)
            .chain(artifacts)
            .collect(),
    );
    let number = |kind| {
        let files = manifest.artifacts.iter();
        files.filter(|artifact| artifact.kind == kind).count()
    };
    let bins = text::count(number(ArtifactKind::Bin), "bin");
    let bins = match number(ArtifactKind::Cdylib) {
        0 => bins,
        1 => format!("{bins} and 1 library"),
        number => format!("{bins} and {number} libraries"),
    };
    let verb = if staging.finish(&manifest)? {
        "Staged"
    } else {
        "Unchanged"
    };
    timer.add(StepKind::Stage, None, began, None);
    host.shell
        .status(verb, &format!("{bins} in {}", plan.out_dir));
    if failed.is_empty() {
        Ok(manifest)
    } else {
        Err(report_failed(host, plan, failed))
    }
}

/// Rejects outputs whose paths clash with those of artifacts that stay in the tree.
fn reject_clashes(outputs: &[Output], retained: &[Artifact]) -> Result<(), Vec<Problem>> {
    let problems = staged::clashes_with_retained(outputs, retained);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// What came of the targets of a build.
struct Targets<'a> {
    artifacts: Vec<Artifact>,
    failed: Vec<Failed<'a>>,
    /// True if cargo compiled anything, or a target failed.
    has_compiled: bool,
}

/// Builds the targets one after the other.
///
/// # Errors
/// A target failed, and the others are not to be built, or the run was interrupted.
fn build_targets<'a>(
    host: &Host,
    session: &Session,
    plan: &'a Plan,
    staging: &mut Staging,
    provenance: &Provenance,
    on_failure: OnFailure,
    timer: &mut Timer,
) -> Result<Targets<'a>, Failure> {
    let mut targets = Targets {
        artifacts: Vec::new(),
        failed: Vec::new(),
        has_compiled: false,
    };
    for target in &plan.targets {
        match build_target(host, session, target, staging, provenance, timer) {
            Ok((artifacts, has_compiled)) => {
                targets.artifacts.extend(artifacts);
                targets.has_compiled |= has_compiled;
            }
            Err(failure) if on_failure == OnFailure::Stop || host.interrupted().is_some() => {
                return Err(failure);
            }
            Err(failure) => {
                targets.failed.push((target, failure));
                targets.has_compiled = true;
            }
        }
    }
    Ok(targets)
}

/// Makes the calls of a target, and takes the files of each call before the next. Returns also if cargo
/// compiled anything.
fn build_target(
    host: &Host,
    session: &Session,
    target: &TargetPlan,
    staging: &mut Staging,
    provenance: &Provenance,
    timer: &mut Timer,
) -> Result<(Vec<Artifact>, bool), Failure> {
    for warmup in &target.toolchain.candidate.cache_warmups {
        build::compile::warm_up(host, warmup)?;
    }
    if let Some(fetch) = &target.fetch {
        host.shell.detail("Running", &format!("`{fetch}`"));
        build::compile::fetch(host, fetch)?;
    }
    let workspace = &session.request.project.workspace;
    let mut used = Used::new(
        target.target.to_string(),
        session.request.settings.cargo.profile.clone(),
        cache::look::parts(host, session, target)?,
    );
    let (mut artifacts, mut has_compiled) = (Vec::new(), false);
    let known = cache::look::taken(host, &cache_dir(workspace), &used);
    let mut taken = if session.request.settings.selection.is_partial() {
        known.clone()
    } else {
        known.emptied()
    };
    for call in &target.calls {
        // Held until the files are read: another run would replace them.
        let lock = lock_artifacts(host, target, call)?;
        host.shell
            .detail("Running", &format!("`{}`", call.invocation));
        let mut messages = Messages::default();
        let (name, began) = (target.target.to_string(), timer.now());
        let compiled = build::compile::run(host, call, &lock, &mut messages).map_err(|failed| {
            if let Some(link) = failed.link {
                let used = target.toolchain.candidate.kind;
                let problem = link.problem(Some(&target.target), used, &target.alternatives);
                host.shell.problems(&[problem]);
            }
            for hint in &failed.hints {
                host.shell.status("Noting", hint);
            }
            failed.failure
        });
        let failed = compiled.as_ref().err().map(Failure::name);
        timer.add(StepKind::Compile, Some(&name), began, failed);
        let bins = compiled?;
        for directory in [call.artifacts.path(), call.artifacts.of_host()] {
            used.add_directory(&directory, &workspace.target_dir);
        }
        used.add(&messages, &workspace.target_dir);
        has_compiled |= messages.has_compiled;
        let began = timer.now();
        let files = staging
            .take(&bins, provenance, &known, &mut taken)
            .map_err(Failure::from);
        let failed = files.as_ref().err().map(Failure::name);
        timer.add(StepKind::Inspect, Some(&name), began, failed);
        let files = files?;
        report_beside(host, &bins);
        for packages in &target.packages {
            let library = files.iter().find(|file| file.path == packages.library);
            if let Some(library) = library {
                let made = wasm_bindgen::run::make(host, staging, packages, library)?;
                artifacts.extend(made);
            }
        }
        artifacts.extend(files);
    }
    cache::write::record(host, &cache_dir(workspace), &used)?;
    if taken != known {
        cache::write::taken(host, &cache_dir(workspace), &used, &taken);
    }
    Ok((artifacts, has_compiled))
}

/// Tells which files that cargo wrote for the bins are not in the tree, which has what runs.
fn report_beside(host: &Host, bins: &[BuiltBin]) {
    let beside: Vec<&Utf8Path> = bins
        .iter()
        .flat_map(|bin| &bin.beside)
        .map(Utf8PathBuf::as_path)
        .collect();
    if let Some(directory) = beside.first().and_then(|file| file.parent()) {
        let names = text::list(beside.iter().filter_map(|file| file.file_name()));
        let text = format!("{names}, outside of the tree, in {directory}");
        host.shell.status("Noting", &text);
    }
}

/// Locks the directory that a call builds in.
fn lock_artifacts(host: &Host, target: &TargetPlan, call: &Call) -> Result<FileLock> {
    if let Some(image) = &target.toolchain.candidate.image {
        // While this lock is held, a container with the target's name can only be left over from a
        // run that was killed. It lies outside of what the container may write to.
        let path = image.target_dir.with_extension("lock");
        return host.lock(&path, &format!("in `{}`", image.target_dir));
    }
    let directory = call.artifacts.path();
    build::look::reports::reject_links(host, &call.artifacts, &call.artifacts.below)?;
    host.create_target_dir(&call.artifacts.target_dir)?;
    host.create_dir_all(&directory)?;
    host.lock(&directory.join(LOCK_NAME), &format!("in `{directory}`"))
}

/// Returns the old tree's artifacts of failed targets that are not retained anyway: they stay in
/// the tree.
///
/// # Errors
/// A new bin has the path of one of them.
fn previous_artifacts(
    existing: &ExistingTree,
    outputs: &[Output],
    failed: &[Failed],
    retained: &[Artifact],
) -> Result<Vec<Artifact>, Vec<Problem>> {
    let is_lost = |output: &Output| {
        let mut targets = failed.iter().map(|(plan, _)| &plan.target);
        targets.any(|target| *target == output.target || output.target.holds(target.triple()))
    };
    let (lost, new): (Vec<Output>, Vec<Output>) = outputs.iter().cloned().partition(is_lost);
    let is_previous = |artifact: &&Artifact| {
        !retained.contains(artifact)
            && lost
                .iter()
                .any(|output| output.target.triple() == artifact.target)
    };
    let previous: Vec<Artifact> = existing
        .manifest
        .iter()
        .flat_map(|old| &old.artifacts)
        .filter(is_previous)
        .cloned()
        .collect();
    reject_clashes(&new, &previous)?;
    Ok(previous)
}

/// Returns the paths that xpkg and cargo write to during a build.
fn generated(workspace: &Workspace, plan: &Plan, staging: &Staging) -> [Utf8PathBuf; 5] {
    let [new, marker] = staging.temporary_paths();
    [
        plan.out_dir.clone(),
        lock::lock_path(&plan.out_dir),
        new.to_owned(),
        marker.to_owned(),
        workspace.target_dir.clone(),
    ]
}

/// Returns the records of the plan's targets.
fn records(host: &Host, session: &Session, plan: &Plan, source: &Source) -> Vec<TargetRecord> {
    let places = session.places(host);
    let mut records: Vec<TargetRecord> = plan
        .targets
        .iter()
        .map(|target| record(&session.facts, plan, target, source, &places).with_id(digest::sha256))
        .collect();
    let universal = plan.universal.iter();
    let universal: Vec<TargetRecord> = universal
        .filter_map(|_| universal_record(&records))
        .map(|record| record.with_id(digest::sha256))
        .collect();
    records.extend(universal);
    records
}

/// Reports the outcome of each target, and returns one failure for all: cargo's exit code if
/// nothing but cargo failed.
fn report_failed(host: &Host, plan: &Plan, failed: Vec<Failed>) -> Failure {
    for target in &plan.targets {
        match failed
            .iter()
            .find(|(failing, _)| failing.target == target.target)
        {
            None => host.shell.status("Built", target.target.triple()),
            Some((_, Failure::ChildFailed(code))) => host.shell.status(
                "Failed",
                &format!(
                    "{}: cargo exited with {code}; its earlier bins are kept",
                    target.target
                ),
            ),
            Some(_) => host.shell.status(
                "Failed",
                &format!("{}: see below; its earlier bins are kept", target.target),
            ),
        }
    }
    let mut problems = Vec::new();
    let mut child_code = None;
    for (_, failure) in failed {
        match failure {
            Failure::Problems(found) => problems.extend(found),
            Failure::ChildFailed(code) => child_code = Some(code),
            Failure::HookFailed(problem) => problems.push(*problem),
            Failure::AlreadyReported => {}
        }
    }
    match child_code {
        Some(code) if problems.is_empty() => Failure::ChildFailed(code),
        _ => Failure::Problems(problems),
    }
}

/// Reports prebuilt code in the finished bins whose compilers were not probed.
fn report_unprobed(host: &Host, session: &Session, plan: &Plan, artifacts: &[Artifact]) {
    for target in &plan.targets {
        let probed = probed_compilers(target);
        let std_compilers = &session.facts.of(&target.target).std_compilers;
        for artifact in artifacts
            .iter()
            .filter(|artifact| artifact.target == target.target.triple())
        {
            let compilers = artifact
                .binary
                .as_ref()
                .map(|binary| binary.compilers.as_slice())
                .unwrap_or_default();
            for compiler in assess::unprobed(compilers, &probed, std_compilers) {
                host.shell.status(
                    "Noting",
                    &format!(
                        "{} contains prebuilt code from `{compiler}`, which was not probed",
                        artifact.path
                    ),
                );
            }
        }
    }
}

/// Returns the versions of a target's compilers whose code needs no report.
fn probed_compilers(target: &TargetPlan) -> Vec<&str> {
    let candidate = &target.toolchain.candidate;
    let is_probed = target.toolchain.report.is_some();
    // A linker adds start files that its own compiler made. If C was compiled without a probe,
    // code of the same compiler may as well come from there.
    let linker = Some(&candidate.linker).filter(|_| target.c.packages.is_empty() || is_probed);
    let compiler = candidate.c_compiler.as_ref().filter(|_| is_probed);
    [linker, compiler]
        .into_iter()
        .flatten()
        .filter_map(|program| program.version.as_deref())
        .collect()
}
