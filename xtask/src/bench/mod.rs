//! xpkg against plain cargo with the same linker variables, in turn, in one run on one machine.
//!
//! The bounds: cold at most 1.02 times cargo's own calls, and at most 1.01 times the calls in the same
//! build; with nothing to do at most cargo's own
//! calls and 40 ms, and at most 1.25 times these, 100 ms with zig, and plan's own lines and 200 ms in an
//! image, where an engine runs (`cargo xtask engine up`); `plan` at most `cargo metadata` and 25 ms,
//! `--version` 5 ms; a warm `doctor` at most 200 ms, and the probes of one compiler
//! 300 ms; `verify` at least 0.9 times as fast as `openssl dgst` on all cores, and of one archive at
//! most 1.2 times what its own tool and `sha256sum` take on one core each.

mod cold;
mod growth;
mod images;
mod measure;
mod peers;
mod place;
mod probes;
mod reading;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::measure::{Pair, Times, quiet};
use crate::bench::place::Bench;
use crate::command::{Go as _, cargo, root};
use crate::{pypi, stores};

const TARGETS: &[&str] = &["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];
const ZIG_TARGETS: &str = "aarch64-unknown-linux-musl,aarch64-unknown-linux-gnu.2.17";
const IMAGE_MARGIN: Duration = Duration::from_millis(200);
const COLD_RATIO: f64 = 1.02;
/// A cold build takes at most so many times what the calls of cargo in it take, also in user mode.
const CALLS_RATIO: f64 = 1.01;
const WARM_MARGIN: Duration = Duration::from_millis(40);
const WARM_RATIO: f64 = 1.25;
const ZIG_MARGIN: Duration = Duration::from_millis(100);
/// `plan` takes at most so much longer than `cargo metadata --no-deps`.
const PLAN_MARGIN: Duration = Duration::from_millis(25);
const VERSION: Duration = Duration::from_millis(5);
/// `verify` hashes at least so fast as `openssl dgst -sha256` on all cores.
const VERIFY_RATIO: f64 = 0.9;
/// `verify` of one archive takes at most so many times what the archive's tool and `sha256sum` take.
const ARCHIVE_RATIO: f64 = 1.2;
/// Argument for the number of cold builds; 0 leaves them out, where earlier ones are there to measure.
const COLD: &str = "--cold";
/// All flags.
const FLAGS: &[&str] = &[
    COLD,
    "--warm",
    "--gigabytes",
    GROWTH,
    "--rounds",
    "--largest",
    PEERS,
];
/// Those with a value.
const VALUED: &[&str] = &[COLD, "--warm", "--gigabytes", "--rounds", "--largest"];
/// Argument for the cold builds alone.
const COLD_ALONE: &str = "cold";
/// Argument for the archives alone.
const ARCHIVES: &str = "archives";
/// `release` against `tar` and `gzip -6`.
const RELEASE_RATIO: f64 = 1.1;
/// `publish` takes at most so many times what `aws s3 cp --recursive` takes at the same server.
const PUBLISH_RATIO: f64 = 1.25;
/// Most memory of `publish`, in KiB.
const PUBLISH_MEMORY: u64 = 64 * 1024;
/// Argument for `publish` alone.
const PUBLISH: &str = "publish";
/// Argument for the probes of compilers alone.
const PROBES: &str = "probes";
/// Argument for generated workspaces of many sizes.
const GROWTH: &str = "--growth";
/// Argument for other tools beside xpkg.
const PEERS: &str = "--peers";
const HEAD: &str = "\
| case | cargo, median | spread | xpkg, median | spread | ratio | more | bound |
|---|---|---|---|---|---|---|---|";
const DOCTOR: Duration = Duration::from_millis(200);

pub fn run(args: &[String]) -> Result<(), String> {
    let is_unknown = |arg: &&String| arg.starts_with("--") && !FLAGS.contains(&arg.as_str());
    if let Some(unknown) = args.iter().find(is_unknown) {
        return Err(format!(
            "unknown flag: {unknown} (flags: {})",
            FLAGS.join(" ")
        ));
    }
    let number = |name: &str, default: usize| match args.iter().position(|arg| arg == name) {
        Some(at) => args
            .get(at + 1)
            .and_then(|value| value.parse().ok())
            .filter(|number| *number > 0 || name == COLD)
            .ok_or(format!("{name} takes a number above 0")),
        None => Ok(default),
    };
    let (cold, rounds, gigabytes) = (
        number(COLD, 3)?,
        number("--warm", 21)?,
        number("--gigabytes", 5)?,
    );
    // A word behind a flag is its value.
    let is_value = |at: usize| at > 0 && VALUED.contains(&args[at - 1].as_str());
    let is_word = |at: &usize| !args[*at].starts_with("--") && !is_value(*at);
    let words: Vec<&str> = (0..args.len())
        .filter(is_word)
        .map(|at| args[at].as_str())
        .collect();
    let first = args.first().map(String::as_str);
    if let (true, [_, other, ..]) = (first != Some(PEERS), words.as_slice()) {
        return Err(format!("unknown measurement: {other}"));
    }
    let word = words.first().copied();
    let chosen = first
        .filter(|first| [GROWTH, PEERS].contains(first))
        .or(word);
    if chosen == Some(COLD_ALONE) && cold == 0 {
        return Err(format!("{COLD} takes a number above 0 here"));
    }
    let known = [COLD_ALONE, ARCHIVES, PUBLISH, PROBES, GROWTH, PEERS];
    if let Some(word) = chosen.filter(|chosen| !known.contains(chosen)) {
        return Err(format!("unknown measurement: {word}"));
    }
    cargo(&["build", "--release", "--bin", "cargo-xpkg"]).go()?;
    let scratch = root().join("target/bench");
    let bench = Bench {
        xpkg: root().join("target/release/cargo-xpkg"),
        chat: root().join("fixtures/chat"),
        scratch,
    };
    match chosen {
        Some(COLD_ALONE) => {
            println!("{HEAD}");
            return if bench.cold(cold)? {
                Ok(())
            } else {
                Err("a bound is not held".to_owned())
            };
        }
        Some(PUBLISH) => return bench.publish(5),
        Some(PROBES) => return bench.probes(rounds.div_ceil(4)),
        Some(GROWTH) => {
            return growth::run(&bench, number("--rounds", 5)?, number("--largest", 4800)?);
        }
        Some(PEERS) => {
            let rounds = peers::Rounds {
                cold,
                warm: rounds,
                gigabytes,
            };
            return peers::run(&bench, &rounds, args);
        }
        _ => {}
    }
    println!("{HEAD}");
    let archives = bench.archives(7)?;
    let is_held = |pair: &Pair| pair.xpkg.as_secs_f64() <= pair.cargo.as_secs_f64() * ARCHIVE_RATIO;
    let archives_held = archives.iter().all(is_held);
    for archive in &archives {
        println!("| {} | at most {ARCHIVE_RATIO} x |", archive.row);
    }
    if word == Some(ARCHIVES) {
        return if archives_held {
            Ok(())
        } else {
            Err("a bound is not held".to_owned())
        };
    }
    let cold = match cold {
        0 => None,
        rounds => Some(bench.cold(rounds)?),
    };
    if cold.is_none() {
        // What is not there is built now, before anything is measured.
        bench.pairs("", 1)?;
    }
    let warm = bench.pairs("nothing to do", rounds)?;
    println!(
        "| {} | at most {} ms more, {WARM_RATIO} x |",
        warm.row,
        WARM_MARGIN.as_millis()
    );
    let plan = bench.plan(rounds)?;
    println!(
        "| {} | at most {} ms more |",
        plan.row,
        PLAN_MARGIN.as_millis()
    );
    let version = bench.version(rounds)?;
    println!("| {} |", alone("--version", &version, VERSION));
    let release = bench.release(rounds.div_ceil(4))?;
    println!("| {} | at most {RELEASE_RATIO} x |", release.row);
    let publish_held = bench.publish(3);
    let zig = bench.zig(rounds)?;
    println!(
        "| {} | at most {} ms more |",
        zig.row,
        ZIG_MARGIN.as_millis()
    );
    let mut images_held = true;
    for pair in bench.images(rounds.div_ceil(2))? {
        let bound = pair
            .row
            .contains("plan's own lines")
            .then_some(IMAGE_MARGIN);
        images_held &= bound.is_none_or(|bound| pair.xpkg <= pair.cargo + bound);
        let bound = bound.map_or_else(
            || "the engine's cost".to_owned(),
            |bound| format!("at most {} ms more", bound.as_millis()),
        );
        println!("| {} | {bound} |", pair.row);
    }
    let verify = bench.verify(gigabytes)?;
    println!("| {} | at most 1 / {VERIFY_RATIO} x |", verify.row);
    let doctor = bench.doctor(15)?;
    println!("| {} |", alone("doctor, warm", &doctor, DOCTOR));
    let probes_held = bench.probes(rounds.div_ceil(4));
    let cold_held = cold.unwrap_or(true);
    let warm_held = warm.xpkg <= warm.cargo + WARM_MARGIN
        && warm.xpkg.as_secs_f64() <= warm.cargo.as_secs_f64() * WARM_RATIO
        && plan.xpkg <= plan.cargo + PLAN_MARGIN
        && version.median <= VERSION;
    let zig_held = zig.xpkg <= zig.cargo + ZIG_MARGIN;
    let verify_held = verify.xpkg.as_secs_f64() * VERIFY_RATIO <= verify.cargo.as_secs_f64();
    let release_held = release.xpkg.as_secs_f64() <= release.cargo.as_secs_f64() * RELEASE_RATIO;
    let ours_held = verify_held && archives_held && release_held && doctor.median <= DOCTOR;
    if cold_held && warm_held && zig_held && images_held && ours_held {
        publish_held.and(probes_held)
    } else {
        Err("a bound is not held".to_owned())
    }
}

/// Measures both in turn. Who goes first changes, so that a machine that warms up favors neither.
fn in_turn(
    case: &str,
    rounds: usize,
    mut cargo: impl FnMut() -> Result<Duration, String>,
    mut xpkg: impl FnMut() -> Result<Duration, String>,
) -> Result<Pair, String> {
    let (mut by_cargo, mut by_xpkg) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            by_cargo.push(cargo()?);
            by_xpkg.push(xpkg()?);
        } else {
            by_xpkg.push(xpkg()?);
            by_cargo.push(cargo()?);
        }
    }
    Ok(Pair::of(case, by_cargo, by_xpkg))
}

