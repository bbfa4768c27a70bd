//! Formats pages of the manual as man pages of section 7.

use roff::{Inline, Roff, bold, roman};

use crate::guide::Topic;
use crate::guide::page::{Block, Span, SpanStyle, blocks, plain};

/// First line of a page with tables: `man` runs its text through `tbl`.
const PREPROCESSOR: &str = "'\\\" t\n";

/// Formats a topic as a man page, `cargo-xpkg-TOPIC(7)`. `date` is that of the release,
/// `2026-01-31`.
pub fn page(topic: &Topic, version: &str, date: &str) -> String {
    let mut roff = Roff::new();
    let name = format!("cargo-xpkg-{}", topic.name);
    roff.control(
        "TH",
        [
            name.to_uppercase().as_str(),
            "7",
            date,
            &format!("cargo-xpkg {version}"),
            "cargo xpkg",
        ],
    );
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!(
        "{name} - {}",
        topic.summary().trim_end_matches('.')
    ))]);
    roff.control("SH", ["DESCRIPTION"]);
    // Lines that are stretched to the margin are hard to read, and columns too narrow for that.
    roff.control("ad", ["l"]);
    // The title and the summary are in the name.
    let blocks = blocks(topic.text);
    write_blocks(&mut roff, blocks.get(1..).unwrap_or_default());
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("cargo-xpkg"), roman("(1)")]);
    format!("{PREPROCESSOR}{}", tidy(&roff.to_roff()))
}

/// Columns of a line of text in the source of a man page: below 80, as readers count some characters
/// by the length of their escapes.
const COLUMNS: usize = 72;

/// Breaks long lines of text, which readers join again, and removes trailing spaces and line breaks
/// beside vertical space: `mandoc -Tlint` warns of all three. Code keeps its lines.
pub fn tidy(roff: &str) -> String {
    let lines: Vec<&str> = roff.lines().map(str::trim_end).collect();
    let is_space = |line: Option<&&str>| line.is_some_and(|line| [".sp", ""].contains(line));
    let (mut tidy, mut code) = (String::new(), false);
    for (number, line) in lines.iter().enumerate() {
        match *line {
            ".EX" | ".nf" => code = true,
            ".EE" | ".fi" => code = false,
            _ => {}
        }
        let before = number.checked_sub(1).and_then(|number| lines.get(number));
        if *line == ".br" && (is_space(before) || is_space(lines.get(number + 1))) {
            continue;
        }
        // A blank line is vertical space, too.
        if line.is_empty() && !code {
            tidy.push_str(".sp\n");
            continue;
        }
        if code || line.starts_with(['.', '\'']) {
            tidy.push_str(line);
        } else {
            push_wrapped(&mut tidy, line);
        }
        tidy.push('\n');
    }
    tidy
}

/// Writes a line of text, broken at spaces. No piece may begin with a control character.
fn push_wrapped(out: &mut String, line: &str) {
    let mut length = 0;
    for (number, word) in line.split(' ').enumerate() {
        if number > 0 {
            let breaks = length + 1 + word.len() > COLUMNS
                && !word.is_empty()
                && !word.starts_with(['.', '\''])
                && length > 0;
            out.push(if breaks { '\n' } else { ' ' });
            length = if breaks { 0 } else { length + 1 };
        }
        out.push_str(word);
        length += word.len();
    }
}

/// Writes blocks. The first paragraph below a heading or a mark needs no request of its own.
fn write_blocks(roff: &mut Roff, blocks: &[Block]) {
    let mut begun = true;
    for block in blocks {
        match block {
            Block::Heading { level, text } => {
                let request = if *level < 3 { "SH" } else { "SS" };
                let text = plain(text);
                let text = if *level < 3 {
                    text.to_uppercase()
                } else {
                    text
                };
                roff.control(request, [text.as_str()]);
            }
            Block::Paragraph(spans) => {
                if !begun {
                    roff.control("PP", []);
                }
                roff.text(inlines(spans));
            }
            Block::Code(text) => {
                if !begun {
                    roff.control("PP", []);
                }
                roff.control("RS", ["4"]);
                roff.control("EX", []);
                for line in text.lines() {
                    roff.text([roman(line)]);
                }
                roff.control("EE", []);
                roff.control("RE", []);
            }
            Block::List { first, items } => write_list(roff, *first, items),
            Block::Table { head, rows } if is_wide(head, rows) => write_rows(roff, head, rows),
            Block::Table { head, rows } => {
                if !begun {
                    roff.control("PP", []);
                }
                write_table(roff, head, rows);
            }
        }
        begun = matches!(block, Block::Heading { .. });
    }
}

