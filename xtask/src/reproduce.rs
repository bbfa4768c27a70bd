//! Programs built twice: here, and again by `verify --reproduce` in a checkout of another length,
//! from an empty target directory, with another home of cargo, another copy of the toolchain, another
//! locale, time zone, umask and number of jobs.
//!
//! One cell is program/target/linker; the records are in target/reproduce/results.tsv. The results
//! that the guide shows are kept in fixtures/reproduce/results.tsv: copy the file there after a run
//! that is worth it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cells::{self, Record, Results, Wanted};
use crate::command::{Go as _, ask, root, step};
use crate::wild::{self, PROGRAMS, Program};

/// Records that the guide shows.
const KEPT: &str = "fixtures/reproduce/results.tsv";

/// Way of a cell whose linker is the one that `auto` takes.
const AUTO: &str = "auto";

/// The fixture with one package a native library.
const NATIVE: &str = "native";

/// The fixtures: directory, target, linker. Both have C, and each linker brings other files.
const FIXTURES: &[(&str, &str, &str)] = &[
    ("chat", "x86_64-unknown-linux-musl", "rust-lld"),
    ("chat", "x86_64-unknown-linux-gnu", "native"),
    ("chat", "aarch64-unknown-linux-gnu.2.17", "zig"),
    (NATIVE, "x86_64-unknown-linux-musl", AUTO),
    (NATIVE, "x86_64-unknown-linux-gnu", "native"),
    (NATIVE, "x86_64-unknown-linux-gnu.2.17", "zig"),
];

/// Published programs that are built twice: the first of the wild matrix.
const PUBLISHED: usize = 20;
const PUBLISHED_TARGET: &str = "x86_64-unknown-linux-musl";

/// Published programs are optimized a little: what an optimizer does in another order would show. No
/// link-time optimization, which takes most of the time.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// Packages of fixtures/native that need what this machine does not have for every target.
const LEFT_OUT: &[&str] = &["native-bindgen", "native-prost"];

enum Subject {
    Fixture(&'static str),
    Published(&'static Program),
}

struct Cell {
    subject: Subject,
    target: &'static str,
    linker: &'static str,
}

impl Cell {
    fn program(&self) -> &'static str {
        match self.subject {
            Subject::Fixture(name) => name,
            Subject::Published(program) => program.package,
        }
    }

    fn name(&self) -> String {
        format!("{}/{}/{}", self.program(), self.target, self.linker)
    }
}

fn cells() -> impl Iterator<Item = Cell> {
    let fixture = |&(name, target, linker): &(&'static str, &'static str, &'static str)| Cell {
        subject: Subject::Fixture(name),
        target,
        linker,
    };
    // The C matrix takes longest.
    let (small, large): (Vec<_>, Vec<_>) = FIXTURES.iter().partition(|row| row.0 != NATIVE);
    let of = |rows: Vec<_>| rows.into_iter().map(fixture).collect::<Vec<Cell>>();
    let published = PROGRAMS.iter().take(PUBLISHED).map(|program| Cell {
        subject: Subject::Published(program),
        target: PUBLISHED_TARGET,
        linker: AUTO,
    });
    of(small).into_iter().chain(published).chain(of(large))
}

pub fn run(args: &[String]) -> Result<(), String> {
    let wanted = Wanted::new("reproduce", &[], args)?;
    let scratch = root().join("target/reproduce");
    let store = Results::resumed(&scratch, KEPT)?;
    let mut results = store.all()?;
    if !wanted.has("--table") {
        let due: Vec<Cell> = cells()
            .filter(|cell| wanted.is_due(&cell.name(), &results))
            .collect();
        if !due.is_empty() {
            let targets: Vec<cells::Target> = due.iter().map(|cell| (cell.target, None)).collect();
            cells::prepare(&targets, &["xpkg"])?;
            wild::install_tools()?;
        }
        let other = Other::new(&scratch, !due.is_empty())?;
        let fill = |cell: &Cell| fill(cell, &scratch, &other);
        cells::sweep(&due, Cell::name, fill, &store, &mut results)?;
    }
    print!("{}", table(&results));
    Ok(())
}

/// Another machine, as far as one machine can be another.
struct Other {
    home: PathBuf,
    toolchains: PathBuf,
}

impl Other {
    /// Makes a home whose registry is this one's, and a copy of the toolchain with the sources of the
    /// standard library, if the one here has none and they can be had.
    fn new(scratch: &Path, wanted: bool) -> Result<Self, String> {
        let home = scratch.join("another/home");
        let toolchains = scratch.join("another/toolchains");
        let other = Self { home, toolchains };
        if !wanted {
            return Ok(other);
        }
        let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        let cargo = other.home.join(".cargo");
        std::fs::create_dir_all(&cargo).map_err(|error| failed(&cargo, error))?;
        for part in ["registry", "git", "config.toml", "bin"] {
            let (from, to) = (wild::cargo_home().join(part), cargo.join(part));
            if from.exists() && !to.exists() {
                std::os::unix::fs::symlink(&from, &to).map_err(|error| failed(&to, error))?;
            }
        }
        // The targets of this run may be new in the toolchain.
        let _ = std::fs::remove_dir_all(&other.toolchains);
        std::fs::create_dir_all(&other.toolchains)
            .map_err(|error| failed(&other.toolchains, error))?;
        let here = PathBuf::from(ask(Command::new("rustup").args(["show", "home"]))?);
        Command::new("cp")
            .args(["-a", "--"])
            .args(["toolchains", "settings.toml"].map(|part| here.join(part)))
            .arg(&other.toolchains)
            .go()?;
        let sources = Command::new("rustup")
            .args(["component", "add", "rust-src"])
            .env("RUSTUP_HOME", &other.toolchains)
            .go();
        if let Err(problem) = sources {
            step(&format!(
                "the copy has no sources of the standard library: {problem}"
            ));
        }
        Ok(other)
    }

