//! Processes, each in a group of its own, and signals: what was started ends with us.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;

use crate::host::codes::{INTERRUPTED, NO_TOOLCHAIN, PROCESS_FAILED};
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};

/// What a program said and how it ended.
pub struct Output {
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    /// It was ended because its time was up.
    pub timed_out: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Bytes of a stream that [`Host::capture_bounded`] keeps; the rest is read and dropped.
const KEPT: usize = 64 * 1024;

/// How long a program has that is called to end another.
const ENDING: Duration = Duration::from_secs(20);

/// What bounds a program that nobody vouches for.
#[derive(Clone, Copy)]
enum Bound {
    None,
    /// So long in all.
    Whole(Duration),
    /// So long without a word.
    Silence(Duration),
}

/// How long children have to end by themselves once they were asked to.
const GRACE: Duration = Duration::from_secs(3);

impl Host {
    /// Hears SIGINT, SIGTERM and SIGHUP from now on: children are asked to end, the run unwinds,
    /// and what is temporary goes. A second signal gives the children no more time.
    #[cfg(unix)]
    pub fn hear_signals(&self) {
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
                interrupts.call_endings();
                interrupts.send(Signal::TERM);
                let interrupts = Arc::clone(&interrupts);
                thread::spawn(move || {
                    thread::sleep(GRACE);
                    interrupts.send(Signal::KILL);
                });
            }
        });
    }

    /// Where there are no such signals, the system ends what hangs together.
    #[cfg(not(unix))]
    pub fn hear_signals(&self) {}

    /// The signal that interrupted the run.
    pub fn interrupted(&self) -> Option<i32> {
        Some(self.interrupts.signal.load(SeqCst)).filter(|signal| *signal != 0)
    }

    /// The problem that ends a run after a signal.
    pub fn check_interrupted(&self) -> Result<()> {
        match self.interrupted() {
            Some(signal) => Err(Problem::new(
                INTERRUPTED,
                format!("interrupted by signal {signal}"),
            )),
            None => Ok(()),
        }
    }

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
        // The signal may have come between the question and the entry.
        if self.interrupted().is_some() {
            running.end();
        }
        Ok(running)
    }

    /// Runs a program that is asked for facts: nothing on its stdin, its words caught.
    pub fn capture(&self, invocation: &Invocation) -> Result<Output> {
        self.caught(invocation, Bound::None, usize::MAX, |_| ())
    }

    /// The same for a program that nobody vouches for: it has `limit` to answer, what it prints is
    /// kept up to [`KEPT`] bytes a stream, and all it started ends with it.
    pub fn capture_bounded(&self, invocation: &Invocation, limit: Duration) -> Result<Output> {
        self.caught(invocation, Bound::Whole(limit), KEPT, |_| ())
    }

    /// The same for a program that may take long: `talk` hears its stderr line by line while it
    /// runs.
    pub fn capture_talking(
        &self,
        invocation: &Invocation,
        talk: impl FnMut(&str) + Send,
    ) -> Result<Output> {
        self.caught(invocation, Bound::None, usize::MAX, talk)
    }

    /// The same, ended where it says nothing for so long.
    pub fn capture_unless_silent(
        &self,
        invocation: &Invocation,
        silence: Duration,
        talk: impl FnMut(&str) + Send,
    ) -> Result<Output> {
        self.caught(invocation, Bound::Silence(silence), KEPT, talk)
    }

    fn caught(
        &self,
        invocation: &Invocation,
        bound: Bound,
        kept: usize,
        mut talk: impl FnMut(&str) + Send,
    ) -> Result<Output> {
        let mut running = self.spawn(invocation, |command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        })?;
        let stdout = running.child.stdout.take().expect("it was asked for");
        let stderr = running.child.stderr.take().expect("it was asked for");
        let heard = Mutex::new(Instant::now());
        let hear = || {
            if matches!(bound, Bound::Silence(_)) {
                *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            }
        };
        let output = thread::scope(|scope| {
            let stdout = scope.spawn(|| read_capped(stdout, kept, |_| hear()));
            let stderr = scope.spawn(|| {
                read_capped(stderr, kept, |line| {
                    hear();
                    talk(line);
                })
            });
            let status = running.wait(match bound {
                Bound::None => None,
                Bound::Whole(limit) | Bound::Silence(limit) => Some((limit, &heard)),
            });
            // Children that it left behind would keep the streams open, and us waiting.
            if !matches!(bound, Bound::None) {
                running.end();
            }
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let (stdout, stderr) = (text(joined(stdout)), text(joined(stderr)));
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

    /// Runs a program in our own place: with our streams and in our own group, so that it ends with
    /// us. Its stderr is passed on and kept up to [`KEPT`] bytes.
    pub fn relay(&self, invocation: &Invocation) -> Result<Output> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut command = self.command(invocation);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
        let mut kept = Vec::new();
        let mut stream = child.stderr.take().expect("it was asked for");
        let mut piece = [0; 8192];
        while let Ok(read @ 1..) = stream.read(&mut piece) {
            // Whoever listens may have gone: the program goes on nevertheless.
            let _ = io::Write::write_all(&mut io::stderr(), &piece[..read]);
            kept.extend_from_slice(&piece[..read.min(KEPT.saturating_sub(kept.len()))]);
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

    /// Runs a program that talks to the user on stderr and to us on stdout, line by line. Returns
    /// its exit code. A signal that ends us calls `ending` first, which ends what the program has
    /// had another start (a container).
    pub fn stream(
        &self,
        invocation: &Invocation,
        ending: Option<&Invocation>,
        mut line: impl FnMut(&str),
    ) -> Result<Option<i32>> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut running = self.spawn(invocation, |command| {
            command.stdin(Stdio::null()).stdout(Stdio::piped());
        })?;
        if let (Some(ending), Ok(group)) = (ending, i32::try_from(running.child.id())) {
            self.interrupts.endings().insert(group, self.quiet(ending));
        }
        let stdout = running.child.stdout.take().expect("it was asked for");
        for text in BufReader::new(stdout).split(b'\n') {
            line(&String::from_utf8_lossy(&text.map_err(failed)?));
        }
        let status = running.wait(None).map_err(failed)?;
        self.check_interrupted()?;
        Ok(status.and_then(|status| status.code()))
    }

    /// Runs a program that ends another, even after a signal; what comes of it cannot be helped.
    pub fn end(&self, ending: &Invocation) {
        let Ok(child) = self.quiet(ending).spawn() else {
            return;
        };
        let mut running = Running { child, host: self };
        let _ = running.wait(Some((ENDING, &Mutex::new(Instant::now()))));
    }

    fn quiet(&self, invocation: &Invocation) -> Command {
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

fn joined<T>(asked: thread::ScopedJoinHandle<T>) -> T {
    asked.join().expect("reading does not panic")
}

/// A child in its own group; dropped, nothing of it is left.
struct Running<'a> {
    child: Child,
    host: &'a Host,
}

impl Running<'_> {
    /// How it ended; `None`: its time was up.
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

    fn end(&mut self) {
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            // The group is gone when nothing of it is left: that is no error.
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
            self.host.interrupts.endings().remove(&group);
        }
    }
}

/// Reads to the end, keeps so many bytes, and hands on each line as it comes.
fn read_capped(stream: impl Read, kept: usize, mut talk: impl FnMut(&str)) -> Vec<u8> {
    let mut text = Vec::new();
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        // A line without end is taken in pieces.
        match reader
            .by_ref()
            .take(KEPT as u64)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return text,
            Ok(_) => {}
        }
        talk(String::from_utf8_lossy(&line).trim_end_matches('\n'));
        let room = kept.saturating_sub(text.len()).min(line.len());
        text.extend_from_slice(&line[..room]);
    }
}

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
            problem.help("install Rust with rustup, and see that `~/.cargo/bin` is on PATH")
        }
        _ => problem.note("command", [invocation.to_string()]),
    }
}
