//! Text within one line of a message: lists, counts, and escaped control characters.

use std::ops::RangeInclusive;

/// Invisible and bidirectional format characters, which are not control characters. A name with one
/// looks like another name (CVE-2021-42574).
const INVISIBLE: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{e007f}',
];

/// Escapes control and invisible characters (`\n`, `\u{1b}`), so that text stays on one line and
/// cannot control a terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut printed, c| {
            if is_invisible(c) {
                printed.extend(c.escape_default());
            } else {
                printed.push(c);
            }
            printed
        })
}

/// Returns true for characters that are invisible, or change how others are displayed.
pub fn is_invisible(c: char) -> bool {
    c.is_control() || INVISIBLE.iter().any(|range| range.contains(&c))
}

/// Formats names as a list: `` `a`, `b` and `c` ``.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Formats a number with its noun: `1 bin`, `2 bins`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}
