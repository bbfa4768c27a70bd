//! `matrix --others`: programs for systems that are not Linux, by xpkg and by cargo-zigbuild, built,
//! inspected, and run where something here can start them.
//!
//! One cell is bin/target/way; the records are in target/others/results.tsv. The results that the
//! guide shows are kept in fixtures/others/results.tsv: copy the file there after a run that is
//! worth it. `matrix --others chat` builds fixtures/chat for ten targets of five systems in one
//! command and releases it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cells::{self, Record, Results, WAYS, Wanted};
use crate::command::{Go as _, ask, root, step};
use crate::{pypi, setup, wine};

/// What starts the programs of a system here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Starter {
    /// Nothing can.
    None,
    Wine,
    Wasmtime,
}

/// One table of the guide.
struct System {
    title: &'static str,
    targets: &'static [&'static str],
    suffix: &'static str,
    starter: Starter,
    /// Names of the programs.
    programs: &'static [&'static str],
}

const SYSTEMS: &[System] = &[
    System {
        title: "macOS",
        targets: &["aarch64-apple-darwin", "x86_64-apple-darwin"],
        suffix: "",
        starter: Starter::None,
        programs: &[
            "hello", "c", "axum", "ring", "aws-lc", "sqlite", "zstd", "cpp", "clock",
        ],
    },
    System {
        title: "Windows",
        targets: &[
            "x86_64-pc-windows-gnu",
            "i686-pc-windows-gnu",
            "x86_64-pc-windows-gnullvm",
        ],
        suffix: ".exe",
        starter: Starter::Wine,
        programs: &[
            "hello", "c", "axum", "ring", "aws-lc", "sqlite", "zstd", "cpp", "clock",
        ],
    },
    System {
        title: "WebAssembly",
        targets: &["wasm32-wasip1", "wasm32-wasip2"],
        suffix: ".wasm",
        starter: Starter::Wasmtime,
        // Not hello, which starts a thread.
        programs: &["c", "zstd", "sqlite", "clock"],
    },
    System {
        title: "BSD",
        targets: &["x86_64-unknown-freebsd", "x86_64-unknown-netbsd"],
        suffix: "",
        starter: Starter::None,
        programs: &[
            "hello", "c", "axum", "ring", "aws-lc", "sqlite", "zstd", "cpp", "clock",
        ],
    },
];

/// A program: its name, its fixture, its package, and what it prints; the programs of
/// fixtures/native print the line in expected.txt.
const PROGRAMS: &[(&str, &str, &str, &str)] = &[
    ("hello", "reach", "reach-hello", "hello: sum 500500"),
    ("c", "reach", "reach-c", "c: half 21.25 in 5"),
    ("axum", "others", "others-axum", "axum: 200 well"),
    ("clock", "others", "others-clock", "clock: after 2023"),
    ("ring", "native", "native-ring", ""),
    ("aws-lc", "native", "native-aws-lc", ""),
    ("sqlite", "native", "native-sqlite", ""),
    ("zstd", "native", "native-zstd", ""),
    ("cpp", "native", "native-cpp", ""),
];

/// The targets of `chat`: ten of five systems. tokio does not compile for WASI with its network.
const CHAT: &[&str] = &[
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-linux-gnu.2.17",
    "aarch64-unknown-linux-gnu.2.17",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-gnu",
    "x86_64-unknown-freebsd",
    "x86_64-unknown-netbsd",
    "armv7-unknown-linux-gnueabihf",
];

/// Records that the guide shows.
const KEPT: &str = "fixtures/others/results.tsv";

struct Cell {
    system: &'static System,
    program: &'static str,
    target: &'static str,
    way: &'static str,
}

impl Cell {
    fn name(&self) -> String {
        format!("{}/{}/{}", self.program, self.target, self.way)
    }
}

/// System by system and target by target, so that zig's cache serves one after the other.
fn cells() -> impl Iterator<Item = Cell> {
    SYSTEMS.iter().flat_map(|system| {
        system.targets.iter().flat_map(move |target| {
            system.programs.iter().flat_map(move |program| {
                WAYS.iter().map(move |way| Cell {
                    system,
                    program,
                    target,
                    way,
                })
            })
        })
    })
}

