//! Processes, each in its own process group, and signals: all child processes end with this one.

use std::io;
use std::process::{Child, Command, Stdio};
#[cfg(unix)]
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::host::codes::{INTERRUPTED, NO_TOOLCHAIN, PROCESS_FAILED};
use crate::host::descendants::Watched;
use crate::host::machine::Host;
use crate::host::pipes::{self, Bound, Lines, Reader};
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

/// Maximum size of a stream that [`Host::try_untrusted`] keeps, in bytes; the rest is read and
/// dropped.
const STREAM_LIMIT: usize = 64 * 1024;

/// Maximum size of a stream of a tool whose answer is read as a whole, in bytes. A longer one is an
/// error: half an answer may read as another one.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// Treatment of a stream that is longer than what is kept of it.
#[derive(Clone, Copy)]
enum Kept {
    /// All of it is kept.
    Whole,
    /// [`STREAM_LIMIT`] bytes are kept, for messages.
    Head,
    /// Up to [`ANSWER_LIMIT`] bytes are kept, and more is an error.
    Answer,
}

impl Kept {
    /// Returns the number of bytes that are kept.
    fn limit(self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Head => STREAM_LIMIT,
            Self::Answer => ANSWER_LIMIT,
        }
    }
}

/// Time limit of a cleanup command.
const CLEANUP_LIMIT: Duration = Duration::from_secs(20);

/// Time between SIGTERM and SIGKILL for child processes.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(1);

/// Time between SIGKILL for child processes and the end of this one, if the run does not unwind by
/// then: the system itself may hold it, for example in a file system that does not answer.
#[cfg(unix)]
const UNWINDING: Duration = Duration::from_millis(700);

impl Host {
    /// Handles SIGINT, SIGTERM and SIGHUP from now on: child processes get SIGTERM, the run unwinds
    /// and temporary files are removed. A second signal kills the child processes at once. If the
    /// run does not unwind in time, the process ends all the same: a killed run leaves nothing that
    /// the next one does not remove.
    #[cfg(unix)]
    pub fn handle_signals(&self) {
        use rustix::process::Signal;
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
            return;
        };
        self.adopt_descendants();
        let (interrupts, shell) = (Arc::clone(&self.interrupts), self.shell);
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
                    thread::sleep(UNWINDING);
                    if interrupts.is_cleaning() {
                        thread::sleep(CLEANUP_LIMIT);
                    }
                    let message = format!("interrupted by signal {signal} while the system waited");
                    shell.problems(&[Problem::new(INTERRUPTED, message)]);
                    std::process::exit(128 + signal);
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

