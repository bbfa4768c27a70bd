//! xpkg beside the tools that others use for the same, in turn, in one run on one machine: plain cargo
//! and cargo-zigbuild, `sha256sum` and openssl, tar and gzip, skopeo and buildah.
//!
//! Prints a table for the guide, with what it was measured on. What is not installed is named.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bench::measure::{Medians, Usage, mebibytes, quiet, used};
use crate::bench::place::{Bench, files};
use crate::cells::{self, without_cargo};
use crate::command::{ask, root, step};
use crate::{pypi, setup};

/// Numbers of rounds, and the size of the tree that is verified.
pub struct Rounds {
    /// Builds from an empty target directory.
    pub cold: usize,
    /// Builds with little or nothing to do.
    pub warm: usize,
    /// Gigabytes that are verified.
    pub gigabytes: usize,
}

/// Workspace that is built for one target.
struct Project {
    name: &'static str,
    fixture: &'static str,
    target: &'static str,
    /// Linker that plain cargo is told.
    linker: &'static str,
    /// File that is touched.
    source: &'static str,
}

const PROJECTS: &[Project] = &[
    Project {
        name: "chat, six bins, no C",
        fixture: "chat",
        target: "x86_64-unknown-linux-musl",
        linker: "rust-lld",
        source: "chat-server/src/main.rs",
    },
    Project {
        name: "with-c, one bin, C",
        fixture: "with-c",
        target: "aarch64-unknown-linux-gnu",
        linker: "aarch64-linux-gnu-gcc",
        source: "src/main.rs",
    },
];

/// Tools that build, in the order of their rows.
const BUILDERS: &[&str] = &["cargo", "xpkg", "cargo-zigbuild", "xpkg --linker zig"];

/// States of a target directory before a build.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Empty,
    Built,
    Touched,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Empty => "cold",
            Self::Built => "nothing to do",
            Self::Touched => "one file touched",
        }
    }
}

/// A tool and what it took.
type Row = (String, Vec<Usage>);

/// Measures all cases, or those whose names have all parts that are given, and prints them as a table.
pub fn run(bench: &Bench, rounds: &Rounds, args: &[String]) -> Result<(), String> {
    // A flag has its value behind it, but the first, which chose this task.
    let behind_flag = |at: usize| at > 1 && args[at - 1].starts_with("--");
    let is_part = |at: &usize| !args[*at].starts_with("--") && !behind_flag(*at);
    let wanted: Vec<&String> = (1..args.len())
        .filter(is_part)
        .map(|at| &args[at])
        .collect();
    setup::packages(&[("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")])?;
    let targets: Vec<&str> = PROJECTS.iter().map(|project| project.target).collect();
    setup::targets(&targets)?;
    pypi::run()?;
    cells::install_zigbuild()?;
    let place = bench.scratch.join("peers");
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    print!("{}", machine(args)?);
    println!();
    println!("| case | tool | median | spread | ratio | user | system | memory |");
    println!("|---|---|---|---|---|---|---|---|");
    let is_wanted = |case: &str| wanted.iter().all(|part| case.contains(part.as_str()));
    for project in PROJECTS.iter().filter(|project| is_wanted(project.name)) {
        builds(bench, &place, project, rounds)?;
    }
    if is_wanted("verify") {
        verify(bench, &place, rounds.gigabytes)?;
    }
    if is_wanted("release") {
        release(bench, &place, &staged(bench, &place)?, rounds.cold)?;
    }
    if is_wanted("layout") {
        layouts(bench, &place, &staged(bench, &place)?, rounds.cold)?;
    }
    Ok(())
}

/// Builds chat by xpkg, unless it is built, and returns its tree.
fn staged(bench: &Bench, place: &Path) -> Result<PathBuf, String> {
    let chat = &PROJECTS[0];
    let copy = copied(place, chat)?;
    let target_dir = copy.join("target-xpkg");
    quiet(&mut build(bench, chat, "xpkg", &copy, &target_dir))?;
    Ok(target_dir.join("xpkg"))
}

