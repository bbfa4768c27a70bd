//! The whole run, decided: per target the toolchain and why, the command lines, and where each bin
//! will stand.
//!
//! Pure. [`Plan::new`] gives a plan or everything that is wrong at once; `build` runs just what
//! stands in it.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::build::cargo_call::{Call, calls, fetch};
use crate::invocation::Invocation;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::build_tools;
use crate::project::request::TargetRequest;
use crate::project::selection::{LeftOut, Selected};
use crate::project::settings::Settings;
use crate::project::workspace::{Workspace, tools_dir};
use crate::target::Target;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::candidate::ToolchainChoice;
use crate::toolchain::facts::{Facts, Std, TargetFacts};
use crate::toolchain::image::facts::ImageFacts;
use crate::toolchain::image::tools;
use crate::toolchain::leaks::{self, Leak};
use crate::toolchain::probe::assess;
use crate::toolchain::probe::report::{CompilerFinding, Report, Severity};
use crate::toolchain::{choose, gate};
use crate::tree::staged::{self, Output};

#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub workspace: Utf8PathBuf,
    pub out_dir: Utf8PathBuf,
    pub profile: String,
    pub targets: Vec<TargetPlan>,
    /// What is told of the host's own C compiler and does not stop the run.
    pub host_findings: Vec<CompilerFinding>,
    pub left_out: Vec<LeftOut>,
}

#[derive(Debug, Clone, Serialize)]
pub struct TargetPlan {
    pub target: Target,
    pub std: Std,
    /// How the standard library comes, where it must.
    pub install: Option<Invocation>,
    pub c: CUsage,
    pub toolchain: ToolchainChoice,
    /// Brings what a container without a network will need.
    pub fetch: Option<Invocation>,
    pub calls: Vec<Call>,
}

impl Plan {
    pub fn new(
        workspace: &Workspace,
        selected: &Selected,
        settings: &Settings,
        facts: &Facts,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut targets = Vec::new();
        for request in &settings.requests {
            let here = facts.of(&request.target);
            let install = match here.std {
                Std::Present => None,
                Std::Installable => Some(install(workspace, facts, &request.target)),
                Std::Missing => {
                    problems.push(std_missing(workspace, facts, &request.target));
                    None
                }
            };
            let c = CUsage::new(request, here);
            let chosen = choose::choose(request, facts, &c, &tools_dir(workspace)).map(|chosen| {
                let (leaking, chosen) = match (&chosen.candidate.image, &here.image) {
                    (Some(_), Some(Ok(image))) => inside(settings, facts, image, chosen),
                    _ => leaking(request, facts, here, &c, chosen),
                };
                problems.extend(leaking);
                chosen
            });
            let outputs = place(selected, settings, &request.target);
            match (chosen, outputs) {
                (Ok(toolchain), Ok(outputs)) => {
                    let calls = calls(workspace, selected, settings, request, &toolchain, &outputs);
                    let fetch = toolchain
                        .candidate
                        .image
                        .as_ref()
                        .map(|_| fetch(workspace, settings, facts, &request.target));
                    targets.push(TargetPlan {
                        target: request.target.clone(),
                        std: here.std,
                        install,
                        c,
                        toolchain,
                        fetch,
                        calls,
                    });
                }
                (chosen, outputs) => {
                    problems.extend(chosen.err());
                    problems.extend(
                        outputs
                            .err()
                            .unwrap_or_default()
                            .into_iter()
                            .filter(|problem| !problems.contains(problem))
                            .collect::<Vec<_>>(),
                    );
                }
            }
        }
        let mut host_findings = Vec::new();
        // This machine's own tools do not matter where all is built in images.
        if targets.is_empty()
            || targets
                .iter()
                .any(|target| target.toolchain.candidate.image.is_none())
        {
            let (blocking, told) = judged_host(
                settings,
                facts,
                facts.host.report.as_ref(),
                CompilerOf::Host,
            );
            problems.extend(blocking);
            host_findings = told;
            problems.extend(
                facts.tools.iter().filter_map(|tool| {
                    build_tools::missing(tool, &facts.rustc.host, facts.installer)
                }),
            );
        }
        let plan = Self {
            host_findings,
            workspace: workspace.root.clone(),
            out_dir: settings.out_dir.clone(),
            profile: settings.cargo.profile.clone(),
            targets,
            left_out: selected.left_out.clone(),
        };
        problems.extend(out_dir_unfit(workspace, &settings.out_dir));
        problems.extend(staged::clashes(
            &plan.outputs().cloned().collect::<Vec<_>>(),
        ));
        if problems.is_empty() {
            Ok(plan)
        } else {
            Err(problems)
        }
    }

