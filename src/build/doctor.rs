//! Diagnosis of `doctor`: which targets this machine can build, and what is missing for the others.
//!
//! Pure: [`crate::build::look::doctor`] collects the facts.

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::build::compiler_cache::health::CacheHealth;
use crate::build::plan::Plan;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::build_tools::{self, TOOL_OLD, ToolFound};
use crate::project::installer::Installer;
use crate::project::rustc::Rustc;
use crate::target::Target;
use crate::toolchain::facts::{Std, Zig};
use crate::toolchain::image::engine::Engine;
use crate::toolchain::libraries;
use crate::toolchain::packages;
use crate::toolchain::probe::report::{Answer, Report, Verdict};
use crate::toolchain::probe::table;
use crate::toolchain::program::Program;
use crate::verify::finding::Finding;
use crate::verify::report::Skipped;

/// Compiler on PATH.
#[derive(Debug, Clone, Serialize)]
pub struct CompilerHealth {
    /// Compiler under its plainest name.
    pub compiler: Program,
    /// Other names on PATH.
    pub aliases: Vec<String>,
    /// Probes' report; `None` if its target is not known.
    pub report: Option<Report>,
}

/// Readiness of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing is missing.
    Ready,
    /// A build is possible, with warnings.
    ReadyWithWarnings,
    /// Something is missing.
    NotReady,
}

impl State {
    /// Returns the text of the state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ReadyWithWarnings => "ready with warnings",
            Self::NotReady => "not ready",
        }
    }
}

/// Health of one target.
#[derive(Debug, Clone, Serialize)]
pub struct TargetHealth {
    /// Target.
    pub target: Target,
    /// Readiness.
    pub state: State,
    /// Toolchain that a build would use, with the reason.
    pub toolchain: Option<String>,
    /// Findings that do not stop a build.
    pub warnings: Vec<String>,
    /// Facts that change nothing: what was not checked.
    pub notes: Vec<String>,
    /// Problems of this target alone.
    pub problems: Vec<Problem>,
}

/// Compilers of a machine or an image, held against all probes: the document of `doctor
/// --compilers` and `doctor --image`.
#[derive(Debug, Clone, Serialize)]
pub struct CompilerCheck {
    /// Triple of the host.
    pub host: String,
    /// Image that the compilers are in, by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// rustc; `None` for an image, which is used with the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rustc: Option<RustcCheck>,
    /// C compilers on PATH, sorted by name.
    pub compilers: Vec<CompilerHealth>,
}

/// rustc, held against the table of releases.
#[derive(Debug, Clone, Serialize)]
pub struct RustcCheck {
    /// Version.
    pub release: String,
    /// Answers for the host as the target.
    pub answers: Vec<Answer>,
}

impl CompilerCheck {
    /// Returns the programs that have a known bug, and those that a probe could not decide about,
    /// each with the probe and its verdict.
    pub fn findings(&self) -> Vec<(&str, &Answer, &Verdict)> {
        let of_rustc = self
            .rustc
            .iter()
            .flat_map(|rustc| rustc.answers.iter().map(|answer| ("rustc", answer)));
        let of_compilers = self.compilers.iter().flat_map(|compiler| {
            let answers = compiler.report.iter().flat_map(|report| &report.answers);
            answers.map(|answer| (compiler.compiler.program.as_str(), answer))
        });
        let mut findings: Vec<(&str, &Answer, &Verdict)> = Vec::new();
        for (program, answer) in of_compilers.chain(of_rustc) {
            let verdicts = [Some(&answer.baseline), answer.at_runtime.as_ref()];
            let worst = verdicts
                .into_iter()
                .flatten()
                .max_by_key(|verdict| verdict.rank());
            let Some(worst) = worst.filter(|worst| **worst != Verdict::Ok) else {
                continue;
            };
            // One reason may leave several probes without an answer.
            let is_known = |(other, _, verdict): &(&str, &Answer, &Verdict)| {
                *other == program && *verdict == worst
            };
            if !findings.iter().any(is_known) {
                findings.push((program, answer, worst));
            }
        }
        findings
    }

