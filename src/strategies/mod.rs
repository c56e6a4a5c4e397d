//! The strategies: one file each, named as its function, from the simplest to the cleverest way to wait.
//!
//! All do the same: they fetch every target of a [`Job`] with no more than `concurrency` exchanges under way, and put
//! what came of each into a [`Batch`]. They differ in how they wait, and nothing else: `diff` two neighbours.

pub mod asyncio_way;
pub mod blocking_way;
pub mod callback_way;
pub mod generator_way;
pub mod nonblocking_way;
pub mod process_way;
pub mod thread_way;
pub mod yield_from_way;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Error;
use crate::job::{Job, Outcome};

/// What came of all URLs, in their order; or why the call as a whole failed.
pub type Outcomes = Result<Vec<Outcome>, Error>;

/// The work of one call: which URL is next, and what came of those before.
#[derive(Debug)]
pub struct Batch {
    /// What to do.
    pub job: Job,
    next: AtomicUsize,
    /// How many URLs have no outcome yet.
    unfinished: AtomicUsize,
    outcomes: Mutex<Vec<Option<Outcome>>>,
}

impl Batch {
    /// Nothing is done yet.
    #[must_use]
    pub fn new(job: &Job) -> Self {
        let count = job.targets.len();
        Batch {
            job: job.clone(),
            next: AtomicUsize::new(0),
            unfinished: AtomicUsize::new(count),
            outcomes: Mutex::new(vec![None; count]),
        }
    }

    /// The index of a URL that nobody has begun.
    pub fn next(&self) -> Option<usize> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        (index < self.job.targets.len()).then_some(index)
    }

    /// Notes what came of a URL.
    pub fn put(&self, index: usize, outcome: Outcome) {
        self.lock()[index] = Some(outcome);
        self.unfinished.fetch_sub(1, Ordering::Release);
    }

    /// Whether every URL has its outcome.
    pub fn is_done(&self) -> bool {
        self.unfinished.load(Ordering::Acquire) == 0
    }

    /// All outcomes, in the order of the URLs; an error if the call was ended before all were there.
    pub fn take_outcomes(&self) -> Outcomes {
        std::mem::take(&mut *self.lock()).into_iter().collect::<Option<_>>().ok_or(Error::Cancelled)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Option<Outcome>>> {
        self.outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