/// A row of what has nothing to be compared with.
fn alone(case: &str, times: &Times, bound: Duration) -> String {
    format!(
        "{case} | | | {:.4} s | {:.4}–{:.4} | | | at most {} ms",
        times.median.as_secs_f64(),
        times.least.as_secs_f64(),
        times.most.as_secs_f64(),
        bound.as_millis()
    )
}

impl Bench {
    /// Prints what cold builds take, and returns whether the bounds are held.
    fn cold(&self, rounds: usize) -> Result<bool, String> {
        let (one, other) = (self.scratch.join("cargo"), self.scratch.join("xpkg"));
        let mut counted = Vec::new();
        let pair = in_turn(
            "cold, 6 bins, 2 targets",
            rounds,
            || {
                let _ = std::fs::remove_dir_all(&one);
                self.cargo(&one)
            },
            || {
                let (all, build) = cold::build(self, &other, &[])?;
                counted.push(build);
                Ok(all.wall)
            },
        )?;
        println!("| {} | at most {COLD_RATIO} x |", pair.row);
        pypi::run()?;
        let by_zig = self.scratch.join("cold-zig");
        let (_, zig) = cold::build(self, &by_zig, &["--linker", "zig"])?;
        let mut is_held = pair.xpkg.as_secs_f64() <= pair.cargo.as_secs_f64() * COLD_RATIO;
        for (case, builds) in [("cold", counted), ("cold, by zig, once", vec![zig])] {
            let (rows, ratio) = cold::Counted::row(case, &builds);
            for row in rows.lines() {
                println!("| {row} | at most {CALLS_RATIO} x |");
            }
            is_held &= ratio <= CALLS_RATIO;
        }
        Ok(is_held)
    }

