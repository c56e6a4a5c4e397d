//! How a crawl goes on after it was killed: what it writes to its store, and reads from it.

use url::Url;

use super::{Crawl, State};
use crate::crawl::store::{Event, Stored, Waiting};

/// How many URLs wait in memory, at most, if there is a store for the others; and how many are read from it at a time.
const MOST_WAITING: usize = 100_000;
const READ_AT_ONCE: usize = MOST_WAITING / 2;

impl Crawl {
    /// Records that the oldest `count` of the pages that were handed out are done.
    pub fn acknowledge(&self, count: usize) {
        let mut state = self.lock();
        if let Some(store) = self.store.get() {
            let count = count.min(state.unacknowledged.len());
            for (number, row) in state.unacknowledged.drain(..count) {
                store.finish(number, row);
            }
        }
    }

    /// Writes what is not written yet, and closes the store.
    pub fn close(&self) {
        if let Some(store) = self.store.get() {
            store.close();
        }
    }

    /// Puts a URL from the store into the frontier. A crawl with other settings may not want it: then it stays there.
    fn push_stored(&self, state: &mut State, number: u64, waiting: Waiting) {
        let Waiting { url, referrer, depth, redirects } = waiting;
        if let Ok(url) = Url::parse(&url)
            && self.wants(&url, depth)
        {
            self.push(state, number, &url, referrer.map(Into::into), (depth, redirects));
        }
    }

    /// Takes what the store holds when it is opened.
    pub(super) fn restore(&self, state: &mut State, stored: Stored) {
        let (number, url) = match &stored {
            Stored::Waiting(number, waiting) => (*number, waiting.url.as_str()),
            Stored::Done(number, row) => (*number, &*row.url),
        };
        state.seen.add(url);
        if self.settings.max_pages_per_folder.is_some()
            && let Ok(url) = Url::parse(url)
        {
            self.fits_in_folder(state, &url);
        }
        state.next_number = state.next_number.max(number + 1);
        match stored {
            Stored::Waiting(..) if self.has_enough(state) => {}
            Stored::Waiting(number, waiting) => {
                if state.stored_from.is_none() && state.frontier.len() >= MOST_WAITING {
                    state.stored_from = Some(number);
                }
                if state.stored_from.is_none() {
                    self.push_stored(state, number, waiting);
                }
            }
            Stored::Done(_, row) => {
                state.begun += 1;
                if self.settings.keeps_rows {
                    state.rows.push_back(row);
                }
            }
        }
    }

    /// Whether a new URL waits in the store only, since enough wait in memory.
    pub(super) fn leaves_to_store(&self, state: &mut State, number: u64) -> bool {
        if self.store.get().is_none() || state.stored_from.is_none() && state.frontier.len() < MOST_WAITING {
            return false;
        }
        state.stored_from.get_or_insert(number);
        true
    }

    /// Takes what the store has done.
    pub(super) fn take_event(&self, event: Event) {
        let mut state = self.lock();
        match event {
            Event::Written(done) => state.unrecorded -= done,
            Event::Read(urls) => {
                state.is_refilling = false;
                if state.stored_from.is_some() {
                    let next = urls.last().map(|(number, _)| number + 1).or(state.stored_from);
                    state.stored_from = next.filter(|&next| next < state.next_number);
                    for (number, waiting) in urls {
                        self.push_stored(&mut state, number, waiting);
                    }
                }
            }
            Event::Failed(error) => state.failed = Some(error),
        }
        Self::wake(state, usize::MAX);
    }

    /// Has URLs read from the store, if few are left.
    pub(super) fn refill(&self, state: &mut State) {
        if let (Some(from), Some(store)) = (state.stored_from, self.store.get())
            && !state.is_refilling
            && state.frontier.len() < MOST_WAITING - READ_AT_ONCE
        {
            state.is_refilling = true;
            store.read(from, READ_AT_ONCE);
        }
    }
}

impl State {
    /// How many URLs wait in the store only: they have the highest numbers, without a gap.
    pub(super) fn only_stored(&self) -> usize {
        self.stored_from.map_or(0, |first| (self.next_number - first) as usize)
    }
}
