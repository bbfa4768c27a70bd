//! The signal that came, and the process groups that end with us.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::AtomicI32;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The signal that came, and the groups that are to end with us.
#[derive(Default)]
pub struct Interrupts {
    /// 0: none.
    pub signal: AtomicI32,
    groups: Mutex<BTreeSet<i32>>,
    /// What ends that which a group has had another process start, by the group.
    endings: Mutex<BTreeMap<i32, Command>>,
}

impl Interrupts {
    pub fn endings(&self) -> MutexGuard<'_, BTreeMap<i32, Command>> {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the endings; whoever waits for the groups sees what came of it.
    #[cfg(unix)]
    pub fn call_endings(&self) {
        for ending in self.endings().values_mut() {
            let _ = ending.spawn();
        }
    }

    pub fn groups(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(unix)]
    pub fn send(&self, signal: rustix::process::Signal) {
        for group in self
            .groups()
            .iter()
            .filter_map(|group| rustix::process::Pid::from_raw(*group))
        {
            // A group of which nothing is left is no error.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}