    /// Waits, unless a signal comes first.
    pub fn pause(&self, time: Duration) {
        const STEP: Duration = Duration::from_millis(20);
        let mut left = time;
        while !left.is_zero() && self.interrupted().is_none() {
            thread::sleep(left.min(STEP));
            left = left.saturating_sub(STEP);
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
        if let Some(directory) = &invocation.path_first {
            let inherited = self.env.get(std::ffi::OsStr::new("PATH"));
            let directories = inherited.into_iter().flat_map(std::env::split_paths);
            let first = std::iter::once(directory.clone().into_std_path_buf());
            // A directory that cannot be in PATH is one that the program does not find.
            if let Ok(path) = std::env::join_paths(first.chain(directories)) {
                command.env("PATH", path);
            }
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

    /// Runs a program with empty stdin and returns its output. Only the program itself is waited
    /// for, not what it leaves running.
    ///
    /// # Errors
    /// `no-toolchain` or `process-failed` if it cannot be started, and `interrupted`.
    pub fn capture(&self, invocation: &Invocation) -> Result<Output> {
        self.capture_streams(invocation, Bound::None, Kept::Whole, |_| ())
    }

    /// Runs a program like [`Self::capture`], for at most `limit`. Its process group is killed with
    /// it.
    ///
    /// # Errors
    /// Also `process-failed` if a stream has more than [`ANSWER_LIMIT`] bytes.
    pub fn capture_bounded(&self, invocation: &Invocation, limit: Duration) -> Result<Output> {
        self.capture_streams(invocation, Bound::Whole(limit), Kept::Answer, |_| ())
    }

    /// Runs an untrusted program like [`Self::capture_bounded`], and ends all its descendants, also
    /// those that have left its process group. Engines are not run so: they leave processes behind
    /// on purpose.
    ///
    /// # Errors
    /// Those of [`Self::capture_bounded`].
    pub fn capture_untrusted(&self, invocation: &Invocation, limit: Duration) -> Result<Output> {
        self.untrusted(invocation, limit, Kept::Answer)
    }

    /// Runs a program like [`Self::capture_untrusted`] whose output is shown and not read: each
    /// stream is kept up to [`STREAM_LIMIT`] bytes.
    pub fn try_untrusted(&self, invocation: &Invocation, limit: Duration) -> Result<Output> {
        self.untrusted(invocation, limit, Kept::Head)
    }

    /// Runs an untrusted program and ends all its descendants.
    fn untrusted(&self, invocation: &Invocation, limit: Duration, kept: Kept) -> Result<Output> {
        let watched = Watched::new(invocation.env_clear);
        let bound = Bound::Whole(limit);
        let output = match watched.variable() {
            Some((name, value)) => {
                let invocation = invocation.clone().env(name, value);
                self.capture_streams(&invocation, bound, kept, |_| ())
            }
            None => self.capture_streams(invocation, bound, kept, |_| ()),
        };
        self.end_descendants(watched, &invocation.program);
        output
    }

    /// Runs a program like [`Self::capture`] and passes each line of its stderr to `on_line` while
    /// it runs.
    pub fn capture_talking(
        &self,
        invocation: &Invocation,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<Output> {
        self.capture_streams(invocation, Bound::None, Kept::Whole, on_line)
    }

    /// Runs a program like [`Self::capture_talking`] and kills it after `silence` without output.
    ///
    /// # Errors
    /// Also `process-failed` if a stream has more than [`ANSWER_LIMIT`] bytes.
    pub fn capture_unless_silent(
        &self,
        invocation: &Invocation,
        silence: Duration,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<Output> {
        self.capture_streams(invocation, Bound::Silence(silence), Kept::Answer, on_line)
    }

    /// Runs a program and captures both streams.
    fn capture_streams(
        &self,
        invocation: &Invocation,
        bound: Bound,
        kept: Kept,
        mut on_line: impl FnMut(&str) + Send,
    ) -> Result<Output> {
        let limit = kept.limit();
        let mut running = self.spawn(invocation, |command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        })?;
        let mut lines = Lines::default();
        let stdout = running.child.stdout.take().expect("the stream is piped");
        let stderr = running.child.stderr.take().expect("the stream is piped");
        let mut readers = [
            Reader::new(stdout, limit, |_| ()),
            Reader::new(stderr, limit, |piece| lines.push(piece, &mut on_line)),
        ];
        let status = pipes::read(&mut running.child, bound, &mut readers);
        let is_cut = readers.iter().any(|reader| reader.is_cut);
        let [stdout, stderr] = readers.map(Reader::into_text);
        lines.finish(&mut on_line);
        if !matches!(bound, Bound::None) {
            running.end();
        }
        let status = status.map_err(|error| cannot_start(invocation, &error))?;
        self.check_interrupted()?;
        if is_cut && matches!(kept, Kept::Answer) {
            let message = format!(
                "`{}` wrote more than {} MiB, of which xpkg would read a part",
                invocation.program,
                ANSWER_LIMIT / (1024 * 1024)
            );
            return Err(Problem::new(PROCESS_FAILED, message)
                .note("command", [invocation.to_string()])
                .help("run the command by hand and check its output"));
        }
        Ok(Output {
            code: status.and_then(|status| status.code()),
            timed_out: status.is_none(),
            stdout,
            stderr,
        })
    }

    /// Runs a program with our own streams and in our own process group, so that it ends with us.
    /// Its stderr is passed on and kept up to [`STREAM_LIMIT`] bytes.
    pub fn relay(&self, invocation: &Invocation) -> Result<Output> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut command = self.command(invocation);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
        let stream = child.stderr.take().expect("the stream is piped");
        let mut readers = [Reader::new(stream, STREAM_LIMIT, |piece| {
            // If our stderr is closed, the program goes on.
            let _ = io::Write::write_all(&mut io::stderr(), piece);
        })];
        let status = pipes::read(&mut child, Bound::None, &mut readers).map_err(failed)?;
        let [stderr] = readers.map(Reader::into_text);
        Ok(Output {
            code: status.and_then(|status| status.code()),
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

    /// Runs a program with our own stderr, writes `input` to its stdin, passes each line of its stdout
    /// to `line`, and returns its exit code.
    pub fn stream_fed(
        &self,
        invocation: &Invocation,
        input: &[u8],
        mut line: impl FnMut(&str) + Send,
    ) -> Result<Option<i32>> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut running = self.spawn(invocation, |command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        })?;
        let stdin = running.child.stdin.take();
        let mut lines = Lines::default();
        let stdout = running.child.stdout.take().expect("the stream is piped");
        let status = thread::scope(|scope| {
            scope.spawn(move || {
                // A program that does not read closes the pipe.
                let _ = stdin.map(|mut stdin| io::Write::write_all(&mut stdin, input));
            });
            let mut readers = [Reader::new(stdout, 0, |piece| lines.push(piece, &mut line))];
            pipes::read(&mut running.child, Bound::None, &mut readers)
        });
        let status = status.map_err(failed)?;
        lines.finish(&mut line);
        self.check_interrupted()?;
        Ok(status.and_then(|status| status.code()))
    }

    /// Runs a program with our own stderr, passes each line of its stdout to `line` with its
    /// process group, and returns its exit code. A signal runs `cleanup` first, which ends what the
    /// program has started through another one (a container).
    pub fn stream(
        &self,
        invocation: &Invocation,
        cleanup: Option<&Invocation>,
        mut line: impl FnMut(&str, u32) + Send,
    ) -> Result<Option<i32>> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut running = self.spawn(invocation, |command| {
            command.stdin(Stdio::null()).stdout(Stdio::piped());
        })?;
        let group = running.child.id();
        if let (Some(cleanup), Ok(group)) = (cleanup, i32::try_from(group)) {
            self.interrupts
                .cleanups()
                .insert(group, self.silent_command(cleanup));
        }
        let mut on_line = |text: &str| line(text, group);
        let mut lines = Lines::default();
        let stdout = running.child.stdout.take().expect("the stream is piped");
        let mut readers = [Reader::new(stdout, 0, |piece| {
            lines.push(piece, &mut on_line)
        })];
        let status = pipes::read(&mut running.child, Bound::None, &mut readers).map_err(failed)?;
        drop(readers);
        lines.finish(&mut on_line);
        self.check_interrupted()?;
        Ok(status.and_then(|status| status.code()))
    }

    /// Runs a program like [`Self::stream`], but keeps its stderr.
    pub fn stream_quietly(
        &self,
        invocation: &Invocation,
        mut line: impl FnMut(&str, u32) + Send,
    ) -> Result<Output> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut running = self.spawn(invocation, |command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        })?;
        let group = running.child.id();
        let mut on_line = |text: &str| line(text, group);
        let mut lines = Lines::default();
        let stdout = running.child.stdout.take().expect("the stream is piped");
        let stderr = running.child.stderr.take().expect("the stream is piped");
        let mut readers = [
            Reader::new(stdout, 0, |piece| lines.push(piece, &mut on_line)),
            Reader::new(stderr, usize::MAX, |_| ()),
        ];
        let status = pipes::read(&mut running.child, Bound::None, &mut readers).map_err(failed)?;
        let [_, stderr] = readers.map(Reader::into_text);
        lines.finish(&mut on_line);
        self.check_interrupted()?;
        Ok(Output {
            code: status.and_then(|status| status.code()),
            timed_out: false,
            stdout: String::new(),
            stderr,
        })
    }

    /// Runs a cleanup command, even after a signal. Its failure is ignored.
    pub fn end(&self, cleanup: &Invocation) {
        self.interrupts.cleaning.store(true, SeqCst);
        let Ok(child) = self.silent_command(cleanup).spawn() else {
            return;
        };
        let mut running = Running { child, host: self };
        let _ = pipes::read(&mut running.child, Bound::Whole(CLEANUP_LIMIT), &mut []);
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

/// Child process in its own process group, which is killed when it is dropped.
struct Running<'a> {
    child: Child,
    host: &'a Host,
}

impl Running<'_> {
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
