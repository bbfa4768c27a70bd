//! Assesses a report: which findings matter to a graph.
//!
//! Pure: `run` compiles and runs. A version number never clears a compiler that a probe can test,
//! and an inconclusive probe is reported, never ignored.

use crate::project::c_package::CPackage;
use crate::target::Target;
use crate::toolchain::probe::definition::{Asked, Graph, Probe, Question, Weight};
use crate::toolchain::probe::report::{Answer, CompilerFinding, Report, Severity, Verdict};
use crate::toolchain::probe::table::{self, PROBES};

/// Returns the report with the answers that depend on the target, the graph and the linker, and
/// without those that do not apply there.
pub fn complete(report: &Report, asked: &Asked) -> Report {
    let answers = PROBES.iter().filter(|probe| (probe.applies)(asked));
    let answers = answers.filter_map(|probe| {
        let known = report
            .answers
            .iter()
            .find(|answer| answer.probe == probe.code.name());
        let decided = |baseline| Answer {
            workaround: known.and_then(|known| known.workaround.clone()),
            ..Answer::new(probe.code, baseline)
        };
        match &probe.question {
            Question::Object(_) => known.cloned(),
            Question::Facts(verdict) => Some(decided(match (&report.facts, &report.no_facts) {
                (Some(facts), _) => verdict(facts, asked),
                (None, why) => Verdict::Inconclusive {
                    why: why.clone().unwrap_or_default(),
                },
            })),
            Question::Link(verdict) => {
                let linker = report.linker.as_ref()?;
                Some(decided(verdict(linker, asked)))
            }
            Question::Release(_) => None,
        }
    });
    Report {
        answers: answers.collect(),
        ..report.clone()
    }
}

/// Returns the answers about a release of rustc, for one target.
pub fn of_release(release: &str, target: &Target) -> Vec<Answer> {
    let asked = Asked {
        target,
        graph: Graph::None,
        linker: None,
        rustc: Some(release),
        rustflags: &[],
    };
    let answers = PROBES.iter().filter_map(|probe| match &probe.question {
        Question::Release(verdict) => Some(Answer::new(probe.code, verdict(release, &asked))),
        Question::Object(_) | Question::Facts(_) | Question::Link(_) => None,
    });
    answers.collect()
}

/// Returns the findings about a release of rustc, for one target.
pub fn release_findings(release: &str, target: &Target) -> Vec<CompilerFinding> {
    let answers = of_release(release, target).into_iter();
    let findings = answers.filter_map(|answer| {
        let probe = table::find(&answer.probe)?;
        let Verdict::Affected { evidence } = answer.baseline else {
            return None;
        };
        Some(CompilerFinding {
            code: probe.code,
            severity: Severity::Warn,
            what: format!("rustc has {} ({evidence})", probe.title),
            switched_off: false,
        })
    });
    findings.collect()
}

/// Returns the findings of a report for a graph with this C, each package at its own levels; none
/// for a graph without C.
pub fn assess(report: &Report, c_packages: &[CPackage]) -> Vec<CompilerFinding> {
    let mut findings = Vec::new();
    // One reason may leave several probes without an answer; it is reported once.
    let mut reported: Vec<&str> = Vec::new();
    for answer in &report.answers {
        let Some(probe) = table::find(&answer.probe) else {
            continue;
        };
        let (concerned, because) = match probe.weight {
            Weight::BlocksWith { packages, because } => (packages, because),
            Weight::Blocks | Weight::Warns => (&[][..], ""),
        };
        let usual = match probe.weight {
            Weight::Blocks => Severity::Block,
            Weight::BlocksWith { .. } | Weight::Warns => Severity::Warn,
        };
        let is_concerned = |found: &&CPackage| concerned.contains(&found.package.as_str());
        // The worst verdict among the packages of the weight, and the worst of all packages.
        let worst = c_packages
            .iter()
            .filter(is_concerned)
            .max_by_key(|found| answer.at(&found.levels).rank());
        let rest: Vec<String> = c_packages
            .iter()
            .flat_map(|found| found.levels.clone())
            .collect();
        let finding = |severity, what| CompilerFinding {
            code: probe.code,
            severity,
            what,
            switched_off: false,
        };
        let clause = |verdict: &Verdict| bug_clause(probe, report, answer, verdict);
        let because =
            |found: &CPackage| format!(", and {} {} {because}", found.package, found.version);
        let heavy = worst.and_then(|found| Some((clause(answer.at(&found.levels))?, found)));
        match (
            heavy,
            clause(answer.at(&rest)),
            &answer.baseline,
            answer.at(&rest),
        ) {
            (Some((clause, found)), ..) => findings.push(finding(
                Severity::Block,
                format!("{clause}{}", because(found)),
            )),
            (None, Some(clause), ..) => findings.push(finding(usual, clause)),
            (None, None, _, Verdict::Inconclusive { why })
            | (None, None, Verdict::Inconclusive { why }, Verdict::Ok) => {
                if !reported.contains(&why.as_str()) {
                    reported.push(why);
                    findings.push(finding(
                        Severity::Warn,
                        format!("could not be probed for {}: {why}", probe.title),
                    ));
                }
            }
            (None, None, Verdict::Affected { .. }, Verdict::Ok) => findings.push(CompilerFinding {
                switched_off: true,
                ..finding(
                    Severity::Warn,
                    format!("has {}, which the flags of this build avoid", probe.title),
                )
            }),
            (None, None, ..) => {}
        }
        if let Some(run) = &answer.at_runtime
            && disagree(&answer.baseline, run)
        {
            let weight = if worst.is_some() {
                Severity::Block
            } else {
                Severity::Warn
            };
            let clause = format!(
                "is {} for {} by its object, but {} at run time",
                answer.baseline.name(),
                probe.title,
                run.name()
            );
            findings.push(finding(weight, clause));
        }
    }
    findings
}

