//! Runs the probes: compiles them with a compiler, and runs the programs if possible.
//!
//! A compiler is not trusted to finish, to print little, or to write the requested file. Answers
//! are cached by the compiler's identity and everything else that determines them; the cache may
//! vanish at any time.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::host::cache;
use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::target::Target;
use crate::toolchain::probe::definition::{EXIT_AFFECTED, Probe, Question};
use crate::toolchain::probe::facts::{CompilerFacts, FACTS_OBJECT};
use crate::toolchain::probe::report::{Answer, Report, Verdict};
use crate::toolchain::probe::table::PROBES;

/// Time limit of one compile, link or run.
pub const LIMIT: Duration = Duration::from_secs(5);

/// Time limit in a container, which starts slowly on a busy machine.
const LIMIT_APART: Duration = Duration::from_secs(30);

/// Runs a call of a compiler. The client of an engine leaves processes behind on purpose.
fn capture(host: &Host, compiler: &ProbeTarget, call: &Invocation) -> Result<Output, String> {
    let ended = if compiler.apart.is_some() {
        host.capture_bounded(call, LIMIT_APART)
    } else {
        host.capture_untrusted(call, LIMIT)
    };
    ended.map_err(|problem| problem.message)
}

/// Returns the time limit of a call.
fn limit(compiler: &ProbeTarget) -> Duration {
    if compiler.apart.is_some() {
        LIMIT_APART
    } else {
        LIMIT
    }
}

/// Maximum size of a probe's object in bytes; typical ones have a few thousand.
pub const LARGEST: u64 = 1024 * 1024;

/// Prefixes of the variables that change which compiler and flags a build script uses.
const COMPILER_VARIABLES: &[&str] = &[
    "CC",
    "CFLAGS",
    "COMPILER_PATH",
    "CPATH",
    "CPPFLAGS",
    "CRATE_CC",
    "C_INCLUDE_PATH",
    "GCC_EXEC_PREFIX",
    "HOST_C",
    "LIBRARY_PATH",
    "PATH",
    "RUSTC_W",
    "TARGET_C",
];

/// A compiler to probe, in the environment that build scripts will see.
pub struct ProbeTarget<'a> {
    /// Directory in which it is called.
    pub root: &'a Utf8Path,
    /// Sysroot that is configured for it.
    pub sysroot: Option<&'a Utf8Path>,
    /// Triple that it compiles for.
    pub target: &'a str,
    /// Triple of this machine.
    pub host: &'a str,
    /// Variables that are added to the inherited environment.
    pub variables: Vec<(String, String)>,
    /// `opt-level`s at which C of this graph is compiled.
    pub levels: Vec<String>,
    /// Effective rustflags, from which cc-rs derives flags.
    pub rustflags: &'a [String],
    /// Version line: another version at the same path is another compiler.
    pub version: Option<String>,
    /// Full path, if known before the probe.
    pub path: Option<&'a Utf8Path>,
    /// Command prefix that runs its programs: empty for the host's, an emulator otherwise; `None`
    /// if they cannot run.
    pub runner: Option<Vec<String>>,
    /// Directory of xpkg's own programs that comes first in PATH.
    pub path_first: Option<&'a Utf8Path>,
    /// Set if it is in an image.
    pub apart: Option<ContainerCompiler<'a>>,
}

/// A compiler in an image. This machine's environment does not reach it, and it is called through a
/// stand-in on this machine.
pub struct ContainerCompiler<'a> {
    /// Cache key: the image's digest and the compiler's name in it.
    pub identity: String,
    /// Variable from which build scripts read the compiler.
    pub variable: String,
    /// Name in the image.
    pub program: String,
    /// Starts the container and returns a directory that it shares with this machine, and the path
    /// of the compiler's stand-in.
    pub start: &'a Launcher<'a>,
    /// Runs a program in the container, by its path in the shared directory. What the image's
    /// compiler has written is never started on this machine.
    pub run: &'a InContainer<'a>,
}

/// The function in [`ContainerCompiler::start`].
type Launcher<'a> = dyn Fn() -> Result<(Utf8PathBuf, Utf8PathBuf), String> + 'a;

