//! GitHub-flavored Markdown for `$GITHUB_STEP_SUMMARY`: the verdict first, then the findings.
//!
//! A name in a cell can be anything, so every character that Markdown or HTML might interpret is
//! written as a numeric character reference.

use std::fmt::Write as _;

use crate::problem::text::{count, printable};
use crate::verify::finding::Finding;
use crate::verify::report::Report;

/// Maximum size of the rows of one table, in bytes. GitHub drops the summary of a step if it is
/// over 1 MiB; the four tables stay well below that, as the step may write more.
const LONGEST_TABLE: usize = 192 * 1024;

/// Maximum length of a cell, in characters.
const LONGEST_CELL: usize = 300;

/// Returns the report as Markdown, with a line feed at its end.
pub fn summary(report: &Report) -> String {
    let Report {
        schema_version: _,
        subject,
        kind: _,
        policy,
        listed_by: _,
        lists,
        signed: _,
        digests,
        files,
        findings,
        accepted,
        skipped,
        fence,
        audit,
    } = report;
    let verdict = if findings.is_empty() {
        "passed"
    } else {
        "failed"
    };
    let mut text = format!(
        "**{verdict}**: {} under policy {}",
        code(subject),
        code(policy)
    );
    let lists = match lists.as_slice() {
        [] => "no list".to_owned(),
        [list] => format!("listed by {}", code(list)),
        [list, more @ ..] => format!("listed by {} and {} more", code(list), more.len()),
    };
    let _ = writeln!(
        text,
        ", {lists}; programs: {}, digests compared: {} of {}, findings: {}, accepted: {}, not checked: {}",
        files.len(),
        digests.compared,
        count(digests.files, "file"),
        findings.len(),
        accepted.len(),
        skipped.len()
    );

    let row = |finding: &Finding| {
        let Finding {
            code: name,
            path,
            target: _,
            found,
            expected,
            help,
            advisory: _,
        } = finding;
        vec![
            code(name.name()),
            path.as_deref().map_or_else(|| "(all)".to_owned(), code),
            cell(found),
            cell(expected),
            cell(help),
        ]
    };
    text += &table(
        "Findings",
        &["code", "file", "found", "expected", "help"],
        findings.iter().map(row),
    );
    let accepted_rows = accepted.iter().map(|accepted| {
        let mut cells = row(&accepted.finding);
        cells.truncate(4);
        cells.push(cell(&accepted.reason));
        cells
    });
    text += &table(
        "Accepted",
        &["code", "file", "found", "expected", "reason"],
        accepted_rows,
    );
    let skipped_rows = skipped
        .iter()
        .map(|skipped| vec![code(&skipped.path), cell(&skipped.what), cell(&skipped.why)]);
    text += &table("Not checked", &["file", "what", "why"], skipped_rows);
    if let Some(fence) = fence {
        let _ = writeln!(text, "\n{}", cell(&fence.describe()));
    }
    if let Some(audit) = audit {
        let _ = writeln!(text, "\n{}", cell(&audit.describe()));
    }
    if !files.is_empty() {
        let rows = files.iter().map(|file| {
            let binary = file.binary.as_ref();
            let floor = binary.and_then(|binary| binary.glibc_floor.as_ref());
            vec![
                code(&file.path),
                file.target.as_deref().map_or_else(|| "-".to_owned(), code),
                file.size.to_string(),
                cell(binary.map_or("unread", |binary| binary.linkage.name())),
                floor.map_or_else(|| "-".to_owned(), |floor| cell(&floor.version)),
                code(&file.sha256),
            ]
        });
        // Without empty lines around it, a table between the tags is not parsed as one.
        let _ = write!(
            text,
            "\n<details><summary>Programs: {}</summary>\n",
            files.len()
        );
        text += &table(
            "",
            &["file", "target", "bytes", "linkage", "glibc", "sha256"],
            rows,
        );
        text.push_str("\n</details>\n");
    }
    text
}

/// Returns a heading and a table, cut to [`LONGEST_TABLE`]; nothing if there are no rows.
pub fn table(
    heading: &str,
    columns: &[&str],
    rows: impl ExactSizeIterator<Item = Vec<String>>,
) -> String {
    let number = rows.len();
    if number == 0 {
        return String::new();
    }
    let title = if heading.is_empty() {
        String::new()
    } else {
        format!("\n#### {heading}\n")
    };
    let head = format!(
        "{title}\n| {} |\n|{}\n",
        columns.join(" | "),
        " --- |".repeat(columns.len())
    );
    let mut body = String::new();
    let mut shown = 0;
    for cells in rows {
        let line = format!("| {} |\n", cells.join(" | "));
        if body.len() + line.len() > LONGEST_TABLE {
            break;
        }
        body += &line;
        shown += 1;
    }
    let omitted = if shown < number {
        format!("\n… and {} more\n", number - shown)
    } else {
        String::new()
    };
    format!("{head}{body}{omitted}")
}

