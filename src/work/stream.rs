//! The work of a call whose URLs come while it goes on.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Exchanges, Job, Next, Sleepers, Slot, Work};
use crate::attempt::Outcome;
use crate::cancellation::{Cancellation, TICK};
use crate::error::Error;
use crate::target::Target;

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
    /// The jobs that no waiter has begun, and the numbers of their hosts.
    jobs: VecDeque<(usize, Job)>,
    /// How many times, in a row, the first of them was passed over.
    passed_over: usize,
    /// No more jobs will come.
    complete: bool,
    outcomes: Vec<Outcome>,
    /// How many outcomes end a wait for them.
    wanted: usize,
    /// The last outcome is a thread's, which handed in no other with it.
    one_by_one: bool,
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
        let state = Mutex::new(State { wanted: 1, ..State::default() });
        Stream { waiters, state, changed: Condvar::new(), notify: Box::new(notify) }
    }

    /// Hands in jobs, and wakes as many waiters.
    pub fn push(&self, jobs: impl IntoIterator<Item = Job>) {
        let jobs: Vec<_> = jobs.into_iter().map(|job| (host_number(&job.assignment.target), job)).collect();
        let mut state = self.lock();
        let wakers = state.sleepers.take_for(jobs.iter().map(|(host, _)| *host));
        state.jobs.extend(jobs);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Says that no more jobs will come: the waiters end when there are none left.
    pub fn complete(&self) {
        let mut state = self.lock();
        state.complete = true;
        let wakers = state.sleepers.take(usize::MAX);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
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

    /// The same, but waits until there are any, or the strategy has ended; no longer than `timeout`.
    ///
    /// Where threads hand in outcomes fast, but one by one, it waits for some more: to wake up for each is slow.
    pub fn wait(&self, timeout: Option<Duration>, cancellation: &Cancellation) -> Result<Vec<Outcome>, Error> {
        let began = Instant::now();
        let mut state = self.lock();
        while state.outcomes.is_empty() && state.ended.is_none() {
            let left = timeout.map_or(TICK, |timeout| timeout.saturating_sub(began.elapsed()).min(TICK));
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            if state.outcomes.is_empty() {
                drop(state);
                cancellation.check()?;
                state = self.lock();
            }
        }
        if state.one_by_one && began.elapsed() < LINGER {
            state.wanted = state.exchanges.in_flight / 4;
            let has_few = |state: &mut State| state.outcomes.len() < state.wanted && state.ended.is_none();
            let waited = self.changed.wait_timeout_while(state, LINGER, has_few);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.wanted = 1;
        }
        Ok(std::mem::take(&mut state.outcomes))
    }

    /// The errno that kept it from having all its waiters in flight.
    #[must_use]
    pub fn shortage(&self) -> Option<i32> {
        self.lock().exchanges.shortage()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a wait lingers for more outcomes of threads, unless a quarter as many as are in flight are there.
const LINGER: Duration = Duration::from_micros(100);

/// How many jobs are looked at for one that a waiter's connection leads to; also how many times the first is passed over.
const LOOKED_AT: usize = 64;

/// Takes a job of the preferred host, which the waiter's connection leads to; if there is none, the first.
fn take_job(jobs: &mut VecDeque<(usize, Job)>, passed_over: &mut usize, preferred: Option<usize>) -> Option<Job> {
    let in_turn = *passed_over >= LOOKED_AT || jobs.front()?.1.due.is_some();
    let suits = |(host, job): &(usize, Job)| Some(*host) == preferred && job.due.is_none();
    let place = if in_turn { 0 } else { jobs.iter().take(LOOKED_AT).position(suits).unwrap_or(0) };
    *passed_over = if place == 0 { 0 } else { *passed_over + 1 };
    jobs.remove(place).map(|(_, job)| job)
}

/// A number for the target's host. If two have the same, which hardly happens, a connection is opened in vain.
fn host_number(target: &Target) -> usize {
    let mut hasher = DefaultHasher::new();
    (&target.authority, &target.tls_host).hash(&mut hasher);
    hasher.finish() as usize
}

impl Work for Stream {
    fn waiters(&self) -> usize {
        self.waiters
    }

    fn next(&self, slot: &mut Slot) -> Next {
        let mut state = self.lock();
        let State { exchanges, jobs, passed_over, complete, sleepers, .. } = &mut *state;
        sleepers.remove(slot);
        let preferred = slot.host;
        let next = exchanges.next(slot, || take_job(jobs, passed_over, preferred));
        if let Some(Next::Begin(assignment)) = &next {
            slot.host = Some(host_number(&assignment.target));
        }
        next.unwrap_or_else(|| {
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
            state.outcomes.push(outcome);
            state.one_by_one = slot.is_thread;
            let count = state.outcomes.len();
            let (enough, watched) = (count == state.wanted, state.watched);
            drop(state);
            if enough {
                self.changed.notify_one();
            }
            if count == 1 && watched {
                (self.notify)();
            }
        }
    }

    fn fewer_waiters(&self, why: &io::Error) {
        self.lock().exchanges.fewer_waiters(why);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::attempt::{Assignment, Terms};

    fn job(ticket: usize, authority: &str) -> Job {
        let addresses = [([127, 0, 0, 1], 9).into()].into();
        let target = Target { authority: authority.into(), path: "/".into(), addresses, tls_host: None };
        let terms = Arc::new(Terms::within(Duration::from_secs(1)));
        Job { assignment: Assignment { ticket, target: Arc::new(target), terms }, due: None }
    }

    /// The tickets, in the order in which one waiter begins them.
    fn order(jobs: impl IntoIterator<Item = Job>) -> Vec<usize> {
        let stream = Stream::new(1, || {});
        stream.push(jobs);
        stream.complete();
        let mut slot = Slot::of_this_thread();
        let begun = std::iter::from_fn(|| match stream.next(&mut slot) {
            Next::Begin(assignment) => Some(assignment.ticket),
            _ => None,
        });
        begun.collect()
    }

    /// The shortest of many waits when one of `count` waiters of this kind has an outcome.
    fn shortest_wait(count: usize, slot: impl Fn() -> Slot) -> Duration {
        let wait = || {
            let stream = Stream::new(count, || {});
            stream.push((0..count).map(|ticket| job(ticket, "a")));
            let mut slots: Vec<_> = (0..count).map(|_| slot()).collect();
            for slot in &mut slots {
                assert!(matches!(stream.next(slot), Next::Begin(_)));
            }
            stream.put(&mut slots[0], Outcome::lost(0, Error::Cancelled));
            let began = Instant::now();
            let outcomes = stream.wait(None, &Cancellation::by_hand()).unwrap();
            assert_eq!(outcomes.len(), 1);
            began.elapsed()
        };
        (0..100).map(|_| wait()).min().unwrap()
    }

    #[test]
    fn an_outcome_of_many_threads_waits_a_moment_for_another() {
        assert!(shortest_wait(12, Slot::of_this_thread) >= LINGER);
        assert!(shortest_wait(4, Slot::of_this_thread) < LINGER);
        assert!(shortest_wait(12, || Slot::new(Waker::noop().clone())) < LINGER);
    }

    #[test]
    fn a_waiter_stays_with_its_host() {
        let hosts = ["a", "b", "a", "c", "b", "a"];
        assert_eq!(order(hosts.into_iter().enumerate().map(|(ticket, host)| job(ticket, host))), [0, 2, 5, 1, 4, 3]);
    }

    #[test]
    fn another_host_is_not_passed_over_for_ever() {
        let hosts = std::iter::once("a").chain(std::iter::once("b")).chain(std::iter::repeat_n("a", 200));
        let order = order(hosts.enumerate().map(|(ticket, host)| job(ticket, host)));
        assert_eq!(order.iter().position(|&ticket| ticket == 1), Some(1 + LOOKED_AT));
        assert_eq!(order.len(), 202);
    }
}