/// Writes a list, each item below its mark.
fn write_list(roff: &mut Roff, first: Option<u64>, items: &[Vec<Block>]) {
    for (number, item) in items.iter().enumerate() {
        match first {
            Some(first) => {
                let mark = format!("{}.", first + number as u64);
                roff.control("IP", [mark.as_str(), "4"]);
            }
            None => {
                roff.control("IP", ["\\(bu", "2"]);
            }
        }
        let (head, rest) = item.split_at(item.len().min(1));
        write_blocks(roff, head);
        if !rest.is_empty() {
            roff.control("RS", []);
            write_blocks(roff, rest);
            roff.control("RE", []);
        }
    }
}

/// Columns up to which a cell of a table stays in one line.
const SHORT: usize = 30;

/// Returns the columns of the longest cell of each column of a table.
fn widths(head: &[Vec<Span>], rows: &[Vec<Vec<Span>>]) -> Vec<usize> {
    let width = |number: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(number))
            .chain(head.get(number));
        let widths = cells.map(|cell| plain(cell).chars().count());
        widths.max().unwrap_or_default()
    };
    (0..head.len()).map(width).collect()
}

/// Returns true for tables that would be wider than a page, or wrapped in columns that are too
/// narrow for their words.
fn is_wide(head: &[Vec<Span>], rows: &[Vec<Vec<Span>>]) -> bool {
    let widths = widths(head, rows);
    let least: usize = widths.iter().map(|width| (*width).min(SHORT) + 3).sum();
    let long = widths.iter().filter(|width| **width > SHORT).count();
    widths.len() > 2 && least > COLUMNS || long > 1
}

/// Writes each row of a wide table as a paragraph, headed by its first cell.
fn write_rows(roff: &mut Roff, head: &[Vec<Span>], rows: &[Vec<Vec<Span>>]) {
    for row in rows {
        let mut cells = row.iter().zip(head);
        let Some((name, _)) = cells.next() else {
            continue;
        };
        roff.control("TP", []);
        roff.text(inlines(name));
        let cells = cells.map(|(cell, head)| format!("{} {}", plain(head), plain(cell)));
        roff.text([roman(cells.collect::<Vec<_>>().join(", "))]);
    }
}

/// Writes a table for `tbl`. The cells of a column with long ones are text blocks, which are
/// wrapped.
fn write_table(roff: &mut Roff, head: &[Vec<Span>], rows: &[Vec<Vec<Span>>]) {
    roff.control("TS", []);
    let short: Vec<bool> = widths(head, rows)
        .iter()
        .map(|width| *width <= SHORT)
        .collect();
    let shown = head.iter().any(|cell| !cell.is_empty());
    let head = shown.then_some(head).into_iter();
    let rows = head.chain(rows.iter().map(Vec::as_slice));
    let formats: Vec<&str> = short
        .iter()
        .map(|short| if *short { "l" } else { "lx" })
        .collect();
    roff.text([roman(format!("{}.", formats.join(" ")))]);
    for row in rows {
        // The pieces of a line: a text block begins and ends at the end of one.
        let mut line = Vec::new();
        for (number, cell) in row.iter().enumerate() {
            if number > 0 {
                line.push(roman("\t"));
            }
            if short[number] {
                line.extend(inlines(cell));
                continue;
            }
            line.push(roman("T{"));
            roff.text(std::mem::take(&mut line));
            if !cell.is_empty() {
                roff.text(inlines(cell));
            }
            line.push(roman("T}"));
        }
        roff.text(line);
    }
    roff.control("TE", []);
}

/// Returns spans as text of man pages: code is bold, as commands and flags are there.
fn inlines(spans: &[Span]) -> Vec<Inline> {
    let inlines = spans.iter().map(|span| match span.style {
        SpanStyle::Plain => roman(span.text.clone()),
        SpanStyle::Code | SpanStyle::Strong => bold(span.text.clone()),
    });
    inlines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_man_page() {
        let topic = Topic {
            name: "one",
            text: "# One thing\n\nWhat one thing is.\n\n## Do it\n\nSay `cargo xpkg`:\n\n```sh\n.x \
                   'y' \\z\n```\n\n- a\n- b\n\n  c\n\n| k | v |\n|---|---|\n| `k` | - |\n",
        };
        snapbox::assert_data_eq!(
            page(&topic, "1.2.3", "2026-01-31"),
            snapbox::str![[r#"
'/" t
.TH CARGO-XPKG-ONE 7 2026-01-31 "cargo-xpkg 1.2.3" "cargo xpkg"
.SH NAME
cargo/-xpkg/-one /- What one thing is
.SH DESCRIPTION
.ad l
What one thing is.
.SH "DO IT"
Say /fBcargo xpkg/fR:
.PP
.RS 4
.EX
/&.x 'y' //z
.EE
.RE
.IP /(bu 2
a
.IP /(bu 2
b
.RS
c
.RE
.PP
.TS
l l.
k	v
/fBk/fR	/-
.TE
.SH "SEE ALSO"
/fBcargo/-xpkg/fR(1)

"#]]
        );
    }
}
