//! Assessment of the compilers that do not compile for the target: the C compiler of build scripts,
//! and rustc.
//!
//! Pure.

use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::linker::LinkerKind;
use crate::project::settings::Settings;
use crate::target::Target;
use crate::toolchain::facts::{Facts, HostFacts};
use crate::toolchain::gate;
use crate::toolchain::probe::assess;
use crate::toolchain::probe::definition::{Asked, Graph};
use crate::toolchain::probe::report::{CompilerFinding, Report, Severity};

/// Owner of the compiler that compiles C for build scripts.
#[derive(Clone, Copy)]
pub enum CompilerOf {
    /// This machine.
    Host,
    /// The cross image.
    Image,
}

impl CompilerOf {
    /// Returns the possessive for messages: `the host's`.
    fn label(self) -> &'static str {
        match self {
            Self::Host => "the host's",
            Self::Image => "the image's",
        }
    }
}

/// Returns the problem of C for build scripts whose compiler is for another machine: an SDK that
/// sets `CC` for its target has set it for the host, too.
pub fn host_compiler_unfit(facts: &Facts) -> Option<Problem> {
    let HostFacts {
        c_packages,
        compiler,
        arguments: _,
        report: _,
    } = &facts.host;
    let compiler = compiler.as_ref()?;
    let host = Target::of_triple(&facts.rustc.host)?;
    let reason = gate::for_other_machine(&host, compiler)?;
    let problem = Problem::new(
        HOST_COMPILER_UNFIT,
        format!(
            "the host's C compiler, `{}`, {reason}, not for `{host}`",
            compiler.program
        ),
    )
    .note("C in", c_packages.iter().map(ToString::to_string))
    .help("set the host's own compilers: `export HOST_CC=cc HOST_CXX=c++`");
    Some(problem)
}

/// Assesses the probes of the compiler that compiles C for build scripts. Returns the problems that
/// stop the run, and the other findings.
pub fn build_script_compiler(
    settings: &Settings,
    facts: &Facts,
    report: Option<&Report>,
    owner: CompilerOf,
) -> (Vec<Problem>, Vec<CompilerFinding>) {
    let Some(report) = report else {
        return (Vec::new(), Vec::new());
    };
    let packages = gate::names(&facts.host.c_packages);
    let own = Target::of_triple(&facts.rustc.host);
    let report = &match &own {
        Some(target) => assess::complete(
            report,
            &Asked {
                target,
                graph: Graph::Of(&packages),
                linker: Some(LinkerKind::Native),
                rustc: Some(&facts.rustc.release),
                rustflags: &[],
            },
        ),
        None => report.clone(),
    };
    let findings = assess::assess(report, &facts.host.c_packages).into_iter();
    let findings = findings.map(|finding| CompilerFinding {
        what: format!("{} `{}` {}", owner.label(), report.compiler, finding.what),
        ..finding
    });
    let is_blocking = |finding: &CompilerFinding| {
        let accepted = settings.accept.contains(&finding.code);
        finding.severity == Severity::Block && !accepted
    };
    let (blocking, findings): (Vec<CompilerFinding>, Vec<CompilerFinding>) =
        findings.partition(is_blocking);
    let problem = |finding: CompilerFinding| {
        let code = finding.code;
        let problem = Problem::new(code, finding.what)
            .note(
                "C in",
                facts.host.c_packages.iter().map(ToString::to_string),
            )
            .help(match owner {
                CompilerOf::Host => "install a compiler without the bug, and set `HOST_CC` to it",
                CompilerOf::Image => "choose an image whose compilers do not have the bug",
            });
        match gate::workaround_line(code, &facts.rustc.host.replace('-', "_"), report) {
            Some(workaround) => problem.help(workaround),
            None => problem,
        }
    };
    (blocking.into_iter().map(problem).collect(), findings)
}

/// Returns the findings about the release of rustc, each once for all targets.
pub fn release_findings(settings: &Settings, facts: &Facts) -> Vec<CompilerFinding> {
    let mut findings: Vec<CompilerFinding> = Vec::new();
    for request in &settings.requests {
        for finding in assess::release_findings(&facts.rustc.release, &request.target) {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[HOST_COMPILER_UNFIT];

/// A C compiler for another machine, for the C of build scripts.
pub const HOST_COMPILER_UNFIT: Code = code(&CodeInfo {
    name: "host-compiler-unfit",
    title: "the C of build scripts would be compiled for another machine",
    cause: "Build scripts and procedural macros run on the host, and the graph has C among what \
            they are made of. The environment script of an SDK (Yocto's, for one) sets `CC` to the \
            compiler of its target, and cc-rs takes `CC` for the host, too.",
    detection: "The machine that the host's C compiler names (`-v`) is compared with the host's \
                processor, if it is GNU's.",
    fix: "Set the host's own compilers: `export HOST_CC=cc HOST_CXX=c++`.",
    page: "environment",
    sources: &[],
    waivable: false,
});
