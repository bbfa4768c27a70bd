//! Runs cargo as planned, and takes the file of each bin that its JSON messages name.
//!
//! cargo's diagnostics and progress go to the user unchanged, so a failure of cargo needs no
//! further report.
//!
//! cargo's lock on its target directory ends before xpkg has read a file there, and cargo's output
//! also contains what proc macros print. So a file is opened the moment its message comes, at the
//! path where cargo writes it and nowhere else, and counts if no other cargo can have replaced it by
//! then: either the cargo that reported it still held the lock when the file was open, or nothing
//! has touched the file since before that cargo began. Else cargo is asked once more.

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::cache::used::Messages;
use crate::build::cargo_call::Call;
use crate::build::look::reports::{self, Planned, Report, Reports, find, read_message, remember};
use crate::host::codes::PROCESS_FAILED;
use crate::host::lock::FileLock;
use crate::host::machine::Host;
use crate::host::opened::{Moment, OpenedFile};
use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Failure, Problem, Result};
use crate::toolchain::candidate::CacheWarmup;
use crate::toolchain::image::container::{self, Container};
use crate::toolchain::image::look::engine;
use crate::toolchain::link_failure::LinkFailure;
use crate::toolchain::lld::FAILURE_VARIABLE;
use crate::tree::staged::Output;

/// File that cargo built for a bin of the plan.
pub struct BuiltBin<'a> {
    /// Planned bin.
    pub output: &'a Output,
    /// File in cargo's target directory, open since cargo reported it.
    pub file: OpenedFile,
    /// Features that the package was built with.
    pub features: Vec<String>,
    /// Identity of the file, if it is older than the call.
    pub identity: Option<String>,
    /// Files that cargo wrote for it besides, such as its debug information.
    pub beside: Vec<Utf8PathBuf>,
}

/// Maximum number of cargo's runs for one call, if another cargo replaces its files each time.
const ATTEMPTS: usize = 10;

/// Lets zig compile what it needs before the first link for a target, unless it did earlier.
pub fn warm_up(host: &Host, warmup: &CacheWarmup) -> Result<()> {
    if host.exists(&warmup.marker) {
        return Ok(());
    }
    host.shell.status(
        "Preparing",
        &format!("zig: {}, once on this machine", warmup.what),
    );
    let scratch = host.scratch()?;
    let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
    let (name, text) = warmup.source;
    host.write(&directory.join(name), text.as_bytes())?;
    let call = Invocation::new(warmup.compiler.as_str(), directory).args([name, "-o", "first"]);
    let output = host.capture(&call)?;
    if !output.success() {
        return Err(Problem::new(
            PROCESS_FAILED,
            format!("zig cannot compile {}", warmup.what),
        )
        .note("command", [call.to_string()])
        .cause(&output.stderr));
    }
    // Without the marker, the next run only does this once more.
    let _ = host.write(&warmup.marker, b"");
    Ok(())
}

/// Fetches the packages for a build in a container, which has no network.
pub fn fetch(host: &Host, call: &Invocation) -> Result<(), Failure> {
    let output = host.capture_talking(call, |line| host.shell.pass_on(line))?;
    match output.code {
        Some(0) => Ok(()),
        code => Err(Failure::ChildFailed(
            code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        )),
    }
}

/// Bytes of a description of a failed link.
const LONGEST_LINK_FAILURE: u64 = 1024 * 1024;

/// A call that failed.
pub struct CallFailed {
    /// The failure.
    pub failure: Failure,
    /// What the link asked for, if a link failed and xpkg's wrapper of the linker could tell.
    pub link: Option<LinkFailure>,
    /// What the call may have missed, if it ran in a container.
    pub hints: Vec<String>,
}

/// Maximum number of links that a hint names.
const LINKS_SHOWN: usize = 5;

/// Returns what a build that works on this machine may miss in a container. Only after a failure:
/// the sources are searched for links.
fn hints(host: &Host, container: &Container) -> Vec<String> {
    let mut hints = vec![
        "it ran in a container: without network (`pre-build` has one), and with sources that \
         cannot be written to (build scripts write to `OUT_DIR`)"
            .to_owned(),
    ];
    let is_shown = |path: &Utf8Path| {
        let mut mounts = container.mounts.iter();
        mounts.any(|mount| {
            path.starts_with(&mount.from) || path.starts_with(host.resolve(&mount.from))
        })
    };
    let links = host.links(&container.cwd, CACHE_TAG).into_iter();
    let hidden = links
        .map(|link| (host.resolve(&link), link))
        .filter(|(to, _)| host.exists(to) && !is_shown(to))
        .take(LINKS_SHOWN);
    hints.extend(hidden.map(|(to, link)| {
        let name = link.file_name().unwrap_or_default();
        let variable: String = name
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '_'
                }
            })
            .collect();
        format!(
            "the link `{link}` leads to `{to}`, which the container does not see: add it to \
             `volumes`, `\"{}={to}\"`",
            variable.to_ascii_uppercase()
        )
    }));
    hints
}

