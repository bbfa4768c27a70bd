//! All printing: messages on stderr, data on stdout.
//!
//! Names and texts from outside may contain characters that control a terminal. Everything printed
//! passes [`safe`], which escapes them, except for colors.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::host::codes::FILE_ACCESS;
use crate::problem::style::{CAUTION, GOOD, STRONG};
use crate::problem::text::{is_invisible, printable};
use crate::problem::{Problem, Result, render};

/// Amount of messages on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Status lines, warnings and errors.
    #[default]
    Normal,
    /// Also the commands that are run.
    Verbose {
        /// Number of `-v` flags that cargo is run with.
        cargo: u8,
    },
}

/// Printer of messages on stderr.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shell {
    /// Amount of messages.
    pub verbosity: Verbosity,
    /// `--color`, to be passed on to cargo: `auto`, `always` or `never`.
    pub color: Option<&'static str>,
}

impl Shell {
    /// Prints `      Verb subject`, as cargo does.
    pub fn status(&self, verb: &str, subject: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(&format!(
                "{GOOD}{verb:>12}{GOOD:#} {}\n",
                printable(subject)
            ));
        }
    }

    /// Prints a status line with `--verbose` only.
    pub fn detail(&self, verb: &str, subject: &str) {
        if matches!(self.verbosity, Verbosity::Verbose { .. }) {
            self.status(verb, subject);
        }
    }

    /// Prints a warning: a finding that does not stop the run.
    pub fn warning(&self, code: &str, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(&format!(
                "{CAUTION}warning[{code}]{CAUTION:#}{STRONG}: {}{STRONG:#}\n",
                printable(text)
            ));
        }
    }

    /// Returns a progress bar in bytes, shown on a terminal once the work takes longer than a
    /// second.
    pub fn bar(&self, verb: &str) -> Bar {
        self.counting_bar(verb, "read")
    }

    /// Returns the same for bytes that are sent.
    pub fn sending_bar(&self, verb: &str) -> Bar {
        self.counting_bar(verb, "sent")
    }

    /// Shows at once, on a terminal, what takes time, until the value is dropped.
    pub fn working(&self, verb: &str, subject: &str) -> Working {
        Working(self.is_terminal().then(|| {
            // As `say` does, which the flag `--color` reaches.
            let choice = anstream::AutoStream::choice(&std::io::stderr());
            let prefix = match choice {
                anstream::ColorChoice::Never => format!("{verb:>12}"),
                _ => format!("{GOOD}{verb:>12}{GOOD:#}"),
            };
            let style = ProgressStyle::with_template("{prefix} {msg}");
            let bar = ProgressBar::no_length()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
                .with_prefix(prefix)
                .with_message(printable(subject));
            bar.tick();
            bar
        }))
    }

    fn is_terminal(&self) -> bool {
        self.verbosity != Verbosity::Quiet && std::io::IsTerminal::is_terminal(&std::io::stderr())
    }

    fn counting_bar(&self, verb: &str, done_word: &'static str) -> Bar {
        Bar {
            verb: verb.to_owned(),
            done_word,
            began: Instant::now(),
            done: AtomicU64::new(0),
            bar: self.is_terminal().then(OnceLock::new),
        }
    }

    /// Passes on a line of a child process (cargo, a container engine).
    pub fn pass_on(&self, line: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(&format!("{line}\n"));
        }
    }

    /// Prints problems, at any verbosity.
    pub fn problems(&self, problems: &[Problem]) {
        for problem in problems {
            say(&render::problem(problem));
        }
    }
}

/// Writes a message to stderr.
pub fn say(text: &str) {
    // An error is ignored: if stderr is closed, nobody reads the message.
    let _ = anstream::stderr().write_all(safe(text).as_bytes());
}

/// True while documents on stdout are those of parts of a run, which prints one of its own.
static HELD: AtomicBool = AtomicBool::new(false);

