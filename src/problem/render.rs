//! Formats a problem for the terminal.

use std::fmt::Write as _;

use crate::problem::Problem;
use crate::problem::style::{BAD, NOTE, STRONG};

/// Formats `error[code]: …` with its notes and help, aligned.
pub fn problem(problem: &Problem) -> String {
    let Problem {
        code,
        message,
        notes,
        help,
    } = problem;
    let mut text = format!(
        "{BAD}error[{}]{BAD:#}{STRONG}: {message}{STRONG:#}\n",
        code.name()
    );
    for note in notes {
        let label = format!("{}: ", note.label);
        for (index, line) in note.lines.iter().enumerate() {
            let label = if index == 0 {
                label.clone()
            } else {
                " ".repeat(label.len())
            };
            let _ = writeln!(text, "  {label}{line}");
        }
    }
    for help in help {
        let _ = writeln!(text, "  {NOTE}help{NOTE:#}: {help}");
    }
    text
}
