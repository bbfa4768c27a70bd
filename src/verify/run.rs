//! Starts the programs of a subject: `verify --run`.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::entry::ArtifactsKind;
use crate::host::codes::INTERRUPTED;
use crate::host::machine::Host;
use crate::inspect::binary::{Binary, FormatName, Linkage};
use crate::inspect::system::SystemName;
use crate::inspect::system_of;
use crate::invocation::Invocation;
use crate::problem::Result;
use crate::problem::code::Code;
use crate::problem::text::printable;
use crate::target::arch::Arch;
use crate::target::level::Shortfall;
use crate::target::system::Os;
use crate::toolchain::look::programs;
use crate::toolchain::look::runtimes::{self, Found};
use crate::verify::expected::Expected;
use crate::verify::fence::{self, Fence, FenceTool};
use crate::verify::finding::{self, Finding};
use crate::verify::integrity::{self, DIGEST_MISMATCH};
use crate::verify::judge::VerifyOptions;
use crate::verify::report::{FileReport, RUN_FAILED, Report, Skipped, VERSION_UNEXPECTED};
use crate::verify::rules::libc::INTERPRETER_UNFIT;
use crate::verify::rules::machine::{UNREADABLE_BINARY, WRONG_MACHINE};
use crate::verify::wine::run::Wine;
use crate::verify::{links, listing, waiver, wine};

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

/// Rules that a program must not violate to be started: those that say that it is not the released
/// file, or not one for its target.
const BEFORE_START: &[&[Code]] = &[
    integrity::CODES,
    links::CODES,
    listing::CODES,
    &[INTERPRETER_UNFIT, UNREADABLE_BINARY, WRONG_MACHINE],
];

/// Returns the code that keeps a program from being started: a finding of its own, or one of the
/// whole subject about its list.
fn obstacle(findings: &[Finding], file: &FileReport) -> Option<Code> {
    let binds = |finding: &&Finding| {
        let is_own = finding.path.as_ref() == Some(&file.path);
        let is_of_list = listing::CODES.contains(&finding.code);
        (is_own || is_of_list)
            && BEFORE_START
                .iter()
                .any(|codes| codes.contains(&finding.code))
    };
    findings.iter().find(binds).map(|finding| finding.code)
}

