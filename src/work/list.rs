//! The work of a call whose URLs are all known.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Exchanges, Job, Next, Slot, Work};
use crate::attempt::{Assignment, Outcome, Terms};
use crate::error::Error;
use crate::target::Target;

/// The work of one call: a list of URLs.
#[derive(Debug)]
pub struct List {
    targets: Arc<[Due]>,
    concurrency: usize,
    terms: Arc<Terms>,
    state: Mutex<State>,
}

/// A target, and its intended start: `None` means at once.
pub type Due = (Arc<Target>, Option<Instant>);

#[derive(Debug)]
struct State {
    exchanges: Exchanges,
    /// The first URL that no waiter has begun.
    next: usize,
    outcomes: Vec<Option<Outcome>>,
}

impl List {
    /// Work of which nothing has begun. `targets` has at least one, and `concurrency` is at least one.
    #[must_use]
    pub fn new(targets: impl Into<Arc<[Due]>>, concurrency: usize, terms: Terms) -> Self {
        let targets = targets.into();
        let state = State { exchanges: Exchanges::default(), next: 0, outcomes: vec![None; targets.len()] };
        List { targets, concurrency, terms: Arc::new(terms), state: Mutex::new(state) }
    }

    /// The outcome of each URL, in order; for those that have none, `why`.
    #[must_use]
    pub fn take_outcomes(&self, why: &Error) -> Vec<Outcome> {
        let outcomes = std::mem::take(&mut self.lock().outcomes).into_iter().enumerate();
        outcomes.map(|(ticket, outcome)| outcome.unwrap_or_else(|| Outcome::lost(ticket, why.clone()))).collect()
    }

    /// The errno that kept the call from having `concurrency` exchanges in flight.
    #[must_use]
    pub fn shortage(&self) -> Option<i32> {
        self.lock().exchanges.shortage()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work for List {
    fn waiters(&self) -> usize {
        self.concurrency.min(self.targets.len())
    }

    fn next(&self, slot: &mut Slot) -> Next {
        let mut state = self.lock();
        let State { exchanges, next, .. } = &mut *state;
        let take = || {
            let ticket = *next;
            let (target, due) = self.targets.get(ticket)?;
            *next += 1;
            let assignment = Assignment { ticket, target: Arc::clone(target), terms: Arc::clone(&self.terms) };
            Some(Job { assignment, due: *due })
        };
        exchanges.next(slot, take).unwrap_or(Next::End)
    }

    fn put(&self, slot: &mut Slot, outcome: Outcome) {
        let mut state = self.lock();
        if let Some(outcome) = state.exchanges.put(slot, outcome) {
            let ticket = outcome.ticket;
            state.outcomes[ticket] = Some(outcome);
        }
    }

    fn fewer_waiters(&self, why: &io::Error) {
        self.lock().exchanges.fewer_waiters(why);
    }
}
