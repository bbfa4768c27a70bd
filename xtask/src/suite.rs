//! Runs the tests and counts them: a test that this machine cannot run passes for the test runner,
//! and is none that passed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use crate::command::{root, shown};

/// What a run of the tests came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
    /// Reasons, each with the names of the tests that did not run for it.
    skipped: BTreeMap<String, BTreeSet<String>>,
    /// The same of tests that ran in part: on one engine, not on another.
    in_part: BTreeMap<String, BTreeSet<String>>,
}

/// Runs a `cargo test`, passes on what it prints, and closes with what ran and what did not, and
/// why.
pub fn run(command: &mut Command) -> Result<(), String> {
    let skips = root().join("target/skipped-tests");
    let times = root().join("target/test-times");
    for file in [&skips, &times] {
        let _ = std::fs::remove_file(file);
    }
    let line_of_command = shown(command);
    eprintln!("xtask: {line_of_command}");
    let mut child = command
        .env("XPKG_SKIPS", &skips)
        .env("XPKG_TIMES", &times)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {line_of_command}: {error}"))?;
    let mut count = Count::default();
    let stdout = child.stdout.take().ok_or("cargo has no stdout")?;
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(|error| format!("cargo: {error}"))?;
        println!("{line}");
        count.result(&line);
    }
    let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
    count.skips(&std::fs::read_to_string(&skips).unwrap_or_default());
    let times = std::fs::read_to_string(&times).unwrap_or_default();
    println!("xtask: the longest: {}", longest(&times).join(", "));
    let _ = std::io::stdout().write_all(count.told().as_bytes());
    if status.success() {
        Ok(())
    } else {
        Err(format!("{line_of_command} ended with {status}"))
    }
}

/// Number of tests to name.
const LONGEST: usize = 25;

/// Returns the tests that had a project for the longest, with their seconds. `text` has a line for each
/// project: seconds and the test, by a tab.
fn longest(text: &str) -> Vec<String> {
    let mut seconds: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines() {
        let (number, test) = line.split_once('\t').unwrap_or_default();
        let longest = seconds.entry(test).or_default();
        *longest = number.parse().unwrap_or(0).max(*longest);
    }
    let mut tests: Vec<(u64, &str)> = seconds.into_iter().map(|(test, n)| (n, test)).collect();
    tests.sort_by(|a, b| b.cmp(a));
    tests.truncate(LONGEST);
    tests
        .into_iter()
        .map(|(seconds, test)| format!("{test} {seconds} s"))
        .collect()
}

#[test]
fn the_longest_come_first_and_once() {
    let text = "3\ta::b\n70\tc\n9\ta::b\n";
    assert_eq!(longest(text), ["c 70 s", "a::b 9 s"]);
}

impl Count {
    /// Adds a closing line of the test runner.
    fn result(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else {
            return;
        };
        let words: Vec<&str> = rest.split([' ', ';', '.']).collect();
        let number = |what: &str| {
            let at = words.iter().position(|word| *word == what)?;
            words.get(at.checked_sub(1)?)?.parse::<usize>().ok()
        };
        self.passed += number("passed").unwrap_or_default();
        self.failed += number("failed").unwrap_or_default();
    }

    /// Adds what the tests have written of what they could not run, a line each: the kind, the test
    /// and the reason, by tabs.
    fn skips(&mut self, text: &str) {
        for line in text.lines() {
            let mut parts = line.splitn(3, '\t');
            let (Some(kind), Some(test), Some(why)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let tests = if kind == "part" {
                &mut self.in_part
            } else {
                &mut self.skipped
            };
            tests
                .entry(why.to_owned())
                .or_default()
                .insert(test.to_owned());
        }
    }

    fn told(&self) -> String {
        let mut text = String::new();
        for (kind, reasons) in [("skipped", &self.skipped), ("ran in part", &self.in_part)] {
            for (why, tests) in reasons {
                let names: Vec<&str> = tests.iter().map(String::as_str).collect();
                let number = names.len();
                text += &format!(
                    "xtask: {number} {kind}: {why}\n       {}\n",
                    names.join(", ")
                );
            }
        }
        let skipped: BTreeSet<&String> = self.skipped.values().flatten().collect();
        let passed = self.passed.saturating_sub(skipped.len());
        text + &format!(
            "xtask: {passed} passed, {} failed, {} skipped\n",
            self.failed,
            skipped.len()
        )
    }
}

#[test]
fn a_skipped_test_is_none_that_passed() {
    let mut count = Count::default();
    for line in [
        "running 2 tests",
        "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
        "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
    ] {
        count.result(line);
    }
    count.skips("all\ta\tno zig\nall\tb\tno zig\nall\tb\tno engine\npart\tc\tno docker\n");
    assert_eq!(
        count.told(),
        "xtask: 1 skipped: no engine\n       b\nxtask: 2 skipped: no zig\n       a, b\nxtask: 1 \
         ran in part: no docker\n       c\nxtask: 4 passed, 1 failed, 2 skipped\n"
    );
}
