//! Every bin of fixtures/native for every target, by xpkg and by cargo-zigbuild, built and run.
//!
//! One cell is bin/target/way. It starts from an empty target directory; zig's own cache stays, as
//! on a real machine. Its record goes to target/matrix/results.tsv as soon as it ends, so that a
//! run that is stopped can go on. The results that the guide shows are kept in
//! fixtures/native/matrix.tsv: copy the file there after a run that is worth it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use crate::command::{Go as _, cargo, root};
use crate::{setup, zig};

/// Target, what runs its bins, where the libraries are that they load.
const TARGETS: &[(&str, Option<(&str, &str)>)] = &[
    ("x86_64-unknown-linux-musl", None),
    ("aarch64-unknown-linux-musl", AARCH64),
    ("x86_64-unknown-linux-gnu", None),
    ("x86_64-unknown-linux-gnu.2.17", None),
    ("aarch64-unknown-linux-gnu", AARCH64),
    ("aarch64-unknown-linux-gnu.2.17", AARCH64),
    (
        "armv7-unknown-linux-gnueabihf",
        Some(("qemu-arm-static", "/usr/arm-linux-gnueabihf")),
    ),
    (
        "riscv64gc-unknown-linux-gnu",
        Some(("qemu-riscv64-static", "/usr/riscv64-linux-gnu")),
    ),
];
const AARCH64: Option<(&str, &str)> = Some(("qemu-aarch64-static", "/usr/aarch64-linux-gnu"));
const WAYS: &[&str] = &["xpkg", "zigbuild"];
const ZIGBUILD: &str = "0.24.0";

/// What running takes beyond what the tests need. No headers: those would be one more toolchain to
/// find.
const PACKAGES: &[(&str, &str)] = &[
    (
        "/usr/arm-linux-gnueabihf/lib/libc.so.6",
        "libc6-armhf-cross",
    ),
    (
        "/usr/arm-linux-gnueabihf/lib/libgcc_s.so.1",
        "libgcc-s1-armhf-cross",
    ),
    (
        "/usr/riscv64-linux-gnu/lib/libc.so.6",
        "libc6-riscv64-cross",
    ),
    (
        "/usr/riscv64-linux-gnu/lib/libgcc_s.so.1",
        "libgcc-s1-riscv64-cross",
    ),
];

/// Seconds until a build or a bin counts as one that does not end.
const BUILD_LIMIT: &str = "1800";
const RUN_LIMIT: &str = "60";

pub fn run(args: &[String]) -> Result<(), String> {
    let (flags, filters): (Vec<&str>, Vec<&str>) = args
        .iter()
        .map(String::as_str)
        .partition(|arg| arg.starts_with('-'));
    if let Some(unknown) = flags
        .iter()
        .find(|flag| !["--again", "--table"].contains(flag))
    {
        return Err(format!(
            "matrix takes [FILTER] [--again] [--table], not {unknown}"
        ));
    }
    let matrix = Matrix::new()?;
    let mut results = matrix.results()?;
    if !flags.contains(&"--table") {
        let wanted = |cell: &Cell| {
            let name = cell.name();
            filters.iter().all(|filter| name.contains(filter))
                && (flags.contains(&"--again") || !results.contains_key(&name))
        };
        let cells: Vec<Cell> = matrix.cells().filter(wanted).collect();
        matrix.prepare(&cells)?;
        for (at, cell) in cells.iter().enumerate() {
            let record = matrix.fill(cell)?;
            matrix.append(&cell.name(), &record)?;
            let Record {
                outcome,
                seconds,
                note,
            } = &record;
            eprintln!(
                "xtask: {}/{} {} {outcome} {seconds:.1} s {note}",
                at + 1,
                cells.len(),
                cell.name()
            );
            results.insert(cell.name(), record);
        }
    }
    print!("{}", table(&matrix.bins(), &results));
    Ok(())
}

struct Cell {
    bin: String,
    /// With its floor.
    target: &'static str,
    runner: Option<(&'static str, &'static str)>,
    way: &'static str,
}

