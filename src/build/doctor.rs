//! Machine and project held against each other: what is ready, what is not, and why.
//!
//! Pure: it is given what was found, and judges.

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::build::plan::Plan;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::build_tools::{self, Installer, ToolFound};
use crate::project::rustc::Rustc;
use crate::target::Target;
use crate::toolchain::facts::{Std, Zig};
use crate::toolchain::image::engine::Engine;
use crate::toolchain::probe::report::Report;
use crate::toolchain::program::Program;

/// A compiler on PATH.
#[derive(Debug, Clone, Serialize)]
pub struct CompilerHealth {
    pub compiler: Program,
    /// Its other names.
    pub aliases: Vec<String>,
    /// `None`: it does not say what it compiles for, or that has no row.
    pub report: Option<Report>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Ready,
    ReadyWithWarnings,
    NotReady,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ReadyWithWarnings => "ready with warnings",
            Self::NotReady => "not ready",
        }
    }
}

/// One target of the project.
#[derive(Debug, Clone, Serialize)]
pub struct TargetHealth {
    pub target: Target,
    pub state: State,
    /// What `auto`, or the choice that binds, takes.
    pub toolchain: Option<String>,
    pub warnings: Vec<String>,
    pub problems: Vec<Problem>,
}

/// Everything that `doctor` says.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    pub rustc: RustcHealth,
    pub compilers: Vec<CompilerHealth>,
    /// It compiles for every Linux target, so it is probed for each whose graph holds C.
    pub zig: Option<Zig>,
    /// The container engine, where a target has an image and one answers.
    pub engine: Option<Engine>,
    pub workspace: Option<Utf8PathBuf>,
    pub tools: Vec<ToolFound>,
    pub targets: Vec<TargetHealth>,
    /// What stands in the way of every target.
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RustcHealth {
    pub release: String,
    pub host: String,
    /// rustup's name of the toolchain.
    pub toolchain: Option<String>,
    /// The file that pins it.
    pub pinned_by: Option<Utf8PathBuf>,
}

impl RustcHealth {
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
    pub fn healthy(&self) -> bool {
        self.problems.is_empty()
            && self
                .targets
                .iter()
                .all(|target| target.state != State::NotReady)
    }
}

/// What stands in the way whatever the target is. `here`: something is built with this machine's
/// own tools.
pub fn obstacles(
    rustc: &Rustc,
    compilers: &[CompilerHealth],
    cpu: Option<&str>,
    tools: &[ToolFound],
    installer: Installer,
    here: bool,
) -> Vec<Problem> {
    let mut problems: Vec<Problem> = emulated(&rustc.host, cpu.unwrap_or_default())
        .into_iter()
        .collect();
    if !here {
        return problems;
    }
    let is_cc = |health: &CompilerHealth| {
        health.compiler.program == "cc" || health.aliases.iter().any(|alias| alias == "cc")
    };
    if !compilers.iter().any(is_cc) {
        problems.push(
            Problem::new(
                NO_HOST_CC,
                "the host has no `cc`, with which rustc links build scripts and proc macros",
            )
            .help("install a C compiler (`apt-get install gcc libc6-dev`)"),
        );
    }
    problems.extend(
        tools
            .iter()
            .filter_map(|tool| build_tools::missing(tool, &rustc.host, installer)),
    );
    problems
}

/// Whether the kernel's processor is another than rustc's: qemu hands the host's own
/// `/proc/cpuinfo` through.
fn emulated(host: &str, cpu: &str) -> Option<Problem> {
    let x86 = cpu.contains("GenuineIntel") || cpu.contains("AuthenticAMD");
    let arm = cpu.contains("CPU implementer");
    let other = x86 && !host.starts_with("x86_64") && !host.starts_with("i")
        || arm && !host.starts_with("aarch64") && !host.starts_with("arm");
    other.then(|| {
        Problem::new(
            EMULATED,
            format!(
                "rustc for `{host}` runs under emulation here: \
            builds take hours, and rustc crashes"
            ),
        )
        .help(
            "use an image of the machine's own platform (`--platform=$BUILDPLATFORM`), and \
                   cross-compile with xpkg",
        )
    })
}

/// One target, by what its plan came to.
pub fn target(
    target: &Target,
    plan: Result<&Plan, &[Problem]>,
    obstacles: &[Problem],
) -> TargetHealth {
    let mut health = TargetHealth {
        target: target.clone(),
        state: State::Ready,
        toolchain: None,
        warnings: Vec::new(),
        // What stands in the way of every target is told once.
        problems: plan
            .err()
            .unwrap_or_default()
            .iter()
            .filter(|problem| !obstacles.contains(problem))
            .cloned()
            .collect(),
    };
    for planned in plan.iter().flat_map(|plan| &plan.targets) {
        let chosen = &planned.toolchain;
        health.toolchain = Some(format!(
            "{}: {}",
            chosen.candidate.kind.name(),
            chosen.candidate.reason
        ));
        health.warnings.extend(
            chosen
                .findings
                .iter()
                .map(|finding| format!("{}: {}", finding.code.name(), finding.what)),
        );
        let stopped = chosen.rejected.iter().filter(|fallen| fallen.by_probe);
        health
            .warnings
            .extend(stopped.map(|fallen| format!("refused {}", fallen.reason)));
        if planned.std == Std::Installable {
            health.warnings.push(format!(
                "its standard library is not installed; `build` and `doctor --fix` do it (`rustup \
                 target add {}`)",
                target.triple()
            ));
        }
    }
    health.warnings.extend(
        plan.iter()
            .flat_map(|plan| &plan.host_findings)
            .map(|finding| format!("{}: {}", finding.code.name(), finding.what)),
    );
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

/// Codes that this file declares.
pub const CODES: &[Code] = &[NO_HOST_CC, EMULATED];

pub const NO_HOST_CC: Code = code(&CodeInfo {
    name: "no-host-cc",
    title: "the host has no C compiler",
    cause: "Build scripts and proc macros are programs of the host, and rustc links them with \
            `cc`, whatever the target.",
    detection: "`cc` is looked for on PATH.",
    fix: "Install one: `apt-get install gcc libc6-dev`.",
    source: "README, Is this machine ready",
    waivable: false,
});

pub const EMULATED: Code = code(&CodeInfo {
    name: "emulated",
    title: "rustc runs under emulation",
    cause: "The processor that the kernel tells of is not the one that rustc was built for: a \
            container of another platform under qemu. Builds take hours there, and rustc crashes \
            (a SIGSEGV in regex-syntax is typical).",
    detection: "/proc/cpuinfo is compared with rustc's host triple.",
    fix: "Run xpkg in an image of the machine's own platform, and let it cross-compile.",
    source: "rust-lang/rust#96479, docker/buildx#328",
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulation_shows_in_what_the_kernel_says_of_the_processor() {
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
