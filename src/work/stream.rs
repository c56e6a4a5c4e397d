//! The work of a call whose URLs come while it goes on.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Exchanges, Job, Next, Sleepers, Slot, Work};
use crate::attempt::Outcome;
use crate::cancellation::{Cancellation, TICK};
use crate::error::Error;

/// A work that is given its jobs, and asked for their outcomes, while it goes on. Whoever feeds it bounds what it holds.
pub struct Stream {
    waiters: usize,
    state: Mutex<State>,
    /// An outcome has arrived, or the strategy has ended.
    changed: Condvar,
    /// Called then, too, if anybody watches.
    notify: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    exchanges: Exchanges,
    /// The jobs that no waiter has begun.
    jobs: VecDeque<Job>,
    /// No more jobs will come.
    complete: bool,
    outcomes: Vec<Outcome>,
    sleepers: Sleepers,
    /// How the strategy has ended.
    ended: Option<Result<(), Error>>,
    /// Notifications are wanted.
    watched: bool,
}

impl Stream {
    /// Work without jobs for this many waiters, at least one. Once it is watched, `notify` is called, by any thread,
    /// whenever there is something to take.
    #[must_use]
    pub fn new(waiters: usize, notify: impl Fn() + Send + Sync + 'static) -> Self {
        Stream { waiters, state: Mutex::default(), changed: Condvar::new(), notify: Box::new(notify) }
    }

    /// Hands in jobs, and wakes as many waiters.
    pub fn push(&self, jobs: impl IntoIterator<Item = Job>) {
        let mut state = self.lock();
        let before = state.jobs.len();
        state.jobs.extend(jobs);
        let count = state.jobs.len() - before;
        Self::wake(state, count);
    }

    /// Says that no more jobs will come: the waiters end when there are none left.
    pub fn complete(&self) {
        let mut state = self.lock();
        state.complete = true;
        Self::wake(state, usize::MAX);
    }

    /// Records how the strategy has ended.
    pub fn end(&self, how: Result<(), Error>) {
        self.lock().ended = Some(how);
        self.changed.notify_all();
        (self.notify)();
    }

    /// How the strategy has ended, once it has and all its outcomes are taken.
    #[must_use]
    pub fn ended(&self) -> Option<Result<(), Error>> {
        let state = self.lock();
        if state.outcomes.is_empty() { state.ended.clone() } else { None }
    }

    /// Asks for notifications: of what has arrived before, too.
    pub fn watch(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.watched, true) && !state.outcomes.is_empty() {
            (self.notify)();
        }
    }

    /// The outcomes that have arrived.
    #[must_use]
    pub fn take(&self) -> Vec<Outcome> {
        std::mem::take(&mut self.lock().outcomes)
    }

    /// The same, but waits until there are any, or the strategy has ended.
    pub fn wait(&self, cancellation: &Cancellation) -> Result<Vec<Outcome>, Error> {
        let mut state = self.lock();
        while state.outcomes.is_empty() && state.ended.is_none() {
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
            if state.outcomes.is_empty() {
                drop(state);
                cancellation.check()?;
                state = self.lock();
            }
        }
        Ok(std::mem::take(&mut state.outcomes))
    }

    /// The errno that kept it from having all its waiters in flight.
    #[must_use]
    pub fn shortage(&self) -> Option<i32> {
        self.lock().exchanges.shortage()
    }

    /// Wakes up to `count` of those that have nothing to do.
    fn wake(mut state: MutexGuard<'_, State>, count: usize) {
        let wakers = state.sleepers.take(count);
        drop(state);
        for waker in wakers {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work for Stream {
    fn waiters(&self) -> usize {
        self.waiters
    }

    fn next(&self, slot: &mut Slot) -> Next {
        let mut state = self.lock();
        let State { exchanges, jobs, complete, sleepers, .. } = &mut *state;
        sleepers.remove(slot);
        exchanges.next(slot, || jobs.pop_front()).unwrap_or_else(|| {
            if *complete {
                return Next::End;
            }
            sleepers.add(slot);
            Next::Wait(None)
        })
    }

    fn put(&self, slot: &mut Slot, outcome: Outcome) {
        let mut state = self.lock();
        if let Some(outcome) = state.exchanges.put(slot, outcome) {
            let (first, watched) = (state.outcomes.is_empty(), state.watched);
            state.outcomes.push(outcome);
            drop(state);
            if first {
                self.changed.notify_one();
            }
            if first && watched {
                (self.notify)();
            }
        }
    }

    fn fewer_waiters(&self, why: &io::Error) {
        self.lock().exchanges.fewer_waiters(why);
    }
}
