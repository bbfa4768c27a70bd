//! cargo's messages about planned files, each with the file that was there at that moment.

use std::collections::{BTreeMap, HashMap};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Artifact, Message};

use crate::build::cargo_call::{ArtifactDir, Call};
use crate::host::machine::Host;
use crate::host::opened::OpenedFile;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::artifact_kind::ArtifactKind;
use crate::tree::staged::Output;

/// Message of cargo about a bin, and the bin's file at that moment.
pub struct Report {
    /// The message.
    pub artifact: Artifact,
    /// The file; why it could not be opened.
    pub file: Result<OpenedFile>,
    /// True if cargo still locked its target directory when the file was open.
    pub was_locked: bool,
}

/// Messages about the planned files, by the path in the tree, which no two have in common.
pub type Reports = BTreeMap<String, Vec<Report>>;

/// Adds a report about a planned file. Of those that say the same, only the last is kept: each holds an
/// open file, and a proc macro may print as many as it likes.
pub fn remember(reports: &mut Reports, report: Option<(&Output, Report)>) {
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
pub struct Planned<'a> {
    call: &'a Call,
    /// Programs by the path that cargo writes them to.
    bins: HashMap<String, &'a Output>,
    /// Libraries, each with the path that cargo writes it to, as JSON has it.
    libraries: Vec<(String, &'a Output)>,
}

impl<'a> Planned<'a> {
    /// Returns the files that a call is to make.
    pub fn new(call: &'a Call) -> Self {
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
pub fn read_message<'a>(
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

/// Returns the files that cargo wrote for a bin besides: debug information, unless it is in the bin.
pub fn beside(artifact: &Artifact, output: &Output) -> Vec<Utf8PathBuf> {
    if !output.bin.kind.is_bin() {
        return Vec::new();
    }
    let files = artifact.filenames.iter();
    let besides = files.filter(|file| Some(*file) != artifact.executable.as_ref());
    besides.cloned().collect()
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

/// Returns the report of a bin: the last one, since all must say the same.
///
/// # Errors
/// There is no report, they contradict each other, or they name another file than cargo writes.
pub fn find(host: &Host, call: &Call, output: &Output, reports: Vec<Report>) -> Result<Report> {
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
pub const CODES: &[Code] = &[ARTIFACT_FOREIGN, ARTIFACT_MISSING];

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
