//! Text for one line of a message: lists, counts, and characters that a terminal would act on.

use std::ops::RangeInclusive;

/// Characters that are not seen, or turn the text around them, and are no control characters: a
/// name with one looks like another name (CVE-2021-42574).
const UNSEEN: &[RangeInclusive<char>] = &[
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

/// Text on one line that does nothing to a terminal: what is not seen is written out (`\n`,
/// `\u{1b}`).
pub fn printable(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut printed, c| {
            if is_unseen(c) {
                printed.extend(c.escape_default());
            } else {
                printed.push(c);
            }
            printed
        })
}

/// Returns true for characters that are not seen, or change how others are shown.
pub fn is_unseen(c: char) -> bool {
    c.is_control() || UNSEEN.iter().any(|range| range.contains(&c))
}

/// `` `a`, `b` and `c` ``.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// `1 bin`, `2 bins`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}
