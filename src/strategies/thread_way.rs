//! Lecture 2.2.3, multi-thread: the blocking version's `fetch`, in as many threads as exchanges may be open.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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
    let unfinished = Unfinished { count: Mutex::new(job.targets.len()), none_left: Condvar::new() };

    // First in, first out, as in Python's pool: rayon's plain `spawn` would begin with the last URL.
    pool.in_place_scope_fifo(|scope| {
        for index in 0..job.targets.len() {
            if job.sleep_until_due(index, cancellation).is_err() {
                break;
            }
            let (batch, worker, unfinished) = (&batch, &worker, &unfinished);
            scope.spawn_fifo(move |_| {
                let _finished = Finished(unfinished);
                if worker.check().is_ok() {
                    batch.put(index, fetch(batch.job.attempt(index), worker));
                }
            });
        }
        // The scope's own wait could not be interrupted. Once cancelled, the threads end by themselves.
        unfinished.wait(cancellation);
    });
    cancellation.check()?;
    batch.take_outcomes()
}

/// How many URLs are not finished yet.
struct Unfinished {
    count: Mutex<usize>,
    none_left: Condvar,
}

impl Unfinished {
    /// Waits until there are none, or the call is cancelled.
    fn wait(&self, cancellation: &Cancellation) {
        let mut count = self.lock();
        while *count > 0 && cancellation.check().is_ok() {
            count = self.none_left.wait_timeout(count, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a URL as finished at the end of its scope, be that a panic.
struct Finished<'call>(&'call Unfinished);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        let mut count = self.0.lock();
        *count -= 1;
        if *count == 0 {
            self.0.none_left.notify_one();
        }
    }
}
