//! A copy of a fixture, a PATH with just the tools that the test names, and the program run there.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use regex::Regex;

/// What every workspace needs of a machine: Rust, the host's C compiler for build scripts, git.
const BASE: &[&str] = &["cargo", "rustc", "cc", "as", "ld", "git"];

pub const X86_MUSL: &str = "x86_64-unknown-linux-musl";
pub const ARM_MUSL: &str = "aarch64-unknown-linux-musl";
pub const ARM_GNU: &str = "aarch64-unknown-linux-gnu";
pub const HOST: &str = "x86_64-unknown-linux-gnu";

pub struct Project {
    /// Removes itself; `None` for a copy that is kept between runs.
    _temp: Option<tempfile::TempDir>,
    pub root: PathBuf,
    pub bin: PathBuf,
    env: BTreeMap<String, String>,
    _clock: Clock,
}

/// Tells `cargo xtask test` at its end for how long a test had a project.
struct Clock(Instant);

impl Default for Clock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let (Some(file), thread) = (std::env::var_os("XPKG_TIMES"), std::thread::current()) else {
            return;
        };
        let seconds = self.0.elapsed().as_secs();
        append(
            &file,
            &format!("{seconds}\t{}\n", thread.name().unwrap_or("?")),
        );
    }
}

/// Adds a line to a file that all tests write to.
fn append(file: &std::ffi::OsStr, line: &str) {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).append(true).open(file).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}

/// What a run printed, as it was, and its exit code.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    root: PathBuf,
}

pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where a tool of the machine is. A missing one fails the test, by name.
pub fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("the test needs `{name}`: run `cargo xtask setup`"))
}

/// A cross compiler or an emulator of the machine; without it the test is skipped, by name.
pub fn cross(name: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        skipped(test, &format!("`{name}` is not on PATH"));
    }
    found
}

/// Says that a test could not run here, by name. Written past the test runner, which shows nothing
/// of a test that passes.
pub fn skipped(test: &str, why: &str) {
    skipped_kind("all", test, why);
}

/// The same of a test that ran elsewhere: on one engine, not on this one.
pub fn skipped_in_part(test: &str, why: &str) {
    skipped_kind("part", test, why);
}

/// Also writes a line for `cargo xtask test`, which counts them.
fn skipped_kind(kind: &str, test: &str, why: &str) {
    use std::io::Write as _;
    if let Some(file) = std::env::var_os("XPKG_SKIPS") {
        append(
            &file,
            &format!("{kind}\t{test}\t{}\n", why.replace('\n', " ")),
        );
    }
    let _ = writeln!(std::io::stderr(), "skipped: {test} ({why})");
}

/// Waits until something is so, with far more patience than a busy machine needs.
#[track_caller]
pub fn until<T, F: FnMut() -> Option<T>>(what: &str, mut look: F) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_mins(3),
            "not within 3 minutes: {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Reads lines of a run that goes on, up to one that says this.
#[track_caller]
pub fn said_until<R: BufRead>(text: &str, from: &mut R) {
    let mut said = String::new();
    while !said.contains(text) {
        assert!(
            from.read_line(&mut said).unwrap() > 0,
            "it ended without `{text}`:\n{said}"
        );
    }
}

