//! Processes, each in its own process group, and signals: all child processes end with this one.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
#[cfg(unix)]
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;

use crate::host::codes::{INTERRUPTED, NO_TOOLCHAIN, PROCESS_FAILED};
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};

/// Output and exit status of a program.
pub struct Output {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// True if it was killed at its time limit.
    pub timed_out: bool,
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, invalid UTF-8 replaced.
    pub stderr: String,
}

impl Output {
    /// Returns true for exit code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Maximum size of a stream that [`Host::capture_bounded`] keeps, in bytes; the rest is read and
/// dropped.
const STREAM_LIMIT: usize = 64 * 1024;

/// Time limit of a cleanup command.
const CLEANUP_LIMIT: Duration = Duration::from_secs(20);

/// Time limit of a program.
#[derive(Clone, Copy)]
enum Bound {
    /// No limit.
    None,
    /// Maximum running time.
    Whole(Duration),
    /// Maximum time without output.
    Silence(Duration),
}

/// Time between SIGTERM and SIGKILL for child processes.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(3);

impl Host {
    /// Handles SIGINT, SIGTERM and SIGHUP from now on: child processes get SIGTERM, the run unwinds
    /// and temporary files are removed. A second signal kills the child processes at once.
    #[cfg(unix)]
    pub fn handle_signals(&self) {
        use rustix::process::Signal;
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
            return;
        };
        let interrupts = Arc::clone(&self.interrupts);
        thread::spawn(move || {
            for signal in signals.forever() {
                if interrupts
                    .signal
                    .compare_exchange(0, signal, SeqCst, SeqCst)
                    .is_err()
                {
                    interrupts.send(Signal::KILL);
                    continue;
                }
                interrupts.run_cleanups();
                interrupts.send(Signal::TERM);
                let interrupts = Arc::clone(&interrupts);
                thread::spawn(move || {
                    thread::sleep(GRACE);
                    interrupts.send(Signal::KILL);
                });
            }
        });
    }

    /// Does nothing: on this system child processes end with the console.
    #[cfg(not(unix))]
    pub fn handle_signals(&self) {}

    /// Returns the number of the signal that interrupted the run.
    pub fn interrupted(&self) -> Option<i32> {
        Some(self.interrupts.signal.load(SeqCst)).filter(|signal| *signal != 0)
    }

    /// Checks that no signal came.
    ///
    /// # Errors
    /// `interrupted`.
    pub fn check_interrupted(&self) -> Result<()> {
        match self.interrupted() {
            Some(signal) => Err(Problem::new(
                INTERRUPTED,
                format!("interrupted by signal {signal}"),
            )),
            None => Ok(()),
        }
    }

    /// Returns the command of an invocation.
    fn command(&self, invocation: &Invocation) -> Command {
        // The program is looked up in *our* PATH; `Command` alone would do the same only where PATH
        // is not changed.
        let program = self
            .find(&invocation.program)
            .map_or_else(|| invocation.program.clone(), Utf8PathBuf::into_string);
        let mut command = Command::new(program);
        command.env_clear();
        if !invocation.env_clear {
            command.envs(&self.env);
        }
        command.envs(invocation.env.iter().map(|(name, value)| (name, value)));
        command.args(&invocation.args).current_dir(&invocation.cwd);
        command
    }

