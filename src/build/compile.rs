//! Runs cargo as the plan says and reads its JSON messages: which file each bin became.
//!
//! cargo's diagnostics and progress go to the user untouched; when it fails it has already spoken.

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::Message;

use crate::build::cargo_call::Call;
use crate::host::codes::PROCESS_FAILED;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Failure, Problem};
use crate::toolchain::candidate::CacheWarmup;
use crate::toolchain::image::container::{self, Container};
use crate::toolchain::image::look::engine;
use crate::tree::staged::Output;

/// A file that cargo made for a bin of the plan.
pub struct BuiltBin<'a> {
    pub output: &'a Output,
    pub file: Utf8PathBuf,
    /// Features of the package as it was built.
    pub features: Vec<String>,
}

/// Has zig compile what it needs for a target before its first link, unless it did.
pub fn first_use(host: &Host, first: &CacheWarmup) -> Result<(), Problem> {
    if host.exists(&first.marker) {
        return Ok(());
    }
    host.shell.status(
        "Preparing",
        &format!("zig: {}, once on this machine", first.what),
    );
    let scratch = host.scratch()?;
    let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
    let (name, text) = first.source;
    host.write(&directory.join(name), text.as_bytes())?;
    let call = Invocation::new(first.compiler.as_str(), directory).args([name, "-o", "first"]);
    let ended = host.capture(&call)?;
    if !ended.success() {
        return Err(
            Problem::new(PROCESS_FAILED, format!("zig cannot compile {}", first.what))
                .note("command", [call.to_string()])
                .cause(&ended.stderr),
        );
    }
    // Without the marker the next run only asks once more.
    let _ = host.write(&first.marker, b"");
    Ok(())
}

/// Fetches what a container without a network will need.
pub fn fetch(host: &Host, call: &Invocation) -> Result<(), Failure> {
    let ended = host.capture_talking(call, |line| host.shell.pass_on(line))?;
    match ended.code {
        Some(0) => Ok(()),
        code => Err(Failure::ChildFailed(
            code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        )),
    }
}

/// Runs one call. Every bin that the plan expects of it is in the answer, in the plan's order.
pub fn run<'a>(host: &Host, call: &'a Call) -> Result<Vec<BuiltBin<'a>>, Failure> {
    let mut artifacts = Vec::new();
    let ending = call.container.as_ref().map(Container::end);
    let mut stream = || {
        host.stream(&call.invocation, ending.as_ref(), |line| {
            if let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(line)
                && artifact.executable.is_some()
            {
                artifacts.push(artifact);
            }
        })
    };
    let mut code = stream();
    // A container of a killed run has the name; the caller holds what only one run at a time may
    // use.
    if let (Ok(Some(125)), Some(container)) = (&code, &call.container)
        && engine::exists(host, container)
    {
        host.shell.status(
            "Removing",
            &format!(
                "the container `{}`, which a killed run left behind",
                container.name
            ),
        );
        host.end(&container.end());
        code = stream();
    }
    // What did not end by itself is not left behind, be it that an interruption took the client
    // away from it.
    if let Some(ending) = ending.filter(|_| !matches!(code, Ok(Some(0 | 101)))) {
        host.end(&ending);
    }
    let code = code?;
    let from_outside = call
        .container
        .as_ref()
        .and_then(|container| container::ending(&container.engine, code.unwrap_or(137)));
    match code {
        _ if from_outside.is_some() => {
            return Err(from_outside.into_iter().collect::<Vec<_>>().into());
        }
        Some(0) => {}
        Some(code) => return Err(Failure::ChildFailed(u8::try_from(code).unwrap_or(1))),
        // Ended by a signal: cargo could say nothing.
        None => {
            return Err(Problem::new(PROCESS_FAILED, "cargo was killed by a signal")
                .note("command", [call.invocation.to_string()])
                .help("if memory ran out, try fewer jobs: `-j 1`")
                .into());
        }
    }
    let made: Vec<Result<BuiltBin, Problem>> = call
        .outputs
        .iter()
        .map(|output| find(&artifacts, output, call))
        .collect();
    let (made, missing): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    if missing.is_empty() {
        Ok(made.into_iter().filter_map(Result::ok).collect())
    } else {
        Err(missing
            .into_iter()
            .filter_map(Result::err)
            .collect::<Vec<_>>()
            .into())
    }
}

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
        .help("run the command by hand and look at its messages")),
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[ARTIFACT_MISSING];

pub const ARTIFACT_MISSING: Code = code(&CodeInfo {
    name: "artifact-missing",
    title: "cargo did not report a bin that was asked for",
    cause: "cargo ended well, but told of no executable for the bin.",
    detection: "cargo's JSON messages are compared with the plan.",
    fix: "Run the command that the message names by hand; a `forced-target` or an unusual crate \
          type is the likely cause.",
    source: "rust-lang/cargo#6313",
    waivable: false,
});