/// The function in [`ContainerCompiler::run`].
type InContainer<'a> = dyn Fn(&Utf8Path) -> Option<Output> + 'a;

/// Returns true if a variable changes which compiler and flags a build script uses. `PATH` is
/// treated separately.
pub fn tells(name: &str) -> bool {
    COMPILER_VARIABLES
        .iter()
        .any(|prefix| name.starts_with(prefix))
        && name != "PATH"
}

/// Answer of the hidden subcommand `__compiler`: the command line of a compile, without files.
#[derive(Debug, Serialize, Deserialize)]
pub struct CommandLine {
    /// Compiler that cc-rs would call.
    pub program: String,
    /// Arguments that the user's variable names together with the compiler.
    pub words: Vec<String>,
    /// Further arguments, without input and output.
    pub args: Vec<String>,
    /// Variables that cc-rs would set.
    pub env: Vec<(String, String)>,
}

impl CommandLine {
    /// Returns all arguments of a compile.
    fn all_args(&self) -> Vec<String> {
        self.words.iter().chain(&self.args).cloned().collect()
    }

    /// Returns the arguments that select the machine, its headers and libraries, as opposed to
    /// what the compiler makes of a source.
    fn selecting_args(&self) -> Vec<String> {
        let mut selecting = Vec::new();
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--param" => _ = words.next(),
                word if ["-f", "-O", "--param="]
                    .iter()
                    .any(|code| word.starts_with(code)) => {}
                word => selecting.push(word.to_owned()),
            }
        }
        let selects = |arg: &str| arg.starts_with("--target=") || ["-m32", "-m64"].contains(&arg);
        selecting.extend(self.args.iter().filter(|arg| selects(arg)).cloned());
        selecting
    }
}

/// Returns the answers of one compiler to all probes, from the cache if possible. Reports with an
/// inconclusive answer are not cached.
pub fn report(host: &Host, compiler: &ProbeTarget) -> Report {
    let cache_file = key(host, compiler).and_then(|key| cache::place(host, "probes", &key));
    if let Some(report) = cache::read(host, cache_file.as_deref())
        .filter(|report| is_complete(report, &compiler.levels))
    {
        return report;
    }
    let report = match &compiler.apart {
        None => ask(host, compiler, &compiler.variables, None),
        Some(apart) => match (apart.start)() {
            Ok((directory, stand_in)) => {
                let mut variables = compiler.variables.clone();
                variables.push((apart.variable.clone(), stand_in.into_string()));
                Report {
                    compiler: apart.program.clone(),
                    ..ask(host, compiler, &variables, Some(&directory))
                }
            }
            Err(why) => Report {
                compiler: apart.program.clone(),
                ..unprobed(compiler, why)
            },
        },
    };
    let is_inconclusive = |verdict: &Verdict| matches!(verdict, Verdict::Inconclusive { .. });
    let unanswered = |answer: &Answer| {
        let Answer {
            baseline,
            with_build_flags,
            at_runtime,
            ..
        } = answer;
        with_build_flags
            .values()
            .chain([baseline])
            .chain(at_runtime)
            .any(is_inconclusive)
    };
    if !report.answers.iter().any(unanswered) {
        cache::keep(host, cache_file.as_deref(), &report);
    }
    report
}

/// Returns true if a report has the answer of each probe, for each level.
fn is_complete(report: &Report, levels: &[String]) -> bool {
    let is_answered = |probe: &Probe| {
        report.answers.iter().any(|answer| {
            answer.probe == probe.code.name()
                && levels
                    .iter()
                    .all(|level| answer.with_build_flags.contains_key(level))
        })
    };
    PROBES.iter().all(is_answered)
}

