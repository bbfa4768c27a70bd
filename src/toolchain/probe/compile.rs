//! Compiles and links what the probes ask, and runs it if possible.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::Problem;
use crate::target::Target;
use crate::toolchain::probe::assembler_wrong::CONTROL_SOURCE;
use crate::toolchain::probe::definition::{
    Asked, BASELINE_FLAGS, EXIT_AFFECTED, Graph, LAST_FLAGS, ObjectQuestion, Probe, Question,
};
use crate::toolchain::probe::facts::{CompilerFacts, FACTS_OBJECT};
use crate::toolchain::probe::linker::{LinkerFacts, link_arguments};
use crate::toolchain::probe::look::subject::{
    CommandLine, LARGEST, LIMIT, ProbeTarget, capture, last_line, limit, with_environment,
};
use crate::toolchain::probe::object;
use crate::toolchain::probe::report::{Answer, Verdict};

/// Maximum size of a C library in bytes.
const LARGEST_LIBRARY: u64 = 64 * 1024 * 1024;

/// Parts of the lines in which compilers and assemblers say what is wrong.
const MESSAGES: &[&str] = &["error", "Error: ", "unrecognized option"];

/// A probe's working directory with the environment of its calls.
pub struct Bench<'a> {
    /// This machine.
    pub host: &'a Host,
    /// The compiler.
    pub compiler: &'a ProbeTarget<'a>,
    /// Variables that are added to the inherited environment.
    pub variables: &'a [(String, String)],
    /// Directory for its files.
    pub directory: &'a Utf8Path,
}

