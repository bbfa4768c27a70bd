//! A process as a value: built, printed, tested and only then run (by `host`).
//!
//! `plan` prints and `build` runs this same value, so the two cannot differ.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Serialize, Serializer};

use crate::problem::text::is_invisible;

/// A program with its arguments, environment and working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Name or path of the program.
    pub program: String,
    /// Arguments without the program itself.
    pub args: Vec<String>,
    /// Variables set on top of the inherited environment, in this order.
    pub env: Vec<(String, String)>,
    /// Directory put before the inherited PATH.
    pub path_first: Option<Utf8PathBuf>,
    /// Working directory.
    pub cwd: Utf8PathBuf,
    /// Inherits no environment: only `env` is set.
    pub env_clear: bool,
}

impl Invocation {
    /// Creates an invocation without arguments that inherits the environment.
    pub fn new(program: impl Into<String>, cwd: &Utf8Path) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            path_first: None,
            cwd: cwd.to_owned(),
            env_clear: false,
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds `name value` for each value.
    pub fn options<'a>(self, name: &str, values: impl IntoIterator<Item = &'a String>) -> Self {
        values
            .into_iter()
            .fold(self, |invocation, value| invocation.arg(name).arg(value))
    }

    /// Adds `name` if `enabled`.
    pub fn flag(self, name: &str, enabled: bool) -> Self {
        if enabled { self.arg(name) } else { self }
    }

    /// Clears the inherited environment, like [`std::process::Command::env_clear`].
    pub fn env_clear(mut self) -> Self {
        self.env_clear = true;
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// Quotes a word for a POSIX shell. Characters that cannot be seen, or that control a terminal, are
/// written by `printf`, so that the word can be printed and pasted.
pub fn quote(word: &str) -> String {
    if word.chars().any(is_invisible) {
        return quote_invisible(word);
    }
    // Only a NUL cannot be quoted, and no argument of a process can hold one.
    shlex::try_quote(word).map_or_else(|_| word.replace('\0', ""), Into::into)
}

/// Quotes a word by `"$(printf '\\033')"`, which every shell knows. A substitution loses the line
/// feeds at its end, so such a word is written as `$'\\012'` (POSIX.1-2024).
fn quote_invisible(word: &str) -> String {
    let is_printed = !word.ends_with('\n');
    let mut text = String::new();
    for (index, c) in word.chars().filter(|c| *c != '\0').enumerate() {
        match c {
            // Not an option of `printf`.
            '-' if index == 0 => text.push_str("\\055"),
            '\'' => text.push_str("\\047"),
            '\\' => text.push_str("\\\\"),
            '%' if is_printed => text.push_str("%%"),
            c if is_invisible(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    text.push_str(&format!("\\{byte:03o}"));
                }
            }
            c => text.push(c),
        }
    }
    if is_printed {
        format!("\"$(printf '{text}')\"")
    } else {
        format!("$'{text}'")
    }
}

/// Quotes a variable's value for a POSIX shell. The unit separators of `CARGO_ENCODED_RUSTFLAGS`
/// are not visible, so `printf` writes them.
pub fn quote_value(value: &str) -> String {
    let words: Vec<String> = value.split('\u{1f}').map(quote).collect();
    match words.as_slice() {
        [_] => quote(value),
        words => format!(
            "\"$(printf '%s{}' {})\"",
            "\\037%s".repeat(words.len() - 1),
            words.join(" ")
        ),
    }
}

/// Formats the line that does the same when pasted into a POSIX shell.
impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cd {} &&", quote(self.cwd.as_str()))?;
        if self.env_clear {
            f.write_str(" env -i")?;
        }
        if let Some(directory) = &self.path_first {
            write!(f, " PATH={}:\"$PATH\"", quote(directory.as_str()))?;
        }
        for (name, value) in &self.env {
            write!(f, " {name}={}", quote_value(value))?;
        }
        for word in std::iter::once(&self.program).chain(&self.args) {
            write!(f, " {}", quote(word))?;
        }
        Ok(())
    }
}

impl Serialize for Invocation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            program: &'a str,
            args: &'a [String],
            environment: std::collections::BTreeMap<&'a str, &'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            path_first: Option<&'a Utf8Path>,
            directory: &'a Utf8Path,
            line: String,
        }
        let environment = self
            .env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        View {
            program: &self.program,
            args: &self.args,
            environment,
            path_first: self.path_first.as_deref(),
            directory: &self.cwd,
            line: self.to_string(),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_quoted_visibly() {
        for (word, expected) in [
            ("a\u{1b}[2J", r#""$(printf 'a\033[2J')""#),
            ("a\nb'c\\d %s", r#""$(printf 'a\012b\047c\\d %%s')""#),
            ("\u{202e}x", r#""$(printf '\342\200\256x')""#),
            ("\t0", r#""$(printf '\0110')""#),
            ("-n\r", r#""$(printf '\055n\015')""#),
            ("50%\n", r"$'50%\012'"),
            ("é", "'é'"),
        ] {
            assert_eq!(quote(word), expected);
        }
    }

    #[test]
    fn the_line_can_be_pasted() {
        let invocation = Invocation::new("cargo", Utf8Path::new("/my work"))
            .arg("build")
            .options("--bin", &["it's".to_owned()])
            .env("CC_x", "a b");
        let found_first = Invocation {
            path_first: Some("/my tools".into()),
            ..Invocation::new("cargo", Utf8Path::new("/work"))
        };
        assert_eq!(
            found_first.to_string(),
            r#"cd /work && PATH='/my tools':"$PATH" cargo"#
        );
        assert_eq!(
            invocation.to_string(),
            r#"cd '/my work' && CC_x='a b' cargo build --bin "it's""#
        );
        assert_eq!(
            quote_value("-Ca=b\u{1f}--cfg\u{1f}x=\"y z\""),
            r#""$(printf '%s\037%s\037%s' '-Ca=b' --cfg 'x="y z"')""#
        );
    }
}