    /// Starts a program in its own process group. `streams` configures its streams.
    fn spawn(
        &self,
        invocation: &Invocation,
        streams: impl FnOnce(&mut Command),
    ) -> Result<Running<'_>> {
        self.check_interrupted()?;
        let mut command = self.command(invocation);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        streams(&mut command);
        let child = command
            .spawn()
            .map_err(|error| cannot_start(invocation, &error))?;
        if let Ok(group) = i32::try_from(child.id()) {
            self.interrupts.groups().insert(group);
        }
        let mut running = Running { child, host: self };
        // A signal may have come between the check and the insertion.
        if self.interrupted().is_some() {
            running.end();
        }
        Ok(running)
    }

    /// Runs a program with empty stdin and returns its output.
    ///
    /// # Errors
    /// `no-toolchain` or `process-failed` if it cannot be started, and `interrupted`.
    pub fn capture(&self, invocation: &Invocation) -> Result<Output> {
        self.capture_streams(invocation, Bound::None, usize::MAX, |_| ())
    }

    /// Runs an untrusted program like [`Self::capture`], for at most `limit`. Each stream is kept
    /// up to [`STREAM_LIMIT`] bytes, and its child processes are killed with it.
    pub fn capture_bounded(&self, invocation: &Invocation, limit: Duration) -> Result<Output> {
        self.capture_streams(invocation, Bound::Whole(limit), STREAM_LIMIT, |_| ())
    }

    /// Runs a program like [`Self::capture`] and passes each line of its stderr to `on_line` while
    /// it runs.
    pub fn capture_talking(
        &self,
        invocation: &Invocation,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<Output> {
        self.capture_streams(invocation, Bound::None, usize::MAX, on_line)
    }

    /// Runs a program like [`Self::capture_talking`] and kills it after `silence` without output.
    /// Each stream is kept up to [`STREAM_LIMIT`] bytes.
    pub fn capture_unless_silent(
        &self,
        invocation: &Invocation,
        silence: Duration,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<Output> {
        self.capture_streams(invocation, Bound::Silence(silence), STREAM_LIMIT, on_line)
    }

    /// Runs a program and captures both streams, up to `limit` bytes each.
    fn capture_streams(
        &self,
        invocation: &Invocation,
        bound: Bound,
        limit: usize,
        mut on_line: impl FnMut(&str) + Send,
    ) -> Result<Output> {
        let mut running = self.spawn(invocation, |command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        })?;
        let stdout = running.child.stdout.take().expect("the stream is piped");
        let stderr = running.child.stderr.take().expect("the stream is piped");
        let last_output = Mutex::new(Instant::now());
        let touch = || {
            if matches!(bound, Bound::Silence(_)) {
                *last_output.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            }
        };
        let output = thread::scope(|scope| {
            let stdout = scope.spawn(|| read_capped(stdout, limit, |_| touch()));
            let stderr = scope.spawn(|| {
                read_capped(stderr, limit, |line| {
                    touch();
                    on_line(line);
                })
            });
            let status = running.wait(match bound {
                Bound::None => None,
                Bound::Whole(limit) | Bound::Silence(limit) => Some((limit, &last_output)),
            });
            // Child processes that it left behind would keep the streams open, and us waiting.
            if !matches!(bound, Bound::None) {
                running.end();
            }
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let (stdout, stderr) = (text(join(stdout)), text(join(stderr)));
            status.map(|status| Output {
                code: status.and_then(|status| status.code()),
                timed_out: status.is_none(),
                stdout,
                stderr,
            })
        });
        let output = output.map_err(|error| cannot_start(invocation, &error))?;
        self.check_interrupted()?;
        Ok(output)
    }

    /// Runs a program with our own streams and in our own process group, so that it ends with us.
    /// Its stderr is passed on and kept up to [`STREAM_LIMIT`] bytes.
    pub fn relay(&self, invocation: &Invocation) -> Result<Output> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut command = self.command(invocation);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
        let mut kept = Vec::new();
        let mut stream = child.stderr.take().expect("the stream is piped");
        let mut piece = [0; 8192];
        while let Ok(read @ 1..) = stream.read(&mut piece) {
            // If our stderr is closed, the program goes on.
            let _ = io::Write::write_all(&mut io::stderr(), &piece[..read]);
            kept.extend_from_slice(&piece[..read.min(STREAM_LIMIT.saturating_sub(kept.len()))]);
        }
        let status = child.wait().map_err(failed)?;
        let stderr = String::from_utf8_lossy(&kept).into_owned();
        Ok(Output {
            code: status.code(),
            timed_out: false,
            stdout: String::new(),
            stderr,
        })
    }

    /// Runs a program with our own output streams and terminal, writes `input` to its stdin and
    /// waits for it. Returns false if it cannot be started.
    pub fn feed(&self, invocation: &Invocation, input: &str) -> bool {
        let mut command = self.command(invocation);
        let Ok(mut child) = command.stdin(Stdio::piped()).spawn() else {
            return false;
        };
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ends early closes the pipe.
            let _ = io::Write::write_all(&mut stdin, input.as_bytes());
        }
        let _ = child.wait();
        true
    }

    /// Runs a program with our own stderr, passes each line of its stdout to `line`, and returns
    /// its exit code. A signal runs `cleanup` first, which ends what the program has started
    /// through another one (a container).
    pub fn stream(
        &self,
        invocation: &Invocation,
        cleanup: Option<&Invocation>,
        mut line: impl FnMut(&str),
    ) -> Result<Option<i32>> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut running = self.spawn(invocation, |command| {
            command.stdin(Stdio::null()).stdout(Stdio::piped());
        })?;
        if let (Some(cleanup), Ok(group)) = (cleanup, i32::try_from(running.child.id())) {
            self.interrupts
                .cleanups()
                .insert(group, self.silent_command(cleanup));
        }
        let stdout = running.child.stdout.take().expect("the stream is piped");
        for text in BufReader::new(stdout).split(b'\n') {
            line(&String::from_utf8_lossy(&text.map_err(failed)?));
        }
        let status = running.wait(None).map_err(failed)?;
        self.check_interrupted()?;
        Ok(status.and_then(|status| status.code()))
    }

    /// Runs a cleanup command, even after a signal. Its failure is ignored.
    pub fn end(&self, cleanup: &Invocation) {
        let Ok(child) = self.silent_command(cleanup).spawn() else {
            return;
        };
        let mut running = Running { child, host: self };
        let _ = running.wait(Some((CLEANUP_LIMIT, &Mutex::new(Instant::now()))));
    }

    /// Returns the command of an invocation, without streams and in its own process group.
    fn silent_command(&self, invocation: &Invocation) -> Command {
        let mut command = self.command(invocation);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// Waits for a reader thread and returns its result.
fn join<T>(reader: thread::ScopedJoinHandle<T>) -> T {
    reader.join().expect("reading does not panic")
}

/// Child process in its own process group, which is killed when it is dropped.
struct Running<'a> {
    child: Child,
    host: &'a Host,
}

