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

use std::collections::{BTreeMap, HashMap};

use camino::Utf8Path;
use cargo_metadata::{Artifact, Message};

use crate::build::cache::used::Messages;
use crate::build::cargo_call::{ArtifactDir, Call};
use crate::host::codes::PROCESS_FAILED;
use crate::host::lock::FileLock;
use crate::host::machine::Host;
use crate::host::opened::{Moment, OpenedFile};
use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Failure, Problem, Result};
use crate::project::artifact_kind::ArtifactKind;
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
}

/// Message of cargo about a bin, and the bin's file at that moment.
struct Report {
    artifact: Artifact,
    file: Result<OpenedFile>,
    /// True if cargo still locked its target directory when the file was open.
    was_locked: bool,
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

/// Messages about the planned files, by the path in the tree, which no two have in common.
type Reports = BTreeMap<String, Vec<Report>>;

/// Adds a report about a planned file. Of those that say the same, only the last is kept: each holds an
/// open file, and a proc macro may print as many as it likes.
fn remember(reports: &mut Reports, report: Option<(&Output, Report)>) {
    let Some((output, report)) = report else {
        return;
    };
    let says_the_same = |known: &Report| {
        known.artifact.target.name == report.artifact.target.name
            && known.artifact.executable == report.artifact.executable
            && known.artifact.filenames == report.artifact.filenames
            && known.artifact.features == report.artifact.features
    };
    let of_file = reports.entry(output.path.clone()).or_default();
    of_file.retain(|known| !says_the_same(known));
    // Two that contradict each other are enough.
    if of_file.len() < 2 {
        of_file.push(report);
    }
}

/// Planned files of a call, by what cargo's messages say of them.
struct Planned<'a> {
    call: &'a Call,
    /// Programs by the path that cargo writes them to.
    bins: HashMap<String, &'a Output>,
    /// Libraries, each with the path that cargo writes it to, as JSON has it.
    libraries: Vec<(String, &'a Output)>,
}

impl<'a> Planned<'a> {
    fn new(call: &'a Call) -> Self {
        let (mut bins, mut libraries) = (HashMap::new(), Vec::new());
        for output in &call.outputs {
            let path = call.artifacts.path_of(output);
            if output.bin.kind.is_bin() {
                bins.insert(path.into_string(), output);
            } else {
                libraries.push((format!("\"{path}\""), output));
            }
        }
        Self {
            call,
            bins,
            libraries,
        }
    }

    /// Returns the planned file that a message names, as far as its text tells; `None` for a message
    /// about none.
    fn named(&self, line: &str) -> Option<Option<&'a Output>> {
        let executable = executable(line);
        let bin = executable.and_then(|path| self.bins.get(path)).copied();
        let library = || {
            let mut libraries = self.libraries.iter();
            libraries
                .find(|(path, _)| line.contains(path))
                .map(|(_, output)| *output)
        };
        let is_about_files = !self.libraries.is_empty() && line.contains(FILENAMES);
        (executable.is_some() || is_about_files).then(|| bin.or_else(library))
    }
}

/// Reads a line of cargo's output. Returns the report of a file of the call, with the file.
fn read_message<'a>(
    host: &Host,
    planned: &Planned<'a>,
    line: &str,
    group: u32,
) -> Option<(&'a Output, Report)> {
    let call = planned.call;
    let named = planned.named(line)?;
    // cargo may be about to release its lock: the file is opened before the message is parsed.
    let opened = named.map(|output| open(host, call, output, group));
    let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(line) else {
        return None;
    };
    let output = named
        .filter(|output| is_about(&artifact, output))
        .or_else(|| {
            call.outputs
                .iter()
                .find(|output| is_about(&artifact, output))
        })?;
    let (file, was_locked) = opened.unwrap_or_else(|| open(host, call, output, group));
    let report = Report {
        artifact,
        file,
        was_locked,
    };
    Some((output, report))
}

/// Returns the path of the executable that a message names, as JSON writes it.
pub fn executable(line: &str) -> Option<&str> {
    let (_, after) = line.rsplit_once("\"executable\":\"")?;
    after.split('"').next()
}

/// Part of a message about files.
const FILENAMES: &str = "\"filenames\":[";

/// Returns the file that a message names for an output: of a library, the one of its crate types
/// that is a shared library.
fn file_of<'a>(artifact: &'a Artifact, output: &Output) -> Option<&'a Utf8Path> {
    let Output { target, bin, .. } = output;
    match bin.kind {
        ArtifactKind::Bin => artifact.executable.as_deref(),
        ArtifactKind::Cdylib | ArtifactKind::WasmBindgen => {
            let name = bin.kind.file_name(target, &bin.bin);
            let mut files = artifact.filenames.iter().map(|file| file.as_path());
            files.find(|file| file.file_name() == Some(&name))
        }
    }
}

/// Opens the file of a bin. Returns also if cargo still locks its directory.
fn open(host: &Host, call: &Call, output: &Output, group: u32) -> (Result<OpenedFile>, bool) {
    let file = host.open_below(&call.artifacts.target_dir, &call.artifacts.file(output));
    let was_locked = host.holds_cargos_lock(group, &call.artifacts.path());
    (file, was_locked)
}