/// Returns a text of everything that determines the answers; `None` if the compiler has no
/// identity.
fn key(host: &Host, compiler: &ProbeTarget) -> Option<String> {
    let identity = match &compiler.apart {
        Some(apart) => apart.identity.clone(),
        None => host.identity(compiler.path?)?,
    };
    let relevant = host
        .vars()
        .filter(|(name, _)| compiler.apart.is_none() && (tells(name) || *name == "PATH"));
    let environment: Vec<String> = relevant
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let sources: String = PROBES
        .iter()
        .map(|probe| {
            // All of a probe that a cached verdict depends on.
            let Question {
                source,
                baseline_flags,
                last_flags,
                read: _,
                run_source,
            } = &probe.question;
            let flag = probe.workaround_flag;
            format!("{source}{run_source}{baseline_flags:?}{last_flags:?}{flag}")
        })
        .collect();
    // Headers may be replaced while the compiler stays the same.
    let system = Target::of_triple(compiler.target)
        .map(|target| target.gnu_name())
        .unwrap_or_default();
    let headers = [
        "/usr/include".to_owned(),
        format!("/usr/include/{system}"),
        format!("/usr/{system}/include"),
    ];
    let headers: Vec<_> = headers
        .iter()
        .filter(|_| compiler.apart.is_none())
        .map(|directory| host.stamp(&Utf8Path::new(directory).join("gnu/libc-version.h")))
        .chain(
            compiler
                .sysroot
                .map(|sysroot| host.stamp(&sysroot.join("usr/include/gnu/libc-version.h"))),
        )
        .collect();
    let ProbeTarget {
        root: _,
        sysroot: _,
        target,
        host: triple,
        variables,
        levels,
        rustflags,
        version,
        path: _,
        runner,
        path_first: _,
        apart: _,
    } = compiler;
    let text = format!(
        "{identity}\n{target}\n{triple}\n{variables:?}\n{levels:?}\n{rustflags:?}\n{version:?}\n{runner:?}\n{environment:?}\n{headers:?}\n{sources}{FACTS_OBJECT}"
    );
    Some(text)
}

/// Returns the report on a compiler that cannot be probed.
fn unprobed(compiler: &ProbeTarget, why: String) -> Report {
    let inconclusive = || Verdict::Inconclusive { why: why.clone() };
    let answer = |probe: &Probe| Answer {
        probe: probe.code.name().to_owned(),
        baseline: inconclusive(),
        with_build_flags: compiler
            .levels
            .iter()
            .map(|level| (level.clone(), inconclusive()))
            .collect(),
        at_runtime: None,
        workaround: None,
    };
    Report {
        compiler: compiler.path.map(ToString::to_string).unwrap_or_default(),
        version: compiler.version.clone(),
        flags: Vec::new(),
        facts: None,
        answers: PROBES.iter().map(answer).collect(),
        no_facts: Some(why),
    }
}

/// Probes a compiler, in a directory below `shared` if there is one.
pub fn ask(
    host: &Host,
    compiler: &ProbeTarget,
    variables: &[(String, String)],
    shared: Option<&Utf8Path>,
) -> Report {
    let unprobed = |why: String| unprobed(compiler, why);
    let scratch = match shared
        .map_or_else(|| host.scratch(), |shared| host.temp_dir(shared, "probe-"))
        .map(|scratch| {
            (
                camino::Utf8PathBuf::from_path_buf(scratch.path().to_owned()),
                scratch,
            )
        }) {
        Ok((Ok(path), scratch)) => (path, scratch),
        Ok((Err(_), _)) => {
            return unprobed("the temporary directory's path is not UTF-8".to_owned());
        }
        Err(problem) => return unprobed(problem.message),
    };
    let lines: Result<Vec<CommandLine>, String> = compiler
        .levels
        .iter()
        .map(|level| command_line(host, compiler, variables, level, &scratch.0))
        .collect();
    let lines = match lines {
        Ok(lines) => lines,
        Err(why) => return unprobed(why),
    };
    let Some(line) = lines.last() else {
        return unprobed("no C to compile".to_owned());
    };
    let bench = Bench {
        host,
        compiler,
        variables,
        directory: &scratch.0,
    };
    let facts = bench.facts(line);
    let answers = PROBES
        .iter()
        .map(|probe| bench.answer(probe, &lines))
        .collect();
    let (facts, no_facts) = match facts {
        Ok(facts) => (Some(facts), None),
        Err(why) => (None, Some(why)),
    };
    Report {
        compiler: line.program.clone(),
        version: compiler.version.clone(),
        flags: line.all_args(),
        facts,
        no_facts,
        answers,
    }
}