/// Returns a clause if the verdict indicates the bug: proven, or inconclusive for a compiler that
/// is affected in the baseline or by its version.
fn bug_clause(
    probe: &Probe,
    report: &Report,
    answer: &Answer,
    verdict: &Verdict,
) -> Option<String> {
    let numbers = report
        .facts
        .as_ref()
        .map(|facts| (facts.clang, facts.gcc))
        .or_else(|| Some((0, gcc_number(report.version.as_deref()?)?)));
    match verdict {
        Verdict::Affected { evidence } => Some(format!("has {} ({evidence})", probe.title)),
        Verdict::Inconclusive { why } if matches!(answer.baseline, Verdict::Affected { .. }) => {
            Some(format!(
                "has {}, and it is unknown if these flags avoid it ({why})",
                probe.title
            ))
        }
        Verdict::Inconclusive { why }
            if numbers.is_some_and(|(clang, gcc)| clang == 0 && (probe.by_version)(gcc)) =>
        {
            Some(format!(
                "may have {}: its version is affected, and the probe is inconclusive ({why})",
                probe.title
            ))
        }
        Verdict::Inconclusive { .. } | Verdict::Ok => None,
    }
}

/// `gcc version 9.3.0 (…)` -> 9.3.0.
fn gcc_number(version: &str) -> Option<[u32; 3]> {
    let mut parts = version
        .strip_prefix("gcc version ")?
        .split_whitespace()
        .next()?
        .split('.')
        .map(|part| part.parse().ok());
    Some([
        parts.next()??,
        parts.next()??,
        parts.next().flatten().unwrap_or(0),
    ])
}

/// Returns the compilers named in `.comment` that were not probed, i.e. those of prebuilt objects.
/// `probed` are version lines of probed compilers, `known` the compilers of the standard library's
/// own objects.
pub fn unprobed<'a>(named: &'a [String], probed: &[&str], known: &[String]) -> Vec<&'a str> {
    let number = |text: &str| {
        text.split_whitespace()
            .rfind(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            .map(str::to_owned)
    };
    let gcc = named
        .iter()
        .filter(|name| name.starts_with("GCC: ") && !known.contains(name));
    let was_probed = |name: &str| {
        number(name).is_some_and(|number| {
            probed
                .iter()
                .any(|version| version.split_whitespace().any(|word| word == number))
        })
    };
    gcc.map(String::as_str)
        .filter(|name| !was_probed(name))
        .collect()
}