impl Project {
    /// A copy of `fixtures/<name>` that goes when the test ends.
    pub fn of(fixture: &str) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        let root = base.join("work");
        copy(&repository().join("fixtures").join(fixture), &root);
        Self {
            _temp: Some(temp),
            root,
            bin: base.join("bin"),
            env: BTreeMap::new(),
            _clock: Clock::default(),
        }
        .prepared()
    }

    /// Held by who builds in the one target directory that copies of chat share: cargo locks it
    /// only while it builds.
    pub fn chats_target() -> MutexGuard<'static, ()> {
        static OF_CHAT: Mutex<()> = Mutex::new(());
        OF_CHAT.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of all fixtures, as the repository has them. It stays, so that their dependencies are
    /// compiled once.
    pub fn repository() -> Self {
        let base = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kept");
        copy(
            &repository().join("fixtures"),
            &base.join("repository/fixtures"),
        );
        Self {
            _temp: None,
            root: base.join("repository"),
            bin: base.join("bin"),
            env: BTreeMap::new(),
            _clock: Clock::default(),
        }
        .prepared()
    }

    /// A copy of one fixture that stays, too, and shares cargo's target directory with
    /// [`Self::repository`]'s.
    pub fn kept(fixture: &str) -> Self {
        let base = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kept");
        let (root, target) = (
            base.join(fixture),
            base.join("repository/fixtures")
                .join(fixture)
                .join("target"),
        );
        copy(&repository().join("fixtures").join(fixture), &root);
        let project = Self {
            _temp: None,
            bin: base.join(format!("bin-{fixture}")),
            root,
            env: BTreeMap::new(),
            _clock: Clock::default(),
        }
        .prepared();
        let tree = project.path("tree").to_str().unwrap().to_owned();
        project
            .env("CARGO_TARGET_DIR", target.to_str().unwrap())
            .env("XPKG_OUT_DIR", &tree)
    }

    /// A copy that stays and has all to itself, under a name of its own.
    pub fn kept_as(name: &str, fixture: &str) -> Self {
        let base = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join("kept")
            .join(name);
        copy(
            &repository().join("fixtures").join(fixture),
            &base.join("work"),
        );
        Self {
            _temp: None,
            root: base.join("work"),
            bin: base.join("bin"),
            env: BTreeMap::new(),
            _clock: Clock::default(),
        }
        .prepared()
    }

    /// Compiles in half the time. All that share a target directory have to.
    pub fn unoptimized(self) -> Self {
        self.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
    }

    /// A directory with nothing in it.
    pub fn empty() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("work")).unwrap();
        let project = Self {
            root: base.join("work"),
            bin: base.join("bin"),
            env: BTreeMap::new(),
            _clock: Clock::default(),
            _temp: Some(temp),
        };
        project.prepared()
    }

    fn prepared(mut self) -> Self {
        let _ = std::fs::remove_dir_all(&self.bin);
        std::fs::create_dir_all(&self.bin).unwrap();
        for name in BASE {
            link(&tool(name), &self.bin.join(name));
        }
        let home = std::env::var("HOME").unwrap();
        let variable = |name: &str, below: &str| {
            std::env::var(name).unwrap_or_else(|_| format!("{home}/{below}"))
        };
        let path = self.bin.to_str().unwrap().to_owned();
        for (name, value) in [
            ("PATH", path),
            (
                "HOME",
                self.root.parent().unwrap().to_str().unwrap().to_owned(),
            ),
            ("CARGO_HOME", variable("CARGO_HOME", ".cargo")),
            ("RUSTUP_HOME", variable("RUSTUP_HOME", ".rustup")),
            ("RUSTUP_AUTO_INSTALL", "0".to_owned()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
            (
                "GIT_CEILING_DIRECTORIES",
                self.root.parent().unwrap().to_str().unwrap().to_owned(),
            ),
        ] {
            self.env.insert(name.to_owned(), value);
        }
        self
    }

    /// Puts a tool of the machine on PATH.
    pub fn with(self, name: &str) -> Self {
        link(&tool(name), &self.bin.join(name));
        self
    }

    /// Puts a program from elsewhere on PATH.
    pub fn with_tool(self, name: &str, program: &Path) -> Self {
        link(program, &self.bin.join(name));
        self
    }

    /// Takes a tool off PATH.
    pub fn without(self, name: &str) -> Self {
        std::fs::remove_file(self.bin.join(name)).unwrap();
        self
    }

    /// Puts a fake on PATH that does what `script` says.
    pub fn fake(self, name: &str, script: &str) -> Self {
        let _ = std::fs::remove_file(self.bin.join(name));
        // A symbolic link's name would be lost where it is resolved. What is copied could still be
        // open for writing, in a process that another test is just starting: a hard link cannot.
        let (tool, fake) = (env!("CARGO_BIN_EXE_fake-tool"), self.bin.join(name));
        std::fs::hard_link(tool, &fake)
            .or_else(|_| std::fs::copy(tool, &fake).map(drop))
            .unwrap();
        std::fs::write(self.bin.join(format!("{name}.script")), script).unwrap();
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn unset(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    /// The variables of a run.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return;
        }
        std::fs::write(path, text).unwrap();
    }

    pub fn append(&self, path: &str, text: &str) {
        let old = std::fs::read_to_string(self.root.join(path)).unwrap();
        if !old.contains(text) {
            self.write(path, &format!("{old}{text}"));
        }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    pub fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(path)).unwrap()
    }

    /// Runs `cargo-xpkg ARGS` in the project's root.
    pub fn xpkg(&self, args: &str) -> Run {
        self.xpkg_in("", args)
    }

    /// The same in a directory below it.
    pub fn xpkg_in(&self, below: &str, args: &str) -> Run {
        self.run(
            env!("CARGO_BIN_EXE_cargo-xpkg"),
            below,
            &shlex::split(args).unwrap(),
        )
    }

    /// The same with more variables.
    pub fn xpkg_with(&self, variables: &[(&str, &str)], args: &str) -> Run {
        let output = self
            .command(args)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        self.ran(&output)
    }

    /// The command, to be started by the test.
    pub fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-xpkg"));
        command
            .args(shlex::split(args).unwrap())
            .current_dir(&self.root)
            .env_clear()
            .envs(&self.env)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command line as a shell does.
    pub fn shell(&self, line: &str) -> Run {
        self.run("/bin/sh", "", &["-c".to_owned(), line.to_owned()])
    }

    pub fn run(&self, program: &str, below: &str, args: &[String]) -> Run {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.root.join(below))
            .env_clear()
            .envs(&self.env)
            .stdin(Stdio::null());
        self.ran(&command.output().unwrap())
    }

    fn ran(&self, output: &std::process::Output) -> Run {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: without_cargos_waits(&String::from_utf8(output.stderr.clone()).unwrap()),
            root: self.root.clone(),
        }
    }

    /// Makes the project a git checkout with one commit, and returns that.
    pub fn commit(&self) -> String {
        self.shell(
            "git init -q . && git add -A && git -c user.name=t -c user.email=t@t.invalid commit \
             -qm one --no-gpg-sign && git rev-parse HEAD",
        )
        .ok()
        .stdout
        .trim()
        .to_owned()
    }

    /// Every file below a directory, sorted.
    pub fn files(&self, below: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.root.join(below)];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(&directory)
                .into_iter()
                .flatten()
                .map(Result::unwrap)
            {
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                } else {
                    found.push(
                        entry
                            .path()
                            .strip_prefix(self.root.join(below))
                            .unwrap()
                            .to_str()
                            .unwrap()
                            .to_owned(),
                    );
                }
            }
        }
        found.sort();
        found
    }
}

