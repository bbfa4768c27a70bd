//! The compiler gate: a candidate whose C compiler is known to be wrong for what this graph
//! compiles does not pass.
//!
//! A graph without C asks nothing of a C compiler. What is wrong but may be accepted, or is
//! switched off by flags of the user's, passes and is told.

use goblin::elf::header::machine_to_str;

use crate::problem::code::Code;
use crate::project::linker::LinkerKind;
use crate::target::glibc::Glibc;
use crate::target::system::{Format, Libc};
use crate::toolchain::candidate::{Candidate, Rejected, SetBy, ToolchainChoice};
use crate::toolchain::context::TargetContext;
use crate::toolchain::environment::ENV_VARS;
use crate::toolchain::kinds::KINDS;
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::report::{CompilerFinding, Report, Severity, Verdict};
use crate::toolchain::probe::{assess, table};
use crate::toolchain::tools;

/// A candidate that did not pass, and why.
pub struct Blocked {
    pub candidate: Candidate,
    pub reason: String,
    /// The code of the finding that stopped it, where it was a probe's.
    pub code: Option<Code>,
}

impl Blocked {
    pub fn told(&self) -> Rejected {
        Rejected {
            kind: self.candidate.kind,
            reason: self.reason.clone(),
            by_probe: self.code.is_some(),
        }
    }
}

/// Whether a candidate passes. Who chose for themselves is held to the glibc floor by the finished
/// bins alone.
pub fn pass(
    case: &TargetContext,
    candidate: Candidate,
    chosen_by: &str,
    explicit: bool,
) -> Result<ToolchainChoice, Box<Blocked>> {
    let asked = case.here.reports.get(&candidate.key());
    let report = asked.filter(|_| case.c.holds).cloned();
    let name = candidate.c_compiler.as_ref().map_or_else(
        || "the C compiler".to_owned(),
        |compiler| format!("`{}`", compiler.program),
    );
    if let Some(reason) = absent(case) {
        return Err(Box::new(Blocked {
            candidate,
            reason,
            code: None,
        }));
    }
    if let Some(reason) = without_cxx(case, &candidate) {
        return Err(Box::new(Blocked {
            candidate,
            reason,
            code: None,
        }));
    }
    let mut candidate = candidate;
    match above_floor(case, &candidate, asked).filter(|_| !explicit) {
        Some(Err(reason)) => {
            return Err(Box::new(Blocked {
                candidate,
                reason,
                code: None,
            }));
        }
        Some(Ok(reason)) => candidate.reason = format!("{}, and {reason}", candidate.reason),
        None => {}
    }
    let mut findings = Vec::new();
    if let Some(report) = &report {
        if let Some(wrong) = report.facts.as_ref().and_then(|facts| unfit(case, facts)) {
            return Err(Box::new(Blocked {
                candidate,
                reason: format!("{name} {wrong}"),
                code: None,
            }));
        }
        for finding in assess::judge(report, &case.c.packages) {
            let code = finding.code;
            let accepted = case.accept.contains(&code);
            if finding.severity == Severity::Block && !accepted {
                return Err(Box::new(Blocked {
                    candidate,
                    reason: format!("{name} {}", finding.what),
                    code: Some(code),
                }));
            }
            findings.push(CompilerFinding {
                what: format!("{name} {}", finding.what),
                ..finding
            });
        }
    }
    // Passed over is only what xpkg's own takes the place of.
    let ours = |role: &str| {
        let row = ENV_VARS.iter().find(|row| row.role == role);
        let name = row.map(|row| row.name(case.target));
        candidate
            .variables
            .iter()
            .any(|variable| variable.set_by == SetBy::Xpkg && Some(&variable.name) == name.as_ref())
    };
    let passed_over = case
        .here
        .passed_over
        .iter()
        .filter(|setting| !case.c.holds || ours(&setting.name))
        .cloned()
        .collect();
    Ok(ToolchainChoice {
        candidate,
        chosen_by: chosen_by.to_owned(),
        refused: Vec::new(),
        passed_over,
        report,
        findings,
    })
}

/// The user's own C compiler, where the graph needs one and it is not there.
fn absent(case: &TargetContext) -> Option<String> {
    let setting = case.here.settings.get("CC").filter(|_| case.c.holds)?;
    let first = setting.value.split_whitespace().next().unwrap_or_default();
    let there = case
        .program(&setting.value)
        .or_else(|| case.program(first))
        .is_some();
    (!there).then(|| {
        format!(
            "`{}={}`, set in {}, is not on PATH",
            setting.name, setting.value, setting.place
        )
    })
}

