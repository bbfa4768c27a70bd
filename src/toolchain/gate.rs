//! The compiler gate: rejects a candidate whose C compiler is known to be wrong for the C of this
//! graph.
//!
//! A graph without C has no requirements on a C compiler. Findings that are accepted, or that the
//! user's flags work around, do not reject the candidate and are reported.

use goblin::elf::header::machine_to_str;

use crate::problem::code::{Code, CodeInfo, code};
use crate::project::apple_libraries;
use crate::project::c_package::CPackage;
use crate::project::linker::LinkerKind;
use crate::project::setting::Setting;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::target::level::{CPU_LEVEL, Shortfall};
use crate::target::system::{Format, Libc};
use crate::toolchain::candidate::{Candidate, Rejected, SetBy, ToolchainChoice};
use crate::toolchain::context::TargetContext;
use crate::toolchain::environment::ENV_VARS;
use crate::toolchain::kinds::KINDS;
use crate::toolchain::probe::definition::{Asked, Graph, Question, Workaround};
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::report::{CompilerFinding, Report, Severity, Verdict};
use crate::toolchain::probe::{assess, table};
use crate::toolchain::program::Program;
use crate::toolchain::tools;
use crate::toolchain::words::ToolWords;

/// A candidate that did not pass the gate, and why.
pub struct Blocked {
    /// The rejected candidate.
    pub candidate: Candidate,
    /// Clause that says why it was rejected.
    pub reason: String,
    /// Code of the finding that stopped it, if it can be accepted.
    pub code: Option<Code>,
    /// True if it was rejected for what its C compiler is, whatever links.
    pub by_compiler: bool,
}

impl Blocked {
    /// Converts it into the entry that reports show.
    pub fn to_rejected(&self) -> Rejected {
        Rejected {
            kind: self.candidate.kind,
            reason: self.reason.clone(),
            by_probe: self.is_by_probe(),
        }
    }

    /// Returns true if a probe of a known bug stopped it.
    fn is_by_probe(&self) -> bool {
        self.code
            .is_some_and(|code| table::find(code.name()).is_some())
    }
}

