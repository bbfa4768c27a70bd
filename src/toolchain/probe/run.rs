//! Asks C compilers what they are and whether they are right: compiles the probes, runs them where
//! that can be done.
//!
//! Nothing here is trusted to end, to print little, or to write what it was asked for. Answers are
//! kept by the compiler's identity and everything that its answer follows from; the cache may
//! vanish at any time.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::host::cache;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::Result;
use crate::target::Target;
use crate::toolchain::probe::definition::{EXIT_AFFECTED, Probe};
use crate::toolchain::probe::facts::{CompilerFacts, FACTS_OBJECT};
use crate::toolchain::probe::report::{Answer, Report, Verdict};
use crate::toolchain::probe::table::PROBES;

/// How long one compile, link or run may take.
pub const LIMIT: Duration = Duration::from_secs(5);

/// The same where it is started in a container, which takes its time on a busy machine.
const LIMIT_APART: Duration = Duration::from_secs(30);

fn limit(asked: &ProbeTarget) -> Duration {
    if asked.apart.is_some() {
        LIMIT_APART
    } else {
        LIMIT
    }
}

/// Bytes that the object of a probe may have; the real ones have a few thousand.
pub const LARGEST: u64 = 1024 * 1024;

/// Beginnings of the names of variables that change what a build script compiles with.
const TELLING: &[&str] = &[
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

/// A compiler in the environment that build scripts will see.
pub struct ProbeTarget<'a> {
    pub root: &'a Utf8Path,
    /// The one that is configured for it.
    pub sysroot: Option<&'a Utf8Path>,
    pub target: &'a str,
    pub host: &'a str,
    /// Set on top of the inherited environment.
    pub variables: Vec<(String, String)>,
    /// `opt-level`s at which C of this graph is compiled.
    pub levels: Vec<String>,
    pub rustflags: &'a [String],
    /// Its own words: another version in the old place is another compiler.
    pub version: Option<String>,
    /// Where it is, if that is known before it is asked.
    pub path: Option<&'a Utf8Path>,
    /// What starts its programs: nothing for the host's, an emulator, or `None` where they cannot
    /// be started.
    pub starter: Option<Vec<String>>,
    /// It stands in an image.
    pub apart: Option<ContainerCompiler<'a>>,
}

/// A compiler that stands in an image: this machine's environment does not reach it, and it is
/// called by a stand-in.
pub struct ContainerCompiler<'a> {
    /// What it is: the image's digest and the compiler's name there.
    pub identity: String,
    /// The variable that build scripts take it from.
    pub variable: String,
    /// Its name there.
    pub program: String,
    /// A directory that it sees, and its stand-in.
    pub start: &'a Launcher<'a>,
}

type Launcher<'a> = dyn Fn() -> Result<(Utf8PathBuf, Utf8PathBuf), String> + 'a;

/// Whether a variable changes what a build script compiles with.
pub fn tells(name: &str) -> bool {
    TELLING.iter().any(|beginning| name.starts_with(beginning)) && name != "PATH"
}

/// What the hidden child says: the command line of a compile, without files.
#[derive(Debug, Serialize, Deserialize)]
pub struct CommandLine {
    pub program: String,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
}

/// Everything that the probes say of one compiler.
pub fn report(host: &Host, asked: &ProbeTarget) -> Report {
    let kept = key(host, asked).and_then(|key| cache::place(host, "probes", &key));
    if let Some(report) = cache::read(host, kept.as_deref()) {
        return report;
    }
    let report = match &asked.apart {
        None => ask(host, asked, &asked.variables, None),
        Some(apart) => match (apart.start)() {
            Ok((directory, stand_in)) => {
                let mut variables = asked.variables.clone();
                variables.push((apart.variable.clone(), stand_in.into_string()));
                Report {
                    compiler: apart.program.clone(),
                    ..ask(host, asked, &variables, Some(&directory))
                }
            }
            Err(why) => Report {
                compiler: apart.program.clone(),
                ..nothing(asked, why)
            },
        },
    };
    let dark = |verdict: &Verdict| matches!(verdict, Verdict::Inconclusive { .. });
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
            .any(dark)
    };
    if !report.answers.iter().any(unanswered) {
        cache::keep(host, kept.as_deref(), &report);
    }
    report
}