/// Where the graph holds C++ and nothing stands beside the C compiler that compiles it.
fn without_cxx(case: &TargetContext, candidate: &Candidate) -> Option<String> {
    let package = case
        .c
        .packages
        .iter()
        .filter(|_| case.c.holds && !candidate.cxx)
        .find(|package| package.cxx)?;
    let compiler = candidate
        .c_compiler
        .as_ref()
        .map_or("the C compiler", |compiler| compiler.program.as_str());
    let missing = match tools::cxx_name(compiler) {
        Some(name) => format!("`{name}` is not on PATH"),
        None => format!("no C++ compiler stands beside `{compiler}`"),
    };
    Some(format!(
        "{missing}, and {} {} compiles C++",
        package.package, package.version
    ))
}

/// What links against the glibc at hand: whether that is as old as the floor. `None` where there is
/// nothing to ask.
fn above_floor(
    case: &TargetContext,
    candidate: &Candidate,
    report: Option<&Report>,
) -> Option<Result<String, String>> {
    // zig links for the floor; what another compiler compiles beside it may ask for more.
    let zigs_own = candidate.kind == LinkerKind::Zig
        && candidate
            .c_compiler
            .as_ref()
            .is_none_or(|cc| cc.program == candidate.linker.program);
    let floor = case
        .target
        .floor
        .filter(|_| !zigs_own && (candidate.kind != LinkerKind::Zig || case.c.holds))?;
    let facts = report.and_then(|report| report.facts.as_ref());
    let found = facts
        .and_then(|facts| facts.glibc)
        .map(|[major, minor]| Glibc {
            major,
            minor,
            patch: 0,
        });
    Some(match found {
        Some(found) if found <= floor => Ok(format!("its glibc is {found}")),
        Some(found) => Err(format!(
            "links against glibc {found}, above the floor of {floor}"
        )),
        None => Err(format!(
            "cannot promise the glibc floor {floor}: it does not say against which glibc it links"
        )),
    })
}

/// What the facts object says against a compiler for this target.
fn unfit(case: &TargetContext, facts: &CompilerFacts) -> Option<String> {
    let target = case.target;
    if target.system.format == Format::Elf {
        let wanted = format!("EM_{}", machine_to_str(target.arch.elf));
        if facts.machine != wanted && !facts.lto {
            return Some(format!(
                "writes objects for {}, not for {wanted}",
                facts.machine
            ));
        }
    }
    match facts.glibc {
        Some([major, minor]) if target.system.libc == Libc::Musl => Some(format!(
            "reads the headers of glibc {major}.{minor}, and the target's C library is musl"
        )),
        _ => None,
    }
}

/// What to do about candidates that a probe stopped; each way was tried. First another compiler
/// that is here.
pub fn suggestions(case: &TargetContext, stopped: &[Box<Blocked>]) -> Vec<String> {
    let mut ways = Vec::new();
    if stopped.iter().any(|stopped| stopped.code.is_some()) {
        let others = KINDS
            .iter()
            .flat_map(|row| (row.candidates)(case).unwrap_or_default());
        let passes = others
            .filter_map(|candidate| pass(case, candidate, "", false).ok())
            .next();
        ways.extend(passes.map(|other| {
            let compiler = other.candidate.c_compiler.map_or_else(
                || other.candidate.kind.name().to_owned(),
                |compiler| compiler.program,
            );
            format!("drop the choice: `{compiler}` is here and passes its probes")
        }));
    }
    for stopped in stopped.iter().filter(|stopped| stopped.code.is_some()) {
        let Some(report) = case.here.reports.get(&stopped.candidate.key()) else {
            continue;
        };
        let what = if stopped.candidate.image.is_some() {
            "name an image with a compiler"
        } else {
            "install a compiler"
        };
        ways.push(format!("{what} without the bug: {}", versions(stopped)));
        ways.extend(workaround_line(&case.target.lower(), report));
    }
    let mut told = std::collections::BTreeSet::new();
    ways.retain(|way| told.insert(way.clone()));
    ways
}

fn versions(stopped: &Blocked) -> &'static str {
    stopped
        .code
        .and_then(|code| table::find(code.name()))
        .map_or("", |probe| probe.versions)
}

/// The line that switches the bug off, where that was tried and does: it keeps the flags that are
/// there.
pub fn workaround_line(target: &str, report: &Report) -> Option<String> {
    let answer = report
        .answers
        .iter()
        .find(|answer| answer.workaround == Some(Verdict::Ok))?;
    let probe = table::find(&answer.probe)?;
    let variable = format!("CFLAGS_{target}");
    Some(format!(
        "or switch it off, which was tried and is recorded: `export \
         {variable}=\"${{{variable}:-}} {}\"`",
        probe.workaround_flag
    ))
}