/// Checks a candidate. An explicit choice is rejected for its glibc only if no program that it links
/// can keep the floor; otherwise the finished binaries are checked.
///
/// # Errors
///
/// Returns the candidate with the reason of its rejection.
pub fn pass(
    case: &TargetContext,
    candidate: Candidate,
    chosen_by: &str,
    explicit: bool,
) -> Result<ToolchainChoice, Box<Blocked>> {
    let any_report = case.target_facts.reports.get(&candidate.key());
    let report = any_report.filter(|_| case.c.present).map(|report| {
        let packages = names(&case.c.packages);
        assess::complete(report, &asked(case, candidate.kind, &packages))
    });
    let name = candidate.c_compiler.as_ref().map_or_else(
        || "the C compiler".to_owned(),
        |compiler| format!("`{}`", compiler.program),
    );
    if let Some(reason) = absent(case) {
        return Err(Box::new(Blocked {
            candidate,
            reason,
            code: None,
            by_compiler: true,
        }));
    }
    if let Some(reason) = without_cxx(case, &candidate) {
        return Err(Box::new(Blocked {
            candidate,
            reason,
            code: None,
            by_compiler: false,
        }));
    }
    let compiler = candidate.c_compiler.as_ref().filter(|_| case.c.present);
    let own = compiler.and_then(|compiler| called(case, &compiler.program));
    if let Some(reason) = own.and_then(|own| for_other_machine(case.target, own)) {
        return Err(Box::new(Blocked {
            candidate,
            reason: format!("{name} {reason}"),
            code: None,
            by_compiler: true,
        }));
    }
    let mut candidate = candidate;
    match compare_with_floor(case, &candidate, any_report) {
        Some(FloorCheck::Kept(found)) if !explicit => {
            candidate.reason = format!("{}, and its glibc is {found}", candidate.reason);
        }
        Some(FloorCheck::Broken(reason)) => {
            return Err(Box::new(Blocked {
                candidate,
                reason,
                code: None,
                by_compiler: false,
            }));
        }
        Some(FloorCheck::NotGuaranteed(reason)) if !explicit => {
            return Err(Box::new(Blocked {
                candidate,
                reason,
                code: None,
                by_compiler: false,
            }));
        }
        _ => {}
    }
    let mut findings = Vec::new();
    if let Some(what) = without_sdk(case, &candidate) {
        if !case.accept.contains(&SDK_MISSING) {
            return Err(Box::new(Blocked {
                candidate,
                reason: what,
                code: Some(SDK_MISSING),
                by_compiler: false,
            }));
        }
        findings.push(CompilerFinding {
            code: SDK_MISSING,
            severity: Severity::Block,
            what,
            switched_off: false,
        });
    }
    for what in levels(case, &candidate, report.as_ref(), &name) {
        let finding = CompilerFinding {
            code: CPU_LEVEL,
            severity: level_severity(case),
            what,
            switched_off: false,
        };
        if finding.severity == Severity::Block && !case.accept.contains(&CPU_LEVEL) {
            return Err(Box::new(Blocked {
                candidate,
                reason: finding.what,
                code: Some(CPU_LEVEL),
                by_compiler: false,
            }));
        }
        findings.push(finding);
    }
    if let Some(report) = &report {
        if let Some(wrong) = report.facts.as_ref().and_then(|facts| unfit(case, facts)) {
            return Err(Box::new(Blocked {
                candidate,
                reason: format!("{name} {wrong}"),
                code: None,
                by_compiler: true,
            }));
        }
        for finding in assess::assess(report, &case.c.packages) {
            let code = finding.code;
            let accepted = case.accept.contains(&code);
            if finding.severity == Severity::Block && !accepted {
                return Err(Box::new(Blocked {
                    candidate,
                    reason: format!("{name} {}", finding.what),
                    code: Some(code),
                    by_compiler: false,
                }));
            }
            findings.push(CompilerFinding {
                what: format!("{name} {}", finding.what),
                ..finding
            });
        }
    }
    // A variable counts as ignored only if xpkg sets its own in its place.
    let is_replaced = |role: &str| {
        let entry = ENV_VARS.iter().find(|entry| entry.role == role);
        let name = entry.map(|entry| entry.name(case.target));
        candidate
            .variables
            .iter()
            .any(|variable| variable.set_by == SetBy::Xpkg && Some(&variable.name) == name.as_ref())
    };
    let ignored = case
        .target_facts
        .passed_over
        .iter()
        .filter(|setting| !case.c.present || is_replaced(&setting.name))
        .cloned()
        .collect();
    Ok(ToolchainChoice {
        candidate,
        chosen_by: chosen_by.to_owned(),
        rejected: Vec::new(),
        ignored_variables: ignored,
        report,
        findings,
    })
}

/// Returns the names and versions of packages.
pub fn names(packages: &[CPackage]) -> Vec<(&str, &str)> {
    packages
        .iter()
        .map(|package| (package.package.as_str(), package.version.as_str()))
        .collect()
}

/// Returns what the probes of a candidate's C compiler depend on.
fn asked<'a>(
    case: &TargetContext<'a>,
    kind: LinkerKind,
    packages: &'a [(&'a str, &'a str)],
) -> Asked<'a> {
    Asked {
        target: case.target,
        graph: Graph::Of(packages),
        linker: Some(kind),
        rustc: Some(&case.facts.rustc.release),
        rustflags: &case.target_facts.rustflags,
    }
}

/// Returns the variable in which the user has set the C compiler that candidates were rejected for.
/// Nothing that is installed changes that.
pub fn blamed_compiler<'a>(
    case: &TargetContext<'a>,
    blocked: &[Box<Blocked>],
) -> Option<&'a Setting> {
    let is_blamed = blocked.iter().any(|blocked| blocked.by_compiler);
    let setting = case.target_facts.settings.get("CC")?;
    (is_blamed && case.c.present).then_some(setting)
}

