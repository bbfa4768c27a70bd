//! Candidates for the values of arguments: what this machine, this workspace or the program itself
//! knows.

use std::ffi::OsStr;

use cargo_metadata::Metadata;
use clap_complete::CompletionCandidate;

use crate::commands::codes;
use crate::guide::TOPICS;
use crate::host::codes::PROCESS_FAILED;
use crate::host::machine::Host;
use crate::host::shell::Shell;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};

/// Function that lists the candidates for the value of an argument.
pub type Complete = fn(&OsStr) -> Vec<CompletionCandidate>;

/// Lists targets with a standard library, those that are installed first.
pub fn targets(current: &OsStr) -> Vec<CompletionCandidate> {
    let listed = ask("rustup", &["target", "list"]).or_else(|_| {
        let all = &["--print", "target-list"];
        ask("rustc", all)
    });
    let listed = listed.unwrap_or_default();
    let (installed, others): (Vec<&str>, Vec<&str>) = listed
        .lines()
        .partition(|line| line.ends_with(" (installed)"));
    let names = installed
        .iter()
        .chain(&others)
        .filter_map(|line| line.split(' ').next());
    candidates(current, names)
}

/// Lists the packages of the workspace that have bins.
pub fn packages(current: &OsStr) -> Vec<CompletionCandidate> {
    let workspace = metadata();
    let names = workspace.iter().flat_map(|metadata| &metadata.packages);
    let with_bins = names.filter(|package| package.targets.iter().any(|target| target.is_bin()));
    candidates(current, with_bins.map(|package| package.name.as_str()))
}

/// Lists the bins of the workspace.
pub fn bins(current: &OsStr) -> Vec<CompletionCandidate> {
    let workspace = metadata();
    let targets = workspace
        .iter()
        .flat_map(|metadata| &metadata.packages)
        .flat_map(|package| &package.targets);
    let names = targets
        .filter(|target| target.is_bin())
        .map(|target| target.name.as_str());
    candidates(current, names)
}

/// Lists the features of the workspace's packages.
pub fn features(current: &OsStr) -> Vec<CompletionCandidate> {
    let workspace = metadata();
    let names = workspace
        .iter()
        .flat_map(|metadata| &metadata.packages)
        .flat_map(|package| package.features.keys());
    candidates(current, names.map(String::as_str))
}

/// Lists the codes of findings that can be accepted.
pub fn findings(current: &OsStr) -> Vec<CompletionCandidate> {
    let codes = codes::all().filter(|code| code.info().waivable);
    candidates(current, codes.map(|code| code.name()))
}

/// Lists all codes.
pub fn codes(current: &OsStr) -> Vec<CompletionCandidate> {
    candidates(current, codes::all().map(|code| code.name()))
}

/// Lists the topics of the guide, and the commands of these names.
pub fn topics(current: &OsStr, commands: &[String]) -> Vec<CompletionCandidate> {
    let topics = TOPICS.iter().map(|topic| topic.name);
    candidates(current, topics.chain(commands.iter().map(String::as_str)))
}

/// Returns the names that begin with what is typed, in their order and each once.
fn candidates<'a>(
    current: &OsStr,
    names: impl Iterator<Item = &'a str>,
) -> Vec<CompletionCandidate> {
    let typed = current.to_string_lossy();
    let mut found: Vec<&str> = Vec::new();
    for name in names.filter(|name| name.starts_with(&*typed)) {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    let candidate = |(order, name)| CompletionCandidate::new(name).display_order(Some(order));
    found.into_iter().enumerate().map(candidate).collect()
}

/// Returns the workspace of the current directory, without its dependencies, if there is one.
fn metadata() -> Option<Metadata> {
    let args = [
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--offline",
    ];
    serde_json::from_str(&ask("cargo", &args).ok()?).ok()
}

/// Returns what a program prints. A shell that asks for candidates has no use for its messages.
fn ask(program: &str, args: &[&str]) -> Result<String> {
    let host = Host::new(Shell::default())?;
    let output = host.capture(&Invocation::new(program, host.cwd()).args(args.iter().copied()))?;
    if output.success() {
        Ok(output.stdout)
    } else {
        Err(Problem::new(PROCESS_FAILED, output.stderr))
    }
}