    /// Every bin of the run at its place.
    pub fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.targets
            .iter()
            .flat_map(|target| &target.calls)
            .flat_map(|call| &call.outputs)
    }
}

/// An out-dir that would swallow the workspace, or stand among a package's sources.
fn out_dir_unfit(workspace: &Workspace, out_dir: &Utf8Path) -> Option<Problem> {
    let unfit = |what: String| {
        Problem::new(
            OUT_DIR_UNFIT,
            format!("`{out_dir}` cannot be the out-dir: {what}"),
        )
        .help("choose a directory that holds nothing else: `--out-dir dist`")
    };
    if workspace.root.starts_with(out_dir) {
        return Some(unfit("the workspace lies in it".to_owned()));
    }
    if workspace.target_dir.starts_with(out_dir) {
        return Some(unfit("cargo's target directory lies in it".to_owned()));
    }
    let sources = workspace
        .members
        .iter()
        .filter_map(|member| Some((member, member.manifest.parent()?.join("src"))));
    let (member, _) = sources
        .into_iter()
        .find(|(_, sources)| out_dir.starts_with(sources))?;
    Some(unfit(format!(
        "it lies among the sources of package `{}`",
        member.name
    )))
}

/// What leaks into a target's compile: what stops the run, and the choice with what is only told.
fn leaking(
    request: &TargetRequest,
    facts: &Facts,
    here: &TargetFacts,
    c: &CUsage,
    mut chosen: ToolchainChoice,
) -> (Vec<Problem>, ToolchainChoice) {
    let mut problems = Vec::new();
    for leak in leaks::check(&request.target, facts, here, c, &chosen.candidate) {
        let Leak {
            code,
            severity,
            message,
            help,
        } = leak;
        if severity == Severity::Block && !request.accept.contains(&code) {
            problems.push(Problem::new(code, message).help(help));
        } else {
            chosen.findings.push(CompilerFinding {
                code,
                severity,
                what: message,
                switched_off: false,
            });
        }
    }
    (problems, chosen)
}

/// What the image of a choice lacks, and what the probes say of its compiler for build scripts:
/// what stops the run, and the choice with what is only told. Nothing of this machine's environment
/// leaks into it.
fn inside(
    settings: &Settings,
    facts: &Facts,
    image: &ImageFacts,
    mut chosen: ToolchainChoice,
) -> (Vec<Problem>, ToolchainChoice) {
    let mut problems = tools::missing_tools(facts, image);
    let (blocking, told) = judged_host(
        settings,
        facts,
        image.host_report.as_ref(),
        CompilerOf::Image,
    );
    problems.extend(blocking);
    chosen.findings.extend(told);
    (problems, chosen)
}

/// The side whose compiler compiles C for build scripts.
#[derive(Clone, Copy)]
enum CompilerOf {
    Host,
    Image,
}

impl CompilerOf {
    /// Returns the words of a message: `the host's`.
    fn label(self) -> &'static str {
        match self {
            Self::Host => "the host's",
            Self::Image => "the image's",
        }
    }
}

