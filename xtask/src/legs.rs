//! Many machines on this one: four legs of fixtures/chat in clones of their own, with a shared cache
//! of compiled code; two of them killed and run again; joined, verified and released, twice.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::command::{Go as _, ask, cargo, root, soon};
use crate::setup;

const TARGETS: &str = "x86_64-unknown-linux-musl,aarch64-unknown-linux-musl,x86_64-unknown-linux-gnu,\
                       aarch64-unknown-linux-gnu";

/// Targets of the images.
const MUSL: &str = "x86_64-unknown-linux-musl,aarch64-unknown-linux-musl";

/// Legs that are killed in the first round.
const KILLED: [usize; 2] = [0, 1];

/// Number of a leg's units after which it is killed.
const UNITS: usize = 25;

/// Runs it all, and prints times and hits.
pub fn run(_: &[String]) -> Result<(), String> {
    setup::run()?;
    cargo(&["build", "--locked", "-p", "cargo-xpkg"]).go()?;
    let place = root().join("target/legs");
    let _ = std::fs::remove_dir_all(&place);
    // A copy: a build beside this run does not take it away.
    let error = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(place.join("bin")).map_err(error)?;
    let built = root().join("target/debug/cargo-xpkg");
    std::fs::copy(built, place.join("bin/cargo-xpkg")).map_err(error)?;
    let legs = Legs {
        redis: Redis::start(&place)?,
        origin: origin(&place)?,
        place,
    };
    legs.all()
}

struct Legs {
    redis: Redis,
    origin: PathBuf,
    place: PathBuf,
}

/// Returns a repository with the fixture in it.
fn origin(place: &Path) -> Result<PathBuf, String> {
    let origin = place.join("origin");
    let error = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(&origin).map_err(error)?;
    let fixture = root().join("fixtures/chat");
    for line in [
        format!("cp -r {}/. . && rm -rf target", fixture.display()),
        "echo /target >.gitignore && git init --quiet --initial-branch main && git add --all"
            .to_owned(),
        "git -c user.name=chat -c user.email=chat@chat.example commit --quiet --no-gpg-sign -m chat"
            .to_owned(),
    ] {
        ask(Command::new("sh").args(["-c", &line]).current_dir(&origin))?;
    }
    Ok(origin)
}

impl Legs {
    fn all(&self) -> Result<(), String> {
        let matrix = [
            "matrix",
            "--locked",
            "--compiler-cache",
            "sccache",
            "--target",
            TARGETS,
        ];
        let lines = self.xpkg(&self.origin, &[&matrix[..], &["--for", "lines"]].concat())?;
        let lines: Vec<&str> = lines.lines().collect();
        let list = self.xpkg(&self.origin, &[&matrix[..], &["--for", "json"]].concat())?;
        let expected = self.place.join("legs.json");
        std::fs::write(&expected, list).map_err(|error| error.to_string())?;

        let began = Instant::now();
        self.clone_all("first", lines.len())?;
        let killed = self.round("first", &lines, &[], true)?;
        println!("legs, first round: {killed} killed, {:?}", began.elapsed());
        if killed != KILLED.len() {
            return Err(format!("{killed} legs were killed, not {}", KILLED.len()));
        }
        let failed = self.round("first", &lines, &["--resume-failed"], false)?;
        if failed != 0 {
            return Err(format!("{failed} legs failed when they were run again"));
        }
        println!(
            "legs, killed ones again: {:?} since the begin",
            began.elapsed()
        );
        self.print_hits("first", lines.len())?;
        let began = Instant::now();
        self.join("first", &expected, false)?;
        println!(
            "merge, verify, docker --oci, release: {:?}",
            began.elapsed()
        );

        let began = Instant::now();
        self.clone_all("second", lines.len())?;
        let failed = self.round("second", &lines, &[], false)?;
        if failed != 0 {
            return Err(format!("{failed} legs failed in the second round"));
        }
        println!("legs, second round: {:?}", began.elapsed());
        self.print_hits("second", lines.len())?;
        self.join("second", &expected, true)?;
        println!("everything after the legs was Unchanged");
        Ok(())
    }

    /// Clones the repository once for each leg.
    fn clone_all(&self, round: &str, number: usize) -> Result<(), String> {
        for leg in 0..number {
            let clone = self.clone_of(round, leg);
            let mut git = Command::new("git");
            ask(git.args(["clone", "--quiet"]).arg(&self.origin).arg(clone))?;
        }
        Ok(())
    }

    fn clone_of(&self, round: &str, leg: usize) -> PathBuf {
        self.place.join(round).join(leg.to_string())
    }

    /// Runs the lines by GNU parallel, two at a time. Returns the number of those that failed.
    fn round(
        &self,
        round: &str,
        lines: &[&str],
        more: &[&str],
        kills: bool,
    ) -> Result<usize, String> {
        let jobs = lines.iter().enumerate().map(|(leg, line)| {
            let clone = self.clone_of(round, leg);
            format!("cd {0} && {line} >{0}.out 2>{0}.log\n", clone.display())
        });
        let jobs: String = jobs.collect();
        let mut parallel = self
            .command("parallel", &self.place)
            .args(["-j2", "--joblog", &format!("{round}.joblog")])
            .args(more)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start parallel: {error}"))?;
        let mut stdin = parallel.stdin.take().expect("it is piped");
        stdin
            .write_all(jobs.as_bytes())
            .map_err(|error| error.to_string())?;
        drop(stdin);
        if kills {
            for leg in KILLED {
                self.kill(&self.clone_of(round, leg))?;
            }
        }
        let status = parallel.wait().map_err(|error| error.to_string())?;
        let failed = status.code().ok_or("parallel was killed")?;
        usize::try_from(failed).map_err(|error| error.to_string())
    }

