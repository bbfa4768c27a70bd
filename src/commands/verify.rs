//! `verify`: the gate before a release. Looks at a tree, an archive or a file, judges it, and
//! starts nothing unless it is told to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cli::{ReportFormat, VerifyArgs};
use crate::commands::TreeOptions;
use crate::config::PolicyConfig;
use crate::contents::{self, Limits};
use crate::formats::{markdown, printable, sarif};
use crate::host::Host;
use crate::inspect::{Binary, FormatName, Linkage};
use crate::invocation::Invocation;
use crate::look;
use crate::problem::{Code, Failure, Problem, Result};
use crate::target::{Arch, Target};
use crate::ui::{self, Shell};
use crate::verify::policy::{Policy, PolicyName, rule_names};
use crate::verify::{self, AcceptRule, ArtifactsKind, Finding, Report, Skipped, VerifyOptions};
use crate::workspace::list;

/// How long a program has to end by itself.
const RUN_LIMIT: Duration = Duration::from_secs(10);

pub fn run(host: &Host, shell: Shell, args: VerifyArgs) -> Result<(), Failure> {
    let VerifyArgs {
        path,
        target,
        policy,
        accept,
        reason,
        run,
        expect_version,
        args,
        format,
        place,
        talk: _,
    } = args;
    let (path, config) = subject(host, path, &place.options())?;
    // Everything that is wrong, at once.
    let (targets, policy, accept) = (
        targets(&target),
        chosen(policy, config),
        waives(&accept, reason),
    );
    let options = match (targets, policy, accept) {
        (Ok(targets), Ok(policy), Ok(accept)) => VerifyOptions {
            targets,
            policy,
            accept,
        },
        (targets, policy, accept) => {
            let problems = targets
                .err()
                .into_iter()
                .chain(policy.err().into_iter().flatten())
                .chain(accept.err());
            return Err(problems.collect::<Vec<_>>().into());
        }
    };
    let bar = shell.bar("Verifying");
    let read = AtomicU64::new(0);
    let subject = contents::read(host, &path, &Limits::default(), |bytes| {
        bar.position(read.fetch_add(bytes, Ordering::Relaxed) + bytes);
    })?;
    bar.clear();
    let mut report = verify::judge(&subject, &options);
    if run {
        start_all(
            host,
            shell,
            &path,
            &options,
            &args,
            expect_version.as_deref(),
            &mut report,
        )?;
    }
    ui::data(&match format {
        ReportFormat::Human => ui::verification(&report),
        ReportFormat::Json => ui::json(&report),
        ReportFormat::Sarif => sarif::sarif(&report),
    })?;
    if let Some(summary) = host.var("GITHUB_STEP_SUMMARY")
        && let Err(problem) = host.append(
            &host.absolute(Utf8Path::new(summary)),
            markdown::summary(&report).as_bytes(),
        )
    {
        shell.warning(problem.code.name(), &problem.message);
    }
    if report.findings.is_empty() {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}

/// Whether a text holds a version as a word of its own: `1.2.3` is not in `11.2.30`.
fn says(text: &str, version: &str) -> bool {
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

/// What to verify, and the policy of the workspace where that was asked for what.
fn subject(
    host: &Host,
    path: Option<Utf8PathBuf>,
    place: &TreeOptions,
) -> Result<(Utf8PathBuf, PolicyConfig), Failure> {
    if let Some(path) = path {
        return Ok((path, PolicyConfig::default()));
    }
    let found = super::find_tree(host, place).map_err(|failure| match failure {
        Failure::Problems(problems) => {
            let help =
                |problem: Problem| problem.help("or name what to verify: `cargo xpkg verify PATH`");
            Failure::Problems(problems.into_iter().map(help).collect())
        }
        other => other,
    })?;
    if !host.exists(&found.out_dir) {
        return Err(Problem::new(
            Code::NoTree,
            format!("there is no staged tree at `{}`", found.out_dir),
        )
        .help("run `cargo xpkg build`, or name what to verify: `cargo xpkg verify PATH`")
        .into());
    }
    Ok((found.out_dir, found.policy))
}

fn chosen(flag: Option<String>, config: PolicyConfig) -> Result<Policy, Vec<Problem>> {
    let mut problems = Vec::new();
    let name = flag
        .as_deref()
        .or(config.base.as_deref())
        .unwrap_or("default");
    let name = PolicyName::parse(name).unwrap_or_else(|problem| {
        problems.push(problem);
        PolicyName::Default
    });
    for rule in config
        .rules
        .keys()
        .filter(|rule| !rule_names().any(|name| name == rule.as_str()))
    {
        problems.push(
            Problem::new(
                Code::NoSuchName,
                format!("the configuration's policy has a rule `{rule}`, which there is not"),
            )
            .help(format!("the rules: {}", list(rule_names()))),
        );
    }
    if let Some(glibc) = config
        .glibc
        .as_ref()
        .filter(|text| crate::target::Glibc::parse(text).is_none())
    {
        problems.push(
            Problem::new(
                Code::ConfigInvalid,
                format!("`{glibc}`, the glibc of the configuration's policy, is no version"),
            )
            .help("write it as `2.31`"),
        );
    }
    if problems.is_empty() {
        Ok(Policy { name, config })
    } else {
        Err(problems)
    }
}

fn targets(names: &[String]) -> Result<Vec<Target>> {
    let parse = |name: &String| {
        // There may be no rustc here: what a file of a target looks like is all that has to be
        // known.
        let triple = name
            .split_once('.')
            .map_or(name.as_str(), |(triple, _)| triple);
        let known: Vec<String> = Target::of_triple(triple)
            .map(|target| target.triple().to_owned())
            .into_iter()
            .collect();
        Target::parse(name, &known)
    };
    names.iter().map(parse).collect()
}

fn waives(accept: &[String], reason: Option<String>) -> Result<Vec<AcceptRule>> {
    let waive = |text: &String| {
        let (name, path) = text
            .split_once('=')
            .map_or((text.as_str(), None), |(name, path)| {
                (name, Some(path.to_owned()))
            });
        let code = Code::from_name(name).ok_or_else(|| {
            let problem = Problem::new(
                Code::NoSuchName,
                format!("`--accept {text}`: there is no code `{name}`"),
            );
            problem.help("each finding begins with its code; `--explain CODE` tells what it means")
        })?;
        let path = path.map(|path| path.trim_start_matches("./").to_owned());
        let reason = reason
            .clone()
            .filter(|reason| !reason.trim().is_empty())
            .ok_or_else(|| {
                Problem::new(
                    Code::NoReason,
                    format!("`--accept {text}` without a reason"),
                )
                .help("say why, for whoever reads the report: `--reason TEXT`")
            })?;
        Ok(AcceptRule { code, path, reason })
    };
    accept.iter().map(waive).collect()
}

/// Starts every program that can be started here, one after the other.
fn start_all(
    host: &Host,
    shell: Shell,
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
            what: "starting it".to_owned(),
            why,
        };
        if report.kind == ArtifactsKind::Archive {
            report
                .skipped
                .push(skip("it stands in an archive; unpack that".to_owned()));
            continue;
        }
        let program = if report.kind == ArtifactsKind::File {
            root.to_owned()
        } else {
            root.join(&file.path)
        };
        let starter = match starter(host, binary) {
            Ok(starter) => starter,
            Err(why) => {
                report.skipped.push(skip(why));
                continue;
            }
        };
        let scratch = host.scratch()?;
        let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/"));
        let words: Vec<String> = starter
            .into_iter()
            .chain([host.absolute(&program).into_string()])
            .chain(args.iter().cloned())
            .collect();
        let call = Invocation::new(&words[0], directory)
            .args(words[1..].iter().cloned())
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .alone();
        shell.detail("Running", &format!("`{call}`"));
        let finding = |code: Code, found: String, expected: String| Finding {
            code,
            path: Some(file.path.clone()),
            target: file.target.clone(),
            found,
            expected,
            help: format!(
                "start it by hand: `{}`",
                Invocation {
                    cwd: "/".into(),
                    ..call.clone()
                }
            ),
        };
        let ended = match host.capture_bounded(&call, RUN_LIMIT) {
            Ok(ended) => ended,
            Err(problem) if problem.code == Code::Interrupted => return Err(problem),
            Err(problem) => {
                findings.push(finding(
                    Code::RunFailed,
                    problem.message,
                    "exit code 0".to_owned(),
                ));
                continue;
            }
        };
        let why = match ended.code {
            _ if ended.timed_out => {
                Some(format!("it did not end within {} s", RUN_LIMIT.as_secs()))
            }
            Some(0) => None,
            Some(code) => Some(format!("it ended with {code}")),
            None => Some("it was ended by a signal: it crashed".to_owned()),
        };
        if let Some(why) = why {
            let said = ended
                .stderr
                .lines()
                .find(|line| !line.trim().is_empty())
                .map(|line| format!(": {}", printable(line)))
                .unwrap_or_default();
            findings.push(finding(
                Code::RunFailed,
                format!("{why}{said}"),
                "exit code 0".to_owned(),
            ));
            continue;
        }
        file.ran = Some(args.join(" "));
        let said = format!("{}{}", ended.stdout, ended.stderr);
        if let Some(version) = version.filter(|version| !says(&said, version)) {
            let line = printable(said.lines().next().unwrap_or("nothing"));
            findings.push(finding(
                Code::VersionUnexpected,
                format!("`{line}`"),
                format!("`{version}`"),
            ));
        }
    }
    let (accepted, findings) = verify::accept(findings, options.accept.iter());
    report.accepted.extend(accepted);
    report.findings.extend(findings);
    report
        .findings
        .sort_by(|a, b| (&a.path, a.code.name()).cmp(&(&b.path, b.code.name())));
    Ok(())
}

