//! Makes the plan of a run: for each target the toolchain and its reason, the command lines, and
//! the path of each bin in the tree.
//!
//! Pure. [`Plan::new`] returns a plan or all problems at once; `build` runs exactly what the plan
//! contains.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::build::auditable::Lists;
use crate::build::cargo_call::{Call, calls, fetch};
use crate::build::outputs::{self, TargetOutputs};
use crate::build::script_compiler::{
    CompilerOf, build_script_compiler, host_compiler_unfit, release_findings,
};
use crate::build::selected::selection_record;
use crate::build::universal::Universal;
use crate::build::wasm_bindgen::{self, Packages};
use crate::invocation::Invocation;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::build_tools::{self, TOOL_OLD};
use crate::project::left_out::LeftOut;
use crate::project::linker::LinkerKind;
use crate::project::reproducible::NOT_REPRODUCIBLE;
use crate::project::request::TargetRequest;
use crate::project::selection::Selected;
use crate::project::settings::Settings;
use crate::project::workspace::{Member, Workspace, cache_dir, tools_dir};
use crate::target::Target;
use crate::target::level::Level;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::candidate::ToolchainChoice;
use crate::toolchain::choose;
use crate::toolchain::facts::{DeploymentTarget, Facts, Std, TargetFacts};
use crate::toolchain::image::facts::ImageFacts;
use crate::toolchain::image::tools;
use crate::toolchain::leaks;
use crate::toolchain::leaks::leak::Leak;
use crate::toolchain::libraries::{self, SYSTEM_LIBRARY_MISSING};
use crate::toolchain::probe::report::{CompilerFinding, Severity};
use crate::toolchain::system_library::{Effect, SystemLibrary};
use crate::tree::manifest::SelectionRecord;
use crate::tree::staged::{self, Output};

/// Plan of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Root of the workspace.
    pub workspace: Utf8PathBuf,
    /// Root of the staged tree.
    pub out_dir: Utf8PathBuf,
    /// Name of cargo's profile.
    pub profile: String,
    /// Plans of the targets, in the order of their builds.
    pub targets: Vec<TargetPlan>,
    /// Programs to join from those of two targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub universal: Option<Universal>,
    /// Findings about the host's C compiler that do not stop the run.
    pub host_findings: Vec<CompilerFinding>,
    /// Tools that build scripts call and that are not installed. A script may do without.
    pub missing_tools: Vec<Problem>,
    /// Bins that are not selected, with the reasons.
    pub left_out: Vec<LeftOut>,
    /// What cargo is asked to build.
    #[serde(skip)]
    pub selection: SelectionRecord,
}