/// All that the answers follow from; `None` where the compiler cannot be pinned down.
fn key(host: &Host, asked: &ProbeTarget) -> Option<String> {
    let identity = match &asked.apart {
        Some(apart) => apart.identity.clone(),
        None => host.identity(asked.path?)?,
    };
    let telling = host
        .vars()
        .filter(|(name, _)| asked.apart.is_none() && (tells(name) || *name == "PATH"));
    let environment: Vec<String> = telling
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let sources: String = PROBES
        .iter()
        .map(|probe| format!("{}{}", probe.question.source, probe.question.run_source))
        .collect();
    // Headers may be replaced under a compiler that stays as it is.
    let system = Target::of_triple(asked.target)
        .map(|target| target.gnu_name())
        .unwrap_or_default();
    let headers = [
        "/usr/include".to_owned(),
        format!("/usr/include/{system}"),
        format!("/usr/{system}/include"),
    ];
    let headers: Vec<_> = headers
        .iter()
        .filter(|_| asked.apart.is_none())
        .map(|directory| host.stamp(&Utf8Path::new(directory).join("gnu/libc-version.h")))
        .chain(
            asked
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
        starter,
        apart: _,
    } = asked;
    let text = format!(
        "{identity}\n{target}\n{triple}\n{variables:?}\n{levels:?}\n{rustflags:?}\n{version:?}\n{starter:?}\n{environment:?}\n{headers:?}\n{sources}{FACTS_OBJECT}"
    );
    Some(text)
}

/// The report on a compiler that cannot be asked.
fn nothing(asked: &ProbeTarget, why: String) -> Report {
    let told = || Verdict::Inconclusive { why: why.clone() };
    let answer = |probe: &Probe| Answer {
        probe: probe.code.name().to_owned(),
        baseline: told(),
        with_build_flags: asked
            .levels
            .iter()
            .map(|level| (level.clone(), told()))
            .collect(),
        at_runtime: None,
        workaround: None,
    };
    Report {
        compiler: asked.path.map(ToString::to_string).unwrap_or_default(),
        version: asked.version.clone(),
        flags: Vec::new(),
        facts: None,
        answers: PROBES.iter().map(answer).collect(),
        no_facts: Some(why),
    }
}

pub fn ask(
    host: &Host,
    asked: &ProbeTarget,
    variables: &[(String, String)],
    shared: Option<&Utf8Path>,
) -> Report {
    let nothing = |why: String| nothing(asked, why);
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
            return nothing("the temporary directory's path is not UTF-8".to_owned());
        }
        Err(problem) => return nothing(problem.message),
    };
    let lines: Result<Vec<CommandLine>, String> = asked
        .levels
        .iter()
        .map(|level| command_line(host, asked, variables, level, &scratch.0))
        .collect();
    let lines = match lines {
        Ok(lines) => lines,
        Err(why) => return nothing(why),
    };
    let Some(line) = lines.last() else {
        return nothing("no C is compiled".to_owned());
    };
    let bench = Bench {
        host,
        asked,
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
        version: asked.version.clone(),
        flags: line.args.clone(),
        facts,
        no_facts,
        answers,
    }
}

/// Asks the `cc` crate, in a child of ours under the planned environment.
fn command_line(
    host: &Host,
    asked: &ProbeTarget,
    variables: &[(String, String)],
    level: &str,
    scratch: &Utf8Path,
) -> Result<CommandLine, String> {
    let own = host
        .own_program()
        .ok_or("the path of this program is not known")?;
    // A stand-in is called from where both sides see the same.
    let mut question = Invocation::new(
        own,
        if asked.apart.is_some() {
            scratch
        } else {
            asked.root
        },
    )
    .arg("__compiler")
    .args([asked.target, asked.host, level, scratch.as_str()])
    .env("CARGO_ENCODED_RUSTFLAGS", asked.rustflags.join("\u{1f}"));
    question = under(host, asked, variables, question);
    let output = host
        .capture_bounded(&question, limit(asked))
        .map_err(|problem| problem.message)?;
    if output.timed_out {
        return Err(format!(
            "it did not end within {} s",
            limit(asked).as_secs()
        ));
    }
    if !output.success() {
        return Err(last_line(&output.stderr)
            .unwrap_or("cc-rs did not answer")
            .to_owned());
    }
    // cc-rs tells cargo when a compiler does not answer it, whatever it was asked to print.
    let document = output
        .stdout
        .find('{')
        .map_or("", |start| &output.stdout[start..]);
    serde_json::from_str(document).map_err(|error| format!("cc-rs did not answer: {error}"))
}