/// What starts a program here: nothing, or an emulator with the target's libraries; or why nothing
/// can.
fn starter(host: &Host, binary: &Binary) -> Result<Vec<String>, String> {
    if binary.format != FormatName::Elf || !cfg!(target_os = "linux") {
        return Err("its system is not this one".to_owned());
    }
    let arch = Arch::of_elf(&binary.machine, binary.class, binary.endian.endian())
        .ok_or_else(|| format!("no emulator is known for {}", binary.machine))?;
    let loader = binary
        .interpreter
        .as_deref()
        .filter(|_| binary.linkage == Linkage::Dynamic)
        .map(Utf8Path::new);
    let own = std::env::consts::ARCH;
    if arch.name == own || arch.name == "x86" && own == "x86_64" {
        return match loader.filter(|loader| !host.exists(loader)) {
            Some(loader) => Err(format!("its loader `{loader}` is not here")),
            None => Ok(Vec::new()),
        };
    }
    let emulator = look::emulator(host, arch).ok_or_else(|| {
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
    let within =
        |root: &Utf8PathBuf| host.exists(&root.join(loader.as_str().trim_start_matches('/')));
    match roots.into_iter().find(within) {
        Some(root) => Ok(vec![emulator, "-L".to_owned(), root.into_string()]),
        None => Err(format!(
            "no libraries of its target are here: `{loader}` is below none of /usr/{}-linux-*",
            arch.gnu
        )),
    }
}