/// Returns a cell in `<code>`, in which GitHub does not turn `@name` into a mention and `#1` into a
/// link. Backticks would not do: a name cannot be escaped between them.
pub fn code(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("<code>{}</code>", cell(text))
    }
}

/// Escapes a text for any place in Markdown: a numeric character reference is never structure
/// (CommonMark 0.31, 2.5), not even in a table.
pub fn cell(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown = printable(&characters.by_ref().take(LONGEST_CELL).collect::<String>());
    if characters.next().is_some() {
        shown.push('…');
    }
    let is_literal = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || " -/,".contains(c);
    shown.chars().fold(String::new(), |mut escaped, c| {
        if is_literal(c) {
            escaped.push(c);
        } else {
            let _ = write!(escaped, "&#{};", u32::from(c));
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::finding::tests::{HOSTILE, file, finding, hostile, small};
    use crate::verify::integrity::FILE_UNLISTED;

    #[test]
    fn the_verdict_is_first_and_every_part_has_its_table() {
        let text = summary(&small());
        let first = "**failed**: <code>dist</code> under policy <code>default</code>, listed by <code>manifest&#46;json</code> \
                     and 1 more; \
                     programs: 2, digests compared: 2 of 3 files, findings: 2, accepted: 1, not checked: 1";
        assert_eq!(text.lines().next(), Some(first));
        for line in [
            "#### Findings",
            "| code | file | found | expected | help |",
            "| --- | --- | --- | --- | --- |",
            "| <code>not-stripped</code> | <code>arm/app</code> | debug sections | none | \
             &#96;strip &#61; &#34;symbols&#34;&#96; |",
            "| <code>list-unreadable</code> | (all) | debug sections | none | &#96;strip &#61; \
             &#34;symbols&#34;&#96; |",
            "| <code>home-leak</code> | <code>x86/app</code> | debug sections | none | a path of \
             CI |",
            "| <code>x86/app</code> | --run | no qemu |",
            "<details><summary>Programs: 2</summary>",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn nothing_found_is_one_line_and_the_programs() {
        let clean = Report {
            findings: vec![],
            accepted: vec![],
            skipped: vec![],
            fence: None,
            audit: None,
            ..small()
        };
        let text = summary(&clean);
        assert!(
            text.starts_with("**passed**: ") && !text.contains("####"),
            "{text}"
        );
        assert_eq!(
            summary(&Report {
                files: vec![],
                ..clean
            })
            .lines()
            .count(),
            1
        );
    }

    #[test]
    fn no_name_gets_out_of_its_cell() {
        let report = hostile();
        let text = summary(&report);
        // Without our own tags and references, nothing is left that Markdown or HTML interprets.
        for row in text.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
            assert!((3..=6).contains(&cells.len()), "{row}");
            for cell in cells {
                let bare = cell
                    .replace("<code>", "")
                    .replace("</code>", "")
                    .replace("&#", "")
                    .replace(';', "");
                let allowed =
                    |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || " -/,()".contains(c);
                assert!(bare.chars().all(allowed), "{cell}");
            }
        }
        let rows = text.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(
            rows,
            4 * (HOSTILE.len() + 1) + 2 * 4,
            "one line per row, and two per head"
        );
        assert_eq!(text.matches("<details>").count(), 1);
        assert_eq!(text.matches("</details>").count(), 1);
    }

    #[test]
    fn a_cell_is_bounded_and_says_so() {
        assert_eq!(
            cell(&"\u{1f980}".repeat(301)),
            format!("{}…", "\u{1f980}".repeat(300))
        );
        assert_eq!(cell("a|b`<\n"), "a&#124;b&#96;&#60;&#92;n");
    }

    #[test]
    fn a_summary_stays_below_what_github_takes() {
        let many = |number: usize| format!("{}{number}", "\u{1b}".repeat(400));
        let report = Report {
            findings: (0..20_000)
                .map(|number| finding(FILE_UNLISTED, Some(&many(number))))
                .collect(),
            files: (0..20_000).map(|number| file(&many(number))).collect(),
            ..small()
        };
        let text = summary(&report);
        assert!(text.len() < 1024 * 1024, "{}", text.len());
        let left_out: Vec<&str> = text
            .lines()
            .filter(|line| line.ends_with(" more"))
            .collect();
        assert_eq!(left_out.len(), 2, "{left_out:?}");
        let shown = text
            .lines()
            .filter(|line| line.contains("file-unlisted"))
            .count();
        assert_eq!(left_out[0], format!("… and {} more", 20_000 - shown));
    }
}
