//! The command that is run after a publication, to invalidate caches in front of the store. Pure.

use camino::Utf8Path;
use serde::Serialize;

use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::ship::publish::codes::PUBLISH_INVALID;

/// What a hook reads on its standard input, as JSON.
#[derive(Debug, Serialize)]
pub struct Input<'a> {
    /// Start of all keys of the store, without slashes at its ends.
    pub prefix: &'a str,
    /// Channel.
    pub channel: &'a str,
    /// Version that was published or yanked.
    pub version: &'a str,
    /// Addresses below the store's that may have changed, each with a leading slash.
    pub paths: &'a [String],
}

impl Input<'_> {
    /// Returns the text.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts are plain data") + "\n"
    }
}

/// Returns the command of a template. The word `{paths}` becomes one argument for each path.
///
/// # Errors
/// `publish-invalid`: the template is empty, or has another field.
pub fn command(template: &[String], input: &Input, cwd: &Utf8Path) -> Result<Invocation> {
    let Some((program, words)) = template
        .split_first()
        .filter(|(program, _)| !program.is_empty())
    else {
        let message = "`after` of `[workspace.metadata.xpkg.publish]` names no program";
        return Err(Problem::new(PUBLISH_INVALID, message)
            .help("name a program and its arguments, or remove the key"));
    };
    let mut args: Vec<String> = Vec::new();
    for word in words {
        if word == "{paths}" {
            args.extend(input.paths.iter().cloned());
            continue;
        }
        let filled = word
            .replace("{channel}", input.channel)
            .replace("{version}", input.version);
        if let Some(field) = unknown_field(word) {
            let message = format!("`after` has the field `{field}`, which there is not");
            return Err(Problem::new(PUBLISH_INVALID, message)
                .help("use `{channel}`, `{version}`, and `{paths}` as an argument of its own"));
        }
        args.push(filled);
    }
    Ok(Invocation::new(program, cwd).args(args))
}

/// Checks a template.
///
/// # Errors
/// `publish-invalid`: it is empty, or has another field.
pub fn check(template: &[String]) -> Result<()> {
    let input = Input {
        prefix: "",
        channel: "",
        version: "",
        paths: &[],
    };
    command(template, &input, Utf8Path::new("")).map(drop)
}

/// Returns a field of a word that is not one.
fn unknown_field(word: &str) -> Option<&str> {
    let start = word.match_indices('{').map(|(at, _)| &word[at..]);
    start
        .filter_map(|rest| rest.find('}').map(|end| &rest[..=end]))
        .find(|field| {
            let name = &field[1..field.len() - 1];
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase());
            is_name && !["{channel}", "{version}"].contains(field)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_becomes_a_command() {
        let paths = ["/main/latest.json".to_owned(), "/main/latest/*".to_owned()];
        let input = Input {
            prefix: "",
            channel: "main",
            version: "1.0.0",
            paths: &paths,
        };
        let check = |template: &[&str], expected: Result<&[&str], &str>| {
            let template: Vec<String> = template.iter().map(|word| (*word).to_owned()).collect();
            let made = command(&template, &input, Utf8Path::new("/")).map(|command| {
                let mut words = vec![command.program];
                words.extend(command.args);
                words
            });
            let expected = expected
                .map(|words| words.iter().map(|word| (*word).to_owned()).collect())
                .map_err(str::to_owned);
            assert_eq!(made.map_err(|problem| problem.message), expected);
        };
        check(
            &["cdn", "purge", "--tag={channel}-{version}", "{paths}"],
            Ok(&[
                "cdn",
                "purge",
                "--tag=main-1.0.0",
                "/main/latest.json",
                "/main/latest/*",
            ]),
        );
        check(
            &["sh", "-c", "jq '{a: 1}'"],
            Ok(&["sh", "-c", "jq '{a: 1}'"]),
        );
        check(
            &["cdn", "{path}"],
            Err("`after` has the field `{path}`, which there is not"),
        );
        check(
            &["cdn", "x{paths}"],
            Err("`after` has the field `{paths}`, which there is not"),
        );
        check(
            &[],
            Err("`after` of `[workspace.metadata.xpkg.publish]` names no program"),
        );
    }
}
