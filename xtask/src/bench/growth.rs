//! Generated workspaces of many sizes: what xpkg itself takes, without the processes that it starts,
//! and how that grows.
//!
//! The bounds: at most linear with the members and with the targets, and at most 200 MiB.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::bench::measure::{Medians, Usage, mebibytes, milliseconds, quiet, used};
use crate::bench::place::Bench;
use crate::cells::without_cargo;
use crate::command::step;
use crate::setup;

/// Targets that `cargo xtask setup` brings what is needed for: the last four are linked by zig.
const TARGETS: [&str; 12] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-pc-windows-gnu",
    "wasm32-wasip1",
    "wasm32-wasip1-threads",
    "wasm32-wasip2",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-unknown-freebsd",
    "x86_64-unknown-netbsd",
];

/// Most memory of a command, in bytes.
const MEMORY: u64 = 200 * 1024 * 1024;

/// Largest exponent by which a time grows, with what a measurement may be off.
const SLOPE: f64 = 1.15;

/// Time below which ticks of 10 ms say too little about growth.
const TELLING: Duration = Duration::from_millis(100);

/// Size of a generated workspace and of a run in it.
#[derive(Clone, Copy, PartialEq)]
struct Size {
    members: usize,
    targets: usize,
    /// Packages of a registry in its lockfile, which are never compiled.
    packages: usize,
}

impl Size {
    const fn new(members: usize, targets: usize, packages: usize) -> Self {
        Self {
            members,
            targets,
            packages,
        }
    }

    /// Returns the number of programs.
    fn bins(self) -> usize {
        self.members * self.targets
    }

    /// Returns how many times larger it is than another one of its series.
    fn ratio(self, other: Self) -> f64 {
        self.bins() as f64 / other.bins() as f64
    }
}

/// Sizes that are compared with each other, each with the one before.
const SERIES: &[&[Size]] = &[
    &[
        Size::new(1, 1, 0),
        Size::new(10, 1, 0),
        Size::new(100, 1, 0),
        Size::new(400, 1, 0),
    ],
    &[
        Size::new(100, 1, 0),
        Size::new(100, 2, 0),
        Size::new(100, 4, 0),
        Size::new(100, 12, 0),
    ],
    &[Size::new(100, 12, 3000), Size::new(400, 12, 3000)],
];

/// A command that is measured.
struct Case {
    name: &'static str,
    words: &'static [&'static str],
    /// True if the answers about the graph are forgotten before each round.
    forgets: bool,
    /// True if it needs a staged tree, which is not built where there are packages.
    staged: bool,
}

const CASES: &[Case] = &[
    Case {
        name: "plan, the graph unknown",
        words: &["plan"],
        forgets: true,
        staged: false,
    },
    Case {
        name: "plan",
        words: &["plan"],
        forgets: false,
        staged: false,
    },
    Case {
        name: "build, nothing to do",
        words: &["build", "--quiet"],
        forgets: false,
        staged: true,
    },
    Case {
        name: "verify",
        words: &["verify"],
        forgets: false,
        staged: true,
    },
    Case {
        name: "show",
        words: &["show"],
        forgets: false,
        staged: true,
    },
];

