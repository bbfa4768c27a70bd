//! The signal that came, and the process groups to end after it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Signal that came, and the process groups and cleanups to end after it.
#[derive(Default)]
pub struct Interrupts {
    /// Number of the signal; 0 if none came.
    pub signal: AtomicI32,
    /// True once a cleanup command was run outside of `cleanups`.
    pub cleaning: AtomicBool,
    /// Running process groups.
    groups: Mutex<BTreeSet<i32>>,
    /// Commands that end what a process group has started through another process (a container), by
    /// group.
    cleanups: Mutex<BTreeMap<i32, Command>>,
}

impl Interrupts {
    /// Returns the cleanup commands by process group.
    pub fn cleanups(&self) -> MutexGuard<'_, BTreeMap<i32, Command>> {
        self.cleanups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the cleanup commands, without waiting for them.
    #[cfg(unix)]
    pub fn run_cleanups(&self) {
        for cleanup in self.cleanups().values_mut() {
            let _ = cleanup.spawn();
        }
    }

    /// Returns true if an engine may still be ending what was started through it.
    pub fn is_cleaning(&self) -> bool {
        self.cleaning.load(Ordering::SeqCst) || !self.cleanups().is_empty()
    }

    /// Returns the running process groups.
    pub fn groups(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a signal to all running process groups.
    #[cfg(unix)]
    pub fn send(&self, signal: rustix::process::Signal) {
        for group in self
            .groups()
            .iter()
            .filter_map(|group| rustix::process::Pid::from_raw(*group))
        {
            // Not an error: the group may have ended.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}
