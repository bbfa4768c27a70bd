//! The house keeps its order: imports run downward, pure rooms stay pure, dependencies say why they
//! are there.

use std::path::{Path, PathBuf};

use crate::support::repository;

/// The rooms from top to bottom. A room imports from its own floor and from those below.
const FLOORS: &[&[&str]] = &[
    &["main", "lib"],
    &["cli", "commands"],
    &["ui"],
    &["look"],
    &[
        "compile", "contents", "context", "engine", "host", "layout", "stage",
    ],
    &[
        "cargo_config",
        "config",
        "container",
        "cross_toml",
        "docker",
        "doctor",
        "facts",
        "formats",
        "graph",
        "inspect",
        "leaks",
        "lock",
        "manifest",
        "needs",
        "plan",
        "policy",
        "probe",
        "profile",
        "rootfs",
        "settings",
        "toolchain",
        "tree",
        "verify",
        "workspace",
        "zig_arguments",
    ],
    &["invocation", "problem", "target"],
];
/// The floors that decide: no file, no environment, no process, no clock.
const PURE: std::ops::RangeInclusive<usize> = 5..=6;
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env::",
    "std::process",
    "std::net",
    "SystemTime",
    "Instant",
    "std::thread",
    // Methods of paths that ask the file system.
    ".exists()",
    ".is_file()",
    ".is_dir()",
    ".is_symlink()",
    ".read_dir",
    ".read_link",
    ".canonicalize",
    ".metadata()",
    ".symlink_metadata",
];

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or_else(|| panic!("`{room}` has no floor: add it to tests/it/house.rs"))
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

fn room(path: &Path) -> String {
    let below = path.strip_prefix(repository().join("src")).unwrap();
    below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

#[test]
fn imports_run_downward() {
    let mut wrong = Vec::new();
    for path in sources(&repository().join("src")) {
        let own = room(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for (at, _) in line.match_indices("crate::") {
                assert!(
                    !line[at..].starts_with("crate::{"),
                    "{}:{}: one room a line",
                    path.display(),
                    number + 1
                );
                let name: String = line[at + "crate::".len()..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if !name.is_empty() && floor(&name) < floor(&own) {
                    wrong.push(format!(
                        "{}:{}: {own} imports from {name}, which is above it",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn deciding_does_not_touch_the_world() {
    let mut wrong = Vec::new();
    for path in sources(&repository().join("src"))
        .into_iter()
        .filter(|path| PURE.contains(&floor(&room(path))))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        wrong.extend(
            IMPURE
                .iter()
                .filter(|name| text.contains(**name))
                .map(|name| format!("{}: {name}", path.display())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_process_is_started_in_one_place() {
    let starts: Vec<_> = sources(&repository().join("src"))
        .into_iter()
        .filter(|path| {
            std::fs::read_to_string(path)
                .unwrap()
                .contains("Command::new(")
        })
        .map(|path| room(&path))
        .collect();
    assert_eq!(starts, ["host"]);
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let text = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let mut before = "";
    let mut table = "";
    for line in text.lines() {
        if line.starts_with('[') {
            table = line;
        } else if table.contains("dependencies") && line.contains(" = ") {
            assert!(
                before.starts_with("# "),
                "`{line}` does not say why it is there"
            );
        }
        before = line;
    }
}
