//! Formats pages of the manual for a terminal.

use comfy_table::{Cell, ColumnConstraint, Width};

use crate::guide::Topic;
use crate::guide::page::{Block, Span, SpanStyle, blocks};
use crate::problem::style::{NOTE, STRONG};
use crate::ui::table::{lines, plain_table};

/// Columns of a page where the terminal is wider, or the output is not a terminal.
const WIDTH: usize = 100;

/// Formats a page: headings in bold, paragraphs wrapped, tables aligned, code indented and
/// unchanged. `width` is that of the terminal, in columns.
pub fn page(text: &str, width: Option<usize>) -> String {
    let width = width.unwrap_or(WIDTH).clamp(20, WIDTH);
    let mut out = String::new();
    write_blocks(&mut out, &blocks(text), "", width);
    out
}

/// Returns the columns of the terminal that stdout is, if it is one.
pub fn terminal_width() -> Option<usize> {
    plain_table()
        .width()
        .map(usize::from)
        .filter(|width| *width > 0)
}

/// Formats the list of topics, below the help of all commands.
pub fn topics(topics: &[Topic]) -> String {
    let mut table = plain_table();
    for topic in topics {
        table.add_row([
            Cell::new(format!("  {}", topic.name)),
            Cell::new(topic.summary()),
        ]);
    }
    format!(
        "{STRONG}Topics{STRONG:#} (`cargo xpkg help TOPIC`):\n{}",
        lines(&table)
    )
}

/// Writes blocks, with a blank line between two of them.
fn write_blocks(out: &mut String, blocks: &[Block], indent: &str, width: usize) {
    for (number, block) in blocks.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        match block {
            Block::Heading { level, text } => {
                let style = if *level < 3 {
                    STRONG.underline()
                } else {
                    STRONG
                };
                let text = crate::guide::page::plain(text);
                out.push_str(&format!("{indent}{style}{text}{style:#}\n"));
            }
            Block::Paragraph(spans) => {
                let options = textwrap::Options::new(width)
                    .initial_indent(indent)
                    .subsequent_indent(indent)
                    .break_words(false)
                    .word_splitter(textwrap::WordSplitter::NoHyphenation);
                out.push_str(&textwrap::fill(&styled(spans), options));
                out.push('\n');
            }
            Block::Code(text) => {
                for line in text.lines() {
                    out.push_str(format!("{indent}    {line}").trim_end());
                    out.push('\n');
                }
            }
            Block::List { first, items } => write_list(out, *first, items, indent, width),
            Block::Table { head, rows } => write_table(out, head, rows, indent, width),
        }
    }
}

/// Writes a table. Words are not broken: a table that is too wide for that is written as a list of
/// its rows.
fn write_table(
    out: &mut String,
    head: &[Vec<Span>],
    rows: &[Vec<Vec<Span>>],
    indent: &str,
    width: usize,
) {
    let words: Vec<usize> = (0..head.len())
        .map(|number| {
            let cells = rows.iter().filter_map(|row| row.get(number));
            let words = cells.chain(head.get(number)).map(|cell| longest_word(cell));
            words.max().unwrap_or_default() + 2
        })
        .collect();
    if indent.len() + words.iter().sum::<usize>() > width + 2 {
        return write_rows(out, head, rows, indent, width);
    }
    let mut table = plain_table();
    let columns = width.saturating_sub(indent.len() + 2 * head.len());
    table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    // The head of a table about one thing may be empty.
    if head.iter().any(|cell| !cell.is_empty()) {
        table.add_row(head.iter().map(|cell| cell_of(cell)));
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| cell_of(cell)));
    }
    for (column, word) in table.column_iter_mut().zip(words) {
        let word = u16::try_from(word).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(word)));
    }
    for line in lines(&table).lines() {
        out.push_str(&format!("{indent}{line}\n"));
    }
}

/// Writes each row of a table as an item: its first cell, and below it the others with the names of
/// their columns.
fn write_rows(
    out: &mut String,
    head: &[Vec<Span>],
    rows: &[Vec<Vec<Span>>],
    indent: &str,
    width: usize,
) {
    for row in rows {
        for (number, (cell, name)) in row.iter().zip(head).enumerate() {
            let (first, text) = if number == 0 {
                (format!("{indent}- "), styled(cell))
            } else {
                (
                    format!("{indent}  "),
                    format!("{}: {}", styled(name), styled(cell)),
                )
            };
            let rest = format!("{indent}    ");
            let options = textwrap::Options::new(width)
                .initial_indent(&first)
                .subsequent_indent(&rest)
                .break_words(false)
                .word_splitter(textwrap::WordSplitter::NoHyphenation);
            out.push_str(&textwrap::fill(&text, options));
            out.push('\n');
        }
    }
}

/// Writes the items of a list, without blank lines between items of one paragraph.
fn write_list(
    out: &mut String,
    first: Option<u64>,
    items: &[Vec<Block>],
    indent: &str,
    width: usize,
) {
    for (number, item) in items.iter().enumerate() {
        let mark = match first {
            Some(first) => format!("{}. ", first + number as u64),
            None => "- ".to_owned(),
        };
        let inner = format!("{indent}{}", " ".repeat(mark.len()));
        let mut text = String::new();
        write_blocks(&mut text, item, &inner, width);
        out.push_str(indent);
        out.push_str(&mark);
        out.push_str(text.get(inner.len()..).unwrap_or_default());
        if item.len() > 1 && number + 1 < items.len() {
            out.push('\n');
        }
    }
}

/// Returns the columns of a cell's longest word.
fn longest_word(spans: &[Span]) -> usize {
    let text = cell_text(spans);
    let words = text.split(' ').map(textwrap::core::display_width);
    words.max().unwrap_or_default()
}

/// Returns a cell of a table.
fn cell_of(spans: &[Span]) -> Cell {
    Cell::new(cell_text(spans))
}

/// Returns the text of a cell, without styles: they would break where it is wrapped.
fn cell_text(spans: &[Span]) -> String {
    let texts = spans.iter().map(|span| match span.style {
        SpanStyle::Code => format!("`{}`", span.text),
        SpanStyle::Plain | SpanStyle::Strong => span.text.clone(),
    });
    texts.collect()
}

/// Returns the text of spans with styles. Code keeps its backticks, which a pipe shows, too.
fn styled(spans: &[Span]) -> String {
    let texts = spans.iter().map(|span| match span.style {
        SpanStyle::Plain => span.text.clone(),
        SpanStyle::Code => format!("{NOTE}`{}`{NOTE:#}", span.text),
        SpanStyle::Strong => format!("{STRONG}{}{STRONG:#}", span.text),
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_wrapped_aligned_and_indented() {
        let text = "# Title\n\nA paragraph of `code` and\n**more** words than one line of this \
                    width holds.\n\n- one item\n- another item that is longer than the width\n\n  \
                    ```sh\n  code\n  ```\n\n| a | long |\n|---|---|\n| x | some words that are \
                    wrapped here |\n\n1. first\n2. second\n\n| a | wide |\n|---|---|\n| \
                    x | `a-word-that-no-column-of-this-width-holds` |\n";
        let printed = anstream::adapter::strip_str(&page(text, Some(30))).to_string();
        snapbox::assert_data_eq!(
            printed,
            snapbox::str![[r#"
Title

A paragraph of `code` and more
words than one line of this
width holds.

- one item
- another item that is longer
  than the width

      code

a  long
x  some words that are
   wrapped here

1. first
2. second

- x
  wide:
    `a-word-that-no-column-of-this-width-holds`

"#]]
        );
    }
}
