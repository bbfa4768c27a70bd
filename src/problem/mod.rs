//! The only error type of the program: a stable code, a message, its causes, and help.
//!
//! Independent of the terminal ([`render`] formats it) and of exit codes, apart from the kinds of
//! failure that [`Failure`] distinguishes.

pub mod code;
pub mod render;
pub mod style;
pub mod text;

use serde::Serialize;

use crate::problem::code::Code;

/// Labeled block of lines below the message: `tried:`, `cause:`, `left out:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Label without its colon.
    pub label: String,
    /// Lines of the block, at least one.
    pub lines: Vec<String>,
}

/// One problem with its explanation and help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code.
    pub code: Code,
    /// Message in lower case without a full stop, with names in backticks.
    pub message: String,
    /// Details below the message.
    pub notes: Vec<Note>,
    /// Instructions; commands in them work when pasted.
    pub help: Vec<String>,
}

impl Problem {
    /// Creates a problem without notes and help.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Adds a note, unless there are no lines.
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

    /// Adds a note `cause` with the output of a failed program, line by line.
    pub fn cause(self, text: &str) -> Self {
        // A program may color its output although it is not a terminal.
        let text = anstream::adapter::strip_str(text).to_string();
        let lines: Vec<String> = text.trim().lines().map(str::to_owned).collect();
        self.note("cause", lines)
    }

    /// Adds an instruction.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// Reason why a command fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Problems that xpkg reports; exit code 1.
    Problems(Vec<Problem>),
    /// A child process that reported its problem itself; its exit code is passed on.
    ChildFailed(u8),
    /// A failure that the report on stdout contains; exit code 1.
    AlreadyReported,
    /// All that was asked for is done, and the command that was to follow failed; the report on
    /// stdout contains it. Exit code 3.
    HookFailed(Box<Problem>),
}

impl Failure {
    /// Returns the code of the first problem, or what failed instead.
    pub fn name(&self) -> String {
        match self {
            Self::Problems(problems) => match problems.first() {
                Some(problem) => problem.code.name().to_owned(),
                None => "unknown".to_owned(),
            },
            Self::ChildFailed(code) => format!("exit code {code}"),
            Self::AlreadyReported => "findings".to_owned(),
            Self::HookFailed(problem) => problem.code.name().to_owned(),
        }
    }
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

/// Result whose error is a [`Problem`] by default.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// Returns the known name most similar to a misspelled one, if any is similar enough.
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
    fn the_nearest_name_is_similar() {
        assert_eq!(
            nearest("chat-sever", ["bot-server", "chat-server"]),
            Some("chat-server")
        );
        assert_eq!(nearest("zzz", ["bot-server", "chat-server"]), None);
    }
}
