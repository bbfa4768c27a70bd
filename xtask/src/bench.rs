//! xpkg against plain cargo with the same linker variables, in turn, in one run on one machine.
//!
//! The bounds: cold at most 1.02 times cargo's own calls; with nothing to do at most cargo's own
//! calls and 100 ms, with zig, too, and plan's own lines and 200 ms in an image, where an engine
//! runs (`cargo xtask engine up`); a warm `doctor` at most 200 ms; `verify` at least 0.9 times as
//! fast as `openssl dgst` on all cores, and of one archive at most 1.2 times what its own tool and
//! `sha256sum` take on one core each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{Go as _, ask, cargo, root};
use crate::setup::packages;
use crate::stores;

const TARGETS: &[&str] = &["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];
const ZIG_TARGETS: &str = "aarch64-unknown-linux-musl,aarch64-unknown-linux-gnu.2.17";
const IMAGE_TARGET: &str = "aarch64-unknown-linux-gnu";
const IMAGE_MARGIN: Duration = Duration::from_millis(200);
const COLD_RATIO: f64 = 1.02;
const WARM_MARGIN: Duration = Duration::from_millis(100);
/// `verify` hashes at least so fast as `openssl dgst -sha256` on all cores.
const VERIFY_RATIO: f64 = 0.9;
/// `verify` of one archive takes at most so many times what the archive's tool and `sha256sum` take.
const ARCHIVE_RATIO: f64 = 1.2;
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
/// Bytes of one of the files that `verify` is measured with.
const FILE: usize = 32 * 1024 * 1024;
const DOCTOR: Duration = Duration::from_millis(200);

pub fn run(args: &[String]) -> Result<(), String> {
    let number = |name: &str, default: usize| match args.iter().position(|arg| arg == name) {
        Some(at) => args
            .get(at + 1)
            .and_then(|value| value.parse().ok())
            .filter(|number| *number > 0)
            .ok_or(format!("{name} takes a number above 0")),
        None => Ok(default),
    };
    let (cold, rounds, gigabytes) = (
        number("--cold", 3)?,
        number("--warm", 21)?,
        number("--gigabytes", 5)?,
    );
    cargo(&["build", "--release", "--bin", "cargo-xpkg"]).go()?;
    let scratch = root().join("target/bench");
    let bench = Bench {
        xpkg: root().join("target/release/cargo-xpkg"),
        chat: root().join("fixtures/chat"),
        scratch,
    };
    if args.first().is_some_and(|only| only == PUBLISH) {
        return bench.publish(5);
    }
    println!("| case | cargo, median | spread | xpkg, median | spread | ratio | more | bound |");
    println!("|---|---|---|---|---|---|---|---|");
    let archives = bench.archives(7)?;
    let is_held = |pair: &Pair| pair.xpkg.as_secs_f64() <= pair.cargo.as_secs_f64() * ARCHIVE_RATIO;
    let archives_held = archives.iter().all(is_held);
    for archive in &archives {
        println!("| {} | at most {ARCHIVE_RATIO} x |", archive.row);
    }
    if args.first().is_some_and(|only| only == ARCHIVES) {
        return if archives_held {
            Ok(())
        } else {
            Err("a bound is not held".to_owned())
        };
    }
    let cold = bench.pairs("cold, 6 bins, 2 targets", cold, Start::Cold)?;
    let warm = bench.pairs("nothing to do", rounds, Start::Warm)?;
    println!("| {} | at most {COLD_RATIO} x |", cold.row);
    println!(
        "| {} | at most {} ms more |",
        warm.row,
        WARM_MARGIN.as_millis()
    );
    let release = bench.release(rounds.div_ceil(4))?;
    println!("| {} | at most {RELEASE_RATIO} x |", release.row);
    let publish_held = bench.publish(3);
    let zig = bench.zig(rounds)?;
    println!(
        "| {} | at most {} ms more |",
        zig.row,
        WARM_MARGIN.as_millis()
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
    println!(
        "| doctor, warm | | | {:.3} s | {:.3}–{:.3} | | | at most {} ms |",
        doctor.median.as_secs_f64(),
        doctor.least.as_secs_f64(),
        doctor.most.as_secs_f64(),
        DOCTOR.as_millis()
    );
    let cold_held = cold.xpkg.as_secs_f64() <= cold.cargo.as_secs_f64() * COLD_RATIO;
    let warm_held = warm.xpkg <= warm.cargo + WARM_MARGIN;
    let zig_held = zig.xpkg <= zig.cargo + WARM_MARGIN;
    let verify_held = verify.xpkg.as_secs_f64() * VERIFY_RATIO <= verify.cargo.as_secs_f64();
    let release_held = release.xpkg.as_secs_f64() <= release.cargo.as_secs_f64() * RELEASE_RATIO;
    let ours_held = verify_held && archives_held && release_held && doctor.median <= DOCTOR;
    if cold_held && warm_held && zig_held && images_held && ours_held {
        publish_held
    } else {
        Err("a bound is not held".to_owned())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Start {
    Cold,
    Warm,
}

struct Bench {
    xpkg: PathBuf,
    chat: PathBuf,
    scratch: PathBuf,
}

struct Pair {
    cargo: Duration,
    xpkg: Duration,
    row: String,
}

impl Pair {
    fn of(case: &str, cargo: Vec<Duration>, xpkg: Vec<Duration>) -> Self {
        let (cargo, xpkg) = (Times::of(cargo), Times::of(xpkg));
        let row = format!(
            "{case} | {:.3} s | {:.3}–{:.3} | {:.3} s | {:.3}–{:.3} | {:.3} | {:+.0} ms",
            cargo.median.as_secs_f64(),
            cargo.least.as_secs_f64(),
            cargo.most.as_secs_f64(),
            xpkg.median.as_secs_f64(),
            xpkg.least.as_secs_f64(),
            xpkg.most.as_secs_f64(),
            xpkg.median.as_secs_f64() / cargo.median.as_secs_f64(),
            (xpkg.median.as_secs_f64() - cargo.median.as_secs_f64()) * 1000.0
        );
        Self {
            cargo: cargo.median,
            xpkg: xpkg.median,
            row,
        }
    }
}

impl Bench {
    fn pairs(&self, case: &str, rounds: usize, start: Start) -> Result<Pair, String> {
        let (one, other) = (self.scratch.join("cargo"), self.scratch.join("xpkg"));
        let (mut cargo, mut xpkg) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            // Who goes first changes, so that a machine that warms up favours neither.
            let mut sides: Vec<(&Path, &mut Vec<Duration>)> =
                vec![(&one, &mut cargo), (&other, &mut xpkg)];
            if round % 2 == 1 {
                sides.reverse();
            }
            for (directory, times) in sides {
                if start == Start::Cold {
                    let _ = std::fs::remove_dir_all(directory);
                }
                times.push(if directory == one {
                    self.cargo(directory)?
                } else {
                    self.xpkg(directory)?
                });
            }
        }
        Ok(Pair::of(case, cargo, xpkg))
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

    /// Nothing to do in an image, by each engine that answers: against the very calls that `plan`
    /// prints, and against the same workspace built with what is on this machine.
    fn images(&self, rounds: usize) -> Result<Vec<Pair>, String> {
        let read = |name: &str| {
            std::fs::read_to_string(root().join("target/engine").join(name)).unwrap_or_default()
        };
        let json =
            |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
        let (engines, images) = (json(read("engines.json")), json(read("images.json")));
        let image = "127.0.0.1:5055/xpkg/gcc12:1";
        let mut pairs = Vec::new();
        for name in ["docker", "podman"]
            .into_iter()
            .filter(|name| engines[name]["answers"] == true)
        {
            let project = self.scratch.join(format!("in-{name}"));
            let _ = std::fs::remove_dir_all(&project);
            quiet(
                Command::new("cp")
                    .arg("-r")
                    .arg(root().join("fixtures/with-c"))
                    .arg(&project),
            )?;
            let digest = images[image]
                .as_str()
                .ok_or("run `cargo xtask engine up`")?;
            let config = format!(
                "[target.{IMAGE_TARGET}]\nimage = \"{}@{digest}\"\n",
                image.trim_end_matches(":1")
            );
            std::fs::write(project.join("xpkg.toml"), config).map_err(|error| error.to_string())?;
            let prepared = |command: &mut Command| {
                let environment = engines[name]["environment"]
                    .as_object()
                    .into_iter()
                    .flatten();
                command
                    .envs(environment.filter_map(|(name, value)| Some((name, value.as_str()?))))
                    .env("XPKG_CONTAINER_ENGINE", name);
                command.env_remove("RUSTUP_TOOLCHAIN").current_dir(&project);
            };
            let xpkg = |word: &str, linker: &str| {
                let mut command = Command::new(&self.xpkg);
                command.args([
                    word,
                    "--quiet",
                    "--target",
                    IMAGE_TARGET,
                    "--linker",
                    linker,
                ]);
                prepared(&mut command);
                command
            };
            quiet(&mut xpkg("build", "image"))?;
            let plan = xpkg("plan", "image")
                .output()
                .map_err(|error| error.to_string())?
                .stdout;
            let line = |line: &str| {
                ["  fetches     ", "  runs        "]
                    .iter()
                    .find_map(|label| line.strip_prefix(label))
                    .map(str::to_owned)
            };
            let lines: Vec<String> = String::from_utf8_lossy(&plan)
                .lines()
                .filter_map(line)
                .collect();
            quiet(&mut xpkg("build", "gcc"))?;
            let (mut calls, mut builds, mut here) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..rounds {
                let began = Instant::now();
                for line in &lines {
                    let mut call = Command::new("sh");
                    prepared(call.arg("-c").arg(line).stderr(Stdio::null()));
                    quiet(&mut call)?;
                }
                calls.push(began.elapsed());
                for (linker, times) in [("image", &mut builds), ("gcc", &mut here)] {
                    let began = Instant::now();
                    quiet(&mut xpkg("build", linker))?;
                    times.push(began.elapsed());
                }
            }
            pairs.push(Pair::of(
                &format!("nothing to do, in an image by {name}, against with gcc here"),
                here,
                builds.clone(),
            ));
            pairs.push(Pair::of(
                &format!("nothing to do, in an image by {name}, against plan's own lines"),
                calls,
                builds,
            ));
        }
        Ok(pairs)
    }

    /// A tree of so many gigabytes, in files of 32 MiB: `openssl` on all cores against `verify`,
    /// from the page cache where it fits. The peak of memory is told by `/usr/bin/time`, where that
    /// is there.
    fn verify(&self, gigabytes: usize) -> Result<Pair, String> {
        let tree = self.scratch.join("verify").join(std::env::consts::ARCH);
        let failed = |error: std::io::Error| format!("{}: {error}", tree.display());
        std::fs::create_dir_all(&tree).map_err(failed)?;
        let mut bytes = vec![0_u8; FILE];
        // Nothing that compresses, and no two files alike.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for chunk in bytes.chunks_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
        }
        for number in 0..gigabytes * 1024 * 1024 * 1024 / FILE {
            bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
            let file = tree.join(number.to_string());
            if !file
                .metadata()
                .is_ok_and(|known| known.len() == FILE as u64)
            {
                std::fs::write(file, &bytes).map_err(failed)?;
            }
        }
        // A tree without any program is none to release.
        std::fs::copy(&self.xpkg, tree.join("app")).map_err(failed)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let (mut openssl, mut xpkg) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let began = Instant::now();
            quiet(
                Command::new("sh")
                    .args([
                        "-c",
                        &format!("ls | xargs -n 8 -P {cores} openssl dgst -sha256"),
                    ])
                    .current_dir(&tree),
            )?;
            openssl.push(began.elapsed());
            let began = Instant::now();
            quiet(
                Command::new(&self.xpkg)
                    .arg("verify")
                    .arg(tree.parent().unwrap_or(&tree)),
            )?;
            xpkg.push(began.elapsed());
        }
        let peak = Command::new("/usr/bin/time")
            .args(["-f", "%M"])
            .arg(&self.xpkg)
            .arg("verify")
            .arg(&tree)
            .output();
        if let Some(kilobytes) = peak.ok().and_then(|output| {
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .last()?
                .parse::<u64>()
                .ok()
        }) {
            eprintln!(
                "xtask: verify took {} MiB at its peak, on {cores} cores, files of {} MiB",
                kilobytes / 1024,
                FILE / 1024 / 1024
            );
        }
        let _ = std::fs::remove_dir_all(self.scratch.join("verify"));
        Ok(Pair::of(
            &format!("verify, {gigabytes} GiB, against openssl on {cores} cores"),
            openssl,
            xpkg,
        ))
    }

    /// A package of Debian (xz) and a zip with one large library of this toolchain: the tool that
    /// unpacks it, with one thread, and `sha256sum` against `verify`. dpkg-deb with more threads is
    /// faster where the package was compressed in blocks, and `verify` reads one archive on one core.
    fn archives(&self, rounds: usize) -> Result<Vec<Pair>, String> {
        packages(&[("dpkg-deb", "dpkg"), ("unzip", "unzip")])?;
        let place = self.scratch.join("archives");
        let _ = std::fs::remove_dir_all(&place);
        let failed = |error: std::io::Error| format!("{}: {error}", place.display());
        let (control, libraries) = (place.join("deb/DEBIAN"), place.join("deb/usr/lib"));
        for directory in [&control, &libraries] {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        let sysroot = ask(Command::new("rustc").args(["--print", "sysroot"]))?;
        let listed = std::fs::read_dir(Path::new(&sysroot).join("lib")).map_err(failed)?;
        let library = listed
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "so"))
            .max_by_key(|path| path.metadata().map_or(0, |known| known.len()))
            .ok_or("the toolchain has no shared library")?;
        std::fs::copy(library, libraries.join("libapp.so")).map_err(failed)?;
        let arch = ask(Command::new("dpkg").arg("--print-architecture"))?;
        let text = format!(
            "Package: app\nVersion: 1\nArchitecture: {arch}\nMaintainer: a <a@example.org>\nDescription: a\n"
        );
        std::fs::write(control.join("control"), text).map_err(failed)?;
        let (deb, zip) = (
            place.join(format!("app_1_{arch}.deb")),
            place.join(format!("app-linux-{arch}.zip")),
        );
        quiet(
            Command::new("dpkg-deb")
                .args(["--root-owner-group", "-Zxz", "-b"])
                .args([&place.join("deb"), &deb]),
        )?;
        quiet(
            Command::new("python3")
                .args(["-m", "zipfile", "-c"])
                .args([&zip, &libraries.join("libapp.so")]),
        )?;
        let mut pairs = Vec::new();
        for (case, archive, tool) in [
            (
                "verify of a .deb (xz), against dpkg-deb with one thread",
                &deb,
                "dpkg-deb --threads-max=1 --fsys-tarfile",
            ),
            ("verify of a .zip, against unzip", &zip, "unzip -p"),
        ] {
            let (mut own, mut xpkg) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                let began = Instant::now();
                let line = format!("{tool} \"$0\" | sha256sum");
                quiet(Command::new("sh").args(["-c", &line]).arg(archive))?;
                own.push(began.elapsed());
                let began = Instant::now();
                quiet(Command::new(&self.xpkg).arg("verify").arg(archive))?;
                xpkg.push(began.elapsed());
            }
            pairs.push(Pair::of(case, own, xpkg));
        }
        let _ = std::fs::remove_dir_all(&place);
        Ok(pairs)
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

fn quiet(command: &mut Command) -> Result<(), String> {
    // `cargo xtask` runs under cargo, whose choice of toolchain must not reach one side only.
    match command
        .env_remove("RUSTUP_TOOLCHAIN")
        .stdout(Stdio::null())
        .status()
    {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("{command:?}: {other:?}")),
    }
}

struct Times {
    least: Duration,
    median: Duration,
    most: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self {
            least: times[0],
            median: times[times.len() / 2],
            most: times[times.len() - 1],
        }
    }
}
