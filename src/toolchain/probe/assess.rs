//! One row a toolchain bug: what to compile, how to read the verdict off the object's bytes, what
//! it matters to.
//!
//! Pure: `look` compiles and runs, this room says what and reads what came out. A version number
//! never clears a compiler that a probe can test, and what a probe cannot tell is said, never
//! passed over.

use crate::project::graph::CPackage;
use crate::toolchain::probe::definition::Probe;
use crate::toolchain::probe::report::{Answer, CompilerFinding, Report, Severity, Verdict};
use crate::toolchain::probe::table;

/// What the answers mean for a graph with this C in it, each package at its own levels. Nothing for
/// a graph without.
pub fn judge(report: &Report, c_packages: &[CPackage]) -> Vec<CompilerFinding> {
    let mut findings = Vec::new();
    for answer in &report.answers {
        let Some(probe) = table::find(&answer.probe) else {
            continue;
        };
        let secret = |found: &&CPackage| probe.security_sensitive.contains(&found.package.as_str());
        // Of what checks secrets the one that fares worst, and the worst of all the rest.
        let worst = c_packages
            .iter()
            .filter(secret)
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
        let affected = |verdict: &Verdict| told(probe, report, answer, verdict);
        let whose = |found: &CPackage| {
            format!(
                ", and {} {} checks secrets with it",
                found.package, found.version
            )
        };
        let secret = worst.and_then(|found| Some((affected(answer.at(&found.levels))?, found)));
        match (
            secret,
            affected(answer.at(&rest)),
            &answer.baseline,
            answer.at(&rest),
        ) {
            (Some((what, found)), ..) => {
                findings.push(finding(Severity::Block, format!("{what}{}", whose(found))))
            }
            (None, Some(what), ..) => findings.push(finding(Severity::Warn, what)),
            (None, None, _, Verdict::Inconclusive { why })
            | (None, None, Verdict::Inconclusive { why }, Verdict::Ok) => {
                findings.push(finding(
                    Severity::Warn,
                    format!("could not be probed for {}: {why}", probe.title),
                ));
            }
            (None, None, Verdict::Affected { .. }, Verdict::Ok) => findings.push(CompilerFinding {
                switched_off: true,
                ..finding(
                    Severity::Warn,
                    format!(
                        "has {}, which the flags of this build keep from biting",
                        probe.title
                    ),
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
            let what = format!(
                "is {} for {} by its object, but {} by running it",
                answer.baseline.name(),
                probe.title,
                run.name()
            );
            findings.push(finding(weight, what));
        }
    }
    findings
}

/// What is to be said where a verdict means the bug: proven, or not cleared in a compiler that is
/// known or numbered wrong.
fn told(probe: &Probe, report: &Report, answer: &Answer, verdict: &Verdict) -> Option<String> {
    let numbers = report
        .facts
        .as_ref()
        .map(|facts| (facts.clang, facts.gcc))
        .or_else(|| Some((0, gcc_number(report.version.as_deref()?)?)));
    match verdict {
        Verdict::Affected { evidence } => Some(format!("has {} ({evidence})", probe.title)),
        Verdict::Inconclusive { why } if matches!(answer.baseline, Verdict::Affected { .. }) => {
            Some(format!(
                "has {}, and whether it bites with these flags cannot be told ({why})",
                probe.title
            ))
        }
        Verdict::Inconclusive { why }
            if numbers.is_some_and(|(clang, gcc)| clang == 0 && (probe.by_version)(gcc)) =>
        {
            Some(format!(
                "may have {}: its number says so, and the probe tells nothing ({why})",
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

/// Those of the compilers that a finished file names which nobody has asked: code that came
/// compiled. `asked` are versions as compilers say them of themselves, `known` the names of what
/// the standard library brings.
pub fn unasked<'a>(named: &'a [String], asked: &[&str], known: &[String]) -> Vec<&'a str> {
    let number = |text: &str| {
        text.split_whitespace()
            .rfind(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            .map(str::to_owned)
    };
    let gcc = named
        .iter()
        .filter(|name| name.starts_with("GCC: ") && !known.contains(name));
    let was_asked = |name: &str| {
        number(name).is_some_and(|number| {
            asked
                .iter()
                .any(|said| said.split_whitespace().any(|word| word == number))
        })
    };
    gcc.map(String::as_str)
        .filter(|name| !was_asked(name))
        .collect()
}

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
        let words = " \"/z/zig\" -cc1 -D __GLIBC_MINOR__=17 -D _LIBCPP_HAS_THREADS=1 -D OTHER -D \
                     __GLIBC_MINOR__=17\n#include \"...\" search starts here:\n#include <...> \
                     search starts here:\n /z/lib/include\n /z/my libc/include\nEnd of search \
                     list.\n# 1 \"/dev/null\"";
        assert_eq!(search_list(words), ["/z/lib/include", "/z/my libc/include"]);
        assert_eq!(
            header_macros(words),
            ["-D_LIBCPP_HAS_THREADS=1", "-D__GLIBC_MINOR__=17"]
        );
    }

    #[test]
    fn code_of_compilers_that_nobody_asked_is_found() {
        let named = [
            "GCC: (Debian 12.2.0-14) 12.2.0",
            "GCC: (GNU) 9.4.0",
            "Linker: LLD 22",
            "rustc version 1.95.0",
        ]
        .map(str::to_owned);
        let asked = ["gcc version 12.2.0 (Debian 12.2.0-14)"];
        assert_eq!(unasked(&named, &asked, &[]), ["GCC: (GNU) 9.4.0"]);
        assert_eq!(
            unasked(&named, &asked, &["GCC: (GNU) 9.4.0".to_owned()]),
            [""; 0]
        );
        assert_eq!(unasked(&named, &[], &[]).len(), 2);
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
        };
        let report = Report {
            compiler: String::new(),
            version: None,
            flags: Vec::new(),
            facts: Some(facts),
            no_facts: None,
            answers: vec![answer],
        };
        let packages = [CPackage {
            package: package.to_owned(),
            version: "1.0.0".to_owned(),
            builder: "cc".to_owned(),
            levels: vec!["3".to_owned()],
            cxx: false,
        }];
        let found: Vec<String> = judge(&report, &packages)
            .iter()
            .map(|finding| format!("{:?}: {}", finding.severity, finding.what))
            .collect();
        assert_eq!(found.join("; "), expected);
    }

    #[test]
    fn each_package_is_judged_at_its_own_level() {
        let real = [
            ("0".to_owned(), Verdict::Ok),
            (
                "3".to_owned(),
                Verdict::Affected {
                    evidence: "proof".to_owned(),
                },
            ),
        ]
        .into();
        let clean = Verdict::Affected {
            evidence: "proof".to_owned(),
        };
        let answer = Answer {
            probe: "gcc-95189".to_owned(),
            baseline: clean,
            with_build_flags: real,
            at_runtime: None,
            workaround: None,
        };
        let report = Report {
            compiler: String::new(),
            version: None,
            flags: Vec::new(),
            facts: None,
            no_facts: None,
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
            judge(&report, packages)
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
        let dark = || Verdict::Inconclusive {
            why: "dark".to_owned(),
        };
        let (ok, gcc_9, gcc_12) = (|| Verdict::Ok, [9, 4, 0], [12, 2, 0]);
        check(answer(ok(), ok(), Some(ok())), gcc_9, "ring", "");
        check(
            answer(affected(), affected(), None),
            gcc_9,
            "ring",
            "Block: has GCC bug 95189 (proof), and ring 1.0.0 checks secrets with it",
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
            "Warn: has GCC bug 95189, which the flags of this build keep from biting",
        );
        check(
            answer(dark(), dark(), None),
            gcc_12,
            "ring",
            "Warn: could not be probed for GCC bug 95189: dark",
        );
        check(
            answer(dark(), dark(), None),
            [10, 2, 0],
            "ring",
            "Block: may have GCC bug 95189: its number says so, and the probe tells nothing \
             (dark), and ring 1.0.0 checks secrets with it",
        );
        check(
            answer(ok(), ok(), Some(affected())),
            gcc_12,
            "ring",
            "Block: is ok for GCC bug 95189 by its object, but affected by running it",
        );
    }
}
