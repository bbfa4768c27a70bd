//! Descendants of untrusted programs: ended with the program, even those that have left its process
//! group.
//!
//! Linux only: this process is the reaper of its orphaned descendants, so that none is lost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::host::machine::Host;

/// Variable that marks the descendants of one program.
const VARIABLE: &str = "CARGO_XPKG_CHILD";

/// Time in which descendants may end by themselves, for example the init process of a namespace.
const GRACE: Duration = Duration::from_millis(300);

/// Time after which descendants that cannot be ended are named and left alone.
const LIMIT: Duration = Duration::from_secs(2);

/// How the descendants of one program are recognized.
pub enum Watched {
    /// By [`VARIABLE`] in their environment: other programs may run at the same time.
    Marked(String),
    /// All children that were not there before: the environment of the program is exact, and
    /// nothing else runs.
    All(BTreeSet<i32>),
}

impl Watched {
    /// Begins to watch. `is_alone` is true for a program whose environment must be exact.
    pub fn new(is_alone: bool) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        if is_alone {
            return Self::All(
                orphans(&BTreeSet::new())
                    .into_iter()
                    .map(|it| it.id)
                    .collect(),
            );
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self::Marked(format!("{}-{number}", std::process::id()))
    }

    /// Returns the variable that the program is started with.
    pub fn variable(&self) -> Option<(&str, &str)> {
        match self {
            Self::Marked(mark) => Some((VARIABLE, mark)),
            Self::All(_) => None,
        }
    }

    /// Returns true for a descendant of the program; `None` if that cannot be seen yet.
    fn includes(&self, process: &Orphan) -> Option<bool> {
        match self {
            Self::All(before) => Some(!before.contains(&process.id)),
            Self::Marked(mark) => {
                let environment = std::fs::read(format!("/proc/{}/environ", process.id));
                let environment = environment.unwrap_or_default();
                // It is empty while the process starts another program.
                if environment.is_empty() {
                    return None;
                }
                let entry = format!("{VARIABLE}={mark}");
                let mut variables = environment.split(|byte| *byte == 0);
                Some(variables.any(|found| found == entry.as_bytes()))
            }
        }
    }
}

/// Child of this process that it did not start itself.
struct Orphan {
    id: i32,
    name: String,
    has_ended: bool,
}

impl Host {
    /// Makes this process the parent of descendants that lose theirs.
    #[cfg(target_os = "linux")]
    pub fn adopt_descendants(&self) {
        // Not an error: without it, those that leave the process group are only not found.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }

    /// Does nothing: this system has no such setting.
    #[cfg(not(target_os = "linux"))]
    pub fn adopt_descendants(&self) {}

    /// Ends the descendants that a program has left running, and names them.
    pub fn end_descendants(&self, watched: Watched, program: &str) {
        let began = Instant::now();
        let mut pause = Duration::from_millis(1);
        let mut ended: BTreeSet<i32> = BTreeSet::new();
        let mut names = Vec::new();
        loop {
            let mut is_over = true;
            for orphan in orphans(&self.interrupts.groups()) {
                if ended.contains(&orphan.id) {
                    is_over &= reap(&orphan);
                } else if !orphan.has_ended {
                    let is_early = began.elapsed() < GRACE;
                    let included = watched.includes(&orphan);
                    is_over &= included == Some(false) || included.is_none() && !is_early;
                    if included != Some(true) || is_early {
                        continue;
                    }
                    kill(&orphan);
                    ended.insert(orphan.id);
                    names.push(format!("`{}` ({})", orphan.name, orphan.id));
                }
            }
            if is_over {
                break;
            }
            if began.elapsed() > LIMIT {
                names.push("which cannot be ended".to_owned());
                break;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        if !names.is_empty() {
            let line = format!("what `{program}` left running: {}", names.join(", "));
            self.shell.status("Ending", &line);
        }
    }
}

impl Host {
    /// Kills the processes whose `/etc/hosts` has the host `name`: those of a container that knows
    /// it. Containers of an engine are no descendants of ours, and have none of our variables.
    pub fn end_with_known_host(&self, name: &str) {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        for id in ids {
            let hosts = ["/proc", &id.to_string(), "root", "etc", "hosts"].join("/");
            if self.has_text(hosts.as_str().into(), name) {
                #[cfg(target_os = "linux")]
                if let Some(process) = rustix::process::Pid::from_raw(id) {
                    // Not an error: it may have ended.
                    let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
                }
            }
        }
    }
}

/// Returns the children of this process that are not in `started`, by `/proc`.
fn orphans(started: &BTreeSet<i32>) -> Vec<Orphan> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|id| !started.contains(id))
        .filter_map(|id| {
            let stat = std::fs::read(format!("/proc/{id}/stat")).ok()?;
            let stat = String::from_utf8_lossy(&stat);
            // The name may contain parentheses and spaces: `12 (a (b) c) S 1 …`.
            let (before, after) = stat.rsplit_once(") ")?;
            let mut fields = after.split(' ');
            let state = fields.next()?;
            (fields.next()?.parse() == Ok(own)).then(|| Orphan {
                id,
                name: before.split_once(" (").unwrap_or_default().1.to_owned(),
                has_ended: state == "Z",
            })
        })
        .collect()
}

/// Kills a process.
fn kill(orphan: &Orphan) {
    #[cfg(unix)]
    if let Some(id) = rustix::process::Pid::from_raw(orphan.id) {
        // Not an error: it may just have ended.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = orphan;
}

/// Takes the status of a process that was killed. Returns true if it is gone.
fn reap(orphan: &Orphan) -> bool {
    #[cfg(unix)]
    if orphan.has_ended
        && let Some(id) = rustix::process::Pid::from_raw(orphan.id)
    {
        let _ = rustix::process::waitpid(Some(id), rustix::process::WaitOptions::NOHANG);
    }
    orphan.has_ended
}