    /// Returns the bugs as findings, and what could not be decided as skipped checks, for SARIF.
    pub fn for_sarif(&self) -> (Vec<Finding>, Vec<Skipped>) {
        let (mut findings, mut skipped) = (Vec::new(), Vec::new());
        for (program, answer, verdict) in self.findings() {
            let Some(probe) = table::find(&answer.probe) else {
                continue;
            };
            match verdict {
                Verdict::Ok => {}
                Verdict::Affected { evidence } => findings.push(Finding {
                    code: probe.code,
                    path: Some(program.to_owned()),
                    target: None,
                    found: evidence.clone(),
                    expected: String::new(),
                    help: probe.code.info().fix.to_owned(),
                    advisory: None,
                }),
                Verdict::Inconclusive { why } => skipped.push(Skipped {
                    path: program.to_owned(),
                    what: probe.title.to_owned(),
                    why: why.clone(),
                }),
            }
        }
        (findings, skipped)
    }
}

/// Diagnosis of machine and project.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    /// Compiler of the workspace.
    pub rustc: RustcHealth,
    /// C compilers on PATH.
    pub compilers: Vec<CompilerHealth>,
    /// zig. It has no report of its own: it compiles for every Linux target, so it is probed for
    /// each target whose graph contains C.
    pub zig: Option<Zig>,
    /// Container engine, if a target has an image and the engine answers.
    pub engine: Option<Engine>,
    /// sccache, if a build uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sccache: Option<CacheHealth>,
    /// Root of the workspace; `None` outside one.
    pub workspace: Option<Utf8PathBuf>,
    /// Build tools that the graph requires.
    pub tools: Vec<ToolFound>,
    /// Requested targets.
    pub targets: Vec<TargetHealth>,
    /// Problems that concern all targets.
    pub problems: Vec<Problem>,
}

/// The workspace's rustc.
#[derive(Debug, Clone, Serialize)]
pub struct RustcHealth {
    /// Version.
    pub release: String,
    /// Triple of the host.
    pub host: String,
    /// Name of the toolchain in rustup.
    pub toolchain: Option<String>,
    /// File that pins the toolchain.
    pub pinned_by: Option<Utf8PathBuf>,
}

impl RustcHealth {
    /// Summarizes what rustc reports.
    pub fn new(rustc: &Rustc, pinned_by: Option<Utf8PathBuf>) -> Self {
        Self {
            release: rustc.release.clone(),
            host: rustc.host.clone(),
            toolchain: rustc.rustup.clone(),
            pinned_by,
        }
    }
}

impl Diagnosis {
    /// Returns true if every target can be built.
    pub fn healthy(&self) -> bool {
        self.problems.is_empty()
            && self
                .targets
                .iter()
                .all(|target| target.state != State::NotReady)
    }
}

/// What builds need of this machine's own tools.
pub struct HostTools {
    /// False if every target is built in an image.
    pub are_called: bool,
    /// True if `cc` links build scripts or proc macros, or nothing tells.
    pub link: bool,
}

/// Returns the problems that concern all targets.
pub fn obstacles(
    rustc: &Rustc,
    compilers: &[CompilerHealth],
    cpu: Option<&str>,
    tools: &[ToolFound],
    installer: Installer,
    host_tools: &HostTools,
) -> Vec<Problem> {
    let mut problems: Vec<Problem> = emulated(&rustc.host, cpu.unwrap_or_default())
        .into_iter()
        .collect();
    if !host_tools.are_called {
        return problems;
    }
    let is_cc = |health: &CompilerHealth| {
        health.compiler.program == "cc" || health.aliases.iter().any(|alias| alias == "cc")
    };
    if host_tools.link && !compilers.iter().any(is_cc) {
        problems.push(
            Problem::new(
                NO_HOST_CC,
                "the host has no `cc`, which rustc needs to link build scripts and proc macros",
            )
            .help(format!(
                "install a C compiler (`{}`)",
                packages::c_compiler(installer)
            )),
        );
    }
    problems.extend(
        tools
            .iter()
            .filter_map(|tool| build_tools::missing(tool, &rustc.host, installer))
            .filter(|problem| problem.code != TOOL_OLD),
    );
    problems
}

/// Returns a problem if the kernel reports another processor than rustc's: qemu does not replace
/// `/proc/cpuinfo`.
fn emulated(host: &str, cpu: &str) -> Option<Problem> {
    let x86 = cpu.contains("GenuineIntel") || cpu.contains("AuthenticAMD");
    let arm = cpu.contains("CPU implementer");
    let is_other = x86 && !host.starts_with("x86_64") && !host.starts_with("i")
        || arm && !host.starts_with("aarch64") && !host.starts_with("arm");
    is_other.then(|| {
        Problem::new(
            EMULATED,
            format!(
                "rustc for `{host}` runs under emulation: builds take hours, and rustc crashes"
            ),
        )
        .help(
            "use an image for the machine's own platform (`--platform=$BUILDPLATFORM`), and \
             cross-compile with xpkg",
        )
    })
}

