//! What can go wrong, in one shape: a stable code, what and where, why, and a way out.
//!
//! The only error type of the program. It knows nothing of the screen (`ui` renders it) and nothing
//! of exit codes but the two ways to fail that [`Failure`] tells apart.

pub mod code;
pub mod render;
pub mod style;
pub mod text;

use serde::Serialize;

use crate::problem::code::Code;

/// A labelled block of lines under the message: `tried:`, `cause:`, `left out:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    pub label: String,
    pub lines: Vec<String>,
}

/// One problem, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub code: Code,
    /// Lower case, no full stop, names in backticks.
    pub message: String,
    pub notes: Vec<Note>,
    /// Instructions; a command in them works when pasted.
    pub help: Vec<String>,
}

impl Problem {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    pub fn note(
        mut self,
        label: impl Into<String>,
        lines: impl IntoIterator<Item = String>,
    ) -> Self {
        let lines: Vec<String> = lines.into_iter().collect();
        if !lines.is_empty() {
            self.notes.push(Note {
                label: label.into(),
                lines,
            });
        }
        self
    }

    /// What a program said before it failed, line by line.
    pub fn cause(self, text: &str) -> Self {
        let lines: Vec<String> = text.trim().lines().map(str::to_owned).collect();
        self.note("cause", lines)
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// Why a command ends badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// To be told by us; exit code 1.
    Problems(Vec<Problem>),
    /// The child has told its problem itself; its exit code is passed on.
    ChildFailed(u8),
    /// The report on stdout tells it; exit code 1.
    AlreadyReported,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}

pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// The known name nearest to a misspelt one, if any is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= name.len().max(candidate.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(
            nearest("chat-sever", ["bot-server", "chat-server"]),
            Some("chat-server")
        );
        assert_eq!(nearest("zzz", ["bot-server", "chat-server"]), None);
    }
}