/// Returns a reason if the graph needs a C compiler and the one that the user set does not exist.
fn absent(case: &TargetContext) -> Option<String> {
    let setting = case
        .target_facts
        .settings
        .get("CC")
        .filter(|_| case.c.present)?;
    let ToolWords {
        launcher, program, ..
    } = case.words(&setting.value);
    let missing = launcher
        .into_iter()
        .chain([program])
        .find(|name| case.program(name).is_none())?;
    let named = if missing == setting.value {
        "is not on PATH".to_owned()
    } else {
        format!("names `{missing}`, which is not on PATH")
    };
    Some(format!(
        "`{}={}`, set in {}, {named}",
        setting.name, setting.value, setting.place
    ))
}

/// Returns a reason if the graph contains C++ and the candidate has no C++ compiler.
fn without_cxx(case: &TargetContext, candidate: &Candidate) -> Option<String> {
    let package = case
        .c
        .packages
        .iter()
        .filter(|_| case.c.present && !candidate.cxx)
        .find(|package| package.cxx)?;
    let compiler = candidate
        .c_compiler
        .as_ref()
        .map_or("the C compiler", |compiler| compiler.program.as_str());
    let missing = match tools::cxx_name(compiler) {
        Some(name) => format!("`{name}` is not on PATH"),
        None => format!("no C++ compiler found next to `{compiler}`"),
    };
    Some(format!(
        "{missing}, and {} {} compiles C++",
        package.package, package.version
    ))
}

/// Returns a reason if packages link what only Apple's SDK has, and zig links without one. A Mac has
/// one, which zig finds itself.
fn without_sdk(case: &TargetContext, candidate: &Candidate) -> Option<String> {
    let needed = &case.target_facts.apple_libraries;
    let has_sdk = case.target_facts.sdk.is_some() || case.facts.rustc.host.ends_with(APPLE_HOST);
    let is_short = candidate.kind == LinkerKind::Zig && !has_sdk && !needed.is_empty();
    is_short.then(|| {
        format!(
            "links without an SDK, but packages need {}",
            apple_libraries::listed(needed)
        )
    })
}

/// Suggests to set an SDK for a target.
pub fn set_sdk(triple: &str) -> String {
    format!(
        "set Apple's SDK in xpkg's configuration, `[workspace.metadata.xpkg.target.{triple}]` with \
         `sysroot = \"…/MacOSX.sdk\"`, or build on a Mac"
    )
}

/// End of the triples of Macs.
const APPLE_HOST: &str = "apple-darwin";

/// A candidate's glibc, compared with the floor.
enum FloorCheck {
    /// It is no newer than the floor.
    Kept(Glibc),
    /// Programs that use only old symbols keep the floor.
    NotGuaranteed(String),
    /// No program keeps the floor.
    Broken(String),
}

/// The glibc whose start files need its own version of `__libc_start_main`.
///
/// Source: glibc 2.34's NEWS, "The symbols __libc_csu_init and __libc_csu_fini".
const NEW_START: Glibc = Glibc {
    major: 2,
    minor: 34,
    patch: 0,
};

/// Compares the candidate's glibc with the floor. `None` if the target has no floor, or zig links
/// for the floor itself.
fn compare_with_floor(
    case: &TargetContext,
    candidate: &Candidate,
    report: Option<&Report>,
) -> Option<FloorCheck> {
    // zig links for the floor; objects that another compiler adds may need a newer glibc.
    let zig = candidate.kind == LinkerKind::Zig;
    let zig_alone = zig
        && candidate
            .c_compiler
            .as_ref()
            .is_none_or(|cc| cc.program == candidate.linker.program);
    let floor = case
        .target
        .floor
        .filter(|_| !zig_alone && (!zig || case.c.present))?;
    let facts = report.and_then(|report| report.facts.as_ref());
    let found = facts
        .and_then(|facts| facts.glibc)
        .map(|[major, minor]| Glibc {
            major,
            minor,
            patch: 0,
        });
    Some(match found {
        Some(found) if found <= floor => FloorCheck::Kept(found),
        Some(found) if !zig && floor < NEW_START && found >= NEW_START => {
            FloorCheck::Broken(format!(
                "links against glibc {found}, above the floor of {floor}: each program that it \
                 links needs {NEW_START} to start"
            ))
        }
        Some(found) => FloorCheck::NotGuaranteed(format!(
            "links against glibc {found}, above the floor of {floor}"
        )),
        None => FloorCheck::NotGuaranteed(format!(
            "cannot guarantee the glibc floor {floor}: the glibc that it links against is unknown"
        )),
    })
}

