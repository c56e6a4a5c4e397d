//! How a crawl hands out its pages, and tells how it stands.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Crawl, State};
use crate::cancellation::{Cancellation, TICK};
use crate::crawl::page::{Page, Row};
use crate::error::Error;

/// How many pages wait to be taken, at most, and bytes of their bodies; apart from what is in flight.
const MOST_PAGES: usize = 1000;
const MOST_BYTES: usize = 64 << 20;
/// How many bytes of bodies are taken at a time, more or less.
const TAKEN_BYTES: usize = 4 << 20;

/// How a crawl stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// URLs that are done.
    pub pages: usize,
    /// Those of them that failed.
    pub errors: usize,
    /// URLs that wait.
    pub queued: usize,
    /// Fetches in flight.
    pub in_flight: usize,
    /// Hosts that were met.
    pub hosts: usize,
    /// Bytes of all bodies.
    pub bytes: u64,
}

/// What has arrived.
#[derive(Debug, Default)]
pub struct Arrived {
    /// The pages that are done.
    pub pages: VecDeque<Page>,
    /// The hosts whose addresses are wanted: number, name, port, and whether it is `https`.
    pub lookups: Vec<(usize, Box<str>, u16, bool)>,
}

impl Crawl {
    /// How the strategy has ended, once it has and all pages are taken.
    #[must_use]
    pub fn ended(&self) -> Option<Result<(), Error>> {
        let state = self.lock();
        if state.arrived.pages.is_empty() { state.ended.clone() } else { None }
    }

    /// Asks for notifications: of what has arrived before, too.
    pub fn watch(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.watched, true) && state.has_arrived() {
            (self.notify)();
        }
    }

    /// What has arrived; if that is much, only some of it.
    #[must_use]
    pub fn take(&self) -> Arrived {
        let mut state = self.lock();
        let was_full = state.is_full();
        let lookups = std::mem::take(&mut state.arrived.lookups);
        let (mut pages, mut bytes) = (VecDeque::new(), 0);
        while bytes < TAKEN_BYTES
            && let Some(page) = state.arrived.pages.pop_front()
        {
            bytes += page.size();
            pages.push_back(page);
        }
        state.waiting_bytes -= bytes;
        if state.watched && !state.arrived.pages.is_empty() {
            (self.notify)();
        }
        if was_full && !state.is_full() {
            Self::wake(state, usize::MAX);
        }
        Arrived { pages, lookups }
    }

    /// The same, but waits until there is anything, or the strategy has ended; no longer than `timeout`.
    pub fn wait(&self, timeout: Option<Duration>, cancellation: &Cancellation) -> Result<Arrived, Error> {
        let began = Instant::now();
        let mut state = self.lock();
        while !state.has_arrived() && state.ended.is_none() {
            let left = timeout.map_or(TICK, |timeout| timeout.saturating_sub(began.elapsed()).min(TICK));
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            if !state.has_arrived() {
                drop(state);
                cancellation.check()?;
                state = self.lock();
            }
        }
        drop(state);
        Ok(self.take())
    }

    /// How it stands.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let state = self.lock();
        Totals {
            queued: state.frontier.len() + state.only_stored(),
            in_flight: state.in_flight.len(),
            hosts: state.frontier.hosts().len(),
            ..state.totals
        }
    }

    /// Takes the rows of the next pages, of so many at most.
    #[must_use]
    pub fn take_rows(&self, most: usize) -> Vec<Row> {
        let mut state = self.lock();
        let count = most.min(state.rows.len());
        state.rows.drain(..count).collect()
    }

    /// The errno that kept it from having all its waiters in flight.
    #[must_use]
    pub fn shortage(&self) -> Option<i32> {
        self.lock().exchanges.shortage()
    }

    /// Hands out a page.
    pub(super) fn deliver(&self, state: &mut State, page: Page) {
        state.totals.pages += 1;
        state.totals.errors += usize::from(page.fault().is_some());
        let size = page.size();
        state.totals.bytes += size as u64;
        if self.settings.keeps_rows && !self.settings.hands_out {
            state.rows.push_back(page.row());
        }
        match self.store.get() {
            Some(_) if self.settings.hands_out => state.unacknowledged.push_back((page.number, page.row())),
            Some(store) => store.finish(page.number, page.row()),
            None => {}
        }
        if self.settings.hands_out {
            let first = !state.has_arrived();
            state.waiting_bytes += size;
            state.arrived.pages.push_back(page);
            if first {
                self.announce(state);
            }
        }
    }

    /// Tells whoever waits that something has arrived.
    pub(super) fn announce(&self, state: &State) {
        self.changed.notify_one();
        if state.watched {
            (self.notify)();
        }
    }
}

impl State {
    fn has_arrived(&self) -> bool {
        !self.arrived.pages.is_empty() || !self.arrived.lookups.is_empty()
    }

    /// Whether whoever takes the pages is behind.
    pub(super) fn is_full(&self) -> bool {
        self.arrived.pages.len() >= MOST_PAGES || self.waiting_bytes >= MOST_BYTES
    }
}
