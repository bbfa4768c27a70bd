//! Times, spreads and memory of what is measured.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

pub struct Pair {
    pub cargo: Duration,
    pub xpkg: Duration,
    pub row: String,
}

impl Pair {
    pub fn of(case: &str, cargo: Vec<Duration>, xpkg: Vec<Duration>) -> Self {
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

pub fn quiet(command: &mut Command) -> Result<(), String> {
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

pub struct Times {
    pub least: Duration,
    pub median: Duration,
    pub most: Duration,
}

impl Times {
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self {
            least: times[0],
            median: times[times.len() / 2],
            most: times[times.len() - 1],
        }
    }
}

/// What a process took, with those that it started and waited for.
#[derive(Clone, Copy)]
pub struct Usage {
    /// Time from start to end.
    pub wall: Duration,
    /// Time in user mode.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
    /// Most memory of one of the processes, in bytes.
    pub memory: u64,
    /// User and system time of the process itself, in whole ticks of 10 ms.
    pub own: Duration,
    /// Most memory of the process itself, in bytes, as it was seen at most 10 ms before its end.
    pub own_memory: u64,
}

/// Ticks of the system's clock in a second, in `/proc`.
const TICKS: u64 = 100;

/// Runs a command that must succeed, without its output, and returns what it took.
pub fn used(command: &mut Command) -> Result<Usage, String> {
    let began = Instant::now();
    let child = command
        .env_remove("RUSTUP_TOOLCHAIN")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let process = std::path::Path::new("/proc").join(child.id().to_string());
    let (mut own, mut own_memory) = (Duration::ZERO, 0);
    // Until it is waited for, an ended process still says what it has taken.
    loop {
        let read = |name: &str| std::fs::read_to_string(process.join(name)).unwrap_or_default();
        own_memory = peak(&read("status")).unwrap_or(own_memory);
        match ended(&read("stat")) {
            Some(ticks) => own = Duration::from_millis(ticks * 1000 / TICKS),
            None if began.elapsed() < Duration::from_hours(2) => {
                sleep(
                    (began.elapsed() / 100)
                        .clamp(Duration::from_micros(500), Duration::from_millis(10)),
                );
                continue;
            }
            None => {}
        }
        break;
    }
    let wall = began.elapsed();
    let ended = child
        .wait4()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !ended.status.success() {
        return Err(format!("{command:?}: {}", ended.status));
    }
    Ok(Usage {
        wall,
        user: ended.rusage.utime,
        system: ended.rusage.stime,
        memory: ended.rusage.maxrss,
        own,
        own_memory,
    })
}

/// Returns the most memory that a process had, in bytes, from `/proc/PID/status`.
fn peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the ticks that an ended process took itself, from `/proc/PID/stat`; `None` for one that
/// runs.
fn ended(stat: &str) -> Option<u64> {
    // The name, in parentheses, may have blanks.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    if fields.next()? != "Z" {
        return None;
    }
    // The state is the third field, the times are the 14th and the 15th.
    let mut times = fields.skip(10).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

/// Medians of several runs.
pub struct Medians {
    /// Time from start to end.
    pub wall: Times,
    /// Mean time in user mode.
    pub user: Duration,
    /// Mean time in the kernel.
    pub system: Duration,
    /// Most memory of one process, in bytes.
    pub memory: u64,
    /// Mean time of the process itself.
    pub own: Duration,
    /// Most memory of the process itself, in bytes.
    pub own_memory: u64,
}

impl Medians {
    /// Summarizes runs, of which there is at least one.
    pub fn of(runs: &[Usage]) -> Self {
        let mean = |field: fn(&Usage) -> Duration| {
            let number = u32::try_from(runs.len()).unwrap_or(1);
            runs.iter().map(field).sum::<Duration>() / number
        };
        let most = |field: fn(&Usage) -> u64| runs.iter().map(field).max().unwrap_or_default();
        Self {
            wall: Times::of(runs.iter().map(|run| run.wall).collect()),
            user: mean(|run| run.user),
            system: mean(|run| run.system),
            memory: most(|run| run.memory),
            own: mean(|run| run.own),
            own_memory: most(|run| run.own_memory),
        }
    }
}

/// Formats bytes as whole MiB, rounded up.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1024 * 1024))
}

/// Formats a time in milliseconds.
pub fn milliseconds(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

#[test]
fn an_ended_process_says_what_it_took() {
    let stat = |state: &str| {
        format!("7 (a ) b) {state} 1 7 7 0 -1 4227084 100 200 0 0 12 3 40 50 20 0 1 0 99 0 0")
    };
    assert_eq!(ended(&stat("Z")), Some(15));
    assert_eq!(ended(&stat("R")), None);
    assert_eq!(ended(""), None);
    assert_eq!(peak("Name:\tx\nVmHWM:\t   36540 kB\n"), Some(36540 * 1024));
    assert_eq!(peak("Name:\tx\nState:\tZ (zombie)\n"), None);
}