    /// A command of a user of that machine.
    fn command(&self, program: &Path) -> Command {
        let mut command = cells::limited("7200");
        command
            .args(["sh", "-c", "umask 077; exec \"$@\"", "sh"])
            .arg(program)
            .env("HOME", &self.home)
            .env("CARGO_HOME", self.home.join(".cargo"))
            .env("RUSTUP_HOME", &self.toolchains)
            .env("LC_ALL", "tr_TR.UTF-8")
            .env("TZ", "Asia/Kathmandu")
            .env("CARGO_BUILD_JOBS", "1");
        cells::without_cargo(&mut command);
        command
    }
}

/// Builds one, and builds it again. The outcome is `equal`, `differs`, or where it ended: `build`,
/// `again`.
fn fill(cell: &Cell, scratch: &Path, other: &Other) -> Result<Record, String> {
    let work = scratch.join("work");
    let _ = std::fs::remove_dir_all(&work);
    let checkout = checkout(cell, &work)?;
    let mut selection: Vec<&str> = Vec::new();
    match cell.subject {
        Subject::Fixture(NATIVE) => {
            selection.push("--workspace");
            for package in LEFT_OUT {
                selection.extend(["--exclude", package]);
            }
        }
        Subject::Fixture(_) => {}
        Subject::Published(program) => {
            selection.extend(["--bin", program.bin]);
            selection.extend(program.selection);
        }
    }
    selection.push("--reproducible");
    if cell.linker != AUTO {
        selection.extend(["--linker", cell.linker]);
    }
    let record = |outcome: &str, seconds: f64, note: String| {
        Ok(Record {
            outcome: outcome.to_owned(),
            seconds,
            note,
        })
    };
    let log = |name: &str| -> Result<PathBuf, String> {
        let logs = scratch.join("logs");
        std::fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
        Ok(logs.join(format!("{}+{name}.log", cell.name().replace('/', "+"))))
    };
    let profile = |command: &mut Command| {
        if matches!(cell.subject, Subject::Published(_)) {
            command.envs(PROFILE.iter().copied());
        }
    };
    let mut first = cells::build("xpkg", cell.target, &selection, &checkout, &work);
    profile(&mut first);
    let (built, seconds) = cells::timed(first, &log("first")?)?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        return record("build", seconds, cells::ended(&built, &said));
    }
    let mut second = other.command(&root().join("target/release/cargo-xpkg"));
    second
        .args(["verify", "--reproduce", "--message-format", "json"])
        .arg(work.join("tree"))
        .current_dir(&checkout);
    profile(&mut second);
    let (verified, again) = cells::timed(second, &log("second")?)?;
    let seconds = seconds + again;
    let Ok(report) = serde_json::from_slice::<serde_json::Value>(&verified.stdout) else {
        let said = String::from_utf8_lossy(&verified.stderr);
        return record("again", seconds, cells::ended(&verified, &said));
    };
    let manifest = cells::read(&work.join("tree/manifest.json"))?;
    let manifest: serde_json::Value =
        serde_json::from_str(&manifest).map_err(|error| format!("manifest.json: {error}"))?;
    let all = manifest["artifacts"].as_array().map_or(0, Vec::len);
    let differing: Vec<String> = report["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|finding| finding["code"] == "not-reproduced")
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            let name = text("path");
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            // The records have no paths of this machine.
            let place = format!("{}/", work.display());
            format!("{name}: {}", text("found").replace(&place, ""))
        })
        .collect();
    let _ = std::fs::remove_dir_all(&work);
    match differing.as_slice() {
        [] if verified.status.success() => {
            record("equal", seconds, format!("{all} of {all} files"))
        }
        [] => record("again", seconds, report["findings"].to_string()),
        some => record(
            "differs",
            seconds,
            format!("{} of {all} files; {}", some.len(), some.join("; ")),
        ),
    }
}

