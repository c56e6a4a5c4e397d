//! Hands out assignments and collects outcomes, so that to a strategy, all calls look the same.

mod list;
mod sleepers;
mod stream;

pub use list::{Due, List};
pub(crate) use sleepers::Sleepers;
pub use stream::Stream;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::attempt::{Assignment, Outcome};

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
    /// The job that it will begin as soon as that is due.
    claimed: Option<Job>,
    /// The job that it has begun last.
    begun: Option<Job>,
    /// The waiter is a thread, which hands in one outcome at a time.
    is_thread: bool,
    /// Its last exchange could not begin because this machine was short of a resource.
    starved: bool,
    /// Its number among those who wait for more to do.
    asleep: Option<u64>,
    /// What a work notes here that knows several hosts: the one that it fetched from last, by number.
    pub(crate) host: Option<usize>,
}

impl Slot {
    /// For a waiter that `waker` wakes.
    #[must_use]
    pub fn new(waker: Waker) -> Self {
        Slot { waker, claimed: None, begun: None, is_thread: false, starved: false, asleep: None, host: None }
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
        Slot { is_thread: true, ..Slot::new(Arc::new(Unpark(std::thread::current())).into()) }
    }

    /// Wakes the waiter.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }
}

/// An assignment with its intended start, before which it does not begin: `None` means at once.
#[derive(Debug, Clone)]
pub struct Job {
    /// What to do.
    pub assignment: Assignment,
    /// When.
    pub due: Option<Instant>,
}

/// The exchanges of a work: those in flight, and those that this machine was too short of a resource to begin.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    in_flight: usize,
    /// The most that were in flight at once.
    peak: usize,
    /// To be tried again.
    again: VecDeque<Job>,
    /// The errno that kept the work from having all its waiters in flight.
    shortage: Option<i32>,
    /// Since when no exchange has been able to begin.
    stuck_since: Option<Instant>,
}

impl Exchanges {
    /// How long a waiter that could not begin waits before it tries again.
    const TRY_AGAIN_AFTER: Duration = Duration::from_millis(50);

    /// Whether none is in flight, or is to be tried again.
    pub(crate) fn are_none(&self) -> bool {
        self.in_flight == 0 && self.again.is_empty()
    }

    /// The errno that kept the work from having all its waiters in flight.
    pub(crate) fn shortage(&self) -> Option<i32> {
        self.shortage
    }

    /// Records that there are fewer waiters than wanted, because the system allows no more.
    pub(crate) fn fewer_waiters(&mut self, why: &io::Error) {
        self.shortage = why.raw_os_error();
    }

    /// What the waiter is to do; `take` takes a job that none has begun. `None` if there is none.
    pub(crate) fn next(&mut self, slot: &mut Slot, take: impl FnOnce() -> Option<Job>) -> Option<Next> {
        if std::mem::take(&mut slot.starved) {
            // End this waiter, so that the resources suffice for the others. But half as many as they once sufficed for
            // must stay: a shortage may be over soon.
            let enough = 2 * self.in_flight >= self.peak;
            return Some(if enough { Next::End } else { Next::Wait(Some(Instant::now() + Self::TRY_AGAIN_AFTER)) });
        }
        let job = slot.claimed.take().or_else(|| self.again.pop_front()).or_else(take)?;
        if job.due.is_some_and(|due| due > Instant::now()) {
            let due = job.due;
            slot.claimed = Some(job);
            return Some(Next::Wait(due));
        }
        self.in_flight += 1;
        self.peak = self.peak.max(self.in_flight);
        Some(Next::Begin(slot.begun.insert(job).assignment.clone()))
    }

    /// Takes an outcome, and returns it, unless the job is to be tried again.
    pub(crate) fn put(&mut self, slot: &mut Slot, outcome: Outcome) -> Option<Outcome> {
        self.in_flight -= 1;
        let job = slot.begun.take();
        let Some(errno) = outcome.shortage() else {
            self.stuck_since = None;
            return Some(outcome);
        };
        self.shortage = Some(errno);
        let job = job?;
        let timeout = job.assignment.terms.timeout;
        if self.in_flight == 0 && self.stuck_since.get_or_insert_with(Instant::now).elapsed() >= timeout {
            return Some(outcome);
        }
        slot.starved = true;
        self.again.push_back(job);
        None
    }
}
