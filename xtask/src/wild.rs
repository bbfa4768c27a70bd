//! Published programs for four targets, by xpkg and by cargo-zigbuild, built and asked for their
//! version.
//!
//! Each is built from its package of the registry, with its own Cargo.lock. One cell is
//! program/target/way; the records are in target/wild/results.tsv. All of them take hours. The
//! targets of a program share its build scripts and procedural macros, which count for the first one
//! of each way. The results that the guide shows are kept in fixtures/wild/results.tsv: copy the file
//! there after a run that is worth it. The note of a cell of xpkg also has where the plan of that
//! build was wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cells::{self, AARCH64, ARM, Record, Results, Target, WAYS, Wanted};
use crate::command::{Go as _, ask, cargo, root};
use crate::setup;
use crate::wild::held::Plan;

mod held;

const TARGETS: &[Target] = &[
    ("x86_64-unknown-linux-musl", None),
    ("aarch64-unknown-linux-musl", AARCH64),
    ("x86_64-unknown-linux-gnu.2.17", None),
    ("armv7-unknown-linux-gnueabihf", ARM),
];

/// A program of the registry.
pub struct Program {
    pub package: &'static str,
    pub version: &'static str,
    pub bin: &'static str,
    /// What its build is an example of.
    shows: &'static str,
    /// Features that make it complete in itself, if its default is not.
    pub selection: &'static [&'static str],
}

const fn program(
    package: &'static str,
    version: &'static str,
    bin: &'static str,
    shows: &'static str,
) -> Program {
    Program {
        package,
        version,
        bin,
        shows,
        selection: &[],
    }
}

/// The smallest first, so that a run that is stopped has the most to show.
pub const PROGRAMS: &[Program] = &[
    program("hyperfine", "1.20.0", "hyperfine", "pure Rust"),
    program("zoxide", "0.10.0", "zoxide", "pure Rust"),
    program("just", "1.59.0", "just", "pure Rust"),
    program("fd-find", "10.5.0", "fd", "jemalloc but on musl"),
    program("ripgrep", "15.2.0", "rg", "jemalloc on musl"),
    program("bindgen-cli", "0.73.2", "bindgen", "libclang by dlopen"),
    program("eza", "0.23.5", "eza", "libgit2 vendored"),
    program("bat", "0.26.1", "bat", "onig, libgit2 vendored"),
    program("git-delta", "0.20.1", "delta", "onig, libgit2 vendored"),
    program("mdbook", "0.5.4", "mdbook", "pure Rust"),
    program("bottom", "0.15.0", "btm", "sysinfo"),
    program("ouch", "0.8.3", "ouch", "zstd, bzip3, bindgen"),
    program("miniserve", "0.35.0", "miniserve", "ring, zstd"),
    program("oha", "1.16.0", "oha", "aws-lc"),
    program("xh", "0.26.3", "xh", "rustls, onig"),
    program("taplo-cli", "0.10.0", "taplo", "ring"),
    program(
        "cargo-nextest",
        "0.9.151",
        "cargo-nextest",
        "zstd, self-update",
    ),
    program(
        "tree-sitter-cli",
        "0.27.1",
        "tree-sitter",
        "tree-sitter, QuickJS",
    ),
    program(
        "difftastic",
        "0.72.0",
        "difft",
        "tree-sitter in C and C++, mimalloc",
    ),
    Program {
        selection: &["--no-default-features", "--features", "sqlite-bundled"],
        ..program("diesel_cli", "2.3.14", "diesel", "SQLite bundled")
    },
    Program {
        selection: &[
            "--no-default-features",
            "--features",
            "native-tls,sqlite,openssl-vendored",
        ],
        ..program(
            "sqlx-cli",
            "0.9.0",
            "sqlx",
            "OpenSSL vendored, SQLite bundled",
        )
    },
    Program {
        selection: &["--features", "vendored-openssl"],
        ..program("sccache", "0.19.0", "sccache", "OpenSSL vendored, zstd")
    },
    program(
        "starship",
        "1.27.0",
        "starship",
        "many crates of every kind",
    ),
    program("hurl", "8.0.1", "hurl", "curl, libxml2 of the system"),
    program("gitoxide", "0.61.0", "gix", "CMake: zlib-ng"),
    program("wasm-opt", "0.116.1", "wasm-opt", "C++: Binaryen"),
    program("atuin", "18.24.4", "atuin", "protoc, SQLite bundled"),
];

/// Builds without optimization: the links are compared, not the speed of the programs.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// What their build scripts call: found at, package.
const TOOLS: &[(&str, &str)] = &[
    ("cmake", "cmake"),
    ("protoc", "protobuf-compiler"),
    ("pkg-config", "pkg-config"),
    ("/usr/lib/llvm-14/lib/libclang.so", "libclang-dev"),
];

