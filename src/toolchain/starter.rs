//! Scripts that do nothing but start another program with more arguments, such as `musl-gcc`: what
//! they start is known without running them.
//!
//! Pure. A script with anything else in it is none.

/// Script that starts a program with its own arguments and the caller's.
#[derive(Debug, PartialEq, Eq)]
pub struct Starter {
    /// Variable that names another program, if it is set and not empty.
    pub variable: Option<String>,
    /// Name or path of the program.
    pub program: String,
    /// Arguments that the script adds.
    pub arguments: Vec<String>,
}

/// Interpreter of such scripts.
pub const SHELL: &str = "/bin/sh";

/// The caller's arguments in a script.
const PASSED: &str = "\"$@\"";

impl Starter {
    /// Reads a script: `exec PROGRAM "$@" ARGUMENTS…`, where PROGRAM may be `"${VARIABLE:-NAME}"`, and
    /// comments. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let interpreter = lines.next()?.strip_prefix("#!")?.trim();
        let mut commands = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let command = commands.next()?;
        if interpreter != SHELL || commands.next().is_some() {
            return None;
        }
        let (started, added) = command.strip_prefix("exec ")?.split_once(PASSED)?;
        let started = started.trim_start();
        let (variable, program, before) = match started.strip_prefix("\"${") {
            Some(choice) => {
                let (choice, before) = choice.split_once("}\"")?;
                let (variable, program) = choice.split_once(":-")?;
                (Some(name(variable)?), program, before)
            }
            None => {
                let (program, before) = started.split_at(started.find(' ')?);
                (None, program, before)
            }
        };
        // An argument directly behind another one is part of it.
        let is_apart = |text: &str| text.is_empty() || text.starts_with(char::is_whitespace);
        if !is_apart(before) || !before.ends_with(char::is_whitespace) || !is_apart(added) {
            return None;
        }
        let mut arguments = words(before)?;
        arguments.extend(words(added)?);
        Some(Self {
            variable,
            program: plain(program)?,
            arguments,
        })
    }
}

/// Returns a text if it is the name of a variable.
fn name(text: &str) -> Option<String> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (!text.is_empty() && text.chars().all(is_letter)).then(|| text.to_owned())
}

/// Returns a word if a shell takes it as it is written.
fn plain(word: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./+=,:@%".contains(letter);
    (!word.is_empty() && word.chars().all(is_plain)).then(|| word.to_owned())
}

/// Returns the words of a text, each of which is quoted as a whole or not at all.
fn words(text: &str) -> Option<Vec<String>> {
    let word = |word: &str| {
        let quoted = ['"', '\'']
            .iter()
            .find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote));
        plain(quoted.unwrap_or(word))
    };
    text.split_whitespace().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_starts_one_program_is_read_and_no_other() {
        let read = |line: &str| Starter::parse(&format!("#!/bin/sh\n{line}\n"));
        let starter = |variable: Option<&str>, program: &str, arguments: &[&str]| {
            Some(Starter {
                variable: variable.map(str::to_owned),
                program: program.to_owned(),
                arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            })
        };
        let specs = "/usr/lib/x86_64-linux-musl/musl-gcc.specs";
        for (line, expected) in [
            (
                &*format!("exec \"${{REALGCC:-x86_64-linux-gnu-gcc}}\" \"$@\" -specs \"{specs}\""),
                starter(Some("REALGCC"), "x86_64-linux-gnu-gcc", &["-specs", specs]),
            ),
            (
                "# Of a distribution.\n\nexec /opt/bin/gcc -m32 \"$@\"",
                starter(None, "/opt/bin/gcc", &["-m32"]),
            ),
            ("exec gcc \"$@\"", starter(None, "gcc", &[])),
            // What the words are decides the shell, the environment or another file.
            ("exec gcc $@", None),
            ("exec gcc", None),
            ("exec \"$CC\" \"$@\"", None),
            ("exec \"${CC}\" \"$@\"", None),
            ("exec \"${CC:-gcc}\"-12 \"$@\"", None),
            ("exec gcc \"$@\"-x", None),
            ("exec gcc -x\"$@\"", None),
            ("exec gcc \"$@\" -I$HOME", None),
            ("exec gcc \"$@\" `cat flags`", None),
            ("exec gcc \"$@\" @~/flags*", None),
            ("exec gcc \"$@\" \"a b\"", None),
            ("exec gcc \"$@\"; rm x", None),
            ("exec gcc \"$@\" 2>log", None),
            (". /etc/gcc\nexec gcc \"$@\"", None),
            ("gcc \"$@\"", None),
            ("", None),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
        assert_eq!(Starter::parse("#!/bin/bash\nexec gcc \"$@\"\n"), None);
        assert_eq!(Starter::parse("exec gcc \"$@\"\n"), None);
    }
}
