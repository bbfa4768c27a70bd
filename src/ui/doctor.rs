//! Formats the report of `doctor`.

use std::fmt::Write as _;

use comfy_table::Table;

use crate::build::compiler_cache::health::CacheHealth;
use crate::build::doctor::{
    CompilerCheck, CompilerHealth, Diagnosis, RustcCheck, State, TargetHealth,
};
use crate::problem::render::problem;
use crate::problem::style::{BAD, CAUTION, GOOD};
use crate::problem::text::printable;
use crate::project::build_tools::ToolFound;
use crate::toolchain::probe::report::{Answer, Verdict};
use crate::ui::table::{add_row, lines, plain_table};

/// Formats a diagnosis: one screen for a healthy machine.
pub fn diagnosis(diagnosis: &Diagnosis) -> String {
    let Diagnosis {
        rustc,
        compilers,
        zig,
        engine,
        sccache,
        workspace,
        tools,
        targets,
        problems,
    } = diagnosis;
    let toolchain = rustc
        .toolchain
        .as_ref()
        .map(|name| format!(" ({name})"))
        .unwrap_or_default();
    let mut text = String::new();
    let line = |text: &mut String, label: &str, value: &str| {
        let _ = writeln!(text, "{label:<10} {}", printable(value));
    };
    let release = format!("{}{toolchain}, host {}", rustc.release, rustc.host);
    line(&mut text, "rustc", &release);
    if let Some(file) = &rustc.pinned_by {
        line(&mut text, "pinned by", file.as_str());
    }
    let _ = writeln!(text, "compilers");
    let mut table = compiler_table(compilers);
    if let Some(zig) = zig {
        let probed = "probed for each target".to_owned();
        add_row(
            &mut table,
            [
                "  zig".to_owned(),
                "any Linux".to_owned(),
                format!("zig {} ({})", zig.version, zig.path),
                probed,
            ],
        );
    }
    text.push_str(&lines(&table));
    if let Some(engine) = engine {
        line(&mut text, "engine", &engine.label());
    }
    for health in sccache.iter().flat_map(CacheHealth::lines) {
        line(&mut text, "sccache", &health);
    }
    if let Some(workspace) = workspace {
        line(&mut text, "workspace", workspace.as_str());
    }
    for ToolFound {
        want,
        path,
        version,
        machine: _,
        needs: _,
    } in tools
    {
        let found = match (path, version) {
            (None, _) => "missing".to_owned(),
            (Some(path), None) => path.to_string(),
            (Some(_), Some(version)) => version.clone(),
        };
        let tool = format!(
            "{}: {found} (for {} {})",
            want.tool, want.package, want.version
        );
        line(&mut text, "tool", &tool);
    }
    if !targets.is_empty() {
        text.push_str("targets\n");
    }
    let width = targets
        .iter()
        .map(|health| health.target.to_string().len())
        .max()
        .unwrap_or(0);
    for TargetHealth {
        target,
        state,
        toolchain,
        warnings,
        notes,
        problems: _,
    } in targets
    {
        let style = match state {
            State::Ready => GOOD,
            State::ReadyWithWarnings => CAUTION,
            State::NotReady => BAD,
        };
        let toolchain = toolchain
            .as_ref()
            .map(|toolchain| format!("  {}", printable(toolchain)))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "  {:width$}  {style}{}{style:#}{toolchain}",
            target.to_string(),
            state.name()
        );
        for warning in warnings {
            let warning = printable(warning);
            let _ = writeln!(text, "    {CAUTION}warning{CAUTION:#}: {warning}");
        }
        for note in notes {
            let _ = writeln!(text, "    note: {}", printable(note));
        }
    }
    let all = problems
        .iter()
        .chain(targets.iter().flat_map(|target| &target.problems));
    // Several targets may have the same problem; it is shown once.
    let rendered: Vec<String> = all.map(problem).collect();
    for (index, problem) in rendered
        .iter()
        .enumerate()
        .filter(|(index, problem)| !rendered[..*index].contains(problem))
    {
        let _ = write!(text, "{}{problem}", if index == 0 { "\n" } else { "" });
    }
    text
}