pub fn run(args: &[String]) -> Result<(), String> {
    let wanted = Wanted::new("wild", &[], args)?;
    let wild = Wild::new()?;
    let mut results = wild.results.all()?;
    if !wanted.has("--table") {
        let due = |cell: &Cell| wanted.is_due(&cell.name(), &results);
        let cells: Vec<Cell> = cells().filter(due).collect();
        wild.prepare(&cells)?;
        let fill = |cell: &Cell| wild.fill(cell);
        cells::sweep(&cells, Cell::name, fill, &wild.results, &mut results)?;
    }
    print!("{}", table(&results));
    Ok(())
}

/// Start of the parts of a note that tell where a plan was wrong.
const PLAN: &str = "plan: ";

/// Records that the guide shows.
const KEPT: &str = "fixtures/wild/results.tsv";

struct Cell {
    program: &'static Program,
    target: Target,
    way: &'static str,
}

impl Cell {
    fn name(&self) -> String {
        format!("{}/{}/{}", self.program.package, self.target.0, self.way)
    }
}

/// Program by program: what is stopped leaves whole rows.
fn cells() -> impl Iterator<Item = Cell> {
    PROGRAMS.iter().flat_map(|program| {
        TARGETS.iter().flat_map(move |&target| {
            WAYS.iter().map(move |way| Cell {
                program,
                target,
                way,
            })
        })
    })
}

struct Wild {
    scratch: PathBuf,
    results: Results,
}

impl Wild {
    fn new() -> Result<Self, String> {
        let scratch = root().join("target/wild");
        Ok(Self {
            results: Results::resumed(&scratch, KEPT)?,
            scratch,
        })
    }

    fn prepare(&self, cells: &[Cell]) -> Result<(), String> {
        if cells.is_empty() {
            return Ok(());
        }
        let ways: Vec<&str> = cells.iter().map(|cell| cell.way).collect();
        cells::prepare(TARGETS, &ways)?;
        install_tools()?;
        let logs = self.scratch.join("logs");
        std::fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))
    }

    fn fill(&self, cell: &Cell) -> Result<Record, String> {
        let Cell {
            program,
            target,
            way,
        } = cell;
        let sources = sources(&self.scratch, program)?;
        let log = self.log(cell);
        let work = self.work(cell)?;
        let selection: Vec<&str> = ["--bin", program.bin]
            .iter()
            .chain(program.selection)
            .copied()
            .collect();
        let mut command = cells::build(way, target.0, &selection, &sources, &work);
        command.envs(PROFILE.iter().copied());
        let plan = if *way == "xpkg" {
            let mut plan = cells::plan(target.0, &selection, &sources, &work);
            plan.envs(PROFILE.iter().copied());
            Some(Plan::asked(plan)?)
        } else {
            None
        };
        let (built, seconds) = cells::timed(command, &log)?;
        let (triple, _) = cells::split(target.0);
        let misses = match &plan {
            Some(plan) => plan.misses(built.status.success(), triple, &work)?,
            None => Vec::new(),
        };
        let record = |outcome: &str, note: String| {
            let misses = misses.iter().map(|miss| format!("{PLAN}{miss}"));
            let notes: Vec<String> = std::iter::once(note).chain(misses).collect();
            Ok(Record {
                outcome: outcome.to_owned(),
                seconds,
                note: notes.join("; "),
            })
        };
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr);
            return record("build", cells::ended(&built, &said));
        }
        let made = cells::made(way, target.0, program.package, program.bin, &work);
        if !made.exists() {
            return record("build", format!("no {}", made.display()));
        }
        // wasm-opt prints the version of Binaryen.
        let (outcome, note) = cells::examined(&made, *target, &["--version"], |printed| {
            printed.chars().any(|c| c.is_ascii_digit())
        })?;
        record(outcome, note)
    }

    /// The directory of a cell's build. What other targets of its program compiled for the host is in
    /// it; what another program compiled is removed.
    fn work(&self, cell: &Cell) -> Result<PathBuf, String> {
        let work = self.scratch.join("work");
        let program = work.join(cell.program.package);
        if !program.exists() {
            let _ = std::fs::remove_dir_all(&work);
        }
        let work = program.join(cell.way);
        let (triple, _) = cells::split(cell.target.0);
        for old in ["tree", &format!("target/{triple}")] {
            let _ = std::fs::remove_dir_all(work.join(old));
        }
        std::fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
        Ok(work)
    }

    fn log(&self, cell: &Cell) -> PathBuf {
        let flat = cell.name().replace('/', "+");
        self.scratch.join("logs").join(format!("{flat}.log"))
    }
}