/// Returns a copy of a fixture, to write to.
fn copied(place: &Path, project: &Project) -> Result<PathBuf, String> {
    let copy = place.join(project.fixture);
    if !copy.exists() {
        let fixture = root().join("fixtures").join(project.fixture);
        quiet(Command::new("cp").arg("-r").arg(fixture).arg(&copy))?;
    }
    Ok(copy)
}

/// Describes what the figures come from.
fn machine(args: &[String]) -> Result<String, String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let processor = field(&read("/proc/cpuinfo"), "model name");
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let date = ask(Command::new("date").arg("+%F"))?;
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let mut text = format!(
        "{date}, {processor}, {cores} cores, {memory} of memory, load {load} before: `cargo xtask \
         bench {}`\n\n",
        args.join(" ")
    );
    for (program, words) in [
        ("cargo", &["--version"] as &[&str]),
        ("rustc", &["--version"]),
        ("zig", &["version"]),
        ("cargo-zigbuild", &["--version"]),
        ("aarch64-linux-gnu-gcc", &["-dumpfullversion"]),
        ("openssl", &["version"]),
        ("sha256sum", &["--version"]),
        ("tar", &["--version"]),
        ("gzip", &["--version"]),
        ("skopeo", &["--version"]),
        ("buildah", &["--version"]),
    ] {
        let mut command = match program {
            "cargo-zigbuild" => Command::new(cells::zigbuild()),
            _ => Command::new(program),
        };
        command.args(words);
        without_cargo(&mut command);
        let version = match ask(&mut command) {
            Ok(version) => version.lines().next().unwrap_or_default().to_owned(),
            Err(_) => "not installed, so its rows are left out".to_owned(),
        };
        text += &format!("- {program}: {version}\n");
    }
    Ok(text)
}

/// Prints the rows of a case: each tool against the first.
fn print(case: &str, rows: &[Row]) {
    let first = rows.first().map(|(_, runs)| Medians::of(runs).wall.median);
    let first = first.unwrap_or_default();
    let seconds = |time: Duration| format!("{:.3} s", time.as_secs_f64());
    for (tool, runs) in rows {
        let found = Medians::of(runs);
        println!(
            "| {case} | {tool} | {} | {:.3}–{:.3} | {:.2} | {} | {} | {} |",
            seconds(found.wall.median),
            found.wall.least.as_secs_f64(),
            found.wall.most.as_secs_f64(),
            found.wall.median.as_secs_f64() / first.as_secs_f64(),
            seconds(found.user),
            seconds(found.system),
            mebibytes(found.memory)
        );
    }
}

/// Runs each of these so many times, in turn, each round beginning with another.
fn in_turn<T: Copy>(
    tools: &[(String, T)],
    rounds: usize,
    mut run: impl FnMut(T) -> Result<Usage, String>,
) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = tools
        .iter()
        .map(|(name, _)| (name.clone(), Vec::new()))
        .collect();
    for round in 0..rounds {
        for number in 0..tools.len() {
            let at = (number + round) % tools.len();
            rows[at].1.push(run(tools[at].1)?);
        }
    }
    Ok(rows)
}

/// Builds a copy of a fixture by each tool, in each state.
fn builds(bench: &Bench, place: &Path, project: &Project, rounds: &Rounds) -> Result<(), String> {
    let copy = copied(place, project)?;
    let directory = |tool: &str| copy.join(format!("target-{}", tool.replace(' ', "")));
    let tools: Vec<(String, &str)> = BUILDERS
        .iter()
        .map(|tool| ((*tool).to_owned(), *tool))
        .collect();
    // zig compiles its C library once on a machine, whoever starts it.
    for tool in BUILDERS {
        step(&format!("{}: {tool}, the first build", project.name));
        quiet(&mut build(bench, project, tool, &copy, &directory(tool)))?;
    }
    for state in [State::Built, State::Touched, State::Empty] {
        let number = match state {
            State::Empty => rounds.cold,
            State::Built | State::Touched => rounds.warm,
        };
        let rows = in_turn(&tools, number, |tool| {
            match state {
                State::Empty => {
                    let _ = std::fs::remove_dir_all(directory(tool));
                }
                State::Touched => touch(&copy.join(project.source))?,
                State::Built => {}
            }
            let mut command = build(bench, project, tool, &copy, &directory(tool));
            used(&mut command).map_err(|problem| format!("{tool}: {problem}"))
        })?;
        print(&format!("{}, {}", project.name, state.name()), &rows);
    }
    Ok(())
}

