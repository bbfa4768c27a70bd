//! `matrix --targets`: the programs of fixtures/reach for every Linux target by every linker that
//! xpkg may choose, built and run.
//!
//! One cell is bin/target/linker; the records are in target/targets/results.tsv. The results that
//! the guide shows are kept in fixtures/reach/results.tsv: copy the file there after a run that is
//! worth it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::cells::{self, Record, Results, Wanted};
use crate::command::{root, step};
use crate::setup;

/// A target: its emulator, and Debian's cross compiler for it.
struct Row {
    triple: &'static str,
    /// `qemu-…-static`; empty if the machine runs it itself.
    qemu: &'static str,
    /// Name of the GNU toolchain whose libraries dynamic programs load; empty for musl.
    gnu: &'static str,
}

const fn row(triple: &'static str, qemu: &'static str, gnu: &'static str) -> Row {
    Row { triple, qemu, gnu }
}

/// All Linux targets with a standard library that rustup hosts, but for OpenHarmony.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("x86_64-unknown-linux-gnu",             "",            ""),
    row("x86_64-unknown-linux-musl",            "",            ""),
    row("x86_64-unknown-linux-gnux32",          "x86_64",      "x86_64-linux-gnux32"),
    row("aarch64-unknown-linux-gnu",            "aarch64",     "aarch64-linux-gnu"),
    row("aarch64-unknown-linux-musl",           "aarch64",     ""),
    row("armv7-unknown-linux-gnueabihf",        "arm",         "arm-linux-gnueabihf"),
    row("armv7-unknown-linux-gnueabi",          "arm",         "arm-linux-gnueabi"),
    row("armv7-unknown-linux-musleabihf",       "arm",         ""),
    row("armv7-unknown-linux-musleabi",         "arm",         ""),
    row("thumbv7neon-unknown-linux-gnueabihf",  "arm",         "arm-linux-gnueabihf"),
    row("arm-unknown-linux-gnueabihf",          "arm",         "arm-linux-gnueabihf"),
    row("arm-unknown-linux-gnueabi",            "arm",         "arm-linux-gnueabi"),
    row("arm-unknown-linux-musleabihf",         "arm",         ""),
    row("arm-unknown-linux-musleabi",           "arm",         ""),
    row("armv5te-unknown-linux-gnueabi",        "arm",         "arm-linux-gnueabi"),
    row("armv5te-unknown-linux-musleabi",       "arm",         ""),
    row("i686-unknown-linux-gnu",               "i386",        "i686-linux-gnu"),
    row("i686-unknown-linux-musl",              "i386",        ""),
    row("i586-unknown-linux-gnu",               "i386",        "i686-linux-gnu"),
    row("i586-unknown-linux-musl",              "i386",        ""),
    row("riscv64gc-unknown-linux-gnu",          "riscv64",     "riscv64-linux-gnu"),
    row("riscv64gc-unknown-linux-musl",         "riscv64",     ""),
    row("riscv64a23-unknown-linux-gnu",         "riscv64",     "riscv64-linux-gnu"),
    row("powerpc64le-unknown-linux-gnu",        "ppc64le",     "powerpc64le-linux-gnu"),
    row("powerpc64le-unknown-linux-musl",       "ppc64le",     ""),
    row("powerpc64-unknown-linux-gnu",          "ppc64",       "powerpc64-linux-gnu"),
    row("powerpc64-unknown-linux-musl",         "ppc64",       ""),
    row("powerpc-unknown-linux-gnu",            "ppc",         "powerpc-linux-gnu"),
    row("s390x-unknown-linux-gnu",              "s390x",       "s390x-linux-gnu"),
    row("sparc64-unknown-linux-gnu",            "sparc64",     "sparc64-linux-gnu"),
    row("loongarch64-unknown-linux-gnu",        "loongarch64", ""),
    row("loongarch64-unknown-linux-musl",       "loongarch64", ""),
];

const LINKERS: &[&str] = &["native", "gcc", "clang", "rust-lld", "zig"];

/// The bins of fixtures/reach, with what they print.
const BINS: &[(&str, &str)] = &[
    ("hello", "hello: sum 500500\n"),
    ("c", "c: half 21.25 in 5\n"),
    ("dlopen", "dlopen: refused\n"),
];

/// Debian's cross compilers: found at, package.
const COMPILERS: &[(&str, &str)] = &[
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    ("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"),
    ("arm-linux-gnueabi-gcc", "gcc-arm-linux-gnueabi"),
    ("i686-linux-gnu-gcc", "gcc-i686-linux-gnu"),
    ("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"),
    ("powerpc64le-linux-gnu-gcc", "gcc-powerpc64le-linux-gnu"),
    ("powerpc64-linux-gnu-gcc", "gcc-powerpc64-linux-gnu"),
    ("powerpc-linux-gnu-gcc", "gcc-powerpc-linux-gnu"),
    ("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu"),
    ("clang", "clang"),
    ("lld", "lld"),
    ("musl-gcc", "musl-tools"),
    ("/usr/aarch64-linux-gnu/include", "libc6-dev-arm64-cross"),
    ("/usr/arm-linux-gnueabihf/include", "libc6-dev-armhf-cross"),
    ("/usr/arm-linux-gnueabi/include", "libc6-dev-armel-cross"),
    ("/usr/i686-linux-gnu/include", "libc6-dev-i386-cross"),
    ("/usr/riscv64-linux-gnu/include", "libc6-dev-riscv64-cross"),
    (
        "/usr/powerpc64le-linux-gnu/include",
        "libc6-dev-ppc64el-cross",
    ),
    ("/usr/powerpc64-linux-gnu/include", "libc6-dev-ppc64-cross"),
    ("/usr/powerpc-linux-gnu/include", "libc6-dev-powerpc-cross"),
    ("/usr/s390x-linux-gnu/include", "libc6-dev-s390x-cross"),
];