    /// Builds with nothing to do.
    fn pairs(&self, case: &str, rounds: usize) -> Result<Pair, String> {
        let (one, other) = (self.scratch.join("cargo"), self.scratch.join("xpkg"));
        in_turn(case, rounds, || self.cargo(&one), || self.xpkg(&other))
    }

    /// The release of the tree that the cold runs staged: both verifications, archives, checksums,
    /// installers and the page, against `tar` and `gzip -6` of the same programs on all cores.
    fn release(&self, rounds: usize) -> Result<Pair, String> {
        let target_dir = self.scratch.join("xpkg");
        let tree = target_dir.join("xpkg");
        let (by_hand, by_xpkg) = (self.scratch.join("by-hand"), self.scratch.join("release"));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let line = format!(
            "find . -mindepth 2 -maxdepth 2 -type d | xargs -P {cores} -I '{{}}' sh -c 'tar -cf - {{}} \
             | gzip -6 >{}/$(echo {{}} | tr / _).tar.gz'",
            by_hand.display()
        );
        let (mut tar, mut xpkg) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            for place in [&by_hand, &by_xpkg] {
                let _ = std::fs::remove_dir_all(place);
            }
            std::fs::create_dir_all(&by_hand).map_err(|error| error.to_string())?;
            let began = Instant::now();
            quiet(Command::new("sh").args(["-c", &line]).current_dir(&tree))?;
            tar.push(began.elapsed());
            let began = Instant::now();
            quiet(
                Command::new(&self.xpkg)
                    .args(["release", "--quiet", "--no-build", "--allow-dirty"])
                    .arg("--target-dir")
                    .arg(&target_dir)
                    .arg("--release-dir")
                    .arg(&by_xpkg)
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .current_dir(&self.chat),
            )?;
            xpkg.push(began.elapsed());
        }
        Ok(Pair::of("release, against tar and gzip -6", tar, xpkg))
    }

    /// 1,000 objects of 1 MB, verified and published, against the AWS CLI, which copies them.
    fn publish(&self, rounds: usize) -> Result<(), String> {
        let stores::Measured { aws, xpkg, memory } =
            stores::measure(&self.xpkg, &self.scratch, rounds)?;
        let pair = Pair::of("publish, against aws s3 cp", aws, xpkg);
        let megabytes = |kibibytes: u64| kibibytes.div_ceil(1024);
        println!(
            "| {} | at most {PUBLISH_RATIO} x; {} MiB of at most {} |",
            pair.row,
            megabytes(memory),
            megabytes(PUBLISH_MEMORY)
        );
        let is_fast = pair.xpkg.as_secs_f64() <= pair.cargo.as_secs_f64() * PUBLISH_RATIO;
        if is_fast && memory <= PUBLISH_MEMORY {
            Ok(())
        } else {
            Err("a bound is not held".to_owned())
        }
    }

    /// Nothing to do where zig compiles the C of musl and of a glibc floor: against the very calls
    /// that `plan` prints.
    fn zig(&self, rounds: usize) -> Result<Pair, String> {
        let project = root().join("fixtures/with-c");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let zig = root().join("target/toolchains/zig/ziglang");
        let path = std::env::join_paths(std::iter::once(zig).chain(std::env::split_paths(&path)))
            .map_err(|error| error.to_string())?;
        let xpkg = |word: &str| {
            let mut command = Command::new(&self.xpkg);
            command
                .args([
                    word,
                    "--quiet",
                    "--linker",
                    "zig",
                    "--target",
                    ZIG_TARGETS,
                    "--target-dir",
                ])
                .arg(self.scratch.join("zig"));
            command
                .env("PATH", &path)
                .env_remove("RUSTUP_TOOLCHAIN")
                .current_dir(&project);
            command
        };
        quiet(&mut xpkg("build"))?;
        let plan = xpkg("plan")
            .output()
            .map_err(|error| error.to_string())?
            .stdout;
        let lines: Vec<String> = String::from_utf8_lossy(&plan)
            .lines()
            .filter_map(|line| line.strip_prefix("  runs        "))
            .map(str::to_owned)
            .collect();
        let (mut calls, mut builds) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let began = Instant::now();
            for line in &lines {
                quiet(
                    Command::new("sh")
                        .arg("-c")
                        .arg(line)
                        .env("PATH", &path)
                        .stderr(Stdio::null()),
                )?;
            }
            calls.push(began.elapsed());
            let began = Instant::now();
            quiet(&mut xpkg("build"))?;
            builds.push(began.elapsed());
        }
        Ok(Pair::of("nothing to do, zig, C, a floor", calls, builds))
    }

    /// cargo's own calls, one a target, with the variables that xpkg sets.
    fn cargo(&self, directory: &Path) -> Result<Duration, String> {
        let began = Instant::now();
        for target in TARGETS {
            let variable = format!(
                "CARGO_TARGET_{}_LINKER",
                target.replace('-', "_").to_uppercase()
            );
            let mut command = Command::new("cargo");
            command
                .args([
                    "build",
                    "--quiet",
                    "--release",
                    "--bins",
                    "--target",
                    target,
                    "--target-dir",
                ])
                .arg(directory);
            quiet(command.env(variable, "rust-lld").current_dir(&self.chat))?;
        }
        Ok(began.elapsed())
    }

    /// `plan` of the same workspace, against the question to cargo that it begins with.
    fn plan(&self, rounds: usize) -> Result<Pair, String> {
        let (mut metadata, mut plans) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let began = Instant::now();
            let mut command = Command::new("cargo");
            command.args(["metadata", "--format-version", "1", "--no-deps"]);
            let target_dir = self.scratch.join("xpkg");
            quiet(
                command
                    .env("CARGO_TARGET_DIR", &target_dir)
                    .current_dir(&self.chat),
            )?;
            metadata.push(began.elapsed());
            let began = Instant::now();
            let mut command = Command::new(&self.xpkg);
            command.args(["plan", "--quiet", "--target", &TARGETS.join(",")]);
            command.arg("--target-dir").arg(&target_dir);
            quiet(command.current_dir(&self.chat))?;
            plans.push(began.elapsed());
        }
        Ok(Pair::of("plan, against cargo metadata", metadata, plans))
    }

    /// The start of the program.
    fn version(&self, rounds: usize) -> Result<Times, String> {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let began = Instant::now();
            quiet(Command::new(&self.xpkg).arg("--version"))?;
            times.push(began.elapsed());
        }
        Ok(Times::of(times))
    }

    /// `doctor` on the same workspace, once its answers are kept.
    fn doctor(&self, rounds: usize) -> Result<Times, String> {
        let mut times = Vec::new();
        for _ in 0..=rounds {
            let began = Instant::now();
            let mut command = Command::new(&self.xpkg);
            command
                .args(["doctor", "--target", &TARGETS.join(","), "--target-dir"])
                .arg(self.scratch.join("xpkg"));
            quiet(command.current_dir(&self.chat))?;
            times.push(began.elapsed());
        }
        // The first fills the cache.
        times.remove(0);
        Ok(Times::of(times))
    }

    fn xpkg(&self, directory: &Path) -> Result<Duration, String> {
        let began = Instant::now();
        let mut command = Command::new(&self.xpkg);
        command
            .args([
                "build",
                "--quiet",
                "--target",
                &TARGETS.join(","),
                "--target-dir",
            ])
            .arg(directory)
            .current_dir(&self.chat);
        quiet(&mut command)?;
        Ok(began.elapsed())
    }
}
