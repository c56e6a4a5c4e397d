//! How a caller ends a call early: from another thread, or by a signal.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::clock::monotonic_ns;
use crate::error::Error;

/// How long a wait may last before it checks for cancellation.
pub const TICK: Duration = Duration::from_millis(50);

/// Whether a call has been cancelled.
pub struct Cancellation {
    /// Seen by all threads of the call.
    shared: Arc<Shared>,
    /// Asks the caller whether to stop, as Python does for pending signals; only on the thread of the call.
    ask: Option<Box<dyn Fn() -> bool + Send + Sync>>,
    /// When the caller was last asked, in ns of the monotonic clock. It is not asked every time, as that takes the GIL.
    asked: AtomicU64,
}

#[derive(Default)]
struct Shared {
    /// Set once.
    flag: AtomicBool,
    /// What ends the waits of the call.
    wakers: Mutex<Slab<Waker>>,
}

impl Cancellation {
    /// The caller is asked no more often than this.
    const ASK_EVERY: Duration = Duration::from_millis(20);

    /// A call that `ask` can end: it is called now and then, and returns whether to stop.
    #[must_use]
    pub fn asking(ask: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Cancellation { shared: Arc::default(), ask: Some(Box::new(ask)), asked: AtomicU64::new(monotonic_ns()) }
    }

    /// A call that only `cancel` can end.
    #[must_use]
    pub fn by_hand() -> Self {
        Cancellation { shared: Arc::default(), ask: None, asked: AtomicU64::new(0) }
    }

    /// The same cancellation for a worker thread of the call: it sees the flag, but does not ask.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        Cancellation { shared: Arc::clone(&self.shared), ..Self::by_hand() }
    }

    /// Ends the call.
    pub fn cancel(&self) {
        self.shared.flag.store(true, Ordering::Relaxed);
        self.shared.wakers().iter().for_each(|(_, waker)| waker.wake_by_ref());
    }

    /// Whether only another thread can end the call: then a wait has to be woken, or lasts until its next check.
    #[must_use]
    pub fn comes_from_elsewhere(&self) -> bool {
        self.ask.is_none()
    }

    /// Has the waker called when the call is cancelled, until the result is dropped.
    #[must_use]
    pub fn waking(&self, waker: Waker) -> Waking {
        Waking { number: self.shared.wakers().insert(waker), shared: Arc::clone(&self.shared) }
    }

    /// Fails if the call is cancelled; asks the caller first, if the last time was long enough ago.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(ask) = &self.ask {
            let now = monotonic_ns();
            let due = self.asked.load(Ordering::Relaxed) + Self::ASK_EVERY.as_nanos() as u64;
            if now >= due {
                self.asked.store(now, Ordering::Relaxed);
                if ask() {
                    self.cancel();
                }
            }
        }
        if self.shared.flag.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Sleeps until this thread is unparked, until the given instant, or for a tick, whichever comes first.
    pub fn park(&self, until: Option<Instant>) -> Result<(), Error> {
        self.check()?;
        let left = until.map_or(TICK, |until| until.saturating_duration_since(Instant::now()));
        std::thread::park_timeout(left.min(TICK));
        Ok(())
    }
}

impl Shared {
    fn wakers(&self) -> MutexGuard<'_, Slab<Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait that a cancellation ends.
pub struct Waking {
    shared: Arc<Shared>,
    number: usize,
}

impl Drop for Waking {
    fn drop(&mut self) {
        self.shared.wakers().remove(self.number);
    }
}
