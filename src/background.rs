//! Runs any strategy on a background thread, for callers that must not block: an event loop watches a file descriptor
//! meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use crate::cancellation::Cancellation;
use crate::error::{Error, panic_text};
use crate::strategies::Way;
use crate::work::Work;

/// A strategy that runs on a background thread.
pub struct Background {
    cancellation: Cancellation,
    /// The thread, until it is joined.
    thread: Mutex<Option<JoinHandle<Result<(), Error>>>>,
    ended: OnceLock<Result<(), Error>>,
    #[cfg(unix)]
    done: std::os::unix::net::UnixStream,
}

impl Background {
    /// Starts the strategy on a new thread.
    pub fn start(way: Way, work: Arc<dyn Work>) -> Result<Self, Error> {
        let failed = |error| Error::internal("starting a thread beside the event loop", &error);
        #[cfg(unix)]
        let (done, done_here) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        let cancellation = Cancellation::by_hand();
        let follows = cancellation.for_worker();
        let thread = std::thread::Builder::new()
            .name("aio-background".to_owned())
            .spawn(move || {
                let ended = run(&way, &work, &follows);
                // Closing would not be enough: a process forked meanwhile would hold a copy.
                #[cfg(unix)]
                let _ = done_here.shutdown(std::net::Shutdown::Both);
                ended
            })
            .map_err(failed)?;
        Ok(Background {
            cancellation,
            thread: Mutex::new(Some(thread)),
            ended: OnceLock::new(),
            #[cfg(unix)]
            done,
        })
    }

    /// Cancels the strategy, if it is still running, and returns when its thread has ended.
    pub fn cancel(&self) {
        self.cancellation.cancel();
        let _ = self.wait();
    }

    /// Waits for the end, and returns how the strategy ended.
    pub fn wait(&self) -> Result<(), Error> {
        // Locked until the thread has ended, so that a second caller waits, too.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let ended = thread.join().unwrap_or_else(|panic| Err(Error::Internal(panic_text(&*panic))));
            let _ = self.ended.set(ended);
        }
        self.ended.get().cloned().unwrap_or(Ok(()))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The descriptor is readable when the strategy has ended.
#[cfg(unix)]
impl std::os::fd::AsRawFd for Background {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.done.as_raw_fd()
    }
}

/// Runs a strategy to its end; a panic becomes an error.
pub fn run(way: &Way, work: &Arc<dyn Work>, cancellation: &Cancellation) -> Result<(), Error> {
    catch_unwind(AssertUnwindSafe(|| way(work, cancellation)))
        .unwrap_or_else(|panic| Err(Error::Internal(panic_text(&*panic))))
}