impl Run {
    /// It must have ended well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(
            self.code,
            Some(0),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// A JSON file of the project, after the run.
    pub fn root_json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(self.root.join(path)).unwrap()).unwrap()
    }

    /// Exit code, stdout and stderr with all that differs from run to run taken out: for a
    /// snapshot.
    pub fn text(&self) -> String {
        let code = self
            .code
            .map_or_else(|| "killed".to_owned(), |code| code.to_string());
        // What is taken out may have been all there was.
        let part = |name: &str, text: &str| match self.normal(text) {
            text if text.is_empty() => text,
            text => format!("--- {name}\n{text}"),
        };
        format!(
            "exit {code}\n{}{}",
            part("stdout", &self.stdout),
            part("stderr", &self.stderr)
        )
    }

    fn normal(&self, text: &str) -> String {
        let text = text
            .replace(self.root.to_str().unwrap(), "[ROOT]")
            .replace(self.root.parent().unwrap().to_str().unwrap(), "[BASE]");
        normal(&text)
    }
}

/// What cargo says of other tests, which share its package cache, and of a machine that has not
/// seen the fixtures' dependencies yet: any run may have it, at any place.
fn without_cargos_waits(text: &str) -> String {
    let lines = r"(?m)^ +(Blocking waiting for file lock on .*|Updating (.* index|git .*)|(Locking|Adding|Downloading|Downloaded) .*)\n";
    Regex::new(lines)
        .unwrap()
        .replace_all(text, "")
        .into_owned()
}

/// Takes times, sizes and digests out.
pub fn normal(text: &str) -> String {
    let rules = [
        (r"\b\d+\.\d+s\b", "[TIME]"),
        (r"\.new-\w{6}\b", ".new-[TEMP]"),
        (r" +\d+(\.\d+)? (B|KiB|MiB)\b", " [SIZE]"),
        (r"(?m)^rustc      .*, host", "rustc      [VERSION], host"),
        (r"(?m)^rustc \d\S*: ", "rustc [VERSION]: "),
        (
            r"(gcc|Debian clang) version [0-9][^\n]*?  +",
            "$1 version [VERSION]  ",
        ),
        (r"xpkg-cache/tools/[0-9a-f]{16}/", "xpkg-cache/tools/[KEY]/"),
        (r"\b[0-9a-f]{64}\b", "[SHA256]"),
        (r"(?m)  [0-9a-f]{12}$", "  [DIGEST]"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, to)| {
        Regex::new(pattern)
            .unwrap()
            .replace_all(&text, *to)
            .into_owned()
    })
}

/// Compares a run with a snapshot, exactly.
#[macro_export]
macro_rules! check {
    ($run:expr, $expected:expr $(,)?) => {
        snapbox::Assert::new()
            .action_env("SNAPSHOTS")
            .eq($run.text(), snapbox::IntoData::raw($expected))
    };
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "target" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else if std::fs::read(&to).ok() != Some(std::fs::read(&from).unwrap()) {
            // Written only where it differs: cargo goes by the time of a file.
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

fn link(to: &Path, link: &Path) {
    let _ = std::fs::remove_file(link);
    std::os::unix::fs::symlink(to, link).unwrap();
}

/// The host's or an emulator's command line for a program of a target.
pub fn starter(target: &str, program: &Path) -> Command {
    if !target.starts_with("aarch64") {
        return Command::new(program);
    }
    let mut command = Command::new(tool("qemu-aarch64-static"));
    if target == ARM_GNU {
        command.args(["-L", "/usr/aarch64-linux-gnu"]);
    }
    command.arg(program);
    command
}