/// Returns true for a message about a planned bin.
fn is_about(artifact: &Artifact, output: &Output) -> bool {
    artifact.package_id.repr == output.bin.package_id
        && !artifact.profile.test
        && match output.bin.kind {
            ArtifactKind::Bin => artifact.target.is_bin() && artifact.target.name == output.bin.bin,
            // cargo may call the library by its package's name, with `-`.
            ArtifactKind::Cdylib | ArtifactKind::WasmBindgen => artifact.target.is_cdylib(),
        }
        && file_of(artifact, output).is_some()
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

/// Returns the report of a bin: the last one, since all must say the same.
///
/// # Errors
/// There is no report, they contradict each other, or they name another file than cargo writes.
fn find(host: &Host, call: &Call, output: &Output, reports: Vec<Report>) -> Result<Report> {
    let name = output.bin.label();
    let says = |report: &Report| {
        let file = file_of(&report.artifact, output).unwrap_or(Utf8Path::new(""));
        format!(
            "`{file}` with features [{}]",
            report.artifact.features.join(", ")
        )
    };
    let mut said: Vec<String> = reports.iter().map(says).collect();
    said.dedup();
    let expected = call.artifacts.path_of(output);
    let foreign = |message: String| {
        Problem::new(ARTIFACT_FOREIGN, format!("{name}: {message}"))
            .note("cargo's messages", said.clone())
            .note("command", [call.invocation.to_string()])
            .help("look for a proc macro that prints to stdout: cargo passes it on as its own")
    };
    let is_expected = |report: &Report| {
        let file = file_of(&report.artifact, output);
        file.is_some_and(|file| is_same_path(host, file, &expected))
    };
    if said.len() > 1 {
        return Err(foreign("cargo's messages contradict each other".to_owned()));
    }
    let Some(report) = reports.into_iter().next_back() else {
        return Err(Problem::new(
            ARTIFACT_MISSING,
            format!("cargo built no {name} for `{}`", output.target),
        )
        .note("command", [call.invocation.to_string()])
        .help("run the command by hand and check its messages"));
    };
    if !is_expected(&report) {
        return Err(foreign(format!(
            "cargo's messages name a file other than `{expected}`"
        )));
    }
    if report.file.is_ok() {
        return Ok(report);
    }
    reject_links(host, &call.artifacts, &call.artifacts.file(output))?;
    if !host.exists(&expected) {
        return Err(not_written(&name, &expected));
    }
    Ok(report)
}

/// Rejects a path in the target directory that leads through a link.
///
/// # Errors
/// `artifact-foreign`.
pub fn reject_links(host: &Host, artifacts: &ArtifactDir, below: &Utf8Path) -> Result<()> {
    let ArtifactDir { target_dir, .. } = artifacts;
    let Some(link) = host.link_below(target_dir, below) else {
        return Ok(());
    };
    let message = format!("`{link}`, in cargo's target directory, is a link");
    Err(Problem::new(ARTIFACT_FOREIGN, message).help(format!(
        "replace it by what it leads to; `{target_dir}` itself may be a link"
    )))
}

/// Returns true if two paths name the same file by way of their directories, which may be links.
fn is_same_path(host: &Host, path: &Utf8Path, other: &Utf8Path) -> bool {
    let parts = |path: &Utf8Path| {
        let directory = path.parent().map(|parent| host.resolve(parent));
        (directory, path.file_name().map(str::to_owned))
    };
    path == other || parts(path) == parts(other)
}

/// Returns the problem of a file that cargo reported but that does not exist.
fn not_written(name: &str, file: &Utf8Path) -> Problem {
    Problem::new(
        ARTIFACT_MISSING,
        format!("{name}: cargo reports `{file}`, which does not exist"),
    )
    .note(
        "cause",
        ["the linker succeeded but wrote nothing".to_owned()],
    )
    .help("`cargo xpkg plan` shows which linker it was and why it was chosen")
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[ARTIFACT_FOREIGN, ARTIFACT_MISSING, TARGET_DIR_BUSY];

/// A planned bin that cargo did not build.
pub const ARTIFACT_MISSING: Code = code(&CodeInfo {
    name: "artifact-missing",
    title: "cargo did not report a requested bin",
    cause: "cargo succeeded, but its messages name no executable for the bin.",
    detection: "cargo's JSON messages are compared with the plan.",
    fix: "Run the command of the message by hand; a `forced-target` or an unusual crate type is \
          the likely cause.",
    page: "tree",
    sources: &["rust-lang/cargo#6313"],
    waivable: false,
});

/// A message that names another file than cargo writes.
pub const ARTIFACT_FOREIGN: Code = code(&CodeInfo {
    name: "artifact-foreign",
    title: "cargo's messages name a file that is not the bin's",
    cause: "What a proc macro or the compiler prints to stdout is in cargo's output, where it can \
            pass for a message of cargo: about a file elsewhere, or about other features.",
    detection: "A bin's file is TARGET-DIR/TRIPLE/PROFILE/BIN, reached without links below the \
                target directory; all messages about a bin must agree.",
    fix: "Find the package that prints it: `cargo build --message-format json` shows the line. \
          `forced-target` leads to another directory as well, and is not supported.",
    page: "tree",
    sources: &[],
    waivable: false,
});

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