impl Cell {
    fn name(&self) -> String {
        format!("{}/{}/{}", self.bin, self.target, self.way)
    }

    fn package(&self) -> String {
        format!("native-{}", self.bin)
    }

    /// The triple and the glibc floor.
    fn split(&self) -> (&'static str, Option<&'static str>) {
        self.target
            .split_once('.')
            .map_or((self.target, None), |(triple, floor)| (triple, Some(floor)))
    }
}

struct Record {
    /// `ok`, or where it ended: `build`, `run`, `floor`.
    outcome: String,
    /// The build alone.
    seconds: f64,
    /// The glibc needed, or the first line that tells why not.
    note: String,
}

struct Matrix {
    native: PathBuf,
    scratch: PathBuf,
    /// Each bin's line, in the order of expected.txt.
    expected: Vec<(String, String)>,
}

impl Matrix {
    fn new() -> Result<Self, String> {
        let native = root().join("fixtures/native");
        let lines = read(&native.join("expected.txt"))?;
        let expected = lines
            .lines()
            .filter_map(|line| Some((line.split_once(':')?.0.to_owned(), line.to_owned())))
            .collect();
        Ok(Self {
            native,
            scratch: root().join("target/matrix"),
            expected,
        })
    }

    fn bins(&self) -> Vec<&str> {
        self.expected.iter().map(|(bin, _)| bin.as_str()).collect()
    }

    /// Target by target, so that zig's cache serves one after the other.
    fn cells(&self) -> impl Iterator<Item = Cell> {
        TARGETS.iter().flat_map(move |&(target, runner)| {
            let bins = self.expected.iter().map(|(bin, _)| bin);
            bins.flat_map(move |bin| {
                WAYS.iter().map(move |way| Cell {
                    bin: bin.clone(),
                    target,
                    runner,
                    way,
                })
            })
        })
    }

    fn prepare(&self, cells: &[Cell]) -> Result<(), String> {
        if cells.is_empty() {
            return Ok(());
        }
        setup::run()?;
        setup::packages(PACKAGES)?;
        let triples: Vec<&str> = TARGETS
            .iter()
            .map(|(target, _)| target.split('.').next().unwrap_or(target))
            .collect();
        setup::targets(&triples)?;
        if cells.iter().any(|cell| cell.way == "xpkg") {
            cargo(&["build", "--release", "--bin", "cargo-xpkg"]).go()?;
        }
        if cells.iter().any(|cell| cell.way == "zigbuild") && !zigbuild().exists() {
            let place = root().join("target/toolchains/zigbuild");
            cargo(&[
                "install",
                "cargo-zigbuild",
                "--version",
                ZIGBUILD,
                "--locked",
                "--root",
            ])
            .arg(place)
            .go()?;
        }
        for directory in ["logs", "bins"] {
            let directory = self.scratch.join(directory);
            std::fs::create_dir_all(&directory)
                .map_err(|error| format!("{}: {error}", directory.display()))?;
        }
        Ok(())
    }