/// What the probes say of the compiler that compiles C for build scripts: what stops the run, and
/// what is only told.
fn judged_host(
    settings: &Settings,
    facts: &Facts,
    report: Option<&Report>,
    whose: CompilerOf,
) -> (Vec<Problem>, Vec<CompilerFinding>) {
    let Some(report) = report else {
        return (Vec::new(), Vec::new());
    };
    let findings = assess::assess(report, &facts.host.c_packages).into_iter();
    let findings = findings.map(|finding| CompilerFinding {
        what: format!("{} `{}` {}", whose.label(), report.compiler, finding.what),
        ..finding
    });
    let stops = |finding: &CompilerFinding| {
        let accepted = settings.accept.contains(&finding.code);
        finding.severity == Severity::Block && !accepted
    };
    let (stopping, told): (Vec<CompilerFinding>, Vec<CompilerFinding>) = findings.partition(stops);
    let problem = |finding: CompilerFinding| {
        let problem = Problem::new(finding.code, finding.what)
            .note(
                "C in",
                facts.host.c_packages.iter().map(ToString::to_string),
            )
            .help(match whose {
                CompilerOf::Host => {
                    "install a compiler without the bug, and name it for the host in `HOST_CC`"
                }
                CompilerOf::Image => "name an image whose compilers do not have the bug",
            });
        match gate::workaround_line(&facts.rustc.host.replace('-', "_"), report) {
            Some(way) => problem.help(way),
            None => problem,
        }
    };
    (stopping.into_iter().map(problem).collect(), told)
}

fn install(workspace: &Workspace, facts: &Facts, target: &Target) -> Invocation {
    let toolchain = facts
        .rustc
        .rustup
        .iter()
        .flat_map(|name| ["--toolchain", name]);
    Invocation::new("rustup", &workspace.root)
        .args(["target", "add"])
        .args(toolchain)
        .arg(target.triple())
}

fn std_missing(workspace: &Workspace, facts: &Facts, target: &Target) -> Problem {
    let problem = Problem::new(
        STD_MISSING,
        format!("the standard library for `{target}` is not installed"),
    );
    match &facts.rustc.rustup {
        Some(_) => problem
            .note(
                "cause",
                ["`--offline` or `--frozen` forbids to fetch it".to_owned()],
            )
            .help(format!(
                "run `{}`",
                install(workspace, facts, target)
                    .to_string()
                    .split_once(" && ")
                    .map(|(_, line)| line)
                    .unwrap_or_default()
            )),
        None => problem
            .note(
                "cause",
                ["rustup does not manage this toolchain".to_owned()],
            )
            .help(format!(
                "install your distribution's Rust standard library for it, or use \
                           rustup: `rustup target add {target}`"
            )),
    }
}

fn place(
    selected: &Selected,
    settings: &Settings,
    target: &Target,
) -> Result<Vec<Output>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut outputs = Vec::new();
    for bin in &selected.bins {
        match settings.layout.path(target, bin, &settings.cargo.profile) {
            Ok(path) => outputs.push(Output {
                target: target.clone(),
                bin: bin.clone(),
                path,
            }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(outputs)
    } else {
        Err(problems)
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[STD_MISSING, OUT_DIR_UNFIT];

pub const STD_MISSING: Code = code(&CodeInfo {
    name: "std-missing",
    title: "the target's standard library is not installed",
    cause: "The toolchain has no `core` and `std` for the target, and xpkg may not or cannot \
            install it: `--offline` or `--frozen` was given, or rustup does not manage the \
            toolchain.",
    detection: "`rustc --print target-libdir` names a directory that is not there.",
    fix: "Run the command of the message.",
    source: "README, How a linker is chosen",
    waivable: false,
});

pub const OUT_DIR_UNFIT: Code = code(&CodeInfo {
    name: "out-dir-unfit",
    title: "the out-dir cannot be a tree of its own",
    cause: "The out-dir is exchanged as a whole with each run; the one that was named holds the \
            workspace, cargo's target directory, or stands among a package's sources.",
    detection: "Its path is compared with theirs before anything is compiled.",
    fix: "Name a directory that holds nothing else.",
    source: "README, What stands in the tree",
    waivable: false,
});
