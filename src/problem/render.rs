//! Formats a problem for the terminal.

use std::fmt::Write as _;

use crate::problem::Problem;
use crate::problem::style::{BAD, NOTE, STRONG};
use crate::problem::text::printable;

/// Formats `error[code]: …` with its notes and help, aligned.
pub fn problem(problem: &Problem) -> String {
    let Problem {
        code,
        message,
        notes,
        help,
    } = problem;
    let mut text = format!(
        "{BAD}error[{}]{BAD:#}{STRONG}: {}{STRONG:#}\n",
        code.name(),
        block(message, 4)
    );
    for note in notes {
        let label = format!("{}: ", note.label);
        for (index, line) in note.lines.iter().enumerate() {
            let label = if index == 0 {
                printable(&label)
            } else {
                " ".repeat(label.len())
            };
            let _ = writeln!(text, "  {label}{}", printable(line));
        }
    }
    for help in help {
        let _ = writeln!(text, "  {NOTE}help{NOTE:#}: {}", block(help, 8));
    }
    text
}

/// Formats text of several lines with all but the first indented: no line of it can pass for a
/// problem of its own.
fn block(text: &str, indent: usize) -> String {
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::code::NO_SUCH_CODE;

    #[test]
    fn a_text_from_outside_cannot_pass_for_a_problem() {
        let hostile = "a\u{1b}[2J\nerror[not-pie]: b\r\u{202e}c";
        let problem = Problem::new(NO_SUCH_CODE, hostile)
            .note("cause", [hostile.to_owned()])
            .help(hostile);
        let text = anstream::adapter::strip_str(&super::problem(&problem)).to_string();
        assert_eq!(
            text,
            "error[no-such-code]: a\\u{1b}[2J\n    error[not-pie]: b\\r\\u{202e}c\n  cause: \
             a\\u{1b}[2J\\nerror[not-pie]: b\\r\\u{202e}c\n  help: a\\u{1b}[2J\n        \
             error[not-pie]: b\\r\\u{202e}c\n"
        );
    }
}
