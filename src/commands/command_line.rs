//! The command line as clap sees it: the derived commands, with the headings, completions and
//! examples that several of them share.

use std::ffi::OsStr;

use clap::{Arg, Command, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use crate::commands::candidates::{self, Complete};
use crate::commands::{
    build, cache, ci, clean, completions, docker, doctor, env, help, image, lock, man, matrix,
    merge, pipeline, plan, publish, release, show, verify, yank,
};

/// Headings of `--help`, in the order of the arguments' declarations, and the IDs of their
/// arguments. Arguments without one are below `Options`.
const HEADINGS: &[(&str, &[&str])] = &[
    (
        "Selection",
        &[
            "package",
            "workspace",
            "all",
            "exclude",
            "bin",
            "features",
            "all_features",
            "no_default_features",
        ],
    ),
    ("Target", &["target", "linker", "compiler_cache"]),
    (
        "Output",
        &[
            "auditable",
            "reproducible",
            "out_dir",
            "message_format",
            "format",
            "quiet",
            "verbose",
            "color",
        ],
    ),
    (
        "Cargo",
        &[
            "profile",
            "release",
            "jobs",
            "keep_going",
            "locked",
            "offline",
            "frozen",
            "target_dir",
            // `--manifest-path`, by clap-cargo.
            "PATH",
            "config",
        ],
    ),
];

/// Values of arguments that only this machine, this workspace or the program itself knows.
const COMPLETIONS: &[(&str, Complete)] = &[
    ("target", candidates::targets),
    ("package", candidates::packages),
    ("exclude", candidates::packages),
    ("bin", candidates::bins),
    ("features", candidates::features),
    ("accept", candidates::findings),
    ("explain", candidates::codes),
];

/// Arguments that are paths.
const HINTS: &[(&str, ValueHint)] = &[
    ("out_dir", ValueHint::DirPath),
    ("target_dir", ValueHint::DirPath),
    ("context", ValueHint::DirPath),
    ("release_dir", ValueHint::DirPath),
    ("directory", ValueHint::DirPath),
    ("path", ValueHint::AnyPath),
    ("from", ValueHint::AnyPath),
    ("legs", ValueHint::AnyPath),
    ("expect", ValueHint::FilePath),
    ("oci", ValueHint::AnyPath),
    ("allow_outside", ValueHint::AnyPath),
    ("PATH", ValueHint::FilePath),
];

/// Examples at the end of each command's help.
pub const EXAMPLES: &[(&str, &[&str])] = &[
    ("build", build::EXAMPLES),
    ("plan", plan::EXAMPLES),
    ("doctor", doctor::EXAMPLES),
    ("verify", verify::EXAMPLES),
    ("env", env::EXAMPLES),
    ("docker", docker::EXAMPLES),
    ("release", release::EXAMPLES),
    ("publish", publish::EXAMPLES),
    ("yank", yank::EXAMPLES),
    ("matrix", matrix::EXAMPLES),
    ("merge", merge::EXAMPLES),
    ("pipeline", pipeline::EXAMPLES),
    ("cache", cache::EXAMPLES),
    ("ci", ci::EXAMPLES),
    ("image", image::EXAMPLES),
    ("lock", lock::EXAMPLES),
    ("show", show::EXAMPLES),
    ("clean", clean::EXAMPLES),
    ("help", help::EXAMPLES),
    ("completions", completions::EXAMPLES),
    ("man", man::EXAMPLES),
];

/// Adds what the commands share to the derived command line.
pub fn complete(derived: Command) -> Command {
    let commands: Vec<String> = derived
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned())
        .collect();
    let topics =
        ArgValueCompleter::new(move |current: &OsStr| candidates::topics(current, &commands));
    let command = shared(derived).mut_subcommand("help", |help| {
        help.mut_arg("words", |words| words.add(topics))
    });
    EXAMPLES.iter().fold(command, |command, (name, examples)| {
        command.mut_subcommand(name, |command| {
            let header = *command.get_styles().get_header();
            let examples = examples.join("\n  ");
            command.after_help(format!("{header}Examples:{header:#}\n  {examples}"))
        })
    })
}

/// Adds headings and completions to the arguments of a command and of its subcommands.
fn shared(command: Command) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let command = command.mut_args(|arg| {
        let heading = HEADINGS
            .iter()
            .find(|(_, ids)| ids.contains(&arg.get_id().as_str()));
        let arg = match heading {
            Some((heading, _)) => arg.help_heading(*heading),
            None => arg,
        };
        completed(arg)
    });
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, shared)
    })
}

fn completed(arg: Arg) -> Arg {
    let hint = HINTS.iter().find(|(id, _)| arg.get_id() == *id);
    let arg = match hint {
        Some((_, hint)) => arg.value_hint(*hint),
        None => arg,
    };
    let complete = COMPLETIONS.iter().find(|(id, _)| arg.get_id() == *id);
    match complete {
        Some((_, complete)) => arg.add(ArgValueCompleter::new(*complete)),
        None => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::command_line as whole;

    #[test]
    fn the_command_line_is_consistent() {
        whole().debug_assert();
    }

    #[test]
    fn every_heading_and_completion_is_of_an_argument() {
        let mut ids = Vec::new();
        let mut commands = vec![whole()];
        while let Some(command) = commands.pop() {
            ids.extend(command.get_arguments().map(|arg| arg.get_id().to_string()));
            commands.extend(command.get_subcommands().cloned());
        }
        let named = HEADINGS
            .iter()
            .flat_map(|(_, ids)| ids.iter())
            .chain(COMPLETIONS.iter().map(|(id, _)| id))
            .chain(HINTS.iter().map(|(id, _)| id));
        for id in named {
            assert!(ids.iter().any(|known| known == id), "{id}");
        }
    }
}