/// Plan of one target.
#[derive(Debug, Clone, Serialize)]
pub struct TargetPlan {
    /// Target.
    pub target: Target,
    /// Availability of its standard library.
    pub std: Std,
    /// Command that installs the standard library; `None` if it is present.
    pub install: Option<Invocation>,
    /// Level of processor that the rustflags allow, if it is above the target's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raised: Option<Level>,
    /// True if the build keeps the machine's directories and the time out of the programs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reproducible: bool,
    /// Oldest macOS that its programs start on; `None` for other systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_target: Option<DeploymentTarget>,
    /// C code in the target's graph.
    pub c: CUsage,
    /// Libraries of the system that its packages look for.
    pub libraries: Vec<SystemLibrary>,
    /// Lists of packages for its programs; `None` if none are added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lists: Option<Lists>,
    /// Chosen toolchain.
    pub toolchain: ToolchainChoice,
    /// Other kinds of linkers that could link for the target.
    #[serde(skip)]
    pub alternatives: Vec<LinkerKind>,
    /// Call that fetches the packages for a container, which has no network.
    pub fetch: Option<Invocation>,
    /// Calls of cargo.
    pub calls: Vec<Call>,
    /// Packages for JavaScript that are made of its libraries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Packages>,
    /// Files that are selected and not built for this target, with the reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

impl Plan {
    /// Makes the plan of a run, or returns all problems.
    pub fn new(
        workspace: &Workspace,
        selected: &Selected,
        settings: &Settings,
        facts: &Facts,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut targets = Vec::new();
        for request in &settings.requests {
            let target = target_plan(workspace, selected, settings, facts, request, &mut problems);
            targets.extend(target);
        }
        let mut host_findings = Vec::new();
        let mut missing_tools = Vec::new();
        // If every target is built in an image, this machine's own tools do not matter.
        if targets.is_empty()
            || targets
                .iter()
                .any(|target| target.toolchain.candidate.image.is_none())
        {
            problems.extend(host_compiler_unfit(facts));
            let report = facts.host.report.as_ref();
            let (blocking, findings) =
                build_script_compiler(settings, facts, report, CompilerOf::Host);
            problems.extend(blocking);
            host_findings = findings;
            for tool in &facts.tools {
                let problem = build_tools::missing(tool, &facts.rustc.host, facts.installer);
                // One that cannot run is called all the same; a file may be compiled by another.
                let is_sure = |problem: &Problem| tool.path.is_some() && problem.code != TOOL_OLD;
                let (sure, rest): (Vec<_>, Vec<_>) = problem.into_iter().partition(is_sure);
                problems.extend(sure);
                missing_tools.extend(rest);
            }
        }
        let images = targets
            .iter()
            .filter(|target| target.toolchain.candidate.image.is_some())
            .filter_map(|target| facts.of(&target.target).image.as_ref()?.as_ref().ok());
        for problem in images.flat_map(|image| tools::old_tools(facts, image)) {
            if !missing_tools.contains(&problem) {
                missing_tools.push(problem);
            }
        }
        host_findings.extend(release_findings(settings, facts));
        let calls = targets.iter().flat_map(|target| &target.calls);
        let built: Vec<&Output> = calls.flat_map(|call| &call.outputs).collect();
        // Without the plan of a part, its own problem is enough.
        let universal = match (settings.universal && problems.is_empty())
            .then(|| Universal::new(&built, settings))
            .transpose()
        {
            Ok(universal) => universal,
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let plan = Self {
            host_findings,
            missing_tools,
            workspace: workspace.root.clone(),
            out_dir: settings.out_dir.clone(),
            profile: settings.cargo.profile.clone(),
            targets,
            universal,
            left_out: selected.left_out.clone(),
            selection: selection_record(&selected.packages, settings),
        };
        problems.extend(rust_too_old(workspace, selected, facts));
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

    /// Returns all bins of the run, each with its path in the tree.
    pub fn outputs(&self) -> impl Iterator<Item = &Output> {
        let joined = self.universal.iter();
        self.targets
            .iter()
            .flat_map(|target| &target.calls)
            .flat_map(|call| &call.outputs)
            .chain(joined.flat_map(|universal| universal.outputs()))
    }
}

/// Makes the plan of a target and adds its problems to `problems`. Returns a plan even with
/// problems as long as there are a toolchain and a path for each bin, so that paths can be
/// compared.
fn target_plan(
    workspace: &Workspace,
    selected: &Selected,
    settings: &Settings,
    facts: &Facts,
    request: &TargetRequest,
    problems: &mut Vec<Problem>,
) -> Option<TargetPlan> {
    let target = &request.target;
    let target_facts = facts.of(target);
    let install = match target_facts.std {
        Std::Present | Std::Compiled => None,
        Std::Installable => Some(install(workspace, facts, target)),
        Std::Missing => {
            problems.push(std_missing(workspace, facts, target));
            None
        }
        Std::SourceMissing => {
            problems.push(source_missing(workspace, facts));
            None
        }
        Std::Unavailable => {
            problems.push(std_unavailable(target));
            None
        }
    };
    let c = CUsage::new(request, target_facts);
    let choice = choose::choose(request, facts, &c, &tools_dir(workspace)).map(|choice| {
        let (blocking, choice) = match (&choice.candidate.image, &target_facts.image) {
            (Some(_), Some(Ok(image))) => check_image(settings, facts, image, request, choice),
            _ => check_leaks(request, facts, target_facts, &c, choice),
        };
        problems.extend(blocking);
        let package = selected.packages.first().map(String::as_str);
        let (blocking, mut choice) = check_libraries(request, facts, package, choice);
        problems.extend(blocking);
        choice.findings.extend(left_paths(request, target_facts));
        choice
    });
    let files = outputs::of_target(selected, settings, request, target_facts);
    let files = files.and_then(|files| {
        let packages = wasm_bindgen::packages(&files.outputs, facts.wasm_bindgen.as_ref());
        Ok((files, packages.map_err(|problem| vec![problem])?))
    });
    match (choice, files) {
        (Ok(toolchain), Ok((TargetOutputs { outputs, left_out }, packages))) => {
            let calls = calls(workspace, selected, settings, request, &toolchain, &outputs);
            let image = toolchain.candidate.image.as_ref();
            let fetch = image.map(|_| fetch(workspace, settings, &facts.rustc.host, [target]));
            Some(TargetPlan {
                target: target.clone(),
                std: target_facts.std,
                raised: target_facts.raised.clone(),
                deployment_target: target_facts.deployment_target.clone(),
                install,
                alternatives: choose::alternatives(
                    request,
                    facts,
                    &c,
                    &tools_dir(workspace),
                    &toolchain,
                ),
                c,
                reproducible: request.overrides.reproducible.is_some(),
                libraries: target_facts.libraries.clone(),
                lists: Lists::new(target, &selected.bins, target_facts.packages.as_ref()),
                toolchain,
                fetch,
                calls,
                packages,
                left_out,
            })
        }
        (choice, outputs) => {
            problems.extend(choice.err());
            // Several targets may have the same problem with the layout.
            let mut layout_problems = outputs.err().unwrap_or_default();
            layout_problems.retain(|problem| !problems.contains(problem));
            problems.extend(layout_problems);
            None
        }
    }
}

/// Returns the problem of selected packages that need a newer Rust. cargo refuses them, too, but
/// only after what xpkg prepares for a build.
fn rust_too_old(workspace: &Workspace, selected: &Selected, facts: &Facts) -> Option<Problem> {
    let number = |version: &str| {
        let mut parts = version.split(['.', '-']).map(str::parse::<u64>);
        let mut next = || parts.next().and_then(Result::ok).unwrap_or(0);
        (next(), next(), next())
    };
    let release = &facts.rustc.release;
    let needs = |member: &&Member| {
        let is_newer = |version: &String| number(version) > number(release);
        member.rust_version.as_ref().is_some_and(is_newer)
            && selected.packages.contains(&member.name)
    };
    let needing: Vec<&Member> = workspace.members.iter().filter(needs).collect();
    let newest = needing
        .iter()
        .filter_map(|member| member.rust_version.as_ref())
        .max_by_key(|version| number(version))?;
    let packages = needing.iter().map(|member| {
        let version = member.rust_version.as_deref().unwrap_or_default();
        format!("{} {} needs Rust {version}", member.name, member.version)
    });
    Some(
        Problem::new(
            RUST_TOO_OLD,
            format!("the toolchain is Rust {release}, and Rust {newest} is needed"),
        )
        .note("cause", packages)
        .help(match facts.rustc.rustup {
            Some(_) => format!(
                "install it and use it: `rustup toolchain install {newest}`, then `cargo +{newest} \
                 xpkg …`"
            ),
            None => format!("install Rust {newest} or later"),
        }),
    )
}

/// Returns the problem of an out-dir that contains the workspace, or is among a package's sources.
pub fn out_dir_unfit(workspace: &Workspace, out_dir: &Utf8Path) -> Option<Problem> {
    let unfit = |what: String| {
        Problem::new(
            OUT_DIR_UNFIT,
            format!("`{out_dir}` cannot be the out-dir: {what}"),
        )
        .help("choose a directory that contains nothing else: `--out-dir dist`")
    };
    if workspace.root.starts_with(out_dir) {
        return Some(unfit("it contains the workspace".to_owned()));
    }
    if workspace.target_dir.starts_with(out_dir) {
        return Some(unfit("it contains cargo's target directory".to_owned()));
    }
    if out_dir.starts_with(cache_dir(workspace)) {
        return Some(unfit("it is xpkg's cache".to_owned()));
    }
    let sources = workspace
        .members
        .iter()
        .filter_map(|member| Some((member, member.manifest.parent()?.join("src"))));
    let (member, _) = sources
        .into_iter()
        .find(|(_, sources)| out_dir.starts_with(sources))?;
    Some(unfit(format!(
        "it is among the sources of package `{}`",
        member.name
    )))
}

/// Checks which settings leak into a target's build. Returns the problems that stop the run, and
/// the choice with the other findings.
fn check_leaks(
    request: &TargetRequest,
    facts: &Facts,
    target_facts: &TargetFacts,
    c: &CUsage,
    choice: ToolchainChoice,
) -> (Vec<Problem>, ToolchainChoice) {
    let leaks = leaks::check(&request.target, facts, target_facts, c, &choice.candidate);
    weigh(request, leaks, choice)
}

/// Returns the problems of those leaks that stop the run, and the choice with the others.
fn weigh(
    request: &TargetRequest,
    leaks: impl IntoIterator<Item = Leak>,
    mut choice: ToolchainChoice,
) -> (Vec<Problem>, ToolchainChoice) {
    let mut problems = Vec::new();
    for leak in leaks {
        let Leak {
            code,
            severity,
            message,
            help,
        } = leak;
        if severity == Severity::Block && !request.accept.contains(&code) {
            problems.push(Problem::new(code, message).help(help));
        } else {
            choice.findings.push(CompilerFinding {
                code,
                severity,
                what: message,
                switched_off: false,
            });
        }
    }
    (problems, choice)
}

/// Checks which libraries of the system are missing. Returns the problems that stop the run, and the
/// choice with the other findings. `package` is one of the run's packages.
fn check_libraries(
    request: &TargetRequest,
    facts: &Facts,
    package: Option<&str>,
    mut choice: ToolchainChoice,
) -> (Vec<Problem>, ToolchainChoice) {
    let accepted = request.accept.contains(&SYSTEM_LIBRARY_MISSING);
    let mut problems = Vec::new();
    for library in &facts.of(&request.target).libraries {
        let severity = match library.effect() {
            Effect::None => continue,
            Effect::Likely => Severity::Warn,
            Effect::Certain => Severity::Block,
        };
        if severity == Severity::Block && !accepted {
            let candidate = &choice.candidate;
            let problem = libraries::problem(library, request, facts, candidate, package);
            problems.push(problem);
            continue;
        }
        choice.findings.push(CompilerFinding {
            code: SYSTEM_LIBRARY_MISSING,
            severity,
            what: library.message(&request.target),
            switched_off: false,
        });
    }
    (problems, choice)
}

/// Returns the packages of a reproducible build that leave directories of it in programs. One that a
/// variable makes link the system's library compiles none.
fn left_paths(
    request: &TargetRequest,
    target_facts: &TargetFacts,
) -> impl Iterator<Item = CompilerFinding> {
    let is_wanted = request.overrides.reproducible.is_some();
    let is_linked = |package: &str| {
        let mut libraries = target_facts.libraries.iter();
        libraries.any(|library| library.forced && library.needed.package == package)
    };
    let cautions = target_facts.cautions.iter();
    cautions
        .filter(move |caution| is_wanted && caution.leaves_paths && !is_linked(&caution.package))
        .map(|caution| CompilerFinding {
            code: NOT_REPRODUCIBLE,
            severity: Severity::Warn,
            what: caution.to_string(),
            switched_off: false,
        })
}

/// Checks which tools an image lacks, and its compiler for build scripts. Returns the problems that
/// stop the run, and the choice with the other findings. Of this machine's environment, only the
/// rustflags reach a container.
fn check_image(
    settings: &Settings,
    facts: &Facts,
    image: &ImageFacts,
    request: &TargetRequest,
    choice: ToolchainChoice,
) -> (Vec<Problem>, ToolchainChoice) {
    let leak = leaks::native_rust(&request.target, facts.of(&request.target));
    let (mut problems, mut choice) = weigh(request, leak, choice);
    problems.extend(tools::missing_tools(facts, image));
    let report = image.host_report.as_ref();
    let (blocking, findings) = build_script_compiler(settings, facts, report, CompilerOf::Image);
    problems.extend(blocking);
    choice.findings.extend(findings);
    (problems, choice)
}

/// Returns the command that installs a target's standard library.
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

/// Returns the problem of a standard library that cannot be installed.
fn std_missing(workspace: &Workspace, facts: &Facts, target: &Target) -> Problem {
    let problem = Problem::new(
        STD_MISSING,
        format!("the standard library for `{target}` is not installed"),
    );
    match &facts.rustc.rustup {
        Some(_) => problem
            .note(
                "cause",
                ["`--offline` or `--frozen` prevents its download".to_owned()],
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

/// Returns the problem of a standard library that cargo is to compile, without its source.
fn source_missing(workspace: &Workspace, facts: &Facts) -> Problem {
    let problem = Problem::new(
        STD_MISSING,
        "cargo is to compile the standard library (`build-std`), and its source is not installed",
    );
    match &facts.rustc.rustup {
        Some(name) => {
            let install = Invocation::new("rustup", &workspace.root);
            let install = install.args(["component", "add", "rust-src", "--toolchain", name]);
            let line = install.to_string();
            let line = line
                .split_once(" && ")
                .map_or(line.as_str(), |(_, line)| line);
            problem.help(format!("run `{line}`"))
        }
        None => problem.help("install your distribution's source of the Rust standard library"),
    }
}

/// Returns the problem of a standard library that nobody has compiled.
fn std_unavailable(target: &Target) -> Problem {
    Problem::new(
        STD_MISSING,
        format!("rustup has no standard library for `{target}`"),
    )
    .help(
        "let cargo compile it: with a nightly toolchain and its `rust-src`, set `build-std = \
         [\"std\", \"panic_abort\"]` below `[unstable]` in `.cargo/config.toml`",
    )
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[STD_MISSING, RUST_TOO_OLD, OUT_DIR_UNFIT];

/// A package that needs a newer Rust.
pub const RUST_TOO_OLD: Code = code(&CodeInfo {
    name: "rust-too-old",
    title: "a selected package needs a newer Rust",
    cause: "`rust-version` in the package's Cargo.toml is above the version of the toolchain, and \
            cargo refuses to build it.",
    detection: "cargo's metadata is compared with rustc's version before anything is prepared.",
    fix: "Use the toolchain that the message names.",
    page: "doctor",
    sources: &[],
    waivable: false,
});

/// A standard library that is not installed.
pub const STD_MISSING: Code = code(&CodeInfo {
    name: "std-missing",
    title: "the target's standard library is not installed",
    cause: "The toolchain has no `core` and `std` for the target, and xpkg cannot install them: \
            `--offline` or `--frozen` was given, rustup does not manage the toolchain, or it has \
            none for the target. With `build-std`, cargo compiles them, and needs their source.",
    detection: "The directory that `rustc --print target-libdir` prints does not exist, and `rustup \
                target list` does not name the target. With `build-std` in cargo's configuration \
                and a nightly toolchain: the sysroot has no `library/Cargo.lock`.",
    fix: "Run the command of the message.",
    page: "linkers",
    sources: &[],
    waivable: false,
});

/// An out-dir that contains other files of the project, or is among them.
pub const OUT_DIR_UNFIT: Code = code(&CodeInfo {
    name: "out-dir-unfit",
    title: "the out-dir contains other files of the project, or is among them",
    cause: "Each run replaces the out-dir as a whole. This one contains the workspace or cargo's \
            target directory, or is among a package's sources.",
    detection: "The paths are compared before anything is compiled.",
    fix: "Choose a directory that contains nothing else.",
    page: "tree",
    sources: &[],
    waivable: false,
});