/// Returns the command by which a tool builds all bins.
fn build(bench: &Bench, project: &Project, tool: &str, at: &Path, directory: &Path) -> Command {
    let Project { target, linker, .. } = project;
    let mut command = match tool {
        "cargo" => Command::new("cargo"),
        "cargo-zigbuild" => Command::new(cells::zigbuild()),
        _ => Command::new(&bench.xpkg),
    };
    match tool {
        "cargo" => {
            let variable = target.replace('-', "_").to_uppercase();
            command
                .args(["build", "--release", "--bins"])
                .env(format!("CARGO_TARGET_{variable}_LINKER"), linker);
        }
        "cargo-zigbuild" => _ = command.args(["zigbuild", "--release", "--bins"]),
        "xpkg --linker zig" => _ = command.args(["build", "--linker", "zig"]),
        _ => _ = command.arg("build"),
    }
    command
        .args(["--quiet", "--locked", "--target", target, "--target-dir"])
        .arg(directory)
        .current_dir(at);
    without_cargo(&mut command);
    command
}

/// Gives a file the time of now, as an editor does.
fn touch(path: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = std::fs::File::options().append(true).open(path);
    let now = std::time::SystemTime::now();
    file.and_then(|file| file.set_modified(now)).map_err(failed)
}

/// A tree of so many gigabytes, from the page cache where it fits: all that `verify` checks, against
/// its digests alone.
fn verify(bench: &Bench, place: &Path, gigabytes: usize) -> Result<(), String> {
    let above = place.join("verify");
    // A program's path names its processor.
    let tree = above.join(std::env::consts::ARCH);
    files(&tree, gigabytes, &bench.xpkg)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let shell = |line: &str| format!("ls | xargs -n 8 -P {cores} {line}");
    let lines = [
        ("openssl dgst -sha256", shell("openssl dgst -sha256")),
        ("sha256sum", shell("sha256sum")),
    ];
    let mut tools = vec![("xpkg verify".to_owned(), None)];
    let lines = lines.iter();
    tools.extend(
        lines.map(|(name, line)| (format!("{name}, {cores} at once"), Some(line.as_str()))),
    );
    // The one that it is held to comes first.
    tools.rotate_left(1);
    let rows = in_turn(&tools, 3, |line| {
        let mut command = match line {
            Some(line) => sh(line),
            None => {
                let mut verify = Command::new(&bench.xpkg);
                verify.arg("verify").arg(&above);
                verify
            }
        };
        used(command.current_dir(&tree))
    })?;
    print(
        &format!("verify, {gigabytes} GiB in files of 32 MiB"),
        &rows,
    );
    std::fs::remove_dir_all(&above).map_err(|error| error.to_string())
}

