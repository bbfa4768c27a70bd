//! Formats the report of `verify`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::CellAlignment;

use crate::problem::style::{BAD, CAUTION, GOOD, NOTE, STRONG};
use crate::problem::text::size;
use crate::problem::text::{count, printable};
use crate::ui::table::{lines, plain_table};
use crate::verify::finding::{Finding, clause};
use crate::verify::report::{FileReport, Report, Signed, Skipped};

/// Formats a report: the programs, the findings, and last the verdict, which stays visible in a
/// terminal.
pub fn verification(report: &Report) -> String {
    let Report {
        schema_version: _,
        subject,
        kind: _,
        policy,
        listed_by: _,
        lists,
        signed,
        digests,
        files,
        findings,
        accepted,
        skipped,
        fence,
        audit,
    } = report;
    let mut text = programs(files);
    for group in grouped(findings) {
        text.push('\n');
        text.push_str(&findings_of_one_code(&group));
    }
    let accepted_findings: Vec<Finding> = accepted
        .iter()
        .map(|accepted| accepted.finding.clone())
        .collect();
    for group in grouped(&accepted_findings) {
        let code = group[0].code;
        let _ = writeln!(
            text,
            "\n{CAUTION}accepted[{}]{CAUTION:#}{STRONG}: {}{STRONG:#}",
            code.name(),
            code.info().title
        );
        for accepted in accepted
            .iter()
            .filter(|accepted| accepted.finding.code == code)
        {
            let _ = writeln!(
                text,
                "  {}\n    reason: {}",
                finding_line(&accepted.finding),
                printable(&accepted.reason)
            );
        }
    }
    if !skipped.is_empty() {
        let _ = writeln!(text, "\n{NOTE}not checked{NOTE:#}");
    }
    for Skipped { path, what, why } in skipped {
        let _ = writeln!(
            text,
            "  {}: {}: {}",
            printable(path),
            printable(what),
            printable(why)
        );
    }
    if let Some(fence) = fence {
        let _ = writeln!(text, "\n{}", printable(&fence.describe()));
    }
    if let Some(audit) = audit {
        let _ = writeln!(text, "\n{}", printable(&audit.describe()));
    }
    for Signed {
        list,
        kind,
        comment,
    } in signed
    {
        let comment = comment
            .as_deref()
            .map(|text| format!(", `{}`", printable(text)));
        let _ = writeln!(
            text,
            "\n{GOOD}signed{GOOD:#}: `{}` by {}{}",
            printable(list),
            kind.name(),
            comment.unwrap_or_default()
        );
    }
    let (style, verdict) = if findings.is_empty() {
        (GOOD, "passed")
    } else {
        (BAD, "failed")
    };
    let list = match lists.as_slice() {
        [] => "nothing".to_owned(),
        [list] => format!("`{}`", printable(list)),
        [list, more @ ..] => format!("`{}` and {} more", printable(list), more.len()),
    };
    let _ = writeln!(
        text,
        "{}{style}{verdict}{style:#}: `{}`, policy `{}`, listed by {list}: {}, {} of {} \
         compared, {}, {} accepted, {} not checked",
        if text.is_empty() { "" } else { "\n" },
        printable(subject),
        printable(policy),
        count(files.len(), "program"),
        digests.compared,
        count(digests.files, "file"),
        count(findings.len(), "finding"),
        accepted.len(),
        skipped.len()
    );
    text
}

/// Formats the programs as a table.
fn programs(files: &[FileReport]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let ran = files.iter().any(|file| file.ran.is_some());
    let mut table = plain_table();
    let head = ["file", "target", "size", "linkage", "glibc", "sha256"];
    table.set_header(head.into_iter().chain(ran.then_some("ran")));
    for FileReport {
        path,
        size: bytes,
        sha256,
        target,
        binary,
        ran: run_result,
        runtime,
        is_packed: _,
        expected: _,
    } in files
    {
        let floor = binary
            .as_ref()
            .and_then(|binary| binary.glibc_floor.as_ref());
        let or_none = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), printable);
        let cells = [
            printable(path),
            or_none(target.as_deref()),
            size(*bytes),
            binary
                .as_ref()
                .map_or("unread", |binary| binary.linkage.name())
                .to_owned(),
            or_none(floor.map(|floor| floor.version.as_str())),
            sha256.chars().take(12).collect(),
        ];
        let started = match (run_result, runtime) {
            (Some(arguments), Some(runtime)) => Some(format!("{arguments} by {runtime}")),
            (arguments, _) => arguments.clone(),
        };
        table.add_row(
            cells
                .into_iter()
                .chain(ran.then(|| or_none(started.as_deref()))),
        );
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    lines(&table)
}