impl Running<'_> {
    /// Waits for the process; `None` if its time limit is exceeded.
    fn wait(
        &mut self,
        limit: Option<(Duration, &Mutex<Instant>)>,
    ) -> io::Result<Option<ExitStatus>> {
        let Some((limit, since)) = limit else {
            return self.child.wait().map(Some);
        };
        let mut pause = Duration::from_millis(1);
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(Some(status)),
                None if since
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .elapsed()
                    > limit =>
                {
                    return Ok(None);
                }
                None => thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Kills the process group.
    fn end(&mut self) {
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            // Not an error: the group is gone if all its processes have ended.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.end();
            let _ = self.child.wait();
        }
        if let Ok(group) = i32::try_from(self.child.id()) {
            self.host.interrupts.groups().remove(&group);
            self.host.interrupts.cleanups().remove(&group);
        }
    }
}

/// Reads a stream to its end, keeps at most `limit` bytes, and passes each line to `on_line`.
fn read_capped(stream: impl Read, limit: usize, mut on_line: impl FnMut(&str)) -> Vec<u8> {
    let mut text = Vec::new();
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        // A very long line is read in pieces, for bounded memory.
        match reader
            .by_ref()
            .take(STREAM_LIMIT as u64)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return text,
            Ok(_) => {}
        }
        on_line(String::from_utf8_lossy(&line).trim_end_matches('\n'));
        let room = limit.saturating_sub(text.len()).min(line.len());
        text.extend_from_slice(&line[..room]);
    }
}

/// Returns the problem of a program that cannot be started.
fn cannot_start(invocation: &Invocation, error: &io::Error) -> Problem {
    let code = if ["cargo", "rustc"].contains(&invocation.program.as_str())
        && error.kind() == io::ErrorKind::NotFound
    {
        NO_TOOLCHAIN
    } else {
        PROCESS_FAILED
    };
    let problem = Problem::new(
        code,
        format!("cannot start `{}`: {error}", invocation.program),
    );
    match code {
        NO_TOOLCHAIN => {
            problem.help("install Rust with rustup, and make sure that `~/.cargo/bin` is on PATH")
        }
        _ => problem.note("command", [invocation.to_string()]),
    }
}
