//! Problems of the keys that a workflow is decided from. Pure.

use crate::problem::{Problem, nearest};
use crate::ship::ci::workflow::codes::CI_INCOMPLETE;

/// Returns the problem of a key of `ci`.
pub fn incomplete(message: String, help: &str) -> Problem {
    Problem::new(CI_INCOMPLETE, message).help(help)
}

/// Returns true for characters that no shell and no CI system reads as anything but themselves.
pub fn is_plain(text: &str, signs: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}

/// Returns the problem of a key that is none of the known ones.
pub fn unknown_key(table: &str, key: &str, known: &[&str]) -> Problem {
    let message = format!("`{table}` has a key `{key}`, which is none of them");
    let near = nearest(key, known.iter().copied());
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys are `{}`", known.join("`, `")),
    };
    incomplete(message, &help)
}
