//! The threads that read what was fetched, beside those that fetch: a rayon pool that lasts as long as the crawl.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, available_parallelism};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// A pool of threads that compute.
pub(super) struct Parsers {
    pool: ThreadPool,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Parsers {
    /// As many threads as there are processors; none if the system allows no more threads.
    pub(super) fn start() -> Option<Self> {
        let threads: Arc<Mutex<Vec<JoinHandle<()>>>> = Arc::default();
        let handles = Arc::clone(&threads);
        let pool = ThreadPoolBuilder::new()
            .num_threads(available_parallelism().map_or(1, usize::from))
            .spawn_handler(move |thread| {
                let thread = std::thread::Builder::new().name("aio-parser".to_owned()).spawn(move || thread.run())?;
                handles.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
                Ok::<_, io::Error>(())
            })
            .build();
        pool.ok().map(|pool| Parsers { pool, threads })
    }

    /// How many threads there are.
    pub(super) fn count(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `job` on one of them.
    pub(super) fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        self.pool.spawn(job);
    }

    /// Returns when all jobs are done and the threads have ended.
    pub(super) fn end(self) {
        drop(self.pool);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}
