//! Parsing of documents that come from outside, manifests and releases, and checks of their single
//! fields.
//!
//! Pure. A field that becomes a path, a name or an argument has exactly the form that it is written
//! in; any other text is free of characters that a terminal would not show.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::text::{is_invisible, printable};
use crate::project::path_template::path_fault;

/// Largest size of a file in bytes: integers up to this one are exact in every reader of JSON.
pub const LARGEST_SIZE: u64 = (1 << 53) - 1;

/// Parses a document of one schema version without characters that cannot be seen.
///
/// # Errors
/// The reason as a clause.
pub fn parse<T: DeserializeOwned>(text: &str, version: u32) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: u32,
    }
    let Version { schema_version } =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    if schema_version != version {
        return Err(format!(
            "it has schema version {schema_version}, this xpkg reads {version}"
        ));
    }
    strict(text)
}

/// Parses a document without characters that cannot be seen.
///
/// # Errors
/// The reason as a clause.
pub fn strict<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some(hidden) = invisible(&document) {
        return Err(format!(
            "`{}` has characters that cannot be seen",
            excerpt(hidden)
        ));
    }
    // Not from `document`, which has lost the lines for error messages.
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Fails unless a field has its form: `place` is the field, `form` a noun phrase.
///
/// # Errors
/// The reason, with the beginning of the value, escaped.
pub fn must(is_valid: bool, place: &str, value: &str, form: &str) -> Result<(), String> {
    if is_valid {
        return Ok(());
    }
    Err(format!("{place} is `{}`, not {form}", excerpt(value)))
}

/// Checks an entry of a list of files: its path stays below the list's directory and is new among
/// `seen`, and its digest is a SHA-256. `what` is a noun for messages.
///
/// # Errors
/// The reason.
pub fn list_entry<'a>(
    seen: &mut BTreeSet<&'a str>,
    what: &str,
    path: &'a str,
    sha256: &str,
) -> Result<(), String> {
    let shown = || format!("the {what} `{}`", excerpt(path));
    if let Some(fault) = path_fault(path) {
        return Err(format!("{} is not below it: {fault}", shown()));
    }
    if !seen.insert(path) {
        return Err(format!("{} is listed twice", shown()));
    }
    let place = format!("the digest of {}", shown());
    must(is_hex(sha256, 64), &place, sha256, "64 hex digits")
}

/// Returns the beginning of a text, escaped, for messages.
pub fn excerpt(value: &str) -> String {
    const SHOWN: usize = 60;
    let mut chars = value.chars();
    let shown: String = chars.by_ref().take(SHOWN).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    printable(&shown) + more
}

/// Returns true for this number of lower-case hex digits.
pub fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Returns true for `sha256:` and 64 lower-case hex digits.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|digits| is_hex(digits, 64))
}

/// Returns true for the full hash of a commit, of SHA-1 or SHA-256.
pub fn is_commit(text: &str) -> bool {
    is_hex(text, 40) || is_hex(text, 64)
}

/// Returns true for a word of letters, digits and some signs that begins with a letter, a digit or
/// `_`: no path, and no option of a program.
pub fn is_word(text: &str, signs: &[char]) -> bool {
    let is_first = |c: char| c.is_alphanumeric() || c == '_';
    text.starts_with(is_first) && text.chars().all(|c| is_first(c) || signs.contains(&c))
}

/// Returns true for a name that is one component of a path, and no option of a program.
pub fn is_component(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text != "."
        && text != ".."
        && !text
            .chars()
            .any(|c| is_invisible(c) || matches!(c, '/' | '\\'))
}

/// Returns true for a mode that is written with four octal digits, without setuid and the like.
pub fn is_mode(text: &str) -> bool {
    text.len() == 4 && text.starts_with('0') && text.bytes().all(|b| (b'0'..=b'7').contains(&b))
}

/// Returns a text of a document, a key or a value, with characters that cannot be seen.
pub fn invisible(value: &Value) -> Option<&str> {
    let hidden = |text: &str| text.chars().any(is_invisible);
    match value {
        Value::String(text) => Some(text.as_str()).filter(|text| hidden(text)),
        Value::Array(values) => values.iter().find_map(invisible),
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            Some(key.as_str())
                .filter(|key| hidden(key))
                .or_else(|| invisible(value))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Escapes the invisible characters in the strings of a JSON document, so that [`invisible`] finds
/// none when it is read again: `\n` becomes a backslash and an `n`. Text of other programs, such as
/// the version line of a compiler, may have them.
pub fn visible(json: &str) -> String {
    let mut visible = String::with_capacity(json.len());
    let mut in_string = false;
    let mut chars = json.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next().unwrap_or('\\');
                if matches!(escaped, '"' | '\\' | '/') {
                    visible.push('\\');
                } else {
                    // A control character, as JSON writes it.
                    visible.push_str("\\\\");
                }
                visible.push(escaped);
            }
            c if in_string && is_invisible(c) => {
                visible.push('\\');
                visible.extend(c.escape_unicode());
            }
            c => {
                in_string ^= c == '"';
                visible.push(c);
            }
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_neither_paths_nor_options() {
        for name in ["app", "my app", "übung", "a.b", "a-b", "c++"] {
            assert!(is_component(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "-o",
            "a\nb",
            "a\u{202e}b",
            "\u{7f}",
        ] {
            assert!(!is_component(name), "{name:?}");
        }
        assert!(is_word("1.2.3-rc.1+x_y", &['.', '-', '+']));
        for text in ["", "-1", ".1", "1/2", "1 2", "1\n"] {
            assert!(!is_word(text, &['.', '-', '+']), "{text:?}");
        }
    }

    #[test]
    fn digits_are_lower_case_hex_of_one_length() {
        assert!(is_commit(&"0a".repeat(20)) && is_commit(&"0a".repeat(32)));
        for text in ["", "HEAD", "--output=x", &"0A".repeat(20), &"0a".repeat(19)] {
            assert!(!is_commit(text), "{text}");
        }
        assert!(is_digest(&format!("sha256:{}", "0a".repeat(32))));
        assert!(!is_digest(&"0a".repeat(32)));
        assert!(is_mode("0755"));
        for text in ["755", "4755", "0758", "07555", ""] {
            assert!(!is_mode(text), "{text}");
        }
    }

    #[test]
    fn what_is_written_visibly_is_read_without_finding_anything() {
        let value = serde_json::json!({
            "a": "x\n\t\u{1b}[1m\u{202e}\u{7f}\u{e0001}", "b": ["\"\\/\\\\n\"", "plain"]
        });
        assert_eq!(
            invisible(&value),
            Some("x\n\t\u{1b}[1m\u{202e}\u{7f}\u{e0001}")
        );
        let json = visible(&serde_json::to_string_pretty(&value).unwrap());
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "a": "x\\n\\t\\u001b[1m\\u{202e}\\u{7f}\\u{e0001}", "b": ["\"\\/\\\\n\"", "plain"]
            })
        );
        assert_eq!(invisible(&read), None);
        assert_eq!(
            invisible(&serde_json::json!({"a\u{9b}": 1})),
            Some("a\u{9b}")
        );
    }
}