/// Runs the `cc` crate in a child process of ours, in the planned environment.
fn command_line(
    host: &Host,
    compiler: &ProbeTarget,
    variables: &[(String, String)],
    level: &str,
    scratch: &Utf8Path,
) -> Result<CommandLine, String> {
    let own_program = host
        .own_program()
        .ok_or("the path of this program is not known")?;
    // A stand-in needs a working directory that this machine and the container share.
    let mut question = Invocation::new(
        own_program,
        if compiler.apart.is_some() {
            scratch
        } else {
            compiler.root
        },
    )
    .arg("__compiler")
    .args([compiler.target, compiler.host, level, scratch.as_str()])
    .env("CARGO_ENCODED_RUSTFLAGS", compiler.rustflags.join("\u{1f}"));
    question = with_environment(host, compiler, variables, question);
    let output = capture(host, compiler, &question)?;
    if output.timed_out {
        return Err(format!(
            "it did not finish within {} s",
            limit(compiler).as_secs()
        ));
    }
    if !output.success() {
        return Err(last_line(&output.stderr)
            .unwrap_or("cc-rs did not answer")
            .to_owned());
    }
    // cc-rs prints messages for cargo about a compiler that does not answer, even before our
    // document.
    let document = output
        .stdout
        .find('{')
        .map_or("", |start| &output.stdout[start..]);
    serde_json::from_str(document).map_err(|error| format!("cc-rs did not answer: {error}"))
}

/// Adds the environment that build scripts see.
fn with_environment(
    host: &Host,
    compiler: &ProbeTarget,
    variables: &[(String, String)],
    mut call: Invocation,
) -> Invocation {
    if compiler.apart.is_some() {
        call.env_clear = true;
        call.env.extend(
            host.vars()
                .filter(|(name, _)| !tells(name))
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
    }
    call.env.extend(variables.iter().cloned());
    call.path_first = compiler.path_first.map(Utf8Path::to_owned);
    call
}

/// Returns the last line that is not blank.
pub fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}

/// A probe's working directory with the environment of its calls.
struct Bench<'a> {
    host: &'a Host,
    compiler: &'a ProbeTarget<'a>,
    variables: &'a [(String, String)],
    directory: &'a Utf8Path,
}