/// Starts every program that can run on this machine, one after the other, and adds the findings to
/// `report`. `args` are passed to each program, `--version` by default; `version` is
/// `--expect-version`. A program with a finding about its integrity or machine is not started.
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
    let (tool, fence) = fence(host)?;
    let mut wine: Option<Result<Wine, String>> = None;
    report.fence = Some(fence);
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
        if file.is_packed {
            report.skipped.push(skip(
                "it is in an archive; unpack the archive first".to_owned(),
            ));
            continue;
        }
        if let Some(code) = obstacle(&report.findings, file) {
            report
                .skipped
                .push(skip(format!("it has the finding `{}`", code.name())));
            continue;
        }
        let program = host.absolute(&if report.kind == ArtifactsKind::File {
            root.to_owned()
        } else {
            root.join(&file.path)
        });
        // Its first start takes long, so all programs have one.
        let arch = wine::arch_of(binary).filter(|_| cfg!(target_os = "linux"));
        if arch.is_some() && wine.is_none() {
            wine = Some(wine::run::wine(host, tool.as_ref())?);
        }
        let under_wine = match (&wine, arch) {
            (Some(Ok(wine)), Some(_)) => Some(wine),
            _ => None,
        };
        let is_fenced = tool.is_some();
        let command = match (&wine, arch) {
            (Some(Err(why)), Some(_)) => Err(why.clone()),
            (Some(Ok(wine)), Some(arch)) => wine.command(arch).map(Runner::of_command),
            _ => runner(host, binary, file.expected.as_ref(), is_fenced),
        };
        let runner = match command {
            Ok(runner) => {
                file.runtime = runner.version;
                runner.command
            }
            Err(why) => {
                report.skipped.push(skip(why));
                continue;
            }
        };
        // It may have been replaced since it was read.
        if host.hash(&program).ok() != Some((file.sha256.clone(), file.size)) {
            let help = "look for what writes to it, and verify again";
            findings.push(finding::finding(
                DIGEST_MISMATCH,
                &file.path,
                "another file than a moment ago",
                format!("digest {}", file.sha256),
                help,
            ));
            continue;
        }
        let scratch = host.scratch()?;
        let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/"));
        let directory = under_wine.map_or(directory, Wine::home);
        let command_line: Vec<String> = runner
            .into_iter()
            .chain([program.to_string()])
            .chain(args.iter().cloned())
            .collect();
        let tree = program.parent().unwrap_or(Utf8Path::new("/"));
        let tree = if report.kind == ArtifactsKind::File {
            tree.to_owned()
        } else {
            host.absolute(root)
        };
        let invocation = |words: &[String]| fence::invocation(directory, words);
        let prepared = match under_wine {
            Some(wine) => wine.prepare(invocation(&command_line)),
            None => invocation(&command_line),
        };
        // The home that wine has here is gone when a user reads this.
        let by_hand = match under_wine {
            Some(_) => Invocation::new(&command_line[0], Utf8Path::new("/"))
                .args(command_line[1..].to_vec()),
            None => prepared.clone(),
        };
        let fenced = match &tool {
            None => prepared,
            Some(tool) => {
                let words = tool.wrap(directory, &tree, &command_line, under_wine.is_some());
                match under_wine {
                    // wine 10 crashes at its start if it has a TMPDIR.
                    Some(wine) => wine.prepare(invocation(&words)),
                    None => invocation(&words).env("TMPDIR", directory.as_str()),
                }
            }
        };
        host.shell.detail("Running", &format!("`{fenced}`"));
        let finding = |code: Code, found: String, expected: String| Finding {
            code,
            path: Some(file.path.clone()),
            target: file.target.clone(),
            found,
            expected,
            advisory: None,
            help: format!(
                "run it by hand: `{}`",
                Invocation {
                    cwd: "/".into(),
                    ..by_hand.clone()
                }
            ),
        };
        let ended = match host.try_untrusted(&fenced, RUN_LIMIT) {
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
        let code = ended.code.filter(|code| {
            let tool = tool.as_ref();
            tool.is_none_or(|tool| tool.signal_of(*code).is_none())
        });
        let why = match code {
            _ if ended.timed_out => {
                Some(format!("it did not exit within {} s", RUN_LIMIT.as_secs()))
            }
            Some(0) => None,
            Some(code) => {
                let beside = host.names(program.parent().unwrap_or(Utf8Path::new("/")));
                let missing = under_wine.map(|_| wine::missing(code, binary, &beside));
                let missing = missing.unwrap_or_default();
                let missing: Vec<String> = missing
                    .iter()
                    .map(|library| format!("`{library}`"))
                    .collect();
                Some(match missing.as_slice() {
                    [] => format!("it exited with code {code}"),
                    missing => format!(
                        "it exited with code {code}, since a DLL is missing: {}",
                        missing.join(", ")
                    ),
                })
            }
            None => Some("it was killed by a signal".to_owned()),
        };
        if let Some(why) = why {
            let mut lines = ended.stderr.lines().filter(|line| !line.trim().is_empty());
            // A runtime names the cause last.
            let line = match &file.runtime {
                Some(_) => lines.next_back(),
                None => lines.next(),
            };
            let first_line = line
                .map(|line| format!(": {}", printable(line.trim())))
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

/// Looks for a tool that makes a fence here: it is tried, since a system may forbid it.
///
/// # Errors
/// A signal came, or there is no temporary directory.
fn fence(host: &Host) -> Result<(Option<FenceTool>, Fence)> {
    let mut tried = Vec::new();
    for kind in fence::KINDS {
        let name = kind.name();
        let Some(program) = host.find(name) else {
            tried.push(format!("no `{name}` is on PATH"));
            continue;
        };
        let tool = FenceTool {
            kind,
            program: program.into_string(),
        };
        let scratch = host.scratch()?;
        let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/"));
        let nothing = ["/bin/sh", "-c", ":"].map(str::to_owned);
        let attempt =
            fence::invocation(directory, &tool.wrap(directory, directory, &nothing, false));
        match host.capture_untrusted(&attempt, RUN_LIMIT) {
            Ok(ended) if ended.success() => {
                let tool_name = Some(name);
                let fence = Fence {
                    tool: tool_name,
                    why: None,
                };
                return Ok((Some(tool), fence));
            }
            Err(problem) if problem.code == INTERRUPTED => return Err(problem),
            Ok(ended) => {
                let line = ended.stderr.lines().find(|line| !line.trim().is_empty());
                let line = printable(line.unwrap_or("no message"));
                tried.push(format!("`{name}` does not work here ({line})"));
            }
            Err(problem) => tried.push(problem.message),
        }
    }
    let fence = Fence {
        tool: None,
        why: Some(tried.join(", ")),
    };
    Ok((None, fence))
}

/// What starts a program.
struct Runner {
    /// Command prefix: empty for native.
    command: Vec<String>,
    /// Version line of a runtime.
    version: Option<String>,
}

impl Runner {
    /// Returns what starts a program without a version to report.
    fn of_command(command: Vec<String>) -> Self {
        Self {
            command,
            version: None,
        }
    }
}

/// Returns what runs a program on this machine: a runtime for another system, or an emulator for
/// another processor.
///
/// # Errors
/// The reason why it cannot run here.
fn runner(
    host: &Host,
    binary: &Binary,
    expected: Option<&Expected>,
    is_fenced: bool,
) -> Result<Runner, String> {
    // A module without imports does not say for which system it is.
    let is_wasm = binary.format == FormatName::Wasm;
    let os = system_of(binary).or_else(|| is_wasm.then_some(Os::Wasi));
    if let Some(runtime) = os.and_then(runtimes::of) {
        let Found { command, version } = runtimes::find(host, runtime)?;
        let program = Utf8Path::new(&command[0]);
        let mut hidden = fence::HIDDEN.iter();
        if let Some(hidden) = hidden.find(|hidden| is_fenced && program.starts_with(hidden)) {
            return Err(format!(
                "`{program}` is below {hidden}, which programs that are started do not see"
            ));
        }
        return Ok(Runner {
            command,
            version: Some(version),
        });
    }
    let command = emulator(host, binary, expected)?;
    Ok(Runner {
        command,
        version: None,
    })
}

/// Returns the command prefix that runs a program for this system: empty for native, else an
/// emulator and its arguments. QEMU emulates the oldest processor of the target, so that code for
/// newer ones fails.
///
/// # Errors
/// The reason why it cannot run here.
fn emulator(
    host: &Host,
    binary: &Binary,
    expected: Option<&Expected>,
) -> Result<Vec<String>, String> {
    let is_for_linux = matches!(
        binary.system,
        None | Some(SystemName::Linux | SystemName::Android)
    );
    if binary.format != FormatName::Elf || !is_for_linux || !cfg!(target_os = "linux") {
        return Err("it is for another operating system".to_owned());
    }
    let arch = Arch::of_elf(&binary.machine, binary.class, binary.endian.endian())
        .ok_or_else(|| format!("there is no known emulator for {}", binary.machine))?;
    let loader = binary
        .interpreter
        .as_deref()
        .filter(|_| binary.linkage == Linkage::Dynamic)
        .map(Utf8Path::new);
    let cpu = expected.and_then(Expected::cpu);
    let emulator = programs::emulator(host, arch);
    let emulated = |emulator: String| -> Vec<String> {
        let cpu = cpu.iter().flat_map(|cpu| ["-cpu", *cpu]).map(str::to_owned);
        [emulator].into_iter().chain(cpu).collect()
    };
    let host_arch = std::env::consts::ARCH;
    if arch.name == host_arch || arch.name == "x86" && host_arch == "x86_64" {
        return match loader {
            Some(loader) if !host.exists(loader) => {
                Err(format!("its loader `{loader}` is not installed"))
            }
            // No file says that it needs SSE2, and every machine of today has it. The libraries of
            // a dynamic program are for this machine.
            None if arch.name == "x86" && cpu.is_some() => {
                Ok(emulator.map(emulated).unwrap_or_default())
            }
            _ => Ok(Vec::new()),
        };
    }
    let emulator = emulator.ok_or_else(|| {
        format!(
            "no `qemu-{}` is on PATH (`apt-get install qemu-user-static`)",
            arch.qemu()
        )
    })?;
    let Some(loader) = loader else {
        return Ok(emulated(emulator));
    };
    let roots = [
        "linux-gnu",
        "linux-gnueabihf",
        "linux-gnueabi",
        "linux-musl",
    ]
    .map(|system| Utf8PathBuf::from(format!("/usr/{}-{system}", arch.gnu)));
    let loader_in = |root: &Utf8PathBuf| root.join(loader.as_str().trim_start_matches('/'));
    let Some(root) = roots.into_iter().find(|root| host.exists(&loader_in(root))) else {
        return Err(format!(
            "the libraries of its target are not installed: `{loader}` is not below /usr/{}-linux-*",
            arch.gnu
        ));
    };
    let libraries = programs::level_of(host, &loader_in(&root));
    let offered = expected.and_then(|expected| expected.level.as_ref());
    if let (Some(offered), Some(libraries)) = (offered, libraries)
        && let Some(Shortfall { needed, offered }) = offered.shortfall(&libraries)
    {
        return Err(format!(
            "the libraries below {root} are for {needed}, and those of its target for {offered}"
        ));
    }
    let library_path = ["-L".to_owned(), root.into_string()];
    Ok(emulated(emulator).into_iter().chain(library_path).collect())
}
