//! The memory that readers on all cores may hold together.

use std::sync::{Condvar, Mutex, PoisonError};

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
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

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