/// Measures all series, without workspaces that have more bins than `largest`, and prints them as a
/// table.
pub fn run(bench: &Bench, rounds: usize, largest: usize) -> Result<(), String> {
    setup::run()?;
    println!(
        "| members | targets | packages | command | own time | slope | with its calls | memory |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut is_held = true;
    for series in SERIES {
        let mut before: Vec<(Size, &str, Duration)> = Vec::new();
        for size in series.iter().filter(|size| size.bins() <= largest) {
            let place = workspace(&bench.scratch.join("growth"), *size)?;
            let is_staged = size.packages == 0;
            if is_staged {
                step(&format!(
                    "{} members, {} targets: the first build",
                    size.members, size.targets
                ));
                quiet(&mut command(bench, &place, *size, &["build", "--quiet"]))?;
            }
            for case in CASES.iter().filter(|case| is_staged || !case.staged) {
                let found = measure(bench, &place, *size, case, rounds)?;
                let (own, memory) = (found.own, found.own_memory);
                let former = before.iter().rfind(|(_, name, _)| *name == case.name);
                let slope =
                    former.and_then(|(smaller, _, time)| slope(*smaller, *time, *size, own));
                is_held &= memory <= MEMORY;
                is_held &= own < TELLING || slope.is_none_or(|slope| slope <= SLOPE);
                println!(
                    "| {} | {} | {} | {} | {} | {} | {} | {} |",
                    size.members,
                    size.targets,
                    size.packages,
                    case.name,
                    milliseconds(own),
                    slope.map_or(String::new(), |slope| format!("{slope:.2}")),
                    milliseconds(found.wall.median),
                    mebibytes(memory)
                );
                before.push((*size, case.name, own));
            }
        }
    }
    if is_held {
        Ok(())
    } else {
        Err("a bound is not held".to_owned())
    }
}

/// Runs a command so many times.
fn measure(
    bench: &Bench,
    place: &Path,
    size: Size,
    case: &Case,
    rounds: usize,
) -> Result<Medians, String> {
    // The first answers of rustc and cargo are kept.
    quiet(&mut command(bench, place, size, case.words))?;
    let round = |_| {
        if case.forgets {
            forget(place)?;
        }
        used(&mut command(bench, place, size, case.words))
    };
    let runs = (0..rounds)
        .map(round)
        .collect::<Result<Vec<Usage>, String>>()?;
    Ok(Medians::of(&runs))
}

/// Removes what is kept of the graph.
fn forget(place: &Path) -> Result<(), String> {
    let cache = place.join("target/xpkg-cache");
    let entries = std::fs::read_dir(&cache).map_err(|error| error.to_string())?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("graph-") {
            std::fs::remove_file(entry.path()).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// Returns the exponent by which a time grows between two sizes; `None` if there was too little to
/// count.
fn slope(smaller: Size, before: Duration, larger: Size, now: Duration) -> Option<f64> {
    let times = now.as_secs_f64() / before.as_secs_f64();
    (!before.is_zero() && !now.is_zero()).then(|| times.ln() / larger.ratio(smaller).ln())
}

/// Returns a command of xpkg in a workspace.
fn command(bench: &Bench, place: &Path, size: Size, words: &[&str]) -> Command {
    let mut command = Command::new(&bench.xpkg);
    command.args(words).current_dir(place);
    if !["verify", "show"].contains(&words[0]) {
        let targets = TARGETS[..size.targets].join(",");
        command.args(["--offline", "--profile", "dev", "--target", &targets]);
    }
    without_cargo(&mut command);
    command
}

/// Generates a workspace, unless it is there. The same members for fewer targets are another one, so
/// that each has its own tree.
fn workspace(above: &Path, size: Size) -> Result<PathBuf, String> {
    let Size {
        members,
        targets,
        packages,
    } = size;
    let place = above.join(format!("{members}-{targets}-{packages}"));
    let complete = place.join("complete");
    if complete.exists() {
        return Ok(place);
    }
    let _ = std::fs::remove_dir_all(&place);
    let write = |path: &str, text: &str| {
        let path = place.join(path);
        let directory = path.parent().unwrap_or(&place);
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()))
    };
    write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"members/*\"]\nresolver = \"3\"\n\n[profile.dev]\ndebug = \
         false\nincremental = false\nopt-level = \"z\"\npanic = \"abort\"\nstrip = true\n",
    )?;
    write(".gitignore", "/target\n/complete\n")?;
    for member in 0..members {
        let name = format!("m{member}");
        let mut manifest = package(&name);
        if packages > 0 {
            let _ = writeln!(manifest, "p0-{} = \"1\"", member % WIDTH);
        }
        write(&format!("members/{name}/Cargo.toml"), &manifest)?;
        let main = format!("fn main() {{\n    println!(\"{name} 1.0.0\");\n}}\n");
        write(&format!("members/{name}/src/main.rs"), &main)?;
    }
    if packages > 0 {
        write(
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"vendored\"\n\n[source.vendored]\ndirectory = \
             \"vendor\"\n",
        )?;
    }
    for number in 0..packages {
        let (layer, column) = (number / WIDTH, number % WIDTH);
        let name = format!("p{layer}-{column}");
        let mut manifest = package(&name);
        if number + WIDTH < packages {
            let below = [column, (column + 1) % WIDTH, (column * 7 + 3) % WIDTH];
            let below: std::collections::BTreeSet<usize> = below.into();
            for column in below {
                let _ = writeln!(manifest, "p{}-{column} = \"1\"", layer + 1);
            }
        }
        write(&format!("vendor/{name}/Cargo.toml"), &manifest)?;
        write(&format!("vendor/{name}/src/lib.rs"), "")?;
        let checksum = format!("{{\"files\":{{}},\"package\":\"{number:064x}\"}}");
        write(&format!("vendor/{name}/.cargo-checksum.json"), &checksum)?;
    }
    let mut lock = Command::new("cargo");
    lock.args(["generate-lockfile", "--offline", "--quiet"]);
    quiet(lock.current_dir(&place))?;
    // A checkout of its own: git must not look through the one around it.
    quiet(Command::new("git").args(["init", "-q"]).current_dir(&place))?;
    quiet(Command::new("git").args(["add", "."]).current_dir(&place))?;
    let mut commit = Command::new("git");
    commit.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]);
    commit.args(["commit", "-q", "--no-gpg-sign", "-m", "generated"]);
    quiet(commit.current_dir(&place))?;
    write("complete", "")?;
    Ok(place)
}

/// Packages of one layer: each depends on some of the next.
const WIDTH: usize = 100;

/// Returns a manifest that ends with the head of its dependencies.
fn package(name: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[dependencies]\n"
    )
}

#[test]
fn a_slope_is_the_exponent_of_the_growth() {
    let slope = |before: u64, now: u64| {
        let (small, large) = (Size::new(100, 1, 0), Size::new(400, 1, 0));
        let (before, now) = (Duration::from_millis(before), Duration::from_millis(now));
        slope(small, before, large, now).map(|slope| format!("{slope:.2}"))
    };
    assert_eq!(slope(10, 40).as_deref(), Some("1.00"));
    assert_eq!(slope(10, 160).as_deref(), Some("2.00"));
    assert_eq!(slope(10, 10).as_deref(), Some("0.00"));
    assert_eq!(slope(0, 10), None);
}