    fn fill(&self, cell: &Cell) -> Result<Record, String> {
        let flat = cell.name().replace('/', "+");
        let work = self.scratch.join("work");
        let _ = std::fs::remove_dir_all(&work);
        let began = Instant::now();
        let built = self
            .build(cell, &work)
            .output()
            .map_err(|error| format!("{}: {error}", cell.name()))?;
        let seconds = began.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        write(
            &self.scratch.join("logs").join(format!("{flat}.log")),
            &said,
        )?;
        let record = |outcome: &str, note: String| {
            Ok(Record {
                outcome: outcome.to_owned(),
                seconds,
                note,
            })
        };
        if !built.status.success() {
            return record("build", ended(&built, &said));
        }
        let (triple, floor) = cell.split();
        let made = match cell.way {
            "xpkg" => work
                .join("tree")
                .join(triple)
                .join(cell.package())
                .join(&cell.bin),
            _ => work
                .join("target")
                .join(triple)
                .join("release")
                .join(&cell.bin),
        };
        let bin = self.scratch.join("bins").join(flat);
        if let Err(error) = std::fs::copy(&made, &bin) {
            return record("build", format!("{}: {error}", made.display()));
        }
        let _ = std::fs::remove_dir_all(&work);
        let needed = glibc(&bin)?;
        let shown = needed.map_or(String::new(), |(major, minor)| {
            format!("GLIBC_{major}.{minor}")
        });
        let ran = command_for(cell, &bin)
            .output()
            .map_err(|error| format!("{}: {error}", cell.name()))?;
        let (line, said) = (
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr),
        );
        let expected = self
            .expected
            .iter()
            .find(|(name, _)| *name == cell.bin)
            .map(|(_, line)| line.as_str());
        if !ran.status.success() {
            return record("run", ended(&ran, &said));
        }
        if line.strip_suffix('\n') != expected {
            return record("run", format!("printed {line:?}"));
        }
        match floor.and_then(version) {
            Some(floor) if needed.is_none_or(|needed| needed > floor) => {
                record("floor", format!("needs {shown:?}"))
            }
            _ => record("ok", shown),
        }
    }

    fn build(&self, cell: &Cell, work: &Path) -> Command {
        let mut command = limited(BUILD_LIMIT);
        match cell.way {
            "xpkg" => {
                command.arg(root().join("target/release/cargo-xpkg")).args([
                    "build",
                    "--package",
                    &cell.package(),
                    "--target",
                    cell.target,
                ]);
                command.arg("--out-dir").arg(work.join("tree"));
            }
            _ => {
                command.arg(zigbuild()).args([
                    "zigbuild",
                    "--release",
                    "--package",
                    &cell.package(),
                    "--target",
                    cell.target,
                ]);
            }
        }
        command
            .arg("--target-dir")
            .arg(work.join("target"))
            .arg("--locked")
            .current_dir(&self.native);
        // `cargo xtask` runs under cargo: what that tells its children is not for these.
        for (name, _) in std::env::vars_os() {
            let known = name.to_string_lossy();
            if known == "RUSTUP_TOOLCHAIN"
                || known == "CARGO"
                || known.starts_with("CARGO_PKG_")
                || known.starts_with("CARGO_MANIFEST_")
            {
                command.env_remove(&name);
            }
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(zig::directory()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(path).unwrap_or_default());
        command
    }

    fn file(&self) -> PathBuf {
        self.scratch.join("results.tsv")
    }

    /// The latest record of each cell.
    fn results(&self) -> Result<BTreeMap<String, Record>, String> {
        let file = self.file();
        if file.exists() {
            parsed(&file)
        } else {
            Ok(BTreeMap::new())
        }
    }

    fn append(
        &self,
        name: &str,
        Record {
            outcome,
            seconds,
            note,
        }: &Record,
    ) -> Result<(), String> {
        let line = format!(
            "{}\t{outcome}\t{seconds:.1}\t{}\n",
            name.replace('/', "\t"),
            note.replace('\t', " ")
        );
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.file())
            .map_err(|error| error.to_string())?;
        file.write_all(line.as_bytes())
            .map_err(|error| format!("{}: {error}", self.file().display()))
    }
}

/// The latest record of each cell in a file of results.
fn parsed(file: &Path) -> Result<BTreeMap<String, Record>, String> {
    let record = |line: &str| {
        let [bin, target, way, outcome, seconds, note] =
            line.splitn(6, '\t').collect::<Vec<_>>().try_into().ok()?;
        let record = Record {
            outcome: str::to_owned(outcome),
            seconds: str::parse(seconds).ok()?,
            note: str::to_owned(note),
        };
        Some((format!("{bin}/{target}/{way}"), record))
    };
    Ok(read(file)?.lines().filter_map(record).collect())
}

fn zigbuild() -> PathBuf {
    root().join("target/toolchains/zigbuild/bin/cargo-zigbuild")
}

/// A command that ends with its time, and with this task: `timeout` has a process group of its own,
/// which Ctrl-C does not reach.
fn limited(seconds: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "timeout", "--kill-after=10", seconds]);
    command
}

fn command_for(cell: &Cell, bin: &Path) -> Command {
    let mut command = limited(RUN_LIMIT);
    if let Some((qemu, libraries)) = cell.runner {
        command.args([qemu, "-L", libraries]);
    }
    command.arg(bin);
    command
}