pub fn run(wanted: &Wanted) -> Result<(), String> {
    let scratch = root().join("target/others");
    for directory in ["logs", "bins"] {
        let directory = scratch.join(directory);
        std::fs::create_dir_all(&directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    let store = Results::resumed(&scratch, KEPT)?;
    let mut results = store.all()?;
    if wanted.filters == ["chat"] {
        prepare(CHAT, &["xpkg"])?;
        return chat(&scratch);
    }
    if !wanted.has("--table") {
        let due: Vec<Cell> = cells()
            .filter(|cell| wanted.is_due(&cell.name(), &results))
            .collect();
        let targets: Vec<&str> = due.iter().map(|cell| cell.target).collect();
        let ways: Vec<&str> = due.iter().map(|cell| cell.way).collect();
        if !due.is_empty() {
            prepare(&targets, &ways)?;
        }
        let fill = |cell: &Cell| fill(cell, &scratch);
        cells::sweep(&due, Cell::name, fill, &store, &mut results)?;
    }
    print!("{}", tables(&results));
    Ok(())
}

fn prepare(targets: &[&'static str], ways: &[&str]) -> Result<(), String> {
    let targets: Vec<cells::Target> = targets.iter().map(|target| (*target, None)).collect();
    cells::prepare(&targets, ways)?;
    setup::packages(&[
        ("x86_64-w64-mingw32-g++", "g++-mingw-w64-x86-64"),
        ("i686-w64-mingw32-g++", "g++-mingw-w64-i686"),
        // aws-lc's assembly for Windows.
        ("nasm", "nasm"),
    ])
}

/// Builds, inspects and runs one. The outcome is how far it came: `refused` by xpkg before anything
/// was compiled, `build`, `findings` of `verify`, `checked`, `run` where it was started and failed,
/// `ok` where it ran.
fn fill(cell: &Cell, scratch: &Path) -> Result<Record, String> {
    let Cell {
        system,
        program,
        target,
        way,
    } = cell;
    let (_, fixture, package, line) = PROGRAMS
        .iter()
        .find(|row| row.0 == *program)
        .ok_or("a program of the table")?;
    let flat = cell.name().replace('/', "+");
    let work = scratch.join("work");
    let _ = std::fs::remove_dir_all(&work);
    let at = root().join("fixtures").join(fixture);
    let command = cells::build(way, target, &["--package", package], &at, &work);
    let log = scratch.join("logs").join(format!("{flat}.log"));
    let (built, seconds) = cells::timed(command, &log)?;
    let record = |outcome: &str, note: String| {
        Ok(Record {
            outcome: outcome.to_owned(),
            seconds,
            note,
        })
    };
    let said = String::from_utf8_lossy(&built.stderr);
    // A problem of xpkg's ends it with 1, one of cargo's with 101.
    if built.status.code() == Some(1) && !said.contains("Compiling") {
        return record("refused", refusal(&said));
    }
    if !built.status.success() {
        return record("build", cells::ended(&built, &said));
    }
    let bin = format!("{program}{}", system.suffix);
    let made = cells::made(way, target, package, &bin, &work);
    let place = scratch.join("bins").join(way).join(target);
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let kept = place.join(&bin);
    if let Err(error) = std::fs::copy(&made, &kept) {
        return record("build", format!("{}: {error}", made.display()));
    }
    let _ = std::fs::remove_dir_all(&work);
    let mut verify = Command::new(root().join("target/release/cargo-xpkg"));
    verify.args(["verify", "--target", target]).arg(&kept);
    let checked = verify
        .output()
        .map_err(|error| format!("{verify:?}: {error}"))?;
    if !checked.status.success() {
        let said = String::from_utf8_lossy(&checked.stdout);
        return record("findings", findings(&said));
    }
    let expected = if line.is_empty() {
        let lines = cells::read(&root().join("fixtures/native/expected.txt"))?;
        let of_program = |line: &&str| {
            line.split_once(':')
                .is_some_and(|(name, _)| name == *program)
        };
        lines
            .lines()
            .find(of_program)
            .unwrap_or_default()
            .to_owned()
    } else {
        (*line).to_owned()
    };
    let Some(mut start) = starter(system.starter, target, scratch) else {
        return record("checked", String::new());
    };
    let ran = start
        .arg(&kept)
        .output()
        .map_err(|error| format!("{start:?}: {error}"))?;
    let printed = String::from_utf8_lossy(&ran.stdout);
    if !ran.status.success() {
        return record(
            "run",
            cells::ended(&ran, &String::from_utf8_lossy(&ran.stderr)),
        );
    }
    if printed.trim_end() != expected {
        return record("run", format!("printed {printed:?}"));
    }
    record("ok", String::new())
}

/// The first line of a refusal, or its cause.
fn refusal(said: &str) -> String {
    let is_first = |line: &&str| line.starts_with("error[") || line.starts_with("Error: ");
    let mut lines = said.lines().skip_while(|line| !is_first(line));
    let first = lines.next().unwrap_or_default();
    let cause = lines.find_map(|line| line.trim().strip_prefix("cause: "));
    cause.unwrap_or(first).to_owned()
}

/// The codes of the findings that `verify` prints.
fn findings(said: &str) -> String {
    let code = |line: &str| {
        let (_, rest) = line.split_once('[')?;
        Some(rest.split_once(']')?.0.to_owned())
    };
    let mut codes: Vec<String> = said.lines().filter_map(code).collect();
    codes.dedup();
    codes.join(", ")
}

/// The command before a program, of the tools that `cargo xtask setup` installs; `None` if nothing
/// starts it.
fn starter(starter: Starter, target: &str, scratch: &Path) -> Option<Command> {
    match starter {
        Starter::None => None,
        // The wine here has 64 bits only.
        Starter::Wine if target.starts_with("i686-") => None,
        Starter::Wasmtime => {
            let mut command = cells::limited("120");
            command.arg(pypi::wasmtime()).args(["run", "-C", "cache=n"]);
            Some(command)
        }
        Starter::Wine => {
            // The first start makes the prefix.
            let mut command = cells::limited("300");
            command
                .arg(wine::PROGRAM)
                .env("HOME", scratch)
                .env("WINEPREFIX", scratch.join("prefix"))
                .env("WINEDEBUG", "-all")
                .env("WINEDLLOVERRIDES", "mscoree=;mshtml=;winemenubuilder.exe=");
            Some(command)
        }
    }
}

fn tables(results: &BTreeMap<String, Record>) -> String {
    SYSTEMS
        .iter()
        .map(|system| table(system, results))
        .collect::<Vec<_>>()
        .join("\n")
}

fn table(system: &System, results: &BTreeMap<String, Record>) -> String {
    let mut text = format!(
        "| {} | {} |\n|---|{}\n",
        system.title,
        system.targets.join(" | "),
        "---|".repeat(system.targets.len())
    );
    let mut failed = String::new();
    for program in system.programs {
        let _ = write!(text, "| {program} |");
        for target in system.targets {
            let mut cell: Vec<&str> = Vec::new();
            for way in WAYS {
                let name = format!("{program}/{target}/{way}");
                let Some(Record { outcome, note, .. }) = results.get(&name) else {
                    cell.push("-");
                    continue;
                };
                cell.push(if outcome == "ok" { "ran" } else { outcome });
                if !["ok", "checked"].contains(&outcome.as_str()) {
                    let _ = write!(failed, "\n- `{name}` {outcome}: {note}");
                }
            }
            // One word where both say the same.
            cell.dedup();
            let _ = write!(text, " {} |", cell.join(" / "));
        }
        text.push('\n');
    }
    text + &failed + if failed.is_empty() { "" } else { "\n" }
}

/// Builds chat for all its targets in one command, verifies the tree, and releases it.
fn chat(scratch: &Path) -> Result<(), String> {
    let xpkg = |args: &[&str]| -> Command {
        let mut command = Command::new(root().join("target/release/cargo-xpkg"));
        command.args(args).current_dir(root().join("fixtures/chat"));
        cells::without_cargo(&mut command);
        command
    };
    let place = |name: &str| -> PathBuf { scratch.join("chat").join(name) };
    let (tree, release, target) = (place("tree"), place("release"), place("target"));
    let path = |path: &Path| path.display().to_string();
    let targets = CHAT.join(",");
    step(&format!("chat for {targets}"));
    let places = [path(&tree), path(&target)];
    xpkg(&[
        "build",
        "--locked",
        "--target",
        &targets,
        "--out-dir",
        &places[0],
        "--target-dir",
        &places[1],
    ])
    .go()?;
    xpkg(&["verify", &places[0]]).go()?;
    let manifest = cells::read(&tree.join("manifest.json"))?;
    let count = ask(Command::new("wc")
        .args(["-l"])
        .arg(tree.join("MANIFEST.txt")))?;
    step(&format!("{} bytes of manifest, {count}", manifest.len()));
    xpkg(&[
        "release",
        "--allow-dirty",
        "--from",
        &places[0],
        "--release-dir",
        &path(&release),
    ])
    .go()?;
    ask(Command::new("ls").arg("-l").arg(&release)).map(|listing| print!("{listing}"))
}

#[test]
fn the_guide_shows_the_programs_that_were_tried() {
    let results = Results(root().join(KEPT))
        .all()
        .expect("the results are there");
    let page = cells::read(&root().join("src/guide/targets.md")).expect("the page is there");
    assert!(
        page.contains(&tables(&results)),
        "cargo xtask matrix --others --table prints what the guide should show"
    );
}