/// Returns the health of a target, from its plan or the problems with it. `cautions` are about build
/// scripts of its graph.
pub fn target(
    target: &Target,
    plan: Result<&Plan, &[Problem]>,
    obstacles: &[Problem],
    cautions: Vec<String>,
) -> TargetHealth {
    let mut health = TargetHealth {
        target: target.clone(),
        state: State::Ready,
        toolchain: None,
        warnings: cautions,
        notes: Vec::new(),
        // Problems of all targets are reported once.
        problems: plan
            .err()
            .unwrap_or_default()
            .iter()
            .filter(|problem| !obstacles.contains(problem))
            .cloned()
            .collect(),
    };
    for planned in plan.iter().flat_map(|plan| &plan.targets) {
        let choice = &planned.toolchain;
        health.toolchain = Some(format!(
            "{}: {}",
            choice.candidate.kind.name(),
            choice.candidate.reason
        ));
        health.warnings.extend(
            choice
                .findings
                .iter()
                .map(|finding| format!("{}: {}", finding.code.name(), finding.what)),
        );
        let rejected = choice.rejected.iter().filter(|rejected| rejected.by_probe);
        health
            .warnings
            .extend(rejected.map(|rejected| format!("refused {}", rejected.reason)));
        health
            .notes
            .extend(libraries::not_checked(&planned.libraries));
        if planned.std == Std::Installable {
            health.warnings.push(format!(
                "the standard library is not installed; `build` and `doctor --fix` install it \
                 (`rustup target add {}`)",
                target.triple()
            ));
        }
    }
    health.warnings.extend(
        plan.iter()
            .flat_map(|plan| &plan.host_findings)
            .map(|finding| format!("{}: {}", finding.code.name(), finding.what)),
    );
    let old = plan.iter().flat_map(|plan| &plan.missing_tools);
    let old = old.filter(|problem| problem.code == TOOL_OLD);
    health.warnings.extend(old.map(|problem| {
        let help = problem.help.join("; ");
        format!("{}: {} ({help})", problem.code.name(), problem.message)
    }));
    health.state = match (
        health.problems.is_empty() && obstacles.is_empty(),
        health.warnings.is_empty(),
    ) {
        (false, _) => State::NotReady,
        (true, true) => State::Ready,
        (true, false) => State::ReadyWithWarnings,
    };
    health
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[NO_HOST_CC, EMULATED];

/// A host without `cc`.
pub const NO_HOST_CC: Code = code(&CodeInfo {
    name: "no-host-cc",
    title: "the host has no C compiler",
    cause: "Build scripts and proc macros are programs of the host, and rustc links them with \
            `cc`, whatever the target.",
    detection: "PATH is searched for `cc`, unless the graph of the targets has no build script and no \
                proc macro, or a linker of the host is configured.",
    fix: "Install one: `apt-get install gcc libc6-dev`.",
    page: "doctor",
    sources: &[],
    waivable: false,
});

/// A rustc under emulation.
pub const EMULATED: Code = code(&CodeInfo {
    name: "emulated",
    title: "rustc runs under emulation",
    cause: "The kernel reports another processor than rustc was built for: this is a container of \
            another platform under qemu. Builds take hours there, and rustc crashes (a SIGSEGV in \
            regex-syntax is typical).",
    detection: "/proc/cpuinfo is compared with rustc's host triple.",
    fix: "Run xpkg in an image for the machine's own platform, and let it cross-compile.",
    page: "doctor",
    sources: &["rust-lang/rust#96479, docker/buildx#328"],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulation_shows_in_the_processor_that_the_kernel_reports() {
        let check = |host: &str, cpu: &str| emulated(host, cpu).is_some();
        assert!(check(
            "aarch64-unknown-linux-gnu",
            "vendor_id\t: GenuineIntel"
        ));
        assert!(check("x86_64-unknown-linux-gnu", "CPU implementer\t: 0x41"));
        assert!(!check(
            "x86_64-unknown-linux-gnu",
            "vendor_id\t: AuthenticAMD"
        ));
        assert!(!check(
            "aarch64-unknown-linux-musl",
            "CPU implementer\t: 0x61"
        ));
        assert!(!check("aarch64-unknown-linux-gnu", ""));
    }
}