impl Bench<'_> {
    /// Reads the facts with the build's flags. If these make LTO objects, which reveal nothing, it
    /// compiles again without LTO.
    fn facts(&self, line: &CommandLine) -> Result<CompilerFacts, String> {
        let read = |last: &[&str]| {
            self.compile(line, &line.all_args(), last, FACTS_OBJECT)
                .and_then(|bytes| CompilerFacts::read(&bytes))
        };
        let facts = read(&["-w"])?;
        if facts.lto {
            Ok(CompilerFacts {
                lto: true,
                ..read(&["-w", "-fno-lto"])?
            })
        } else {
            Ok(facts)
        }
    }

    /// Runs one probe with its own flags, with the build's, with the workaround, and as a program.
    fn answer(&self, probe: &Probe, lines: &[CommandLine]) -> Answer {
        let read = |line: &CommandLine, args: &[String], more: &[&str]| {
            let last: Vec<&str> = more
                .iter()
                .chain(probe.question.last_flags)
                .copied()
                .collect();
            match self.compile(line, args, &last, probe.question.source) {
                Ok(bytes) => (probe.question.read)(&bytes),
                Err(why) => Verdict::Inconclusive { why },
            }
        };
        let line = lines.last().expect("there is a line for each level");
        // Flags that select the machine stay in the baseline, too.
        let machine = line.selecting_args();
        let baseline = read(line, &machine, probe.question.baseline_flags);
        let with_build_flags: BTreeMap<String, Verdict> = self
            .compiler
            .levels
            .iter()
            .zip(lines)
            .map(|(level, line)| (level.clone(), read(line, &line.all_args(), &[])))
            .collect();
        let affected = self
            .compiler
            .levels
            .iter()
            .zip(lines)
            .find(|(level, _)| matches!(with_build_flags[*level], Verdict::Affected { .. }));
        let workaround =
            affected.map(|(_, line)| read(line, &line.all_args(), &[probe.workaround_flag]));
        let at_runtime = self.run(probe, line, &machine);
        Answer {
            probe: probe.code.name().to_owned(),
            baseline,
            with_build_flags,
            at_runtime,
            workaround,
        }
    }

    /// Compiles a source to an object and reads it.
    fn compile(
        &self,
        line: &CommandLine,
        args: &[String],
        last: &[&str],
        source: &str,
    ) -> Result<Vec<u8>, String> {
        let object = self.directory.join("probe.o");
        self.call(line, args, last, source, &object, &["-c"])?;
        if !self.host.exists(&object) {
            return Err("it succeeded but did not write an object".to_owned());
        }
        self.host
            .read_small(&object, LARGEST)
            .map_err(|_| "its output is not an object file".to_owned())
    }

    /// Writes the source anew, and removes the output. A container writes to this directory, too:
    /// no link that it has put there is followed.
    fn prepare(&self, file: &Utf8Path, output: &Utf8Path, source: &str) -> Result<(), Problem> {
        let parent = self.directory.parent().unwrap_or(self.directory);
        let below = self.host.below(parent)?;
        let name = |path: &Utf8Path| {
            let path = path.strip_prefix(parent).unwrap_or(path);
            path.as_str().to_owned()
        };
        for path in [file, output] {
            below.remove_file(&name(path))?;
        }
        below.write(&name(file), source.as_bytes(), None)
    }

    /// Calls the compiler with the source as input.
    fn call(
        &self,
        line: &CommandLine,
        args: &[String],
        last: &[&str],
        source: &str,
        output: &Utf8Path,
        how: &[&str],
    ) -> Result<(), String> {
        let file = self.directory.join("probe.c");
        self.prepare(&file, output, source)
            .map_err(|problem| problem.message)?;
        let mut call = Invocation::new(&line.program, self.directory)
            .args(args.iter().cloned())
            .args(last.iter().copied())
            .args(how.iter().copied());
        call = with_environment(
            self.host,
            self.compiler,
            self.variables,
            call.arg(file).arg("-o").arg(output.as_str()),
        );
        call.env.extend(line.env.iter().cloned());
        let ended = capture(self.host, self.compiler, &call)?;
        match ended.code {
            _ if ended.timed_out => Err(format!(
                "it did not finish within {} s",
                limit(self.compiler).as_secs()
            )),
            Some(0) => Ok(()),
            Some(code) => {
                let message = ended
                    .stderr
                    .lines()
                    .find(|line| line.contains("error"))
                    .or_else(|| last_line(&ended.stderr))
                    .unwrap_or("it printed no error");
                let message: String = message.trim().chars().take(200).collect();
                Err(format!("it exited with {code}: {message}"))
            }
            None => Err("it crashed".to_owned()),
        }
    }

    /// Links the run-time probe and runs it. `None` if either is impossible here; inconclusive if
    /// it only ran out of time.
    fn run(&self, probe: &Probe, line: &CommandLine, machine: &[String]) -> Option<Verdict> {
        let runner = self.compiler.runner.as_ref()?;
        let program = self.directory.join("probe");
        let flags: Vec<&str> = probe
            .question
            .baseline_flags
            .iter()
            .chain(probe.question.last_flags)
            .copied()
            .collect();
        self.call(
            line,
            machine,
            &flags,
            probe.question.run_source,
            &program,
            &["-static"],
        )
        .ok()?;
        let ended = match &self.compiler.apart {
            // An emulator of this machine would start it on this machine.
            Some(apart) => (runner.is_empty())
                .then(|| (apart.run)(&program))
                .flatten()?,
            None => {
                let command: Vec<String> = runner
                    .iter()
                    .cloned()
                    .chain([program.into_string()])
                    .collect();
                let (first, rest) = command.split_first()?;
                let call = Invocation::new(first, self.directory).args(rest.iter().cloned());
                self.host.try_untrusted(&call, LIMIT).ok()?
            }
        };
        match ended.code {
            _ if ended.timed_out => Some(Verdict::Inconclusive {
                why: format!("it did not finish within {} s", LIMIT.as_secs()),
            }),
            Some(0) => Some(Verdict::Ok),
            Some(code) if code == EXIT_AFFECTED => Some(Verdict::Affected {
                evidence: format!("the probe exited with {EXIT_AFFECTED}"),
            }),
            _ => None,
        }
    }
}
