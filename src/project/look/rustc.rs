//! Asks rustc for its version, sysroot and targets.

use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::PROCESS_FAILED;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::graph::PlatformFacts;
use crate::project::rustc::Rustc;

/// Returns the problem if rustup reports that the pinned toolchain is not installed.
pub fn toolchain_problem(stderr: &str) -> Option<Problem> {
    let line = stderr
        .lines()
        .find(|line| line.contains("toolchain '") && line.contains("is not installed"))?;
    let name = line.split('\'').nth(1)?;
    Some(
        Problem::new(
            TOOLCHAIN_NOT_INSTALLED,
            format!("the workspace pins the toolchain `{name}`, which is not installed"),
        )
        .help(format!(
            "run `rustup toolchain install {name}`, or change the pin in its `rust-toolchain.toml`"
        )),
    )
}

/// Asks the compiler that a directory uses. Returns its version, the triples that it knows, and the
/// host's platform.
pub fn rustc(
    host: &Host,
    program: &str,
    directory: &Utf8Path,
) -> Result<(Rustc, Vec<String>, PlatformFacts)> {
    let version = Invocation::new(program, directory).arg("-vV");
    let lists = Invocation::new(program, directory).args([
        "--print",
        "sysroot",
        "--print",
        "target-list",
        "--print",
        "cfg",
    ]);
    let (version, lists) = thread::scope(|scope| {
        let lists = scope.spawn(|| answer(host, &lists));
        (
            answer(host, &version),
            lists.join().expect("the query does not panic"),
        )
    });
    let (version, lists) = (version?, lists?);
    let field = |name: &str| {
        version
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    let mut lines = lists.lines();
    let sysroot = Utf8PathBuf::from(lines.next().unwrap_or_default());
    // rustc prints the triples before the `cfg` lines. Every triple has a dash and no `=`; no `cfg`
    // line has a dash without `=`.
    let (triples, cfg): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.contains('-') && !line.contains('='));
    let triples = triples.into_iter().map(str::to_owned).collect();
    let triple = field("host:").unwrap_or_default();
    let managed = sysroot.parent().and_then(Utf8Path::file_name) == Some("toolchains")
        && host.find("rustup").is_some();
    let rustc = Rustc {
        release: field("release:").unwrap_or_default(),
        commit_hash: field("commit-hash:").filter(|hash| hash != "unknown"),
        sysroot: sysroot.clone(),
        rustup: sysroot.file_name().filter(|_| managed).map(str::to_owned),
        lld: host.is_file(
            &sysroot
                .join("lib/rustlib")
                .join(&triple)
                .join("bin")
                .join(format!("rust-lld{}", std::env::consts::EXE_SUFFIX)),
        ),
        host: triple,
    };
    let host_platform = PlatformFacts::new(&rustc.host, cfg);
    Ok((rustc, triples, host_platform))
}

/// Runs a program and returns its stdout; a failure is a problem.
pub fn answer(host: &Host, question: &Invocation) -> Result<String> {
    let output = host.capture(question)?;
    if output.success() {
        return Ok(output.stdout);
    }
    Err(toolchain_problem(&output.stderr).unwrap_or_else(|| {
        Problem::new(
            PROCESS_FAILED,
            format!("`{}` did not answer", question.program),
        )
        .note("command", [question.to_string()])
        .cause(&output.stderr)
    }))
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[TOOLCHAIN_NOT_INSTALLED];

pub const TOOLCHAIN_NOT_INSTALLED: Code = code(&CodeInfo {
    name: "toolchain-not-installed",
    title: "the toolchain that the workspace pins is not installed",
    cause: "A `rust-toolchain.toml` (or an override) names a toolchain that rustup does not \
            have, and automatic installs are off.",
    detection: "cargo and rustc run in the workspace's directory, so its pin applies; \
                rustup reports that the toolchain is not installed.",
    fix: "Run the `rustup toolchain install` command of the message, or change the pin.",
    page: "doctor",
    sources: &["rustup's book, Overrides"],
    waivable: false,
});
