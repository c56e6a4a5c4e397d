//! The waiters of a work that have nothing to do until somebody wakes them.

use std::collections::BTreeMap;
use std::task::Waker;

use super::Slot;

/// Waiters that have nothing to do, by their numbers, and how to wake them.
#[derive(Debug, Default)]
pub(crate) struct Sleepers {
    wakers: BTreeMap<u64, Waker>,
    /// The highest number so far.
    last: u64,
}

impl Sleepers {
    /// Adds the waiter in `slot`, and returns its number.
    pub(crate) fn add(&mut self, slot: &mut Slot) -> u64 {
        self.last += 1;
        self.wakers.insert(self.last, slot.waker.clone());
        slot.asleep = Some(self.last);
        self.last
    }

    /// Removes the waiter in `slot`, which is awake; returns the number that it had, if it slept.
    pub(crate) fn remove(&mut self, slot: &mut Slot) -> Option<u64> {
        let number = slot.asleep.take()?;
        self.wakers.remove(&number);
        Some(number)
    }

    /// Removes up to `count` of them, those that have slept longest first. Wake them without holding a lock.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Waker> {
        let count = count.min(self.wakers.len());
        (0..count).filter_map(|_| self.wakers.pop_first()).map(|(_, waker)| waker).collect()
    }
}
