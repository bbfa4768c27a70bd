//! `help`: shows a page of the guide, the help of a command, or the list of both.

use clap::{Args, Command};

use crate::commands::codes;
use crate::guide::{self, NO_SUCH_TOPIC, TOPICS, Topic};
use crate::host::machine::Host;
use crate::problem::text::list;
use crate::problem::{Failure, Problem, Result, nearest};
use crate::ui::page;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg help tutorial",
    "cargo xpkg help cross-images",
    "cargo xpkg help image pin",
];

/// Arguments of `help`.
#[derive(Debug, Args)]
pub struct HelpArgs {
    /// Topic of the guide, or command (for its flags: `cargo xpkg COMMAND --help`)
    #[arg(value_name = "TOPIC|COMMAND")]
    pub words: Vec<String>,
}

/// Runs `help`.
///
/// # Errors
/// `no-such-topic`, with the most similar name.
pub fn run(host: &Host, args: HelpArgs, command: &Command) -> Result<(), Failure> {
    let HelpArgs { words } = args;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // A subject may be a topic and a command: the page then explains what the flags are for.
    let topic = match words.as_slice() {
        [name] => guide::find(name),
        _ => None,
    };
    let text = match (topic, words.as_slice()) {
        (Some(topic), _) => page_of(topic, command),
        (None, []) => format!("{}\n{}", help_of(command, &[]), page::topics(TOPICS)),
        (None, words) => {
            let found = words.iter().try_fold(command, |found, word| {
                found.find_subcommand(word).filter(|it| !it.is_hide_set())
            });
            match found {
                Some(_) => help_of(command, words),
                None => return Err(no_such_topic(command, words).into()),
            }
        }
    };
    host.page(&text)?;
    Ok(())
}

/// Returns what `--help` prints after the words of a command.
fn help_of(command: &Command, words: &[&str]) -> String {
    let line = ["cargo xpkg"].iter().chain(words).chain(&["--help"]);
    match command.clone().try_get_matches_from(line) {
        Err(help) => help.render().ansi().to_string(),
        Ok(_) => unreachable!("`--help` ends parsing"),
    }
}

/// Formats a page, with a line at its end that leads to the flags of the command of this name.
fn page_of(topic: &Topic, command: &Command) -> String {
    let text = page::page(topic.text, page::terminal_width());
    match command.find_subcommand(topic.name) {
        Some(command) if !command.is_hide_set() => {
            format!("{text}\nFlags: cargo xpkg {} --help\n", topic.name)
        }
        _ => text,
    }
}

fn no_such_topic(command: &Command, words: &[&str]) -> Problem {
    let name = words.join(" ");
    let commands = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(Command::get_name);
    let topics = || TOPICS.iter().map(|topic| topic.name);
    let problem = Problem::new(
        NO_SUCH_TOPIC,
        format!("there is no topic or command `{name}`"),
    );
    if codes::find(&name).is_some() {
        return problem.help(format!(
            "it is a code: `cargo xpkg --explain {name}` explains it"
        ));
    }
    match nearest(&name, topics().chain(commands)) {
        Some(near) => problem.help(format!("did you mean `cargo xpkg help {near}`?")),
        None => {
            let word = name.to_lowercase();
            let pages = TOPICS
                .iter()
                .filter(|topic| topic.text.to_lowercase().contains(&word))
                .map(|topic| topic.name);
            let found = list(pages);
            let problem = if found.is_empty() {
                problem
            } else {
                problem.note("pages with this word", [found])
            };
            problem.help("see the topics and the commands: `cargo xpkg help`")
        }
    }
}