/// A checkout of a program's sources, with one commit of a fixed time.
fn checkout(cell: &Cell, work: &Path) -> Result<PathBuf, String> {
    let checkout = work.join("checkout");
    std::fs::create_dir_all(work).map_err(|error| format!("{}: {error}", work.display()))?;
    let sources = match cell.subject {
        Subject::Fixture(name) => root().join("fixtures").join(name),
        Subject::Published(program) => wild::sources(&root().join("target/wild"), program)?,
    };
    Command::new("cp")
        .args(["-r", "--"])
        .args([&sources, &checkout])
        .go()?;
    let _ = std::fs::remove_dir_all(checkout.join("target"));
    let git = |args: &[&str]| {
        Command::new("git")
            .args(["-c", "user.name=xpkg", "-c", "user.email=xpkg@localhost"])
            .args(args)
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            .current_dir(&checkout)
            .go()
    };
    git(&["init", "--quiet"])?;
    git(&["add", "--all", "--force"])?;
    git(&["commit", "--quiet", "--message", "sources"])?;
    Ok(checkout)
}

fn table(results: &BTreeMap<String, Record>) -> String {
    let mut text =
        "| program | target | linker | the second build |\n|---|---|---|---|\n".to_owned();
    let mut failed = String::new();
    let mut equal = 0;
    let tried = |cell: &Cell| results.contains_key(&cell.name());
    for cell in cells().filter(tried) {
        let name = match cell.subject {
            Subject::Fixture(name) => format!("fixtures/{name}"),
            Subject::Published(program) => format!("{} {}", program.package, program.version),
        };
        let record = results.get(&cell.name());
        let outcome = match record {
            Some(Record { outcome, note, .. }) if outcome == "equal" => {
                equal += 1;
                format!("equal: {note}")
            }
            Some(Record { outcome, note, .. }) => {
                let _ = write!(failed, "\n- `{}` {outcome}: {note}", cell.name());
                outcome.clone()
            }
            None => "-".to_owned(),
        };
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {outcome} |",
            cell.target, cell.linker
        );
    }
    let tried = cells().filter(tried).count();
    let _ = write!(text, "\nEqual: {equal} of {tried}.\n{failed}");
    text + if failed.is_empty() { "" } else { "\n" }
}

#[test]
fn the_guide_shows_what_was_built_twice() {
    let results = Results(root().join(KEPT))
        .all()
        .expect("the results are there");
    let page =
        cells::read(&root().join("src/guide/reproducibility.md")).expect("the page is there");
    assert!(
        page.contains(&table(&results)),
        "cargo xtask reproduce --table prints what the guide should show"
    );
}