/// Groups findings by code, in the order of first occurrence: one problem in forty files is one
/// block.
fn grouped(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        match groups
            .iter_mut()
            .find(|group| group[0].code == finding.code)
        {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

/// Formats the findings of one code like a problem: one line per file, each help line once.
fn findings_of_one_code(group: &[&Finding]) -> String {
    let info = group[0].code.info();
    let mut text = format!(
        "{BAD}error[{}]{BAD:#}{STRONG}: {}{STRONG:#}\n",
        info.name, info.title
    );
    for finding in group {
        let _ = writeln!(text, "  {}", finding_line(finding));
    }
    let help_lines: BTreeSet<&str> = group
        .iter()
        .map(|finding| finding.help.as_str())
        .filter(|help| !help.is_empty())
        .collect();
    for help in help_lines {
        let _ = writeln!(text, "  {NOTE}help{NOTE:#}: {}", printable(help));
    }
    text
}

/// Formats one finding: `path: found, expected …`.
fn finding_line(finding: &Finding) -> String {
    format!(
        "{}: {}",
        finding
            .path
            .as_deref()
            .map_or_else(|| "(all)".to_owned(), printable),
        clause(finding)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;
    use crate::problem::render::problem;
    use crate::toolchain::choose::NO_LINKER;
    use crate::verify::finding::tests::{finding, hostile, small};
    use crate::verify::report::DigestCount;
    use crate::verify::rules::hardening::NOT_STRIPPED;

    #[test]
    fn a_problem_has_one_shape() {
        let sample = Problem::new(NO_LINKER, "no linker found for `t`")
            .note(
                "tried",
                [
                    "gcc  `t-gcc` is not on PATH".to_owned(),
                    "zig  is not installed".to_owned(),
                ],
            )
            .help("install a cross compiler");
        let plain = anstream::adapter::strip_str(&problem(&sample)).to_string();
        assert_eq!(
            plain,
            "error[no-linker]: no linker found for `t`\n  tried: gcc  `t-gcc` is not on \
             PATH\n         zig  is not installed\n  help: install a cross compiler\n"
        );
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(
            [0, 999, 1000, 1_048_576, 3_221_225_472].map(size),
            ["0 B", "999 B", "1.0 KiB", "1.0 MiB", "3.0 GiB"]
        );
    }

    fn plain(report: &Report) -> String {
        anstream::adapter::strip_str(&verification(report)).to_string()
    }

    #[test]
    fn a_verification_shows_programs_findings_and_verdict() {
        let report = Report {
            findings: vec![
                finding(NOT_STRIPPED, Some("x86/app")),
                small().findings.remove(0),
            ],
            ..small()
        };
        let expected = "\
file     target     size  linkage  glibc  sha256
arm/app  -       2.0 KiB  unread   -      0123456789ab
x86/app  -       2.0 KiB  unread   -      0123456789ab

error[not-stripped]: a program carries debug information or symbols
  x86/app: debug sections, expected none
  arm/app: debug sections, expected none
  help: `strip = \"symbols\"`

accepted[home-leak]: a program contains paths of its builder's home
  x86/app: debug sections, expected none
    reason: a path of CI

not checked
  x86/app: --run: no qemu

failed: `dist`, policy `default`, listed by `manifest.json` and 1 more: 2 programs, 2 of 3 files compared, 2 findings, 1 accepted, 1 not checked
";
        assert_eq!(plain(&report), expected);
    }

    #[test]
    fn a_verification_of_nothing_is_its_verdict() {
        let empty = Report {
            files: vec![],
            findings: vec![],
            accepted: vec![],
            skipped: vec![],
            fence: None,
            audit: None,
            listed_by: None,
            lists: vec![],
            signed: vec![],
            digests: DigestCount::default(),
            ..small()
        };
        assert_eq!(
            plain(&empty),
            "passed: `dist`, policy `default`, listed by nothing: 0 programs, 0 of 0 files \
             compared, 0 findings, 0 accepted, 0 not checked\n"
        );
    }

    #[test]
    fn no_name_of_a_verification_reaches_the_terminal_or_another_line() {
        let report = hostile();
        let styled = verification(&report);
        let text = anstream::adapter::strip_str(&styled).to_string();
        assert!(
            text.chars()
                .all(|c| c == '\n' || printable(&c.to_string()).chars().eq([c])),
            "an invisible character"
        );
        // The stripper removes every escape sequence; only styles may have been removed.
        assert!(styled.split('\u{1b}').skip(1).all(|rest| {
            rest.starts_with('[')
                && rest[1..]
                    .trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                    .starts_with('m')
        }));
        let files = report.files.len();
        assert_eq!(
            text.lines().filter(|line| line.contains("error[")).count(),
            1
        );
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("    reason: "))
                .count(),
            files
        );
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("  help: "))
                .count(),
            files - 1,
            "every help line that is not empty"
        );
    }
}
