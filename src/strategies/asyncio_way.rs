//! Lecture 2.3.4, native coroutines: `async fn`s as in `yield_from`, but the loop, the tasks and the streams come from a
//! library: tokio here, asyncio there.
//!
//! Python gets the whole batch as one awaitable: a [`Running`] whose descriptor becomes readable when the batch is done,
//! which the loop of asyncio watches like any socket. No thread of ours ever touches Python, and nothing outlives the
//! batch: its runtime has a thread of its own, which ends with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout_at};

use super::{Batch, Outcomes};
use crate::channel::READ_SIZE;
use crate::error::{Error, panic_text};
use crate::job::{Attempt, Job};

/// Fetches the URLs by tokio tasks.
pub async fn asyncio_way(job: &Job) -> Outcomes {
    let batch = Arc::new(Batch::new(job));
    let mut tasks = JoinSet::new();
    for _ in 0..job.workers() {
        tasks.spawn(fetch_urls(Arc::clone(&batch)));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| Error::Internal(error.to_string()))?;
    }
    batch.take_outcomes()
}

/// Fetches URLs as long as there are any.
async fn fetch_urls(batch: Arc<Batch>) {
    let mut buffer = vec![0; READ_SIZE];
    while let Some(index) = batch.next() {
        if let Some(due) = batch.job.due_later(index) {
            sleep_until(due.into()).await;
        }
        let mut attempt = batch.job.attempt(index);
        let ended = match timeout_at(attempt.deadline().into(), fetch(&mut attempt, &mut buffer)).await {
            Ok(ended) => ended,
            Err(_) => Err(attempt.timed_out()),
        };
        batch.put(index, attempt.finish(ended));
    }
}

/// Fetches one URL.
async fn fetch(attempt: &mut Attempt, buffer: &mut [u8]) -> Result<(), Error> {
    let mut stream = TcpStream::connect(attempt.address()).await.map_err(|error| attempt.failed(&error))?;
    attempt.connected();
    stream.write_all(attempt.unsent()).await.map_err(|error| attempt.failed(&error))?;
    attempt.sent(attempt.unsent().len());
    loop {
        let count = stream.read(buffer).await.map_err(|error| attempt.failed(&error))?;
        if attempt.receive(&buffer[..count])? {
            return Ok(());
        }
    }
}

/// A batch under way on a thread of its own.
#[derive(Debug)]
pub struct Running {
    /// Dropped or used, it ends the batch.
    cancel: Mutex<Option<oneshot::Sender<()>>>,
    /// The thread, until it was waited for.
    thread: Mutex<Option<JoinHandle<Outcomes>>>,
    /// Readable when the batch is done: the thread drops the other end, however it ends.
    #[cfg(unix)]
    done: std::os::unix::net::UnixStream,
}

impl Running {
    /// Starts the batch.
    pub fn start(job: Job) -> Result<Self, Error> {
        let failed = |error| Error::internal("starting the tokio runtime", &error);
        #[cfg(unix)]
        let (done, guard) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        #[cfg(not(unix))]
        let guard = ();
        let (cancel, cancelled) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("aio-asyncio".to_owned())
            .spawn(move || {
                let _guard = guard;
                // One thread, as asyncio has: tasks are switched, never moved.
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
                runtime.block_on(async {
                    tokio::select! {
                        outcomes = asyncio_way(&job) => outcomes,
                        _ = cancelled => Err(Error::Cancelled),
                    }
                })
            })
            .map_err(failed)?;
        Ok(Running {
            cancel: Mutex::new(Some(cancel)),
            thread: Mutex::new(Some(thread)),
            #[cfg(unix)]
            done,
        })
    }

    /// Ends the batch, if it still runs, and returns when nothing of it is left.
    pub fn cancel(&self) {
        drop(self.cancel.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.wait();
    }

    /// Waits for the end of the batch and gives what came of it, once.
    pub fn wait(&self) -> Outcomes {
        // Locked until the thread has ended, so that who comes second waits, too.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        match thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => Err(Error::Internal(panic_text(&*panic))),
            None => Err(Error::Cancelled),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for Running {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.done.as_raw_fd()
    }
}