/// Returns what a candidate links and compiles for newer processors than the target promises: its
/// C library, whose start file is in each program, and its own code. `name` is its C compiler's.
fn levels(
    case: &TargetContext,
    candidate: &Candidate,
    report: Option<&Report>,
    name: &str,
) -> Vec<String> {
    let Some(offered) = &case.level else {
        return Vec::new();
    };
    let linker = &candidate.linker.program;
    let start = match candidate.kind {
        // A compiler of this name on PATH is another one.
        LinkerKind::Image => None,
        LinkerKind::Clang if case.target.triple() != case.facts.rustc.host => {
            let finds = case.target_facts.clang.as_ref();
            finds.and_then(|finds| finds.level.as_ref())
        }
        _ => case.facts.start_levels.get(linker),
    };
    let start = start.and_then(|start| offered.shortfall(start));
    let start = start.map(|Shortfall { needed, offered }| {
        format!(
            "`{}` links a C library for {needed}, but the target promises {offered} only; \
             compiler flags do not change that",
            linker.rsplit('/').next().unwrap_or_default()
        )
    });
    let own = report
        .and_then(|report| report.facts.as_ref()?.level.as_ref())
        .and_then(|own| offered.shortfall(own));
    let own = own.map(|Shortfall { needed, offered }| {
        format!(
            "{name} compiles for {needed}, but the target promises {offered} only; `CFLAGS_{}` \
             decides that",
            case.target.lower()
        )
    });
    start.into_iter().chain(own).collect()
}

/// Returns the weight of a compiler for newer processors. On x86-64 distributions build their
/// compilers and C libraries for later levels of their own, and what is marked so is found in the
/// finished program.
fn level_severity(case: &TargetContext) -> Severity {
    if case.target.arch.bits == 64 && case.target.arch.name == "x86_64" {
        Severity::Warn
    } else {
        Severity::Block
    }
}

/// Returns the program that a command of a compiler calls. The command's words hide the machine
/// that it names itself.
fn called<'a>(case: &TargetContext<'a>, command: &str) -> Option<&'a Program> {
    case.program(&case.words(command).program)
}

/// Returns the variable in which the user has set a C compiler for another machine.
pub fn misplaced_compiler<'a>(case: &TargetContext<'a>) -> Option<&'a Setting> {
    let setting = case.target_facts.settings.get("CC")?;
    let called = called(case, &setting.value).filter(|_| case.c.present)?;
    for_other_machine(case.target, called).map(|_| setting)
}

/// Returns a clause about a GNU compiler that is for another processor than the target's, whatever
/// its arguments. What clang compiles for, its arguments choose.
pub fn for_other_machine(target: &Target, compiler: &Program) -> Option<String> {
    let machine = compiler.machine.as_ref()?;
    let is_gnu = compiler.version.as_ref()?.contains("gcc version");
    (is_gnu && !target.same_family(machine)).then(|| format!("compiles for `{machine}`"))
}

/// Returns the mismatch between a compiler's facts and the target, if any.
fn unfit(case: &TargetContext, facts: &CompilerFacts) -> Option<String> {
    let target = case.target;
    if target.system.format == Format::Elf {
        let expected = format!("EM_{}", machine_to_str(target.arch.elf));
        if facts.machine != expected && !facts.lto {
            return Some(format!(
                "writes objects for {}, not for {expected}",
                facts.machine
            ));
        }
    }
    match facts.glibc {
        Some([major, minor]) if target.system.libc == Libc::Musl => Some(format!(
            "uses the headers of glibc {major}.{minor}, but the target's C library is musl"
        )),
        _ => None,
    }
}

