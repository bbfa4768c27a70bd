//! Formats the plan: for each target the toolchain with its reason, its environment, and the
//! commands that will run.

use std::fmt::Write as _;

use camino::Utf8Path;

use crate::build::auditable::{BinList, Lists};
use crate::build::plan::{Plan, TargetPlan};
use crate::build::universal::{Joined, Universal};
use crate::inspect::auditable::{Kind, ListedPackage};
use crate::invocation::{quote, quote_value};
use crate::problem::code::Code;
use crate::problem::style::STRONG;
use crate::problem::text::{self, printable};
use crate::project::build_tools::TOOL_OLD;
use crate::project::left_out;
use crate::project::reproducible::NOT_REPRODUCIBLE;
use crate::project::setting::{Setting, ignored_message};
use crate::project::wasm_bindgen::Flavor;
use crate::toolchain::candidate::{Candidate, SetBy, Variable, choice};
use crate::toolchain::facts::Std;
use crate::toolchain::image::chosen::ResolvedImage;
use crate::toolchain::libraries::{SYSTEM_LIBRARY_MISSING, not_checked};
use crate::toolchain::probe::definition::Probe;
use crate::toolchain::probe::report::{Answer, Report, Verdict};
use crate::toolchain::probe::table;
use crate::toolchain::system_library::SystemLibrary;

/// Findings that the row of their subject shows, not the compiler's.
const HAVE_OWN_ROWS: &[Code] = &[SYSTEM_LIBRARY_MISSING, NOT_REPRODUCIBLE];

/// Formats a plan.
pub fn plan(plan: &Plan) -> String {
    let Plan {
        workspace,
        out_dir,
        profile,
        targets,
        universal,
        host_findings,
        missing_tools,
        left_out,
        selection: _,
    } = plan;
    let mut text = format!(
        "workspace  {}\nout-dir    {}\nprofile    {}\n",
        printable(workspace.as_str()),
        printable(out_dir.as_str()),
        printable(profile)
    );
    for finding in host_findings {
        let _ = writeln!(
            text,
            "host cc    {}: {}",
            finding.code.name(),
            printable(&finding.what)
        );
    }
    for problem in missing_tools {
        let line = format!("{} ({})", problem.message, problem.help.join("; "));
        let label = match problem.code {
            TOOL_OLD => "too old",
            _ => "missing",
        };
        let _ = writeln!(text, "{label:<10} {}", printable(&line));
    }
    for target in targets {
        text.push('\n');
        text.push_str(&target_plan(target));
    }
    if let Some(Universal { target, programs }) = universal {
        let _ = write!(text, "\n{STRONG}{target}{STRONG:#}\n  joins       ");
        let line = |program: &Joined| {
            let parts = program.parts.join(" and ");
            printable(&format!("{} from {parts}", program.output.path)).to_string()
        };
        let lines: Vec<String> = programs.iter().map(line).collect();
        let _ = writeln!(text, "{}", lines.join("\n              "));
    }
    if !left_out.is_empty() {
        text.push_str("\nleft out\n");
        for line in left_out::lines(left_out) {
            let _ = writeln!(text, "  {}", printable(&line));
        }
    }
    text
}

fn target_plan(target: &TargetPlan) -> String {
    let TargetPlan {
        target: name,
        std,
        install,
        raised,
        reproducible,
        deployment_target,
        alternatives: _,
        c,
        libraries,
        lists,
        toolchain,
        fetch,
        calls,
        packages,
        left_out,
    } = target;
    let mut text = format!("{STRONG}{name}{STRONG:#}\n");
    let mut row = |label: &str, lines: Vec<String>| {
        for (index, line) in lines.into_iter().enumerate() {
            // Commands stay as they are: they are quoted without characters that cannot be seen.
            let label = if index == 0 { label } else { "" };
            let _ = writeln!(text, "  {label:<11} {}", printable(&line));
        }
    };
    row(
        "toolchain",
        vec![choice(&toolchain.candidate, &toolchain.chosen_by)],
    );
    row(
        "ignored",
        toolchain
            .ignored_variables
            .iter()
            .map(ignored_message)
            .collect(),
    );
    row(
        "compiler",
        toolchain
            .report
            .iter()
            .flat_map(report)
            .chain(
                toolchain
                    .findings
                    .iter()
                    .filter(|finding| !HAVE_OWN_ROWS.contains(&finding.code))
                    .map(|finding| format!("{}: {}", finding.code.name(), finding.what)),
            )
            .collect(),
    );
    row(
        "rejected",
        toolchain
            .rejected
            .iter()
            .map(|rejected| format!("{}: {}", rejected.kind.name(), rejected.reason))
            .collect(),
    );
    row(
        "C",
        vec![match (c.configured, c.present, c.packages.is_empty()) {
            (true, present, _) => format!("`c-dependencies = {present}` in the configuration"),
            (false, _, true) => "none in the target's graph".to_owned(),
            (false, _, false) => c
                .packages
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        }],
    );
    let lines = libraries.iter().filter_map(SystemLibrary::line);
    row("libraries", lines.chain(not_checked(libraries)).collect());
    row("auditable", lists.iter().flat_map(list_lines).collect());
    row(
        "bytes",
        reproducible
            .then(|| {
                "the same on every machine: no directories of this one, the commit's time"
                    .to_owned()
            })
            .into_iter()
            .chain(
                toolchain
                    .findings
                    .iter()
                    .filter(|finding| finding.code == NOT_REPRODUCIBLE)
                    .map(|finding| format!("but {}: {}", finding.code.name(), finding.what)),
            )
            .collect(),
    );
    row(
        "processor",
        raised
            .iter()
            .map(|level| format!("{level}, by the rustflags"))
            .collect(),
    );
    let macos = deployment_target.iter().map(|oldest| match &oldest.asked {
        None => format!("starts on macOS {} and later", oldest.version),
        Some(Setting { name, value, .. }) => format!(
            "starts on macOS {} and later: rustc does not link for `{name}={value}`",
            oldest.version
        ),
    });
    row("oldest", macos.collect());
    row(
        "std",
        vec![match (std, install) {
            (Std::Installable, Some(install)) => format!("not installed: {install}"),
            (Std::Compiled, _) => "compiled by cargo (`build-std`)".to_owned(),
            _ => "installed".to_owned(),
        }],
    );
    row("environment", environment(&toolchain.candidate));
    let image = |image: &ResolvedImage| {
        let derived = image
            .derived
            .as_ref()
            .map(|derived| format!(", derived image {}", derived.id))
            .unwrap_or_default();
        let digest = if image.reference.contains('@') {
            String::new()
        } else {
            format!(" {}", image.digest)
        };
        format!(
            "{}{digest} ({}){derived}, by {}",
            image.reference, image.platform, image.engine
        )
    };
    row(
        "image",
        toolchain.candidate.image.iter().map(image).collect(),
    );
    row(
        "masked",
        toolchain
            .candidate
            .image
            .iter()
            .flat_map(|image| image.masked.clone())
            .collect(),
    );
    row("fetches", fetch.iter().map(ToString::to_string).collect());
    row(
        "runs",
        calls
            .iter()
            .map(|call| call.invocation.to_string())
            .collect(),
    );
    row(
        "stages",
        calls
            .iter()
            .flat_map(|call| &call.outputs)
            .map(|output| output.path.clone())
            .collect(),
    );
    let packages = packages.iter().flat_map(|packages| {
        let by = format!("wasm-bindgen {} (`{}`)", packages.version, packages.program);
        let line = move |(flavor, directory): &(Flavor, String)| {
            format!("{directory}: {}, by {by}", flavor.name())
        };
        packages.flavors.iter().map(line).collect::<Vec<_>>()
    });
    row("JavaScript", packages.collect());
    row("left out", left_out::lines(left_out));
    text
}

