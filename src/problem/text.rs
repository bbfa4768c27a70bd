//! Text within one line of a message: lists, counts, and escaped control characters.

use std::ops::RangeInclusive;

/// Invisible and bidirectional format characters, which are not control characters: Unicode's
/// `Default_Ignorable_Code_Point`, `Bidi_Control`, the separators of lines and the blank Braille
/// pattern. A name with one looks like another name (CVE-2021-42574).
const INVISIBLE: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
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

/// Replaces a directory in a text by a name, where its path ends or goes on below it.
pub fn with_directory_named(text: &str, directory: &str, name: &str) -> String {
    let mut parts = text.split(directory);
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let goes_on =
            part.starts_with(|next: char| next.is_alphanumeric() || "-_.+@~".contains(next));
        named.push_str(if goes_on { directory } else { name });
        named.push_str(part);
    }
    named
}

/// Formats a number with its noun: `1 bin`, `2 bins`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// Formats a size in binary units: `999 B`, `1.0 KiB`.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1000.0 {
            return if unit == "B" {
                format!("{bytes} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1} GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        let text = "a\u{3164}b\u{2800}c\u{fe0f}d\u{e0100}e\u{202e}f\n";
        let expected = r"a\u{3164}b\u{2800}c\u{fe0f}d\u{e0100}e\u{202e}f\n";
        assert_eq!(printable(text), expected);
        assert_eq!(printable("größe 日本 ✓"), "größe 日本 ✓");
    }
}
