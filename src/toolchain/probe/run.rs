//! Runs the probes: compiles them with a compiler, and runs the programs if possible.
//!
//! A compiler is not trusted to finish, to print little, or to write the requested file. Answers
//! are cached by the compiler's identity and everything else that determines them; the cache may
//! vanish at any time.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::host::cache;
use crate::host::machine::Host;
use crate::target::Target;
use crate::toolchain::probe::compile::Bench;
use crate::toolchain::probe::definition::{
    BASELINE_FLAGS, LAST_FLAGS, ObjectQuestion, Probe, Question,
};
use crate::toolchain::probe::facts::FACTS_OBJECT;
use crate::toolchain::probe::look::subject::{CommandLine, ProbeTarget, command_line, tells};
use crate::toolchain::probe::report::{Answer, Report, Verdict};

/// Returns the answers of one compiler to all probes, from the cache if possible. Reports with an
/// inconclusive answer are not cached.
pub fn report(host: &Host, compiler: &ProbeTarget) -> Report {
    let cache_file = key(host, compiler).and_then(|key| cache::place(host, "probes", &key));
    if let Some(report) =
        cache::read(host, cache_file.as_deref()).filter(|report| is_complete(report, compiler))
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
fn is_complete(report: &Report, compiler: &ProbeTarget) -> bool {
    let is_answered = |probe: &&Probe| {
        let has_levels = |answer: &Answer| {
            let answered = &answer.with_build_flags;
            !matches!(probe.question, Question::Object(_))
                || compiler
                    .levels
                    .iter()
                    .all(|level| answered.contains_key(level))
        };
        report
            .answers
            .iter()
            .any(|answer| answer.probe == probe.code.name() && has_levels(answer))
    };
    compiler.probes().iter().all(is_answered)
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
    let sources: String = compiler
        .probes()
        .iter()
        .map(|probe| {
            // All of a probe that a cached verdict depends on.
            let text = match &probe.question {
                Question::Object(ObjectQuestion {
                    source,
                    read: _,
                    rejected: _,
                    run_source,
                }) => format!("{source}{}", run_source.unwrap_or_default()),
                Question::Facts(_) | Question::Link(_) | Question::Release(_) => String::new(),
            };
            format!("{}{text}{:?}", probe.code.name(), probe.workaround.flag())
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
        "{identity}\n{target}\n{triple}\n{variables:?}\n{levels:?}\n{rustflags:?}\n{version:?}\n{runner:?}\n{environment:?}\n{headers:?}\n{sources}{FACTS_OBJECT}{BASELINE_FLAGS:?}{LAST_FLAGS:?}"
    );
    Some(text)
}

/// Returns the report on a compiler that cannot be probed.
fn unprobed(compiler: &ProbeTarget, why: String) -> Report {
    let inconclusive = || Verdict::Inconclusive { why: why.clone() };
    let answer = |probe: &&Probe| Answer {
        with_build_flags: match probe.question {
            Question::Object(_) => compiler
                .levels
                .iter()
                .map(|level| (level.clone(), inconclusive()))
                .collect(),
            Question::Facts(_) | Question::Link(_) | Question::Release(_) => BTreeMap::new(),
        },
        ..Answer::new(probe.code, inconclusive())
    };
    Report {
        compiler: compiler.path.map(ToString::to_string).unwrap_or_default(),
        version: compiler.version.clone(),
        flags: Vec::new(),
        facts: None,
        linker: None,
        answers: compiler.probes().iter().map(answer).collect(),
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
    let facts = bench.facts(line, None);
    let answers = bench.answers(&lines, &facts);
    // A compiler that does not compile would be asked in vain.
    let compiles = |answer: &Answer| !matches!(answer.baseline, Verdict::Inconclusive { .. });
    let linker = answers
        .iter()
        .any(compiles)
        .then(|| bench.linker(line))
        .flatten();
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
        linker,
        answers,
    }
}