    /// Kills what builds in a clone, once it has compiled something.
    fn kill(&self, clone: &Path) -> Result<(), String> {
        let compiled = || {
            let line = format!(
                "find {}/target -name '*.rlib' 2>/dev/null | wc -l",
                clone.display()
            );
            let number = ask(Command::new("sh").args(["-c", &line])).unwrap_or_default();
            number.parse().is_ok_and(|number: usize| number >= UNITS)
        };
        // A leg may take minutes to get there.
        if !(0..5).any(|_| soon(compiled)) {
            return Err(format!("{} compiles nothing", clone.display()));
        }
        let line = format!(
            "for pid in $(pgrep cargo-xpkg); do test \"$(readlink /proc/$pid/cwd)\" = {} && kill -9 \
             $pid; done; true",
            clone.display()
        );
        ask(Command::new("sh").args(["-c", &line])).map(drop)
    }

    /// Prints the line of each leg about the cache.
    fn print_hits(&self, round: &str, number: usize) -> Result<(), String> {
        for leg in 0..number {
            let log = self.clone_of(round, leg).with_extension("log");
            let text = std::fs::read_to_string(&log).map_err(|error| error.to_string())?;
            let line = text
                .lines()
                .find(|line| line.trim_start().starts_with("Cached "));
            println!("  {round} {leg}: {}", line.unwrap_or("no line").trim());
        }
        Ok(())
    }

    /// Joins the legs of a round, and makes images and a release.
    fn join(&self, round: &str, expected: &Path, is_again: bool) -> Result<(), String> {
        let trees = std::fs::read_dir(self.place.join(round)).map_err(|error| error.to_string())?;
        let mut legs = Vec::new();
        for clone in trees.flatten().map(|entry| entry.path()) {
            let Ok(found) = std::fs::read_dir(clone.join("target/xpkg-legs")) else {
                continue;
            };
            let trees = found.flatten().map(|entry| entry.path());
            legs.extend(trees.filter(|tree| tree.join("manifest.json").is_file()));
        }
        let legs: Vec<&str> = legs.iter().filter_map(|leg| leg.to_str()).collect();
        let expected = expected.to_str().ok_or("the path is not UTF-8")?;
        let merged = "target/merged";
        let merge = [
            &["merge"],
            &legs[..],
            &["--expect", expected, "--out-dir", merged],
        ]
        .concat();
        let commands: [&[&str]; 4] = [
            &merge,
            &["verify", merged],
            // Programs for glibc do not start on `scratch`.
            &[
                "docker",
                "--from",
                merged,
                "--target",
                MUSL,
                "--oci",
                "target/images.tar",
            ],
            &["release", "--from", merged, "--tag", "v0.1.0"],
        ];
        ask(Command::new("git")
            .args(["tag", "--force", "v0.1.0"])
            .current_dir(&self.origin))?;
        for args in commands {
            let mut command = self.xpkg_command(&self.origin);
            let output = command
                .args(args)
                .output()
                .map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if !output.status.success() {
                let stdout = String::from_utf8_lossy(&output.stdout);
                return Err(format!("{}: {said}{stdout}", args[0]));
            }
            if is_again && args[0] != "verify" && !said.contains("Unchanged") {
                return Err(format!("{} changed something: {said}", args[0]));
            }
        }
        Ok(())
    }

    fn xpkg_command(&self, directory: &Path) -> Command {
        self.command("cargo-xpkg", directory)
    }

    fn xpkg(&self, directory: &Path, args: &[&str]) -> Result<String, String> {
        ask(self.xpkg_command(directory).args(args))
    }

    /// A command with xpkg and sccache on PATH, and the store.
    fn command(&self, program: &str, directory: &Path) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let tools = root().join("target/toolchains/sccache/bin");
        let ours = self.place.join("bin");
        let path = format!("{}:{}:{path}", ours.display(), tools.display());
        let mut command = Command::new(program);
        command
            .current_dir(directory)
            .env("PATH", path)
            .env("PYTHONPATH", root().join("target/toolchains/sccache"))
            .env("SCCACHE_REDIS_ENDPOINT", self.redis.endpoint());
        command
    }
}

/// A redis in memory, which ends when this is dropped.
struct Redis(Child);

impl Redis {
    const PORT: &str = "6398";

    fn start(place: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(place).map_err(|error| error.to_string())?;
        let log = File::create(place.join("redis.log")).map_err(|error| error.to_string())?;
        let child = Command::new("redis-server")
            .args(["--port", Self::PORT, "--bind", "127.0.0.1", "--save", ""])
            .stdout(log)
            .spawn()
            .map_err(|error| format!("cannot start redis-server: {error}"))?;
        let server = Self(child);
        let address = format!("127.0.0.1:{}", Self::PORT);
        if soon(|| TcpStream::connect(&address).is_ok()) {
            Ok(server)
        } else {
            Err("redis does not answer".to_owned())
        }
    }

    fn endpoint(&self) -> String {
        format!("redis://127.0.0.1:{}", Self::PORT)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
