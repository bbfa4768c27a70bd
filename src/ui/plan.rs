//! The plan for people: per target the toolchain and why, its environment, and the lines that will
//! run.

use std::fmt::Write as _;

use crate::build::plan::{Plan, TargetPlan};
use crate::invocation::quote_value;
use crate::problem::style::STRONG;
use crate::project::setting::passed_over;
use crate::project::workspace::LeftOut;
use crate::toolchain::candidate::{Candidate, SetBy, Variable, choice};
use crate::toolchain::facts::Std;
use crate::toolchain::image::chosen::ResolvedImage;
use crate::toolchain::probe::report::Report;

/// The plan for people.
pub fn plan(plan: &Plan) -> String {
    let Plan {
        workspace,
        out_dir,
        profile,
        targets,
        host_findings,
        left_out,
    } = plan;
    let mut text = format!("workspace  {workspace}\nout-dir    {out_dir}\nprofile    {profile}\n");
    for finding in host_findings {
        let _ = writeln!(text, "host cc    {}: {}", finding.code.name(), finding.what);
    }
    for target in targets {
        text.push('\n');
        text.push_str(&target_plan(target));
    }
    if !left_out.is_empty() {
        text.push_str("\nleft out\n");
        for LeftOut {
            package,
            bin,
            reason,
        } in left_out
        {
            let _ = writeln!(text, "  {bin} ({package}): {reason}");
        }
    }
    text
}

fn target_plan(target: &TargetPlan) -> String {
    let TargetPlan {
        target: name,
        std,
        install,
        c,
        toolchain,
        fetch,
        calls,
    } = target;
    let mut text = format!("{STRONG}{name}{STRONG:#}\n");
    let mut row = |label: &str, lines: Vec<String>| {
        for (index, line) in lines.into_iter().enumerate() {
            let _ = writeln!(text, "  {:<11} {line}", if index == 0 { label } else { "" });
        }
    };
    row(
        "toolchain",
        vec![choice(&toolchain.candidate, &toolchain.chosen_by)],
    );
    row(
        "passed over",
        toolchain.passed_over.iter().map(passed_over).collect(),
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
                    .map(|finding| format!("{}: {}", finding.code.name(), finding.what)),
            )
            .collect(),
    );
    row(
        "refused",
        toolchain
            .refused
            .iter()
            .map(|fallen| format!("{}: {}", fallen.kind.name(), fallen.reason))
            .collect(),
    );
    row(
        "C",
        vec![match (c.configured, c.holds, c.packages.is_empty()) {
            (true, holds, _) => format!("`c-dependencies = {holds}` in the configuration"),
            (false, _, true) => "none in the target's graph".to_owned(),
            (false, _, false) => c
                .packages
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        }],
    );
    row(
        "std",
        vec![match (std, install) {
            (Std::Installable, Some(install)) => format!("not installed: {install}"),
            _ => "installed".to_owned(),
        }],
    );
    row("environment", environment(&toolchain.candidate));
    let image = |image: &ResolvedImage| {
        let derived = image
            .derived
            .as_ref()
            .map(|derived| format!(", upon it {}", derived.id))
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
        "hidden",
        toolchain
            .candidate
            .image
            .iter()
            .flat_map(|image| image.hidden.clone())
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
    text
}

/// What the probes say of a compiler, a line each.
fn report(report: &Report) -> Vec<String> {
    let version = report
        .version
        .as_ref()
        .map(|version| format!(" ({version})"))
        .unwrap_or_default();
    let mut lines = vec![format!("{}{version}", report.compiler)];
    lines.extend(report.answers.iter().map(|answer| {
        let run = answer
            .at_runtime
            .as_ref()
            .map(|run| format!(", by running it {}", run.name()))
            .unwrap_or_default();
        format!(
            "{}: {} at -O2{run}, {} with this build's flags",
            answer.probe,
            answer.baseline.name(),
            answer.at(&[]).name()
        )
    }));
    lines
}

fn environment(candidate: &Candidate) -> Vec<String> {
    let line = |variable: &Variable| {
        let by = match variable.set_by {
            SetBy::Xpkg => "",
            SetBy::User => "  # set by you",
            SetBy::Image => "  # set by the image",
        };
        format!("{}={}{by}", variable.name, quote_value(&variable.value))
    };
    if candidate.variables.is_empty() {
        vec!["nothing is set".to_owned()]
    } else {
        candidate.variables.iter().map(line).collect()
    }
}

/// Lines that a POSIX shell evaluates.
pub fn exports(candidate: &Candidate) -> String {
    let ours = candidate
        .variables
        .iter()
        .filter(|variable| variable.set_by == SetBy::Xpkg);
    ours.map(|variable| {
        format!(
            "export {}={}\n",
            variable.name,
            quote_value(&variable.value)
        )
    })
    .collect()
}