/// The highest version of glibc that a bin asks for.
fn glibc(bin: &Path) -> Result<Option<(u32, u32)>, String> {
    let output = Command::new("readelf")
        .args(["--version-info", "--wide"])
        .arg(bin)
        .output()
        .map_err(|error| format!("readelf: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .split_whitespace()
        .filter_map(|word| version(word.strip_prefix("GLIBC_")?))
        .max())
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Why a process did not do what it should.
fn ended(output: &Output, said: &str) -> String {
    match output.status.code() {
        Some(124 | 137) => "did not end".to_owned(),
        _ => telling(said).map_or_else(|| output.status.to_string(), str::to_owned),
    }
}

/// The first line that says what is wrong, rather than that something is.
fn telling(said: &str) -> Option<&str> {
    let lines = || said.lines().map(str::trim);
    let empty = [
        "error: failed to run custom build command",
        "error: could not compile",
        "error: linking with",
    ];
    let wrong = [
        "error:",
        "error[",
        "error occurred",
        "CMake Error",
        "undefined symbol",
        "undefined reference",
        "not found",
        "panicked at",
    ];
    let noise = ["cargo:", "Compiling ", "warning:", "-- "];
    let tells = |line: &&str| {
        wrong.iter().any(|word| line.contains(word))
            && ![&noise[..], &empty[..]]
                .concat()
                .iter()
                .any(|start| line.starts_with(start))
    };
    lines()
        .find(tells)
        .or_else(|| lines().find(|line| line.contains("error")))
        .or_else(|| lines().rfind(|line| !line.is_empty()))
}

fn table(bins: &[&str], results: &BTreeMap<String, Record>) -> String {
    let outcome = |bin: &str, target: &str, way: &str| {
        results
            .get(&format!("{bin}/{target}/{way}"))
            .map_or("-", |record| &record.outcome)
    };
    let mut text = "| target |".to_owned();
    for bin in bins {
        let _ = write!(text, " {bin} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(bins.len()));
    for (target, _) in TARGETS {
        let _ = write!(text, "| {target} |");
        for bin in bins {
            let mut cell: Vec<&str> = WAYS.iter().map(|way| outcome(bin, target, way)).collect();
            // One word where both say the same.
            cell.dedup();
            let _ = write!(text, " {} |", cell.join(" / "));
        }
        text.push('\n');
    }
    for (name, Record { outcome, note, .. }) in
        results.iter().filter(|(_, record)| record.outcome != "ok")
    {
        let _ = write!(text, "\n- `{name}` {outcome}: {note}");
    }
    text.trim_end().to_owned() + "\n"
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[test]
fn the_telling_line_is_the_cause_and_not_its_echo() {
    let said = "   Compiling thiserror v2.0.0\nerror: failed to run custom build command for `ring`\n  --- stderr\n  \
                error occurred in cc-rs: failed to find tool \"x\"\nerror: could not compile `ring`\n";
    assert_eq!(
        telling(said),
        Some("error occurred in cc-rs: failed to find tool \"x\"")
    );
    let said = "error: linking with `zigcc` failed: exit status: 1\n  = note: ld.lld: error: \
                undefined symbol: open64\n";
    assert_eq!(
        telling(said),
        Some("= note: ld.lld: error: undefined symbol: open64")
    );
}

#[test]
fn versions_compare_as_numbers() {
    assert!(version("2.9") < version("2.17"));
    assert_eq!(version("PRIVATE"), None);
    assert_eq!(version("2.3.4"), Some((2, 3)));
}

#[test]
fn the_guide_shows_the_results_that_are_kept() {
    let matrix = Matrix::new().expect("the fixture is there");
    let results =
        parsed(&root().join("fixtures/native/matrix.tsv")).expect("the results are there");
    let page = read(&root().join("src/guide/linkers.md")).expect("the page is there");
    assert!(
        page.contains(&table(&matrix.bins(), &results)),
        "cargo xtask matrix --table prints what the guide should show"
    );
}