/// A call in the environment that build scripts see.
fn under(
    host: &Host,
    asked: &ProbeTarget,
    variables: &[(String, String)],
    mut call: Invocation,
) -> Invocation {
    if asked.apart.is_some() {
        call.env_clear = true;
        call.env.extend(
            host.vars()
                .filter(|(name, _)| !tells(name))
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
    }
    call.env.extend(variables.iter().cloned());
    call
}

pub fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}

struct Bench<'a> {
    host: &'a Host,
    asked: &'a ProbeTarget<'a>,
    variables: &'a [(String, String)],
    directory: &'a Utf8Path,
}

impl Bench<'_> {
    /// The facts with the build's flags; where those make LTO objects, which tell nothing, without.
    fn facts(&self, line: &CommandLine) -> Result<CompilerFacts, String> {
        let read = |last: &[&str]| {
            self.compile(line, &line.args, last, FACTS_OBJECT)
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
        // What chooses the machine stays in the clean question, too.
        let machine: Vec<String> = line
            .args
            .iter()
            .filter(|arg| arg.starts_with("--target=") || ["-m32", "-m64"].contains(&arg.as_str()))
            .cloned()
            .collect();
        let baseline = read(line, &machine, probe.question.baseline_flags);
        let with_build_flags: BTreeMap<String, Verdict> = self
            .asked
            .levels
            .iter()
            .zip(lines)
            .map(|(level, line)| (level.clone(), read(line, &line.args, &[])))
            .collect();
        let affected = self
            .asked
            .levels
            .iter()
            .zip(lines)
            .find(|(level, _)| matches!(with_build_flags[*level], Verdict::Affected { .. }));
        let workaround = affected.map(|(_, line)| read(line, &line.args, &[probe.workaround_flag]));
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
            return Err("it ended well but wrote no object".to_owned());
        }
        self.host
            .read_small(&object, LARGEST)
            .map_err(|_| "what it wrote is no object".to_owned())
    }

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
        self.host
            .write(&file, source.as_bytes())
            .map_err(|problem| problem.message)?;
        if self.host.exists(output) {
            self.host
                .remove_file(output)
                .map_err(|problem| problem.message)?;
        }
        let mut call = Invocation::new(&line.program, self.directory)
            .args(args.iter().cloned())
            .args(last.iter().copied())
            .args(how.iter().copied());
        call = under(
            self.host,
            self.asked,
            self.variables,
            call.arg(file).arg("-o").arg(output.as_str()),
        );
        call.env.extend(line.env.iter().cloned());
        let ended = self
            .host
            .capture_bounded(&call, limit(self.asked))
            .map_err(|problem| problem.message)?;
        match ended.code {
            _ if ended.timed_out => Err(format!(
                "it did not end within {} s",
                limit(self.asked).as_secs()
            )),
            Some(0) => Ok(()),
            Some(code) => {
                let said = ended
                    .stderr
                    .lines()
                    .find(|line| line.contains("error"))
                    .or_else(|| last_line(&ended.stderr))
                    .unwrap_or("it says nothing");
                let said: String = said.trim().chars().take(200).collect();
                Err(format!("it ended with {code}: {said}"))
            }
            None => Err("it crashed".to_owned()),
        }
    }

    /// Links the run-time probe and starts it; `None` where either cannot be done here, and no
    /// verdict where it only was not done in time.
    fn run(&self, probe: &Probe, line: &CommandLine, machine: &[String]) -> Option<Verdict> {
        let starter = self.asked.starter.as_ref()?;
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
        let words: Vec<String> = starter
            .iter()
            .cloned()
            .chain([program.into_string()])
            .collect();
        let (first, rest) = words.split_first()?;
        let ended = self
            .host
            .capture_bounded(
                &Invocation::new(first, self.directory).args(rest.iter().cloned()),
                LIMIT,
            )
            .ok()?;
        match ended.code {
            _ if ended.timed_out => Some(Verdict::Inconclusive {
                why: format!("it did not end within {} s", LIMIT.as_secs()),
            }),
            Some(0) => Some(Verdict::Ok),
            Some(code) if code == EXIT_AFFECTED => Some(Verdict::Affected {
                evidence: format!("the probe ended with {EXIT_AFFECTED}"),
            }),
            _ => None,
        }
    }
}
