//! Threads for one call: started by it, stopped with it, and gone when it returns.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::cancellation::{Cancellation, TICK};
use crate::error::{Error, panic_text};

/// Bytes of stack of each thread. Fetching needs a tenth of it.
const STACK_SIZE: usize = 256 * 1024;

/// Runs `work` in up to `count` threads, and waits until all have ended; calls `stop` once if the call is cancelled
/// meanwhile.
///
/// If the system allows fewer threads, `fewer` gets the reason; if it allows none, `work` runs on this thread. The
/// error is the first that a thread returned, or its panic.
pub fn in_threads(
    count: usize,
    name: &str,
    cancellation: &Cancellation,
    work: impl Fn(&Cancellation) -> Result<(), Error> + Sync,
    fewer: impl Fn(&io::Error),
    stop: impl FnOnce(),
) -> Result<(), Error> {
    let ends = Ends::default();
    let ended = thread::scope(|scope| {
        let mut threads = Vec::new();
        while threads.len() < count {
            let cancellation = cancellation.for_worker();
            let (work, ends) = (&work, &ends);
            let thread = thread::Builder::new().name(format!("{name}-{}", threads.len())).stack_size(STACK_SIZE);
            let spawned = thread.spawn_scoped(scope, move || {
                // `wait_for` counts the ends: a panic must not skip this one.
                let ended = catch_unwind(AssertUnwindSafe(|| work(&cancellation)));
                ends.note(ended.unwrap_or_else(|panic| Err(Error::Internal(panic_text(&*panic)))));
            });
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    fewer(&error);
                    break;
                }
            }
        }
        if threads.is_empty() {
            return work(cancellation);
        }
        // A join cannot be interrupted, so wait first until all threads have noted their ends.
        let ended = ends.wait_for(threads.len(), cancellation, stop);
        // The scope itself waits for the closures only, and would leave threads behind that are about to exit.
        for thread in threads {
            let _ = thread.join();
        }
        ended
    });
    cancellation.check()?;
    ended
}

/// The ends of threads.
#[derive(Default)]
struct Ends {
    state: Mutex<Ended>,
    all: Condvar,
}

#[derive(Default)]
struct Ended {
    /// How many threads have ended.
    count: usize,
    /// How many are waited for, once somebody waits.
    awaited: Option<usize>,
    /// The error of the first that failed.
    error: Option<Error>,
}

impl Ends {
    fn note(&self, ended: Result<(), Error>) {
        let mut state = self.lock();
        state.count += 1;
        if let Err(error) = ended {
            state.error.get_or_insert(error);
        }
        if state.awaited == Some(state.count) {
            self.all.notify_one();
        }
    }

    fn wait_for(&self, count: usize, cancellation: &Cancellation, stop: impl FnOnce()) -> Result<(), Error> {
        let mut stop = Some(stop);
        let mut state = self.lock();
        state.awaited = Some(count);
        while state.count < count {
            if cancellation.check().is_err()
                && let Some(stop) = stop.take()
            {
                stop();
            }
            state = self.all.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.error.take().map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Ended> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
