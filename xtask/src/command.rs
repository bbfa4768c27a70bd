//! Commands that the tasks start, and how they are reported.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Held over tests: engines are the machine's, and two suites would take away each other's images.
/// It goes with the process; where there is no such place, nobody is kept out.
pub fn alone() -> Option<File> {
    let lock = File::create("/run/lock/xpkg-suite").ok()?;
    if lock.try_lock().is_err() {
        eprintln!("xtask: waiting for another run of the tests on this machine");
        lock.lock().ok()?;
    }
    Some(lock)
}

/// Tests wait for engines, for other runs and for what they time out as much as they compute.
pub fn threads() -> String {
    let own = std::env::var("RUST_TEST_THREADS").ok();
    own.unwrap_or_else(|| {
        (2 * std::thread::available_parallelism().map_or(1, usize::from)).to_string()
    })
}

/// Where cargo started us; a directory of built files may be shared by several clones.
pub fn root() -> PathBuf {
    let xtask =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(xtask)
        .parent()
        .expect("xtask lies in the repository")
        .to_owned()
}

pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.args(args).current_dir(root());
    without_package(&mut command);
    command
}

/// Removes what `cargo run` says of this package. Build scripts that read such variables (ring's does)
/// would run again, and all that depends on them be compiled, each time that a task and a command by
/// hand take turns.
pub fn without_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let known = name.to_string_lossy();
        if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// The command line, without the variables that are set or removed.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| format!("{word:?}")).collect();
    words.join(" ")
}

/// Runs a command that talks for itself.
pub trait Go {
    fn go(&mut self) -> Result<(), String>;
}

impl Go for Command {
    fn go(&mut self) -> Result<(), String> {
        let line = shown(self);
        eprintln!("xtask: {line}");
        match self.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{line} ended with {status}")),
            Err(error) => Err(format!("cannot start {line}: {error}")),
        }
    }
}

/// What a command says, or the last words of why it does not.
pub fn ask(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!(
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
            .trim()
            .lines()
            .last()
            .unwrap_or("no word of why")
    ))
}

/// Within two minutes: a dockerd with a large storage that is not in the page cache took more than
/// half of one.
pub fn soon(done: impl Fn() -> bool) -> bool {
    for _ in 0..1200 {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

pub fn step(what: &str) {
    eprintln!("xtask: {what}");
}