/// File that marks a directory of caches, such as cargo's target directory.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// Runs one call. Returns the bins that the plan expects of it, in the plan's order. `lock` is the
/// lock of the call's directory; `messages` gets the files of dependencies.
///
/// # Errors
/// cargo or the container failed, cargo reported no file for a bin or another one, or another cargo
/// replaced the files each time.
pub fn run<'a>(
    host: &Host,
    call: &'a Call,
    lock: &FileLock,
    messages: &mut Messages,
) -> Result<Vec<BuiltBin<'a>>, CallFailed> {
    let scratch = host.scratch().map_err(|problem| CallFailed {
        failure: problem.into(),
        link: None,
        hints: Vec::new(),
    })?;
    let kept = Utf8Path::from_path(scratch.path()).map(|directory| directory.join("link.json"));
    built(host, call, lock, kept.as_deref(), messages).map_err(|failure| CallFailed {
        hints: match (&failure, &call.container) {
            (Failure::ChildFailed(_), Some(container)) => hints(host, container),
            _ => Vec::new(),
        },
        failure,
        link: kept
            .and_then(|file| host.read_small_text(&file, LONGEST_LINK_FAILURE).ok())
            .and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// Runs one call, again if another cargo replaced its files. A failed link is described in the file
/// `kept`.
fn built<'a>(
    host: &Host,
    call: &'a Call,
    lock: &FileLock,
    kept: Option<&Utf8Path>,
    messages: &mut Messages,
) -> Result<Vec<BuiltBin<'a>>, Failure> {
    for attempt in 0..ATTEMPTS {
        let began = lock.now();
        let reports = if attempt == 0 {
            build(host, call, kept, messages)?
        } else {
            messages.has_compiled = true;
            build_again(host, call, attempt)?
        };
        if let Some(bins) = take(host, call, reports, began)? {
            return Ok(bins);
        }
    }
    let message = format!(
        "another cargo replaced files in `{}` each of {ATTEMPTS} times",
        call.artifacts.path()
    );
    Err(Problem::new(TARGET_DIR_BUSY, message)
        .note("command", [call.invocation.to_string()])
        .help("wait for the other cargo, or choose another directory: `--target-dir DIR`")
        .into())
}

/// Runs cargo, and opens the file of each bin as it is reported.
fn build(
    host: &Host,
    call: &Call,
    kept: Option<&Utf8Path>,
    messages: &mut Messages,
) -> Result<Reports, Failure> {
    let mut reports = Reports::new();
    let planned = Planned::new(call);
    let code = run_cargo(host, call, kept, |line, group| {
        messages.read(line);
        remember(&mut reports, read_message(host, &planned, line, group));
    })?;
    check_exit_code(call, code)?;
    Ok(reports)
}

/// Runs cargo again after [`build`]. There is nothing to compile unless another cargo was faster;
/// only errors are printed.
fn build_again(host: &Host, call: &Call, attempt: usize) -> Result<Reports, Failure> {
    let place = call.artifacts.path();
    if attempt == 1 {
        host.shell.detail(
            "Checking",
            &format!("that no other cargo wrote to `{place}`"),
        );
    } else {
        host.shell.status(
            "Retrying",
            &format!("another cargo replaced files in `{place}`"),
        );
    }
    let mut reports = Reports::new();
    let planned = Planned::new(call);
    let ended = host.stream_quietly(&again(&call.invocation), |line, group| {
        remember(&mut reports, read_message(host, &planned, line, group));
    })?;
    if !ended.success() {
        for line in ended.stderr.lines() {
            host.shell.pass_on(line);
        }
    }
    check_exit_code(call, ended.code)?;
    Ok(reports)
}

/// Returns the invocation that prints nothing but errors. cargo rejects `--quiet` with `--verbose`,
/// and twice.
fn again(invocation: &Invocation) -> Invocation {
    let mut quiet = invocation.clone();
    quiet
        .args
        .retain(|argument| !["--quiet", "--verbose"].contains(&argument.as_str()));
    quiet.arg("--quiet")
}