/// Runs a part of a run whose document is not printed.
pub fn without_data<T>(part: impl FnOnce() -> T) -> T {
    HELD.store(true, Ordering::Relaxed);
    let result = part();
    HELD.store(false, Ordering::Relaxed);
    result
}

/// Lets nothing follow the document on stdout, which has the failure, too.
pub fn end_data() {
    HELD.store(true, Ordering::Relaxed);
}

/// Writes data to stdout. A closed pipe is not an error.
///
/// # Errors
/// `file-access`: stdout cannot be written, for example because the disk is full.
pub fn data(text: &str) -> Result<()> {
    if HELD.load(Ordering::Relaxed) {
        return Ok(());
    }
    let mut stdout = anstream::stdout();
    match stdout
        .write_all(safe(text).as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Problem::new(
            FILE_ACCESS,
            format!("cannot write to stdout: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Returns a value as a JSON document. Characters that control a terminal are escaped, as JSON
/// allows for every character of a string.
pub fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("printed values are plain data");
    let mut json = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c != '\n' && is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                json.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            json.push(c);
        }
    }
    json.push('\n');
    json
}

/// Escapes the characters that control a terminal, except for line feeds, tabs and color sequences
/// (`ESC [ … m`).
pub fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = color(rest).unwrap_or(c.len_utf8());
        let (piece, after) = rest.split_at(length);
        if length > c.len_utf8() || c == '\n' || c == '\t' || !is_invisible(c) {
            safe.push_str(piece);
        } else {
            safe.extend(c.escape_default());
        }
        rest = after;
    }
    safe
}

/// Returns the length in bytes of the color sequence that a text begins with.
fn color(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let length = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[length..].starts_with('m').then_some(length + 3)
}

/// Line on a terminal that is there while something takes time.
pub struct Working(Option<ProgressBar>);

impl Working {
    /// Prints something above the line.
    pub fn above(&self, print: impl FnOnce()) {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Progress bar that counts the bytes that are read.
pub struct Bar {
    verb: String,
    /// What was done with the bytes: `read`.
    done_word: &'static str,
    began: Instant,
    done: AtomicU64,
    bar: Option<OnceLock<ProgressBar>>,
}

impl Bar {
    /// Returns the number of bytes that were counted.
    pub fn bytes(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Counts bytes that were just read. May be called from any thread.
    pub fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let Some(slot) = &self.bar else { return };
        if slot.get().is_some() || self.began.elapsed() > Duration::from_secs(1) {
            let bar = slot.get_or_init(|| {
                let word = self.done_word;
                let style = ProgressStyle::with_template(&format!(
                    "{{prefix:>12}} {{decimal_bytes}} {word}, {{decimal_bytes_per_sec}}"
                ));
                ProgressBar::no_length()
                    .with_prefix(self.verb.clone())
                    .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
            });
            bar.set_position(done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.as_ref().and_then(OnceLock::get) {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_controls_are_escaped() {
        for (text, expected) in [
            ("plain\n\ttext", "plain\n\ttext"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m"),
            (
                "\u{1b}[2J\u{1b}]0;title\u{7}",
                "\\u{1b}[2J\\u{1b}]0;title\\u{7}",
            ),
            ("over\rwritten", "over\\rwritten"),
            ("\u{202e}nib\u{9b}", "\\u{202e}nib\\u{9b}"),
            ("\u{1b}[", "\\u{1b}["),
            ("", ""),
        ] {
            assert_eq!(safe(text), expected);
        }
    }

    #[test]
    fn json_stays_json() {
        let text = json(&["a\u{202e}\u{9b}\u{e0001}\n"]);
        assert_eq!(text, "[\n  \"a\\u202e\\u009b\\udb40\\udc01\\n\"\n]\n");
        let back: Vec<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, ["a\u{202e}\u{9b}\u{e0001}\n"]);
        assert_eq!(safe(&text), text);
    }
}
