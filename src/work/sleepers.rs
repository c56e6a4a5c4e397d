//! The waiters of a work that have nothing to do until somebody wakes them.

use std::collections::BTreeMap;
use std::task::Waker;

use super::Slot;

/// Waiters that have nothing to do, by their numbers: how to wake them, and the hosts that they fetched from last.
#[derive(Debug, Default)]
pub(crate) struct Sleepers {
    wakers: BTreeMap<u64, (Waker, Option<usize>)>,
    /// The highest number so far.
    last: u64,
}

impl Sleepers {
    /// How many are looked at for a connection.
    const LOOKED_AT: usize = 64;

    /// Adds the waiter in `slot`, and returns its number.
    pub(crate) fn add(&mut self, slot: &mut Slot) -> u64 {
        self.last += 1;
        self.wakers.insert(self.last, (slot.waker.clone(), slot.host));
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
        (0..count).filter_map(|_| self.wakers.pop_first()).map(|(_, (waker, _))| waker).collect()
    }

    /// Removes one for each of these hosts, while there are any: one whose connection may lead there, or else the one
    /// that has slept longest.
    pub(crate) fn take_for(&mut self, hosts: impl Iterator<Item = usize>) -> Vec<Waker> {
        let take = |host| {
            let mut latest = self.wakers.iter().rev().take(Self::LOOKED_AT);
            let connected = latest.find_map(|(&number, &(_, last))| (last == Some(host)).then_some(number));
            let number = connected.or_else(|| self.wakers.keys().next().copied())?;
            self.wakers.remove(&number).map(|(waker, _)| waker)
        };
        hosts.map_while(take).collect()
    }
}