/// A release of chat's tree with both verifications, checksums, installers and the page, against
/// archives alone.
fn release(bench: &Bench, place: &Path, tree: &Path, rounds: usize) -> Result<(), String> {
    let (by_hand, by_xpkg) = (place.join("by-hand"), place.join("release"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let line = format!(
        "find . -mindepth 2 -maxdepth 2 -type d | xargs -P {cores} -I '{{}}' sh -c 'tar -cf - {{}} | \
         gzip -6 >{}/$(echo {{}} | tr / _).tar.gz'",
        by_hand.display()
    );
    let tools = [
        (
            format!("tar and gzip -6, {cores} at once"),
            Some(line.as_str()),
        ),
        ("xpkg release".to_owned(), None),
    ];
    let rows = in_turn(&tools, rounds, |line| {
        let _ = std::fs::remove_dir_all(&by_hand);
        let _ = std::fs::remove_dir_all(&by_xpkg);
        std::fs::create_dir_all(&by_hand).map_err(|error| error.to_string())?;
        match line {
            Some(line) => used(sh(line).current_dir(tree)),
            None => {
                let mut command = xpkg_in_chat(bench, place, "release");
                command
                    .args(["--no-build", "--allow-dirty", "--release-dir"])
                    .arg(&by_xpkg);
                used(&mut command)
            }
        }
    })?;
    print("release of chat's tree", &rows);
    Ok(())
}

/// A layout of an image for each program of chat, against tools that copy it or make it of the same
/// files.
fn layouts(bench: &Bench, place: &Path, tree: &Path, rounds: usize) -> Result<(), String> {
    let (layout, copies) = (place.join("layout"), place.join("copies"));
    let xpkg = || {
        let _ = std::fs::remove_dir_all(&layout);
        let mut command = xpkg_in_chat(bench, place, "docker");
        command.args(["--no-build", "--oci"]).arg(&layout);
        command
    };
    quiet(&mut xpkg())?;
    let images = names(&layout.join("index.json"))?;
    let copied = images.iter().map(|image| {
        format!(
            "skopeo copy --insecure-policy --quiet --all 'oci:{}:{image}' 'oci:{}:{image}'",
            layout.display(),
            copies.display()
        )
    });
    let made = images.iter().map(|image| {
        let program = image.split(':').next().unwrap_or_default();
        format!(
            "it=$(buildah from scratch) && buildah copy --quiet $it \"$(find {} -type f -name {program} | \
             head -n 1)\" / && buildah commit --quiet --rm $it 'oci:{}:{image}'",
            tree.display(),
            copies.display()
        )
    });
    let lines = [
        ("skopeo", copied.collect::<Vec<String>>().join(" && ")),
        ("buildah", made.collect::<Vec<String>>().join(" && ")),
    ];
    let mut tools = vec![("xpkg docker --oci".to_owned(), None)];
    for (program, line) in &lines {
        match ask(Command::new(program).arg("--version")) {
            Ok(_) => tools.push(((*program).to_owned(), Some(line.as_str()))),
            Err(_) => step(&format!("`{program}` is not installed: not run")),
        }
    }
    let rows = in_turn(&tools, rounds, |line| {
        let _ = std::fs::remove_dir_all(&copies);
        match line {
            Some(line) => used(&mut sh(line)),
            None => used(&mut xpkg()),
        }
    })?;
    print(
        &format!("a layout of {} images of chat", images.len()),
        &rows,
    );
    Ok(())
}

/// Returns the names of the images in a layout's index.
fn names(index: &Path) -> Result<Vec<String>, String> {
    let index: serde_json::Value =
        serde_json::from_str(&cells::read(index)?).map_err(|error| error.to_string())?;
    let manifests = index["manifests"].as_array().into_iter().flatten();
    let name = |manifest: &serde_json::Value| {
        let name = &manifest["annotations"]["org.opencontainers.image.ref.name"];
        name.as_str().map(str::to_owned)
    };
    Ok(manifests.filter_map(name).collect())
}

/// Returns a command of xpkg on the tree of chat that the builds have staged.
fn xpkg_in_chat(bench: &Bench, place: &Path, word: &str) -> Command {
    let chat = place.join("chat");
    let mut command = Command::new(&bench.xpkg);
    command
        .args([word, "--quiet", "--target-dir"])
        .arg(chat.join("target-xpkg"))
        .current_dir(chat);
    without_cargo(&mut command);
    command
}

fn sh(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).stderr(Stdio::null());
    command
}