pub fn run(wanted: &Wanted) -> Result<(), String> {
    let scratch = root().join("target/targets");
    let logs = scratch.join("logs");
    std::fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
    let store = Results(scratch.join("results.tsv"));
    let mut results = store.all()?;
    if !wanted.has("--table") {
        setup::packages(COMPILERS)?;
        cells::prepare(&[("x86_64-unknown-linux-gnu", None)], &["xpkg"])?;
        for row in ROWS {
            let all = LINKERS.iter().flat_map(|linker| {
                BINS.iter().map(move |bin| {
                    let name = format!("{}/{}/{linker}", bin.0, row.triple);
                    (name, *linker, *bin)
                })
            });
            let cells: Vec<(String, &str, (&str, &str))> = all
                .filter(|(name, ..)| wanted.is_due(name, &results))
                .collect();
            if cells.is_empty() {
                continue;
            }
            if let Err(problem) = setup::targets(&[row.triple]) {
                // Not a fault of xpkg's: the table says that it was not tried.
                step(&format!("{}: {problem}", row.triple));
                continue;
            }
            cells::sweep(
                &cells,
                |(name, ..)| name.clone(),
                |(name, linker, bin)| fill(row, linker, *bin, &scratch, name),
                &store,
                &mut results,
            )?;
        }
    }
    print!("{}", table(&results));
    Ok(())
}

fn fill(
    row: &Row,
    linker: &str,
    (bin, expected): (&str, &str),
    scratch: &Path,
    name: &str,
) -> Result<Record, String> {
    let work = scratch.join("work");
    let _ = std::fs::remove_dir_all(&work);
    let package = format!("reach-{bin}");
    let selection = ["--package", package.as_str(), "--linker", linker];
    let fixture = root().join("fixtures/reach");
    let command = cells::build("xpkg", row.triple, &selection, &fixture, &work);
    let flat = name.replace('/', "+");
    let (built, seconds) = cells::timed(command, &scratch.join(format!("logs/{flat}.log")))?;
    let said = String::from_utf8_lossy(&built.stderr);
    let record = |outcome: &str, note: String| Record {
        outcome: outcome.to_owned(),
        seconds,
        note,
    };
    // The choice was refused before anything was compiled.
    let refused = ["linker-unfit", "no-linker", "cpu-level"];
    if refused
        .iter()
        .any(|code| said.contains(&format!("error[{code}]: ")) && !said.contains("Compiling"))
    {
        let cause = said
            .lines()
            .find_map(|line| line.trim().strip_prefix("cause: "))
            .unwrap_or_default();
        return Ok(record("refused", cause.to_owned()));
    }
    if !built.status.success() {
        return Ok(record("build", cells::ended(&built, &said)));
    }
    let made = cells::made("xpkg", row.triple, &package, bin, &work);
    let emulator = format!("qemu-{}-static", row.qemu);
    let libraries = format!("/usr/{}", row.gnu);
    let runner: Option<(&str, &str)> =
        (!row.qemu.is_empty()).then_some((emulator.as_str(), libraries.as_str()));
    let (outcome, note) = cells::examined(&made, (row.triple, runner), &[], |printed| {
        printed == expected
    })?;
    Ok(record(outcome, note))
}

/// What came of the three bins of a target by a linker.
fn cell(results: &BTreeMap<String, Record>, triple: &str, linker: &str) -> String {
    let records: Vec<(&str, &Record)> = BINS
        .iter()
        .filter_map(|(bin, _)| {
            let record = results.get(&format!("{bin}/{triple}/{linker}"))?;
            Some((*bin, record))
        })
        .collect();
    let count = |outcome: &str| {
        records
            .iter()
            .filter(|(_, record)| record.outcome == outcome)
            .count()
    };
    match records.len() {
        0 => "not tried".to_owned(),
        all if count("ok") == all => "ran".to_owned(),
        all if count("refused") == all => "no".to_owned(),
        _ => records
            .iter()
            .map(|(bin, record)| match record.outcome.as_str() {
                "ok" => format!("{bin} ran"),
                "refused" => format!("{bin} no"),
                outcome => format!("{bin} fails ({outcome})"),
            })
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn table(results: &BTreeMap<String, Record>) -> String {
    let mut text = format!(
        "| target | {} |\n|---|{}\n",
        LINKERS.join(" | "),
        "---|".repeat(LINKERS.len())
    );
    for row in ROWS {
        let cells: Vec<String> = LINKERS
            .iter()
            .map(|linker| cell(results, row.triple, linker))
            .collect();
        let _ = writeln!(text, "| {} | {} |", row.triple, cells.join(" | "));
    }
    text
}

#[test]
fn the_guide_shows_the_targets_that_were_tried() {
    let kept = root().join("fixtures/reach/results.tsv");
    let results = Results(kept).all().expect("the results are there");
    let page = cells::read(&root().join("src/guide/targets.md")).expect("the page is there");
    assert!(
        page.contains(&table(&results)),
        "cargo xtask matrix --targets --table prints what the guide should show"
    );
}
