//! Everything that is printed: talk on stderr, data on stdout.

use std::io::Write as _;

use serde::Serialize;

use crate::host::codes::FILE_ACCESS;
use crate::problem::style::{CAUTION, GOOD, STRONG};
use crate::problem::{Problem, Result, render};

/// How much the user wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// The talk on stderr.
#[derive(Debug, Clone, Copy)]
pub struct Shell {
    pub verbosity: Verbosity,
}

impl Shell {
    /// `      Verb subject`, in cargo's manner.
    pub fn status(&self, verb: &str, subject: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(&format!("{GOOD}{verb:>12}{GOOD:#} {subject}\n"));
        }
    }

    /// The same, for those who asked for more.
    pub fn detail(&self, verb: &str, subject: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.status(verb, subject);
        }
    }

    /// What does not stop the run and should be known.
    pub fn warning(&self, code: &str, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(&format!(
                "{CAUTION}warning[{code}]{CAUTION:#}{STRONG}: {text}{STRONG:#}\n"
            ));
        }
    }

    /// A bar of bytes on a terminal, shown once the work takes longer than a second.
    pub fn bar(&self, verb: &str) -> Bar {
        let shown = self.verbosity != Verbosity::Quiet
            && std::io::IsTerminal::is_terminal(&std::io::stderr());
        Bar {
            verb: verb.to_owned(),
            began: std::time::Instant::now(),
            bar: shown.then(std::sync::OnceLock::new),
        }
    }

    /// A line of cargo's own, already in its manner.
    pub fn pass_on(&self, line: &str) {
        if self.verbosity != Verbosity::Quiet {
            say(&format!("{line}\n"));
        }
    }

    pub fn problems(&self, problems: &[Problem]) {
        for problem in problems {
            say(&render::problem(problem));
        }
    }
}

fn say(text: &str) {
    // Where stderr is gone, nobody listens.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Puts data on stdout. A reader that has gone away is no problem of ours; a full disk is.
pub fn data(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Problem::new(
            FILE_ACCESS,
            format!("cannot write to stdout: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Progress on long reading.
pub struct Bar {
    verb: String,
    began: std::time::Instant,
    bar: Option<std::sync::OnceLock<indicatif::ProgressBar>>,
}

impl Bar {
    /// So many bytes are done.
    pub fn position(&self, bytes: u64) {
        let Some(slot) = &self.bar else { return };
        if slot.get().is_some() || self.began.elapsed() > std::time::Duration::from_secs(1) {
            let bar = slot.get_or_init(|| {
                let style = indicatif::ProgressStyle::with_template(
                    "{prefix:>12} {decimal_bytes} read, {decimal_bytes_per_sec}",
                );
                let style = style.unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner());
                indicatif::ProgressBar::no_length()
                    .with_prefix(self.verb.clone())
                    .with_style(style)
            });
            bar.set_position(bytes);
        }
    }

    pub fn clear(&self) {
        if let Some(bar) = self.bar.as_ref().and_then(std::sync::OnceLock::get) {
            bar.finish_and_clear();
        }
    }
}

/// One JSON document.
pub fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("what is printed is plain data");
    text.push('\n');
    text
}