/// Returns the bins of a call; `None` if another cargo may have replaced one. `began` is the moment
/// before cargo was started.
///
/// # Errors
/// A bin without a file, or with another than it must have.
fn take<'a>(
    host: &Host,
    call: &'a Call,
    mut reports: Reports,
    began: Option<Moment>,
) -> Result<Option<Vec<BuiltBin<'a>>>, Vec<Problem>> {
    let (mut bins, mut problems, mut is_certain) = (Vec::new(), Vec::new(), true);
    for output in &call.outputs {
        let of_file = reports.remove(&output.path).unwrap_or_default();
        match find(host, call, output, of_file) {
            Ok(Report {
                artifact,
                file: Ok(file),
                was_locked,
            }) => {
                // An image's target directory is xpkg's alone, and its lock is held.
                is_certain &= was_locked || call.container.is_some() || file.is_older_than(began);
                bins.push(BuiltBin {
                    output,
                    identity: file.settled_identity(began).map(str::to_owned),
                    file,
                    beside: reports::beside(&artifact, output),
                    features: artifact.features,
                });
            }
            Ok(Report {
                file: Err(problem), ..
            })
            | Err(problem) => problems.push(problem),
        }
    }
    match problems.is_empty() {
        true => Ok(is_certain.then_some(bins)),
        false => Err(problems),
    }
}

/// Runs cargo and passes each line of its stdout to `on_line` with its process group. Returns its exit code, `None` after
/// a signal. A container is always gone afterwards.
fn run_cargo(
    host: &Host,
    call: &Call,
    kept: Option<&Utf8Path>,
    mut on_line: impl FnMut(&str, u32) + Send,
) -> Result<Option<i32>> {
    let Some(container) = &call.container else {
        let mut invocation = call.invocation.clone();
        if let Some(file) = kept {
            invocation = invocation.env(FAILURE_VARIABLE, file.as_str());
        }
        return host.stream(&invocation, None, on_line);
    };
    let end = container.end();
    let mut code = host.stream(&call.invocation, Some(&end), &mut on_line);
    // The engine could not start the container: one with its name may be left over from a run that
    // was killed. The caller's lock makes sure that it is not in use.
    if matches!(code, Ok(Some(CONTAINER_NOT_STARTED))) && engine::exists(host, container) {
        host.shell.status(
            "Removing",
            &format!(
                "the container `{}`, which a killed run left behind",
                container.name
            ),
        );
        host.end(&end);
        code = host.stream(&call.invocation, Some(&end), &mut on_line);
    }
    // If cargo did not end by itself, an interrupted client may have left the container running.
    if !matches!(code, Ok(Some(0 | CARGO_FAILURE))) {
        host.end(&end);
    }
    code
}

/// Exit code of `docker run` and `podman run` if the engine itself fails.
///
/// Source: <https://docs.docker.com/engine/reference/run/#exit-status>
const CONTAINER_NOT_STARTED: i32 = 125;

/// Exit code of cargo after a failed build.
const CARGO_FAILURE: i32 = 101;

/// Exit code of a container that was killed.
const KILLED: i32 = 137;

/// Checks the exit code of a call.
fn check_exit_code(call: &Call, code: Option<i32>) -> Result<(), Failure> {
    let outside_problem = call
        .container
        .as_ref()
        .and_then(|container| container::ending(&container.engine, code.unwrap_or(KILLED)));
    if let Some(problem) = outside_problem {
        return Err(problem.into());
    }
    match code {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::ChildFailed(u8::try_from(code).unwrap_or(1))),
        // After a signal cargo could not report anything.
        None => Err(Problem::new(PROCESS_FAILED, "cargo was killed by a signal")
            .note("command", [call.invocation.to_string()])
            .help("if memory ran out, try fewer jobs: `-j 1`")
            .into()),
    }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[TARGET_DIR_BUSY];

/// Another cargo that replaces the files of this one.
pub const TARGET_DIR_BUSY: Code = code(&CodeInfo {
    name: "target-dir-busy",
    title: "another cargo replaced the built files before they were read",
    cause: "Another cargo builds the same profile in the same target directory with other features \
            or settings; both write to the same path.",
    detection: "cargo's lock in /proc/locks, and the time of the last change of each file. Runs of \
                xpkg wait for each other.",
    fix: "Wait until the other cargo has ended, or give one of them a `--target-dir` of its own.",
    page: "tree",
    sources: &[],
    waivable: false,
});
