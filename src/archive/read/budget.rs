//! What readers on all cores may hold and read together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::archive::entry::LONGEST_LIST;
use crate::archive::limits::Limits;

/// Largest window of a decoder in bytes: the default of `zstd -d`, which covers `--ultra -22` and
/// `--long`; `xz -9` has half of it.
pub const WINDOW: u64 = 128 * 1024 * 1024;

/// Number of windows that are held at once.
const WINDOWS: u64 = 4;

/// Bounds of one subject: all of its archives share them.
pub struct Pool {
    /// Memory for the programs and lists that are read at the moment.
    pub memory: Budget,
    /// Memory for the windows of decoders. It is taken before `memory`, never while holding that.
    pub windows: Budget,
    /// Entries left of [`Limits::entries`].
    pub entries: Counter,
    /// Bytes left of [`Limits::paths`].
    pub paths: Counter,
    /// Bytes left of [`Limits::lists`].
    pub lists: Counter,
    /// Bytes left of [`Limits::unpacked`].
    pub unpacked: Counter,
}

impl Pool {
    /// Creates the bounds of a subject.
    pub fn new(limits: &Limits) -> Self {
        Self {
            memory: Budget::new(limits.program.max(LONGEST_LIST)),
            windows: Budget::new(WINDOWS * WINDOW),
            entries: Counter::new(limits.entries as u64),
            paths: Counter::new(limits.paths as u64),
            lists: Counter::new(limits.lists),
            unpacked: Counter::new(limits.unpacked),
        }
    }
}

/// Number that is counted down to zero.
pub struct Counter(AtomicU64);

impl Counter {
    /// Creates a counter.
    pub fn new(number: u64) -> Self {
        Self(AtomicU64::new(number))
    }

    /// Returns what is left.
    pub fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes a number. Returns false, and takes nothing, if less is left.
    pub fn take(&self, number: u64) -> bool {
        let less = |left: u64| left.checked_sub(number);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

/// Bytes that may be held at once. A reader waits until others have given theirs back.
pub struct Budget {
    all: u64,
    left: Mutex<u64>,
    freed: Condvar,
}

/// Bytes of a [`Budget`], given back when this is dropped.
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    /// Creates a budget of so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self {
            all: bytes,
            left: Mutex::new(bytes),
            freed: Condvar::new(),
        }
    }

    /// Takes bytes, and waits for them. More than the whole budget is taken as the whole, so that
    /// nobody waits for ever.
    pub fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.all);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = self
            .freed
            .wait_while(left, |left| *left < bytes)
            .unwrap_or_else(PoisonError::into_inner);
        *left -= bytes;
        Share {
            budget: self,
            bytes,
        }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let left = self.budget.left.lock();
        *left.unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_gives_what_it_has() {
        let counter = Counter::new(3);
        assert!(counter.take(2));
        assert!(!counter.take(2));
        assert!(counter.take(1));
        assert_eq!(counter.left(), 0);
    }

    #[test]
    fn readers_hold_no_more_than_the_budget_together() {
        let budget = Budget::new(10);
        let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [4, 4, 4, 7, 3, 100, 0, 10] {
                let (budget, held, most) = (&budget, &held, &most);
                scope.spawn(move || {
                    let share = budget.take(bytes);
                    let now = held.fetch_add(share.bytes, Ordering::SeqCst) + share.bytes;
                    most.fetch_max(now, Ordering::SeqCst);
                    std::thread::yield_now();
                    held.fetch_sub(share.bytes, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 10);
        assert_eq!(*budget.left.lock().unwrap(), 10);
    }
}