impl Bench<'_> {
    /// Reads the facts with the build's flags, and one more. If these make LTO objects, which
    /// reveal nothing, it compiles again without LTO.
    pub fn facts(&self, line: &CommandLine, more: Option<&str>) -> Result<CompilerFacts, String> {
        let read = |last: &[&str]| {
            let last: Vec<&str> = more.into_iter().chain(last.iter().copied()).collect();
            self.compile(line, &line.all_args(), &last, FACTS_OBJECT)
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

    /// Answers the probes of compilers: with their own flags, with the build's, with the
    /// workaround, and as a program.
    pub fn answers(
        &self,
        lines: &[CommandLine],
        facts: &Result<CompilerFacts, String>,
    ) -> Vec<Answer> {
        let probes = self.compiler.probes();
        let objects: Vec<(&Probe, &ObjectQuestion)> = probes
            .iter()
            .filter_map(|probe| match &probe.question {
                Question::Object(question) => Some((*probe, question)),
                Question::Facts(_) | Question::Link(_) | Question::Release(_) => None,
            })
            .collect();
        let line = lines.last().expect("there is a line for each level");
        // Flags that select the machine stay in the baseline, too.
        let machine = line.selecting_args();
        let questions: Vec<&ObjectQuestion> =
            objects.iter().map(|(_, question)| *question).collect();
        let baseline = self.verdicts(line, &machine, BASELINE_FLAGS, &questions);
        let levels = self.compiler.levels.iter().zip(lines);
        let with_build_flags: Vec<(&String, &CommandLine, Vec<Verdict>)> = levels
            .map(|(level, line)| {
                let verdicts = self.verdicts(line, &line.all_args(), &[], &questions);
                (level, line, verdicts)
            })
            .collect();
        let answered = objects
            .iter()
            .enumerate()
            .map(|(index, (probe, question))| {
                let affected = with_build_flags
                    .iter()
                    .find(|(.., verdicts)| matches!(verdicts[index], Verdict::Affected { .. }));
                let workaround = affected.and_then(|(_, line, _)| {
                    let flag = probe.workaround.flag()?;
                    let verdicts = self.verdicts(line, &line.all_args(), &[flag], &[question]);
                    verdicts.into_iter().next()
                });
                Answer {
                    with_build_flags: with_build_flags
                        .iter()
                        .map(|(level, _, verdicts)| ((*level).clone(), verdicts[index].clone()))
                        .collect(),
                    at_runtime: question
                        .run_source
                        .and_then(|source| self.run(source, line, &machine)),
                    workaround,
                    ..Answer::new(probe.code, baseline[index].clone())
                }
            });
        let decided = probes.iter().filter_map(|probe| {
            let Question::Facts(verdict) = &probe.question else {
                return None;
            };
            Some(self.decided(probe, *verdict, line, facts))
        });
        answered.chain(decided).collect()
    }

    /// Answers a probe by the facts. If these indicate the bug, the workaround is tested.
    fn decided(
        &self,
        probe: &Probe,
        verdict: fn(&CompilerFacts, &Asked) -> Verdict,
        line: &CommandLine,
        facts: &Result<CompilerFacts, String>,
    ) -> Answer {
        let target = Target::of_triple(self.compiler.target);
        let read = |facts: &Result<CompilerFacts, String>| match (facts, &target) {
            (Ok(facts), Some(target)) => verdict(
                facts,
                &Asked {
                    target,
                    graph: Graph::Any,
                    linker: None,
                    rustc: None,
                    rustflags: self.compiler.rustflags,
                },
            ),
            (Err(why), _) => Verdict::Inconclusive { why: why.clone() },
            (Ok(_), None) => Verdict::Inconclusive {
                why: "its target is not known".to_owned(),
            },
        };
        let baseline = read(facts);
        let flag = probe
            .workaround
            .flag()
            .filter(|_| facts.is_ok() && baseline != Verdict::Ok);
        Answer {
            workaround: flag.map(|flag| read(&self.facts(line, Some(flag)))),
            ..Answer::new(probe.code, baseline)
        }
    }

    /// Compiles the sources of the questions as one file, and reads the verdict of each. If the
    /// compiler rejects it, each is compiled alone, after the smallest file as a control.
    fn verdicts(
        &self,
        line: &CommandLine,
        args: &[String],
        more: &[&str],
        questions: &[&ObjectQuestion],
    ) -> Vec<Verdict> {
        let last: Vec<&str> = more.iter().chain(LAST_FLAGS).copied().collect();
        let compile = |source: &str| self.compile(line, args, &last, source);
        let all: String = questions.iter().map(|question| question.source).collect();
        let rejected = match compile(&all) {
            Ok(bytes) => {
                return questions
                    .iter()
                    .map(|question| (question.read)(&bytes))
                    .collect();
            }
            Err(why) => why,
        };
        let control = compile(CONTROL_SOURCE);
        let alone = |question: &&ObjectQuestion| {
            let answer = match &control {
                // A compiler that rejects everything would be asked in vain.
                Err(why) if question.source != CONTROL_SOURCE => Err(why.clone()),
                _ if questions.len() == 1 => Err(rejected.clone()),
                _ => compile(question.source),
            };
            match answer {
                Ok(bytes) => (question.read)(&bytes),
                Err(why) => (question.rejected)(&why)
                    .filter(|_| control.is_ok() || question.source == CONTROL_SOURCE)
                    .unwrap_or(Verdict::Inconclusive { why }),
            }
        };
        questions.iter().map(alone).collect()
    }

    /// Asks the linker for its name, with the linker arguments of the rustflags. `None` for zig, whose
    /// linker is its own.
    pub fn linker(&self, line: &CommandLine) -> Option<LinkerFacts> {
        let compiler = self.compiler;
        let is_zig = line.program.contains("zig");
        if is_zig {
            return None;
        }
        let link_args = link_arguments(compiler.rustflags);
        let ask = |more: &str| {
            let call = Invocation::new(&line.program, self.directory)
                .args(line.selecting_args())
                .args(link_args.iter().cloned())
                .arg(more);
            let mut call = with_environment(self.host, compiler, self.variables, call);
            call.env.push(("LC_ALL".to_owned(), "C".to_owned()));
            capture(self.host, compiler, &call)
        };
        let answer = match ask("-Wl,--version") {
            Ok(ended) if ended.timed_out => {
                return Some(LinkerFacts::absent("it did not finish in time".to_owned()));
            }
            Ok(ended) if ended.success() => ended.stdout,
            Ok(ended) => {
                let line = ended
                    .stderr
                    .lines()
                    .find(|line| line.contains("error: "))
                    .or_else(|| last_line(&ended.stderr))
                    .unwrap_or("it printed no error");
                return Some(LinkerFacts::absent(line.chars().take(200).collect()));
            }
            Err(why) => return Some(LinkerFacts::absent(why)),
        };
        let facts = LinkerFacts::read(&answer);
        let relr = facts.is_before_relr() && {
            let found = ask("-print-file-name=libc.so.6").map(|ended| ended.stdout);
            let path = found.unwrap_or_default();
            let path = Utf8Path::new(path.trim());
            let read = match &compiler.apart {
                Some(apart) => (apart.read)(path),
                None => self.host.read_small(path, LARGEST_LIBRARY).ok(),
            };
            read.is_some_and(|bytes| object::has_section(&bytes, ".relr.dyn"))
        };
        Some(LinkerFacts { relr, ..facts })
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
                    .find(|line| MESSAGES.iter().any(|part| line.contains(part)))
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
    fn run(&self, source: &str, line: &CommandLine, machine: &[String]) -> Option<Verdict> {
        let runner = self.compiler.runner.as_ref()?;
        let program = self.directory.join("probe");
        let flags: Vec<&str> = BASELINE_FLAGS.iter().chain(LAST_FLAGS).copied().collect();
        self.call(line, machine, &flags, source, &program, &["-static"])
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
