//! What xpkg adds to a cold build: all that it takes outside of cargo's own calls.
//!
//! Two cold builds by the same tool differ by more than what is looked for, so that xpkg's build is
//! held against the calls of cargo in the same run, which a program before the real cargo measures.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::bench::TARGETS;
use crate::bench::measure::{Usage, used};
use crate::bench::place::Bench;
use crate::command::{ask, root};
use crate::pypi;

/// Whole builds by xpkg, and the calls of cargo in them that compile.
#[derive(Clone, Copy)]
pub struct Counted {
    /// Time from start to end, of the build and of the calls.
    pub wall: (Duration, Duration),
    /// Time in user mode, of the build and of the calls.
    pub user: (Duration, Duration),
}

impl Counted {
    /// Returns the row of several builds: of that which adds most.
    pub fn row(case: &str, builds: &[Self]) -> (String, f64) {
        let ratio = |(all, calls): (Duration, Duration)| all.as_secs_f64() / calls.as_secs_f64();
        let most = |field: fn(&Self) -> (Duration, Duration)| {
            let most =
                |one: &&Self, other: &&Self| ratio(field(one)).total_cmp(&ratio(field(other)));
            builds.iter().max_by(most).map(field).unwrap_or_default()
        };
        let (wall, user) = (most(|build| build.wall), most(|build| build.user));
        let line = |what: &str, (all, calls): (Duration, Duration)| {
            format!(
                "{case}, {what} | {:.3} s | | {:.3} s | | {:.4} | {:+.0} ms",
                calls.as_secs_f64(),
                all.as_secs_f64(),
                ratio((all, calls)),
                (all.as_secs_f64() - calls.as_secs_f64()) * 1000.0
            )
        };
        let rows = format!(
            "{}\n{}",
            line("of cargo's calls in it", wall),
            line("of their time in user mode", user)
        );
        (rows, ratio(wall).max(ratio(user)))
    }
}

/// Builds chat from nothing by xpkg with these arguments.
pub fn build(bench: &Bench, directory: &Path, more: &[&str]) -> Result<(Usage, Counted), String> {
    let _ = std::fs::remove_dir_all(directory);
    let (path, log) = measured_cargo(&bench.scratch)?;
    let mut command = Command::new(&bench.xpkg);
    command
        .args(["build", "--quiet", "--target", &TARGETS.join(",")])
        .arg("--target-dir")
        .arg(directory)
        .args(more)
        .env("PATH", path)
        .env_remove("CARGO")
        .current_dir(&bench.chat);
    let all = used(&mut command)?;
    let text =
        std::fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let calls = compiling(&text)?;
    let sum = |field: fn(&Call) -> Duration| calls.iter().map(field).sum::<Duration>();
    let counted = Counted {
        wall: (all.wall, sum(|call| call.wall)),
        user: (all.user, sum(|call| call.user)),
    };
    Ok((all, counted))
}

/// A call of cargo.
struct Call {
    wall: Duration,
    user: Duration,
}

/// Reads the calls that compile: the first `build` for each target. A second one, which confirms that
/// nothing changed meanwhile, is xpkg's.
fn compiling(log: &str) -> Result<Vec<Call>, String> {
    let mut calls = Vec::new();
    for target in TARGETS {
        let is_build = |line: &&str| {
            let mut words = line.split(' ').skip(3);
            words.next() == Some("build") && words.any(|word| word == *target)
        };
        let line = log
            .lines()
            .find(is_build)
            .ok_or(format!("no build for {target} in: {log}"))?;
        let mut words = line.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<f64>().ok());
        let (Some(began), Some(ended)) = (number(), number()) else {
            return Err(format!("not a call: {line}"));
        };
        // `0m12.340000s`, as a shell prints the times of its children.
        let user = words.next().and_then(|word| {
            let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
            Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
        });
        calls.push(Call {
            wall: Duration::from_secs_f64(ended - began),
            user: Duration::from_secs_f64(user.ok_or(format!("not a call: {line}"))?),
        });
    }
    Ok(calls)
}

/// Writes a program that measures the cargo behind it, and returns the `PATH` that finds it, and its
/// log, which is empty.
fn measured_cargo(scratch: &Path) -> Result<(std::ffi::OsString, PathBuf), String> {
    let directory = scratch.join("measured");
    let log = directory.join("log");
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    std::fs::create_dir_all(&directory).map_err(failed)?;
    std::fs::write(&log, "").map_err(failed)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cargo = ask(Command::new("sh")
        .args(["-c", "command -v cargo"])
        .current_dir(root()))?;
    let script = format!(
        "#!/bin/sh\nbegan=$(date +%s.%N)\n{} \"$@\"\nresult=$?\nended=$(date +%s.%N)\n\
         times >{log}.times\nuser=$(sed -n '2s/ .*//p' {log}.times)\n\
         echo \"$began $ended $user $*\" >>{log}\nexit $result\n",
        cargo.trim(),
        log = log.display()
    );
    let program = directory.join("cargo");
    std::fs::write(&program, script).map_err(failed)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
    let paths = [directory.clone(), pypi::zig()];
    let paths = paths.into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(paths).map_err(|error| error.to_string())?;
    Ok((path, log))
}

#[test]
fn calls_that_compile_are_the_first_of_each_target() {
    let log = "1.0 1.5 0m0.1s metadata --no-deps\n\
               2.0 62.5 1m40.5s build --target x86_64-unknown-linux-musl --bins\n\
               62.6 62.7 0m0.1s build --target x86_64-unknown-linux-musl --bins\n\
               63.0 64.0 0m2s build --target aarch64-unknown-linux-musl --bins\n";
    let calls = compiling(log).unwrap();
    let seconds = |time: fn(&Call) -> Duration| calls.iter().map(time).sum::<Duration>();
    assert_eq!(seconds(|call| call.wall), Duration::from_millis(61_500));
    assert_eq!(seconds(|call| call.user), Duration::from_millis(102_500));
    assert!(compiling("1 2 0m1s build --target x86_64-unknown-linux-musl\n").is_err());
}
