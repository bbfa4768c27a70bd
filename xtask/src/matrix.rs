//! Every bin of fixtures/native for every target, by xpkg and by cargo-zigbuild, built and run.
//!
//! One cell is bin/target/way; the records are in target/matrix/results.tsv. The results that the
//! guide shows are kept in fixtures/native/matrix.tsv: copy the file there after a run that is worth
//! it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::cells::{self, AARCH64, ARM, RISCV64, Record, Results, Target, WAYS, Wanted};
use crate::command::root;
use crate::{others, targets};

const TARGETS: &[Target] = &[
    ("x86_64-unknown-linux-musl", None),
    ("aarch64-unknown-linux-musl", AARCH64),
    ("x86_64-unknown-linux-gnu", None),
    ("x86_64-unknown-linux-gnu.2.17", None),
    ("aarch64-unknown-linux-gnu", AARCH64),
    ("aarch64-unknown-linux-gnu.2.17", AARCH64),
    ("armv7-unknown-linux-gnueabihf", ARM),
    ("riscv64gc-unknown-linux-gnu", RISCV64),
];

pub fn run(args: &[String]) -> Result<(), String> {
    let wanted = Wanted::new("matrix", &["--targets", "--others"], args)?;
    if wanted.has("--targets") {
        return targets::run(&wanted);
    }
    if wanted.has("--others") {
        return others::run(&wanted);
    }
    let matrix = Matrix::new()?;
    let mut results = matrix.results.all()?;
    if !wanted.has("--table") {
        let due = |cell: &Cell| wanted.is_due(&cell.name(), &results);
        let cells: Vec<Cell> = matrix.cells().filter(due).collect();
        matrix.prepare(&cells)?;
        let fill = |cell: &Cell| matrix.fill(cell);
        cells::sweep(&cells, Cell::name, fill, &matrix.results, &mut results)?;
    }
    print!("{}", table(&matrix.bins(), &results));
    Ok(())
}

struct Cell {
    bin: String,
    target: Target,
    way: &'static str,
}

impl Cell {
    fn name(&self) -> String {
        format!("{}/{}/{}", self.bin, self.target.0, self.way)
    }

    fn package(&self) -> String {
        format!("native-{}", self.bin)
    }
}

struct Matrix {
    native: PathBuf,
    scratch: PathBuf,
    results: Results,
    /// Each bin's line, in the order of expected.txt.
    expected: Vec<(String, String)>,
}

impl Matrix {
    fn new() -> Result<Self, String> {
        let native = root().join("fixtures/native");
        let scratch = root().join("target/matrix");
        let lines = cells::read(&native.join("expected.txt"))?;
        let expected = lines
            .lines()
            .filter_map(|line| Some((line.split_once(':')?.0.to_owned(), line.to_owned())))
            .collect();
        Ok(Self {
            native,
            results: Results(scratch.join("results.tsv")),
            scratch,
            expected,
        })
    }

    fn bins(&self) -> Vec<&str> {
        self.expected.iter().map(|(bin, _)| bin.as_str()).collect()
    }

    /// Target by target, so that zig's cache serves one after the other.
    fn cells(&self) -> impl Iterator<Item = Cell> {
        TARGETS.iter().flat_map(move |&target| {
            let bins = self.expected.iter().map(|(bin, _)| bin);
            bins.flat_map(move |bin| {
                WAYS.iter().map(move |way| Cell {
                    bin: bin.clone(),
                    target,
                    way,
                })
            })
        })
    }

    fn prepare(&self, cells: &[Cell]) -> Result<(), String> {
        if cells.is_empty() {
            return Ok(());
        }
        let ways: Vec<&str> = cells.iter().map(|cell| cell.way).collect();
        cells::prepare(TARGETS, &ways)?;
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
        let (target, _) = cell.target;
        let package = cell.package();
        let selection = ["--package", &package];
        let log = self.scratch.join("logs").join(format!("{flat}.log"));
        let command = cells::build(cell.way, target, &selection, &self.native, &work);
        let (built, seconds) = cells::timed(command, &log)?;
        let record = |outcome: &str, note: String| {
            Ok(Record {
                outcome: outcome.to_owned(),
                seconds,
                note,
            })
        };
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr);
            return record("build", cells::ended(&built, &said));
        }
        let made = cells::made(cell.way, target, &package, &cell.bin, &work);
        let bin = self.scratch.join("bins").join(flat);
        if let Err(error) = std::fs::copy(&made, &bin) {
            return record("build", format!("{}: {error}", made.display()));
        }
        let _ = std::fs::remove_dir_all(&work);
        let expected = self
            .expected
            .iter()
            .find(|(name, _)| *name == cell.bin)
            .map(|(_, line)| line.as_str());
        let (outcome, note) = cells::examined(&bin, cell.target, &[], |printed| {
            printed.strip_suffix('\n') == expected
        })?;
        record(outcome, note)
    }
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

#[test]
fn the_guide_shows_the_results_that_are_kept() {
    let matrix = Matrix::new().expect("the fixture is there");
    let results = Results(root().join("fixtures/native/matrix.tsv"))
        .all()
        .expect("the results are there");
    let page = cells::read(&root().join("src/guide/linkers.md")).expect("the page is there");
    assert!(
        page.contains(&table(&matrix.bins(), &results)),
        "cargo xtask matrix --table prints what the guide should show"
    );
}
