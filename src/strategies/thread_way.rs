//! Lecture 2.2.3, multi-thread: the blocking version's `fetch`, in as many threads as exchanges may be open.

use std::sync::{Condvar, Mutex, PoisonError};

use rayon::ThreadPoolBuilder;

use super::blocking_way::fetch;
use super::{Batch, Outcomes};
use crate::error::Error;
use crate::job::{Cancellation, Job, TICK};

/// Fetches the URLs in a pool of threads, which lasts as long as the call.
pub fn thread_way(job: &Job, cancellation: &Cancellation) -> Outcomes {
    let batch = Batch::new(job);
    let pool = ThreadPoolBuilder::new()
        .num_threads(job.workers())
        .thread_name(|number| format!("aio-thread-{number}"))
        .build()
        .map_err(|error| Error::Internal(format!("starting {} threads: {error}", job.workers())))?;
    let worker = cancellation.for_worker();
    let all_done = AllDone::default();

    // First in, first out, as in Python's pool: rayon's plain `spawn` would begin with the last URL.
    pool.in_place_scope_fifo(|scope| {
        for index in 0..job.targets.len() {
            let (batch, worker, all_done) = (&batch, &worker, &all_done);
            scope.spawn_fifo(move |_| {
                if worker.check().is_ok() {
                    batch.put(index, fetch(batch.job.attempt(index), worker));
                    if batch.is_done() {
                        all_done.tell();
                    }
                }
            });
        }
        // The scope's own wait could not be interrupted. Once cancelled, the threads end by themselves.
        all_done.wait(cancellation);
    });
    cancellation.check()?;
    batch.take_outcomes()
}

/// Wakes the thread of the call when all URLs are done, or when the call is cancelled.
#[derive(Default)]
struct AllDone {
    done: Mutex<bool>,
    changed: Condvar,
}

impl AllDone {
    fn tell(&self) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    fn wait(&self, cancellation: &Cancellation) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while !*done && cancellation.check().is_ok() {
            done = self.changed.wait_timeout(done, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