/// Installs what their build scripts call.
pub fn install_tools() -> Result<(), String> {
    setup::packages(TOOLS)
}

/// The sources of a program, as they are published. cargo fetches them as a dependency.
pub fn sources(scratch: &Path, program: &Program) -> Result<PathBuf, String> {
    let name = format!("{}-{}", program.package, program.version);
    let place = scratch.join("sources").join(&name);
    if place.join("Cargo.toml").exists() {
        return Ok(place);
    }
    let fetch = scratch.join("fetch");
    let _ = std::fs::remove_dir_all(&fetch);
    std::fs::create_dir_all(fetch.join("src"))
        .map_err(|error| format!("{}: {error}", fetch.display()))?;
    cells::write(&fetch.join("src/lib.rs"), "")?;
    cells::write(
        &fetch.join("Cargo.toml"),
        &format!(
            "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\n\"{}\" = {{ version = \"={}\", default-features = false }}\n",
            program.package, program.version
        ),
    )?;
    ask(cargo(&["fetch", "--quiet"]).current_dir(&fetch))?;
    let registry = cargo_home().join("registry/src");
    let fetched = std::fs::read_dir(&registry)
        .map_err(|error| format!("{}: {error}", registry.display()))?
        .flatten()
        .map(|entry| entry.path().join(&name))
        .find(|path| path.join("Cargo.toml").exists())
        .ok_or_else(|| format!("{name} is not in {}", registry.display()))?;
    let sources = scratch.join("sources");
    std::fs::create_dir_all(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    Command::new("cp")
        .arg("-r")
        .arg(&fetched)
        .arg(&sources)
        .go()?;
    // Toolchains and images that cannot be had here say nothing of either tool.
    for pin in ["rust-toolchain", "rust-toolchain.toml", "Cross.toml"] {
        let _ = std::fs::remove_file(place.join(pin));
    }
    // This repository's workspace is above it.
    let manifest = place.join("Cargo.toml");
    let text = cells::read(&manifest)?;
    if !text.lines().any(|line| line.starts_with("[workspace")) {
        cells::write(&manifest, &format!("{text}\n[workspace]\n"))?;
    }
    Ok(place)
}

pub fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    )
}

fn table(results: &BTreeMap<String, Record>) -> String {
    let mut text = "| program | its build | ".to_owned();
    let targets: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
    let _ = writeln!(
        text,
        "{} |\n|---|---|{}",
        targets.join(" | "),
        "---|".repeat(targets.len())
    );
    let (mut failed, mut wrong) = (String::new(), String::new());
    let is_tried = |program: &&Program| {
        let start = format!("{}/", program.package);
        results.keys().any(|name| name.starts_with(&start))
    };
    for program in PROGRAMS.iter().filter(is_tried) {
        let name = format!("{} {}", program.package, program.version);
        let _ = write!(text, "| {name} | {} |", program.shows);
        for target in &targets {
            let mut cell: Vec<String> = WAYS
                .iter()
                .map(|way| {
                    let name = format!("{}/{target}/{way}", program.package);
                    let record = results.get(&name);
                    let notes = record.map_or("", |record| &record.note).split("; ");
                    let (misses, notes): (Vec<&str>, Vec<&str>) =
                        notes.partition(|note| note.starts_with(PLAN));
                    for miss in misses {
                        let _ = write!(wrong, "\n- `{name}`: {}", &miss[PLAN.len()..]);
                    }
                    match record {
                        Some(record) if record.outcome == "ok" => {
                            format!("{:.0} s", record.seconds)
                        }
                        Some(record) => {
                            let _ = write!(
                                failed,
                                "\n- `{name}` {}: {}",
                                record.outcome,
                                notes.join("; ")
                            );
                            record.outcome.clone()
                        }
                        None => "-".to_owned(),
                    }
                })
                .collect();
            if cell[0] == cell[1] {
                cell.truncate(1);
            }
            let _ = write!(text, " {} |", cell.join(" / "));
        }
        text.push('\n');
    }
    for (what, list) in [
        ("Where a cell ended", failed),
        ("Where a plan was wrong", wrong),
    ] {
        if !list.is_empty() {
            let _ = writeln!(text, "\n{what}:\n{list}");
        }
    }
    text
}

#[test]
fn the_guide_shows_the_programs_that_were_tried() {
    let results = Results(root().join(KEPT))
        .all()
        .expect("the results are there");
    let page = cells::read(&root().join("src/guide/linkers.md")).expect("the page is there");
    assert!(
        page.contains(&table(&results)),
        "cargo xtask wild --table prints what the guide should show"
    );
}
