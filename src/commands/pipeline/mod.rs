//! `pipeline`: runs the stages from the lockfile to the release, and records each.

pub mod args;
pub mod stages;
pub mod told;

use serde::Serialize;

use crate::build::look::request::{RunRequest, xpkg_config};
use crate::build::look::session::Session;
use crate::build::look::timer::Timer;
use crate::commands::args::MessageFormat;
use crate::commands::pipeline::args::{PipelineArgs, options, store_args};
use crate::commands::pipeline::stages::{Run, keep_first};
use crate::commands::pipeline::told::{Told, moved_parts, plan_findings};
use crate::commands::publish::Place;
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Problem, Result};
use crate::project::workspace::cache_dir;
use crate::ship::pipeline::decide::{Range, Status, check_earlier};
use crate::ship::pipeline::look::{Asked, Scene, records};
use crate::ship::pipeline::summary::Summary;
use crate::ship::pipeline::{PIPELINE_INVALID, write};
use crate::toolchain::image::look::store::PullPolicy;
use crate::tree;
use crate::tree::manifest::Manifest;
use crate::ui;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg pipeline --until verify",
    "cargo xpkg pipeline --from docker --summary summary.html",
    "cargo xpkg pipeline --status",
];

/// JSON document of `pipeline`.
#[derive(Serialize)]
struct Document<'a> {
    statuses: &'a [Status],
    /// `None` with `--status`.
    summary: Option<&'a Summary>,
    /// Problems that stopped the run; none if cargo has told them on stderr.
    problems: &'a [Problem],
}

/// Runs `pipeline`.
///
/// # Errors
/// `pipeline-invalid`, `stage-stale`, and those of the stages.
pub fn run(host: &Host, args: PipelineArgs) -> Result<(), Failure> {
    let format = args.run.message_format;
    if args.status {
        return print_status(host, &args);
    }
    let range = Range::new(args.from, args.until)?;
    let request = RunRequest::resolve(host, options(&args))?;
    let names = request.settings.requests.iter();
    let targets: Vec<String> = names.map(|request| request.target.to_string()).collect();
    for forced in &args.force {
        forced.check(range, &targets)?;
    }
    let base = base(host, &args, &request)?;
    let cache = cache_dir(&request.project.workspace);
    let mut run = Run {
        host,
        args: &args,
        range,
        records: records(host, &cache)?,
        timer: Timer::default(),
        ran: Vec::new(),
        compiler_cache: None,
    };
    let (session, plan, mut failure) = match run.fetch(&request).err() {
        Some(failure) => (None, None, Some(failure)),
        None => run.gate(&targets)?,
    };
    let mut told = Told::default();
    if let (Some(session), Some(plan)) = (&session, &plan) {
        let scene = Scene::look(host, session, plan, asked(host, &args, &request));
        told.moved = moved_parts(host, &scene, &cache, &plan.profile)?;
        told.findings = plan_findings(plan);
        if failure.is_none() {
            check_earlier(&scene.statuses(&run.records)?, range)?;
            failure = run.stages(&scene, session, plan).err();
        }
        if let Some(failure) = &failure {
            run.attribute(&targets, failure);
        }
        run.complete(&scene, &mut told, &mut failure);
    }
    // What failed before there was a plan is recorded, too.
    keep_first(
        host,
        &mut failure,
        write::records(host, &cache, &run.records),
    );
    let summary = match run.summary(&request, &targets, base.as_ref(), told.clone()) {
        Ok(summary) => summary,
        Err(problem) => {
            keep_first(host, &mut failure, Err(problem));
            return failure.map_or(Ok(()), Err);
        }
    };
    let written = run.write_summary(&summary);
    keep_first(host, &mut failure, written);
    if format == MessageFormat::Human {
        shell::data(&ui::pipeline::ran(&summary))?;
        return failure.map_or(Ok(()), Err);
    }
    let problems = match &failure {
        Some(Failure::Problems(problems)) => problems.clone(),
        Some(Failure::HookFailed(problem)) => vec![(**problem).clone()],
        Some(Failure::ChildFailed(_) | Failure::AlreadyReported) | None => Vec::new(),
    };
    shell::data(&shell::json(&Document {
        statuses: &told.statuses,
        summary: Some(&summary),
        problems: &problems,
    }))?;
    if failure.is_some() {
        shell::end_data();
    }
    failure.map_or(Ok(()), Err)
}

/// Prints the state of each stage.
fn print_status(host: &Host, args: &PipelineArgs) -> Result<(), Failure> {
    let session = Session::look(host, options(args), PullPolicy::Never)?;
    let plan = session.plan()?;
    let asked = asked(host, args, &session.request);
    let scene = Scene::look(host, &session, &plan, asked);
    let statuses = scene.statuses(&records(host, &scene.cache())?)?;
    shell::data(&match args.run.message_format {
        MessageFormat::Human => ui::pipeline::statuses(&statuses),
        MessageFormat::Json => shell::json(&Document {
            statuses: &statuses,
            summary: None,
            problems: &[],
        }),
    })?;
    Ok(())
}

/// Returns what the stages after the build are asked for. The destination is unknown if there is no
/// store, or no channel: on no branch.
fn asked(host: &Host, args: &PipelineArgs, request: &RunRequest) -> Asked {
    let configured = xpkg_config(&request.project).ok();
    let has_store = configured.is_some_and(|config| config.publish.to.is_some());
    let store = (args.to.is_some() || has_store).then(|| store_args(&args.run, args));
    let place = store.and_then(|store| Place::find(host, &store).ok());
    Asked {
        tag: args.tag.clone().unwrap_or_default(),
        sign: args.sign.clone(),
        destination: place.map(|place| place.destination()),
    }
}

/// Returns the manifest to compare sizes with.
///
/// # Errors
/// `--base` has none.
fn base(host: &Host, args: &PipelineArgs, request: &RunRequest) -> Result<Option<Manifest>> {
    let Some(base) = &args.base else {
        let found = tree::look::read(host, &request.settings.out_dir);
        // A tree that cannot be read is a failure of the build, by its name.
        return Ok(found.ok().flatten().map(|(manifest, _)| manifest));
    };
    let base = host.absolute(base);
    let directory = match base.file_name() {
        Some("manifest.json") => base.parent().unwrap_or(&base),
        _ => &base,
    };
    match tree::look::read(host, directory)? {
        Some((manifest, _)) => Ok(Some(manifest)),
        None => {
            let message = format!("`--base {base}` has no manifest.json");
            Err(Problem::new(PIPELINE_INVALID, message)
                .help("pass a staged tree: `--base target/xpkg`"))
        }
    }
}