/// Returns true if object and run contradict each other.
fn disagree(object: &Verdict, run: &Verdict) -> bool {
    matches!(
        (object, run),
        (Verdict::Ok, Verdict::Affected { .. }) | (Verdict::Affected { .. }, Verdict::Ok)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::probe::facts::CompilerFacts;
    use crate::toolchain::probe::headers::{header_macros, search_list};

    #[test]
    fn what_a_compiler_says_of_headers_is_read() {
        let output = " \"/z/zig\" -cc1 -D __GLIBC_MINOR__=17 -D _LIBCPP_HAS_THREADS=1 -D OTHER -D \
                     __GLIBC_MINOR__=17\n#include \"...\" search starts here:\n#include <...> \
                     search starts here:\n /z/lib/include\n /z/my libc/include\nEnd of search \
                     list.\n# 1 \"/dev/null\"";
        assert_eq!(
            search_list(output),
            ["/z/lib/include", "/z/my libc/include"]
        );
        assert_eq!(
            header_macros(output),
            ["-D_LIBCPP_HAS_THREADS=1", "-D__GLIBC_MINOR__=17"]
        );
    }

    #[test]
    fn code_of_compilers_that_were_not_probed_is_found() {
        let named = [
            "GCC: (Debian 12.2.0-14) 12.2.0",
            "GCC: (GNU) 9.4.0",
            "Linker: LLD 22",
            "rustc version 1.95.0",
        ]
        .map(str::to_owned);
        let probed = ["gcc version 12.2.0 (Debian 12.2.0-14)"];
        assert_eq!(unprobed(&named, &probed, &[]), ["GCC: (GNU) 9.4.0"]);
        assert_eq!(
            unprobed(&named, &probed, &["GCC: (GNU) 9.4.0".to_owned()]),
            [""; 0]
        );
        assert_eq!(unprobed(&named, &[], &[]).len(), 2);
    }

    fn answer(baseline: Verdict, with_build_flags: Verdict, at_runtime: Option<Verdict>) -> Answer {
        Answer {
            probe: "gcc-95189".to_owned(),
            baseline,
            with_build_flags: [("3".to_owned(), with_build_flags)].into(),
            at_runtime,
            workaround: None,
        }
    }

    fn check(answer: Answer, gcc: [u32; 3], package: &str, expected: &str) {
        let facts = CompilerFacts {
            machine: String::new(),
            clang: 0,
            gcc,
            glibc: None,
            pointer: 8,
            time_t: 8,
            lto: false,
            ubsan: false,
            isoc23: false,
            outline_atomics: false,
            level: None,
            standard: 201_710,
        };
        let report = Report {
            compiler: String::new(),
            version: None,
            flags: Vec::new(),
            facts: Some(facts),
            no_facts: None,
            linker: None,
            answers: vec![answer],
        };
        let packages = [CPackage {
            package: package.to_owned(),
            version: "1.0.0".to_owned(),
            builder: "cc".to_owned(),
            levels: vec!["3".to_owned()],
            cxx: false,
        }];
        let found: Vec<String> = assess(&report, &packages)
            .iter()
            .map(|finding| format!("{:?}: {}", finding.severity, finding.what))
            .collect();
        assert_eq!(found.join("; "), expected);
    }

    #[test]
    fn each_package_is_judged_at_its_own_level() {
        let with_build_flags = [
            ("0".to_owned(), Verdict::Ok),
            (
                "3".to_owned(),
                Verdict::Affected {
                    evidence: "proof".to_owned(),
                },
            ),
        ]
        .into();
        let baseline = Verdict::Affected {
            evidence: "proof".to_owned(),
        };
        let answer = Answer {
            probe: "gcc-95189".to_owned(),
            baseline,
            with_build_flags,
            at_runtime: None,
            workaround: None,
        };
        let report = Report {
            compiler: String::new(),
            version: None,
            flags: Vec::new(),
            facts: None,
            no_facts: None,
            linker: None,
            answers: vec![answer],
        };
        let package = |name: &str, level: &str| CPackage {
            package: name.to_owned(),
            version: "1.0.0".to_owned(),
            builder: "cc".to_owned(),
            levels: vec![level.to_owned()],
            cxx: false,
        };
        let weight = |packages: &[CPackage]| {
            assess(&report, packages)
                .iter()
                .map(|finding| finding.severity)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            weight(&[package("ring", "3"), package("zstd-sys", "0")]),
            [Severity::Block]
        );
        assert_eq!(
            weight(&[package("ring", "0"), package("zstd-sys", "3")]),
            [Severity::Warn]
        );
    }

    #[test]
    fn a_verdict_weighs_by_what_is_compiled() {
        let affected = || Verdict::Affected {
            evidence: "proof".to_owned(),
        };
        let unknown = || Verdict::Inconclusive {
            why: "dark".to_owned(),
        };
        let (ok, gcc_9, gcc_12) = (|| Verdict::Ok, [9, 4, 0], [12, 2, 0]);
        check(answer(ok(), ok(), Some(ok())), gcc_9, "ring", "");
        check(
            answer(affected(), affected(), None),
            gcc_9,
            "ring",
            "Block: has GCC bug 95189 (proof), and ring 1.0.0 is security-sensitive",
        );
        check(
            answer(affected(), affected(), None),
            gcc_9,
            "zstd-sys",
            "Warn: has GCC bug 95189 (proof)",
        );
        check(
            answer(affected(), ok(), None),
            gcc_9,
            "ring",
            "Warn: has GCC bug 95189, which the flags of this build avoid",
        );
        check(
            answer(unknown(), unknown(), None),
            gcc_12,
            "ring",
            "Warn: could not be probed for GCC bug 95189: dark",
        );
        check(
            answer(unknown(), unknown(), None),
            [10, 2, 0],
            "ring",
            "Block: may have GCC bug 95189: its version is affected, and the probe is \
             inconclusive (dark), and ring 1.0.0 is security-sensitive",
        );
        check(
            answer(ok(), ok(), Some(affected())),
            gcc_12,
            "ring",
            "Block: is ok for GCC bug 95189 by its object, but affected at run time",
        );
    }
}