/// Returns help lines about candidates that a probe stopped, each one tested. Another installed
/// compiler comes first.
pub fn suggestions(case: &TargetContext, blocked: &[Box<Blocked>]) -> Vec<String> {
    let mut help = Vec::new();
    if blocked.iter().any(|blocked| blocked.code.is_some()) {
        let candidates = KINDS
            .iter()
            .flat_map(|entry| (entry.candidates)(case).unwrap_or_default());
        let passes = candidates
            .filter_map(|candidate| pass(case, candidate, "", false).ok())
            .next();
        help.extend(passes.map(|other| {
            let compiler = other.candidate.c_compiler.map_or_else(
                || other.candidate.kind.name().to_owned(),
                |compiler| compiler.program,
            );
            format!("remove the choice: `{compiler}` is installed and passes its probes")
        }));
    }
    if blocked
        .iter()
        .any(|blocked| blocked.code == Some(CPU_LEVEL))
    {
        let zig = (case.facts.zig.is_none() && case.sysroot.is_none())
            .then_some("install zig (`pip install ziglang`), which has a C library for it");
        help.extend(
            zig.into_iter()
                .chain([
                    "or name an image whose C library is for it (`cargo xpkg help cross-images`)",
                    "or, if it will only run on newer processors: `--accept cpu-level`",
                ])
                .map(str::to_owned),
        );
    }
    if blocked
        .iter()
        .any(|blocked| blocked.code == Some(SDK_MISSING))
    {
        help.extend([
            set_sdk(case.target.triple()),
            "or, if they are not linked: `--accept sdk-missing`".to_owned(),
        ]);
    }
    for blocked in blocked.iter().filter(|blocked| blocked.is_by_probe()) {
        let Some(report) = case.target_facts.reports.get(&blocked.candidate.key()) else {
            continue;
        };
        help.extend(bug_help(blocked, report, &case.target.lower()));
    }
    let mut seen = std::collections::BTreeSet::new();
    help.retain(|line| seen.insert(line.clone()));
    help
}

/// Returns what can be done about the bug that stopped a candidate.
fn bug_help(blocked: &Blocked, report: &Report, target: &str) -> Vec<String> {
    let Some(probe) = blocked.code.and_then(|code| table::find(code.name())) else {
        return Vec::new();
    };
    let what = if blocked.candidate.image.is_some() {
        "use an image with a compiler"
    } else {
        "install a compiler"
    };
    let another = matches!(probe.question, Question::Object(_))
        .then(|| format!("{what} without the bug: {}", probe.versions));
    let advice = match probe.workaround {
        Workaround::Flag(_) => workaround_line(probe.code, target, report),
        Workaround::Advice(advice) => Some(advice.to_owned()),
    };
    another
        .filter(|_| probe.workaround.flag().is_some())
        .into_iter()
        .chain(advice)
        .collect()
}

/// Returns the command that sets the workaround, if a compile with it was tested and is correct.
/// The command keeps existing flags.
pub fn workaround_line(code: Code, target: &str, report: &Report) -> Option<String> {
    let answer = report
        .answers
        .iter()
        .find(|answer| answer.probe == code.name() && answer.workaround == Some(Verdict::Ok))?;
    let probe = table::find(&answer.probe)?;
    let flag = probe.workaround.flag()?;
    let variable = format!("CFLAGS_{target}");
    Some(format!(
        "or use this workaround, which was tested and is recorded: `export \
         {variable}=\"${{{variable}:-}} {flag}\"`"
    ))
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[SDK_MISSING];

/// Packages that link what only Apple's SDK has.
pub const SDK_MISSING: Code = code(&CodeInfo {
    name: "sdk-missing",
    title: "packages link Apple's frameworks, and there is no SDK",
    cause: "zig includes macOS's libSystem alone. Frameworks (CoreFoundation, Security) and libraries \
            such as libobjc are in Apple's SDK, which Xcode brings and xpkg never downloads.",
    detection: "`#[link(name = \"…\", kind = \"framework\")]` in the sources of the packages that are \
                compiled for the target; `cfg` is evaluated for it. What a build script asks for is \
                read off the link that fails.",
    fix: "Set `sysroot` of the target to an SDK, build on a Mac, or remove the dependency.",
    page: "macos",
    sources: &["rustc's book, Linkage"],
    waivable: true,
});