/// Formats the compilers of a machine, and below them what the probes found.
pub fn compilers(check: &CompilerCheck) -> String {
    let CompilerCheck {
        host: _,
        image,
        rustc,
        compilers,
    } = check;
    if compilers.is_empty() && image.is_some() {
        return "the image has no C compiler for this target\n".to_owned();
    }
    let mut text = lines(&compiler_table(compilers)).replace("\n  ", "\n");
    if let Some(first) = text.strip_prefix("  ") {
        text = first.to_owned();
    }
    if compilers.is_empty() {
        text.push_str("no C compiler is on PATH\n");
    }
    if let Some(RustcCheck { release, answers }) = rustc {
        let _ = writeln!(text, "rustc {release}: {}", summary(answers));
    }
    for (program, answer, verdict) in check.findings() {
        let (style, why) = match verdict {
            Verdict::Affected { evidence } => (BAD, evidence),
            Verdict::Inconclusive { why } => (CAUTION, why),
            Verdict::Ok => continue,
        };
        let _ = writeln!(
            text,
            "\n{style}{}[{}]{style:#}: `{}`: {}\n  help: see what it means and what avoids it: `cargo \
             xpkg --explain {}`",
            verdict.name(),
            answer.probe,
            printable(program),
            printable(why),
            answer.probe,
        );
    }
    text
}

/// Returns a table of compilers with the verdicts of the probes.
fn compiler_table(compilers: &[CompilerHealth]) -> Table {
    let mut table = plain_table();
    for CompilerHealth {
        compiler,
        aliases,
        report,
    } in compilers
    {
        let names: Vec<&str> = std::iter::once(compiler.program.as_str())
            .chain(aliases.iter().map(String::as_str))
            .take(2)
            .collect();
        let verdict = report.as_ref().map_or_else(
            || "not probed".to_owned(),
            |report| summary(&report.answers),
        );
        add_row(
            &mut table,
            [
                format!("  {}{}", names.join(", "), more_names(aliases)),
                compiler.machine.clone().unwrap_or_else(|| "?".to_owned()),
                compiler
                    .version
                    .clone()
                    .unwrap_or_else(|| "unknown version".to_owned()),
                verdict,
            ],
        );
    }
    table
}

/// Returns the verdicts of the probes with their own flags: those that are not ok by name, the
/// others by their number.
fn summary(answers: &[Answer]) -> String {
    let (ok, others): (Vec<&Answer>, Vec<&Answer>) = answers
        .iter()
        .partition(|answer| answer.baseline == Verdict::Ok);
    // One reason may leave several probes without an answer.
    let is_first = |index: usize, answer: &Answer| {
        others[..index]
            .iter()
            .all(|other| other.baseline != answer.baseline)
    };
    let named = others
        .iter()
        .enumerate()
        .filter(|(index, answer)| is_first(*index, answer))
        .map(|(_, answer)| answer)
        .map(|answer| format!("{} {}", answer.probe, answer.baseline.name()));
    let number = (!ok.is_empty()).then(|| match (others.is_empty(), ok.len()) {
        (true, 1) => "1 probe ok".to_owned(),
        (true, number) => format!("{number} probes ok"),
        (false, number) => format!("{number} ok"),
    });
    named.chain(number).collect::<Vec<_>>().join(", ")
}

/// Returns the number of names beyond the two that are shown: ` (+2)`.
fn more_names(aliases: &[String]) -> String {
    if aliases.len() > 1 {
        format!(" (+{})", aliases.len() - 1)
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_that_are_not_ok_have_the_names_of_their_probes() {
        let answer = |probe: &str, baseline| Answer {
            probe: probe.to_owned(),
            baseline,
            with_build_flags: [].into(),
            at_runtime: None,
            workaround: None,
        };
        let affected = Verdict::Affected {
            evidence: String::new(),
        };
        let ok = || answer("gcc-1", Verdict::Ok);
        assert_eq!(summary(&[ok()]), "1 probe ok");
        assert_eq!(summary(&[ok(), ok()]), "2 probes ok");
        let bad = answer("gcc-2", affected);
        assert_eq!(summary(&[ok(), bad, ok()]), "gcc-2 affected, 2 ok");
    }
}
