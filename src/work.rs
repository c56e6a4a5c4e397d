//! Hands out assignments and collects outcomes, so that to a strategy, all calls look the same.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::attempt::{Assignment, Outcome, Terms};
use crate::error::Error;
use crate::target::Target;

/// What a strategy has to do: a list of URLs, a stream, a crawler's frontier.
///
/// Whatever fetches is a *waiter*: it calls `next`, does what it says, and calls it again, until the end.
pub trait Work: Send + Sync {
    /// How many waiters are worth having, at least one: the limit on exchanges in flight.
    fn waiters(&self) -> usize;

    /// What the waiter in `slot` is to do next.
    fn next(&self, slot: &mut Slot) -> Next;

    /// Takes the outcome of an assignment of the waiter in `slot`.
    fn put(&self, slot: &mut Slot, outcome: Outcome);

    /// Records that there are fewer waiters than wanted, because the system allows no more.
    fn fewer_waiters(&self, why: &io::Error);
}

/// What a waiter is to do.
#[derive(Debug)]
pub enum Next {
    /// Begin this now.
    Begin(Assignment),
    /// Nothing yet: call `next` again when your waker is called, or at this instant. Calling earlier does no harm.
    Wait(Option<Instant>),
    /// There is nothing more to do.
    End,
}

/// A waiter's place in the work.
#[derive(Debug)]
pub struct Slot {
    /// Wakes the waiter, in its own way of waiting.
    waker: Waker,
    /// The ticket that it will begin as soon as that is due.
    claimed: Option<usize>,
    /// Its last exchange could not begin because this machine was short of a resource.
    starved: bool,
}

impl Slot {
    /// For a waiter that `waker` wakes.
    #[must_use]
    pub fn new(waker: Waker) -> Self {
        Slot { waker, claimed: None, starved: false }
    }

    /// For a waiter that is this thread: waking unparks it.
    #[must_use]
    pub fn of_this_thread() -> Self {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        Slot::new(Arc::new(Unpark(std::thread::current())).into())
    }

    /// Wakes the waiter.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }
}

/// The work of one call: a list of URLs, each of which may have an intended start, before which it does not begin.
#[derive(Debug)]
pub struct List {
    targets: Vec<Due>,
    concurrency: usize,
    terms: Arc<Terms>,
    state: Mutex<State>,
}

/// A target, and its intended start: `None` means at once.
pub type Due = (Arc<Target>, Option<Instant>);

#[derive(Debug)]
struct State {
    /// The first URL that no waiter has begun.
    next: usize,
    /// URLs that could not begin, to be tried again.
    again: VecDeque<usize>,
    in_flight: usize,
    outcomes: Vec<Option<Outcome>>,
    /// The errno that kept the call from having `concurrency` exchanges in flight.
    shortage: Option<i32>,
    /// Since when no exchange has been able to begin.
    stuck_since: Option<Instant>,
}

impl List {
    /// How long to wait before trying again, if no exchange is in flight whose end would free resources.
    const TRY_AGAIN_AFTER: Duration = Duration::from_millis(50);

    /// Work of which nothing has begun. `targets` has at least one, and `concurrency` is at least one.
    #[must_use]
    pub fn new(targets: Vec<Due>, concurrency: usize, terms: Terms) -> Self {
        let outcomes = vec![None; targets.len()];
        let state =
            State { next: 0, again: VecDeque::new(), in_flight: 0, outcomes, shortage: None, stuck_since: None };
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
        self.lock().shortage
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
        if std::mem::take(&mut slot.starved) {
            // End this waiter, so that the resources suffice for the others. The last one must stay.
            let others = state.in_flight > 0;
            return if others { Next::End } else { Next::Wait(Some(Instant::now() + Self::TRY_AGAIN_AFTER)) };
        }
        let Some(ticket) = slot.claimed.take().or_else(|| state.take_one()) else { return Next::End };
        let (target, due) = &self.targets[ticket];
        if due.is_some_and(|due| due > Instant::now()) {
            slot.claimed = Some(ticket);
            return Next::Wait(*due);
        }
        state.in_flight += 1;
        Next::Begin(Assignment { ticket, target: Arc::clone(target), terms: Arc::clone(&self.terms) })
    }

    fn put(&self, slot: &mut Slot, outcome: Outcome) {
        let mut state = self.lock();
        state.in_flight -= 1;
        if let Some(errno) = outcome.shortage() {
            state.shortage = Some(errno);
            let stuck = state.in_flight == 0
                && state.stuck_since.get_or_insert_with(Instant::now).elapsed() >= self.terms.timeout;
            if !stuck {
                slot.starved = true;
                state.again.push_back(outcome.ticket);
                return;
            }
        } else {
            state.stuck_since = None;
        }
        let ticket = outcome.ticket;
        state.outcomes[ticket] = Some(outcome);
    }

    fn fewer_waiters(&self, why: &io::Error) {
        self.lock().shortage = why.raw_os_error();
    }
}

impl State {
    /// Takes a URL that no waiter has begun.
    fn take_one(&mut self) -> Option<usize> {
        self.again.pop_front().or_else(|| {
            let ticket = self.next;
            self.next += 1;
            (ticket < self.outcomes.len()).then_some(ticket)
        })
    }
}
