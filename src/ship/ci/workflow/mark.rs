//! The last line of a workflow file: who wrote it, and the SHA-256 of all lines above. Pure.

use crate::digest::sha256;

/// Beginning of the last line.
const MARK: &str = "# Written by `cargo xpkg ci init`, to this line: sha256:";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Of `ci init`, unchanged.
    Written,
    /// Of `ci init`, changed since.
    Edited,
    /// Of somebody else.
    Foreign,
}

/// Returns a text with its last line.
pub fn marked(text: &str) -> String {
    format!("{text}{MARK}{}\n", sha256(text.as_bytes()))
}

/// Returns a text without its last line.
pub fn unmarked(text: &str) -> &str {
    text.rfind(MARK).map_or(text, |at| &text[..at])
}

/// Returns a text with the line ends of xpkg: git may check it out with those of Windows.
pub fn normal(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Returns what a file with [`normal`] line ends is. A line below the last one, or another end of
/// it, is an edit, too.
pub fn origin(text: &str) -> Origin {
    let Some(at) = text.rfind(MARK) else {
        return Origin::Foreign;
    };
    if marked(&text[..at]) == text {
        Origin::Written
    } else {
        Origin::Edited
    }
}
