//! Starts the programs of a subject: `verify --run`.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::entry::ArtifactsKind;
use crate::host::codes::INTERRUPTED;
use crate::host::machine::Host;
use crate::inspect::binary::{Binary, FormatName, Linkage};
use crate::invocation::Invocation;
use crate::problem::Result;
use crate::problem::code::Code;
use crate::problem::text::printable;
use crate::target::arch::Arch;
use crate::toolchain::look::programs;
use crate::verify::finding::Finding;
use crate::verify::judge::VerifyOptions;
use crate::verify::report::{RUN_FAILED, Report, Skipped, VERSION_UNEXPECTED};
use crate::verify::waiver;

/// Time limit of each program.
const RUN_LIMIT: Duration = Duration::from_secs(10);

/// Returns true if a text contains a version that is not part of a longer one: `1.2.3` is not in
/// `11.2.30`.
fn contains_version(text: &str, version: &str) -> bool {
    text.match_indices(version).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + version.len()..].chars();
        let (next, second) = (after.next(), after.next());
        let digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
        !(before.is_some_and(|letter| letter.is_ascii_digit() || letter == '.')
            || digit(next)
            || next == Some('.') && digit(second))
    })
}

/// Starts every program that can run on this machine, one after the other, and adds the findings to
/// `report`. `args` are passed to each program, `--version` by default; `version` is
/// `--expect-version`.
///
/// # Errors
/// A signal came, or there is no temporary directory. All else is a finding.
pub fn start_all(
    host: &Host,
    root: &Utf8Path,
    options: &VerifyOptions,
    args: &[String],
    version: Option<&str>,
    report: &mut Report,
) -> Result<()> {
    let args: Vec<String> = if args.is_empty() {
        vec!["--version".to_owned()]
    } else {
        args.to_vec()
    };
    let mut findings = Vec::new();
    for file in &mut report.files {
        let Some(binary) = file.binary.as_ref().filter(|binary| binary.executable) else {
            continue;
        };
        let skip = |why: String| Skipped {
            path: file.path.clone(),
            what: "`--run`".to_owned(),
            why,
        };
        if report.kind == ArtifactsKind::Archive {
            report.skipped.push(skip(
                "it is in an archive; unpack the archive first".to_owned(),
            ));
            continue;
        }
        let program = if report.kind == ArtifactsKind::File {
            root.to_owned()
        } else {
            root.join(&file.path)
        };
        let runner = match runner(host, binary) {
            Ok(runner) => runner,
            Err(why) => {
                report.skipped.push(skip(why));
                continue;
            }
        };
        let scratch = host.scratch()?;
        let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/"));
        let command_line: Vec<String> = runner
            .into_iter()
            .chain([host.absolute(&program).into_string()])
            .chain(args.iter().cloned())
            .collect();
        let invocation = Invocation::new(&command_line[0], directory)
            .args(command_line[1..].iter().cloned())
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env_clear();
        host.shell.detail("Running", &format!("`{invocation}`"));
        let finding = |code: Code, found: String, expected: String| Finding {
            code,
            path: Some(file.path.clone()),
            target: file.target.clone(),
            found,
            expected,
            help: format!(
                "run it by hand: `{}`",
                Invocation {
                    cwd: "/".into(),
                    ..invocation.clone()
                }
            ),
        };
        let ended = match host.capture_bounded(&invocation, RUN_LIMIT) {
            Ok(ended) => ended,
            Err(problem) if problem.code == INTERRUPTED => return Err(problem),
            Err(problem) => {
                findings.push(finding(
                    RUN_FAILED,
                    problem.message,
                    "exit code 0".to_owned(),
                ));
                continue;
            }
        };
        let why = match ended.code {
            _ if ended.timed_out => {
                Some(format!("it did not exit within {} s", RUN_LIMIT.as_secs()))
            }
            Some(0) => None,
            Some(code) => Some(format!("it exited with code {code}")),
            None => Some("it was killed by a signal".to_owned()),
        };
        if let Some(why) = why {
            let first_line = ended
                .stderr
                .lines()
                .find(|line| !line.trim().is_empty())
                .map(|line| format!(": {}", printable(line)))
                .unwrap_or_default();
            findings.push(finding(
                RUN_FAILED,
                format!("{why}{first_line}"),
                "exit code 0".to_owned(),
            ));
            continue;
        }
        file.ran = Some(args.join(" "));
        let output = format!("{}{}", ended.stdout, ended.stderr);
        if let Some(version) = version.filter(|version| !contains_version(&output, version)) {
            let line = printable(output.lines().next().unwrap_or("nothing"));
            findings.push(finding(
                VERSION_UNEXPECTED,
                format!("`{line}`"),
                format!("`{version}`"),
            ));
        }
    }
    let (accepted, findings) = waiver::split_accepted(findings, options.accept.iter());
    report.accepted.extend(accepted);
    report.findings.extend(findings);
    report
        .findings
        .sort_by(|a, b| (&a.path, a.code.name()).cmp(&(&b.path, b.code.name())));
    Ok(())
}

/// Returns the command prefix that runs a program on this machine: empty for native, else an
/// emulator and its arguments.
///
/// # Errors
/// The reason why it cannot run here.
fn runner(host: &Host, binary: &Binary) -> Result<Vec<String>, String> {
    if binary.format != FormatName::Elf || !cfg!(target_os = "linux") {
        return Err("it is for another operating system".to_owned());
    }
    let arch = Arch::of_elf(&binary.machine, binary.class, binary.endian.endian())
        .ok_or_else(|| format!("there is no known emulator for {}", binary.machine))?;
    let loader = binary
        .interpreter
        .as_deref()
        .filter(|_| binary.linkage == Linkage::Dynamic)
        .map(Utf8Path::new);
    let host_arch = std::env::consts::ARCH;
    if arch.name == host_arch || arch.name == "x86" && host_arch == "x86_64" {
        return match loader.filter(|loader| !host.exists(loader)) {
            Some(loader) => Err(format!("its loader `{loader}` is not installed")),
            None => Ok(Vec::new()),
        };
    }
    let emulator = programs::emulator(host, arch).ok_or_else(|| {
        format!(
            "no `qemu-{}` is on PATH (`apt-get install qemu-user-static`)",
            arch.qemu()
        )
    })?;
    let Some(loader) = loader else {
        return Ok(vec![emulator]);
    };
    let roots = ["linux-gnu", "linux-gnueabihf", "linux-musl"]
        .map(|system| Utf8PathBuf::from(format!("/usr/{}-{system}", arch.gnu)));
    let has_loader =
        |root: &Utf8PathBuf| host.exists(&root.join(loader.as_str().trim_start_matches('/')));
    match roots.into_iter().find(has_loader) {
        Some(root) => Ok(vec![emulator, "-L".to_owned(), root.into_string()]),
        None => Err(format!(
            "the libraries of its target are not installed: `{loader}` is not below /usr/{}-linux-*",
            arch.gnu
        )),
    }
}
