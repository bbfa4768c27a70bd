//! Runs cargo as planned, and reads from its JSON messages which file each bin became.
//!
//! cargo's diagnostics and progress go to the user unchanged, so a failure of cargo needs no
//! further report.

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::Message;

use crate::build::cargo_call::Call;
use crate::host::codes::PROCESS_FAILED;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Failure, Problem, Result};
use crate::toolchain::candidate::CacheWarmup;
use crate::toolchain::image::container;
use crate::toolchain::image::look::engine;
use crate::tree::staged::Output;

/// File that cargo built for a bin of the plan.
pub struct BuiltBin<'a> {
    /// Planned bin.
    pub output: &'a Output,
    /// Path in cargo's target directory.
    pub file: Utf8PathBuf,
    /// Features that the package was built with.
    pub features: Vec<String>,
}

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

/// Runs one call. Returns the bins that the plan expects of it, in the plan's order.
///
/// # Errors
/// cargo or the container failed, or cargo reported no file for a bin.
pub fn run<'a>(host: &Host, call: &'a Call) -> Result<Vec<BuiltBin<'a>>, Failure> {
    let mut artifacts = Vec::new();
    let code = run_cargo(host, call, |line| {
        if let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(line)
            && artifact.executable.is_some()
        {
            artifacts.push(artifact);
        }
    })?;
    check_exit_code(call, code)?;
    let (mut bins, mut problems) = (Vec::new(), Vec::new());
    for output in &call.outputs {
        match find(&artifacts, output, call) {
            Ok(bin) => bins.push(bin),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(bins)
    } else {
        Err(problems.into())
    }
}

/// Runs cargo and passes each line of its stdout to `on_line`. Returns its exit code, `None` after
/// a signal. A container is always gone afterwards.
fn run_cargo(host: &Host, call: &Call, mut on_line: impl FnMut(&str)) -> Result<Option<i32>> {
    let Some(container) = &call.container else {
        return host.stream(&call.invocation, None, on_line);
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

/// Finds the file that cargo reported for a bin.
fn find<'a>(
    artifacts: &[cargo_metadata::Artifact],
    output: &'a Output,
    call: &Call,
) -> Result<BuiltBin<'a>, Problem> {
    let artifact = artifacts.iter().find(|artifact| {
        artifact.package_id.repr == output.bin.package_id
            && artifact.target.is_bin()
            && artifact.target.name == output.bin.bin
    });
    match artifact.and_then(|artifact| Some((artifact, artifact.executable.clone()?))) {
        Some((artifact, file)) => Ok(BuiltBin {
            output,
            file,
            features: artifact.features.clone(),
        }),
        None => Err(Problem::new(
            ARTIFACT_MISSING,
            format!(
                "cargo built no bin `{}` of package `{}` for `{}`",
                output.bin.bin, output.bin.package, output.target
            ),
        )
        .note("command", [call.invocation.to_string()])
        .help("run the command by hand and check its messages")),
    }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[ARTIFACT_MISSING];

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
