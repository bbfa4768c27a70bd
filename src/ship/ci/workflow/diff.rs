//! The difference of two texts, line by line. Pure.

/// Lines around a change.
const CONTEXT: usize = 2;

/// Most lines of a difference.
const LONGEST: usize = 40;

/// Largest product of the numbers of lines, each of which takes 8 bytes: a file may have been edited
/// by anybody.
const MOST: usize = 4_000_000;

/// A line of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Both(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// Returns the lines that change an old text into a new one, with `-` and `+`, and lines around
/// them; `…` for those in between.
pub fn diff(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old.len().saturating_mul(new.len()) > MOST {
        let (old, new) = (old.len(), new.len());
        return vec![format!("{old} lines, and {new} would be written")];
    }
    let lines = script(&old, &new);
    let is_change = |line: &Line| !matches!(line, Line::Both(_));
    let is_near = |at: usize| {
        let near = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(lines.len());
        lines[near].iter().any(is_change)
    };
    let mut shown: Vec<String> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if is_near(at) {
            shown.push(match line {
                Line::Both(text) => format!("  {text}").trim_end().to_owned(),
                Line::Old(text) => format!("- {text}"),
                Line::New(text) => format!("+ {text}"),
            });
        } else if shown.last().is_none_or(|line| line != "…") {
            shown.push("…".to_owned());
        }
    }
    let more = shown.len().saturating_sub(LONGEST);
    if more > 0 {
        shown.truncate(LONGEST);
        shown.push(format!("and {more} more lines"));
    }
    shown
}

/// Returns all lines of both texts, by their longest common subsequence.
fn script<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    // Length of the longest common subsequence of what is left of both.
    let mut lengths = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            lengths[i][j] = if a == b {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    loop {
        lines.push(match (old.get(i), new.get(j)) {
            (None, None) => return lines,
            (Some(a), Some(b)) if a == b => {
                (i, j) = (i + 1, j + 1);
                Line::Both(a)
            }
            (Some(a), Some(_)) if lengths[i + 1][j] >= lengths[i][j + 1] => {
                i += 1;
                Line::Old(a)
            }
            (_, Some(b)) => {
                j += 1;
                Line::New(b)
            }
            (Some(a), None) => {
                i += 1;
                Line::Old(a)
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_empty_lines_is_not_compared() {
        let found = diff(&"\n".repeat(500_000), &"a\n".repeat(600));
        assert_eq!(found, ["500000 lines, and 600 would be written"]);
        assert_eq!(diff("a\nb\n", "a\nc\n"), ["  a", "- b", "+ c"]);
    }
}