/// Formats the lists of packages that programs get, one line each.
fn list_lines(lists: &Lists) -> Vec<String> {
    let line = |BinList { package, list }: &BinList| {
        let is_run = |package: &&ListedPackage| package.kind == Kind::Build;
        let run = list.packages.iter().filter(is_run).count();
        let packages = text::count(list.packages.len(), "package");
        match run {
            0 => format!("{package}: {packages}"),
            run => format!("{package}: {packages}, {run} of them for its build"),
        }
    };
    match lists {
        Lists::Unsupported => vec!["no list of packages: only ELF programs get one".to_owned()],
        Lists::Packages(lists) => lists.iter().map(line).collect(),
    }
}

/// Formats a compiler and the verdicts of its probes, one line each.
fn report(report: &Report) -> Vec<String> {
    let version = report
        .version
        .as_ref()
        .map(|version| format!(" ({version})"))
        .unwrap_or_default();
    let mut lines = vec![format!("{}{version}", report.compiler)];
    let answers = report.answers.iter().filter(|answer| is_shown(answer));
    lines.extend(answers.map(|answer| {
        let at_runtime = answer
            .at_runtime
            .as_ref()
            .map(|verdict| format!(", by running it {}", verdict.name()))
            .unwrap_or_default();
        if answer.with_build_flags.is_empty() {
            return format!("{}: {}", answer.probe, answer.baseline.name());
        }
        format!(
            "{}: {} at -O2{at_runtime}, {} with this build's flags",
            answer.probe,
            answer.baseline.name(),
            answer.at(&[]).name()
        )
    }));
    lines
}

/// Returns true for a bug of the compiler's own, and for every answer that is not ok.
fn is_shown(answer: &Answer) -> bool {
    let probe = table::find(&answer.probe);
    answer.baseline != Verdict::Ok
        || *answer.at(&[]) != Verdict::Ok
        || probe.is_some_and(Probe::is_of_compiler)
}

/// Formats the variables of a candidate, one line each.
fn environment(candidate: &Candidate) -> Vec<String> {
    let line = |variable: &Variable| {
        let by = match variable.set_by {
            SetBy::Xpkg => "",
            SetBy::User => "  # set by you",
            SetBy::Image => "  # set by the image",
        };
        format!("{}={}{by}", variable.name, quote_value(&variable.value))
    };
    let path = candidate.path.iter().map(|path| path_line(path));
    let lines: Vec<String> = path.chain(candidate.variables.iter().map(line)).collect();
    if lines.is_empty() {
        vec!["nothing is set".to_owned()]
    } else {
        lines
    }
}

/// Formats PATH with a directory before the inherited ones.
fn path_line(directory: &Utf8Path) -> String {
    format!("PATH={}:\"$PATH\"", quote(directory.as_str()))
}

/// Formats xpkg's variables as `export` lines of a POSIX shell.
pub fn exports(candidate: &Candidate) -> String {
    let ours = candidate
        .variables
        .iter()
        .filter(|variable| variable.set_by == SetBy::Xpkg)
        .chain(&candidate.runner);
    let ours = ours.map(|variable| format!("{}={}", variable.name, quote_value(&variable.value)));
    candidate
        .path
        .iter()
        .map(|path| path_line(path))
        .chain(ours)
        .map(|line| format!("export {line}\n"))
        .collect()
}
