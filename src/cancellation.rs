//! How a caller ends a call early: from another thread, or by a signal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::monotonic_ns;
use crate::error::Error;

/// How long a wait may last before it checks for cancellation.
pub const TICK: Duration = Duration::from_millis(50);

/// Whether a call has been cancelled.
pub struct Cancellation {
    /// Set once, and seen by all threads of the call.
    flag: Arc<AtomicBool>,
    /// Asks the caller whether to stop, as Python does for pending signals; only on the thread of the call.
    ask: Option<Box<dyn Fn() -> bool + Send + Sync>>,
    /// When the caller was last asked, in ns of the monotonic clock. It is not asked every time, as that takes the GIL.
    asked: AtomicU64,
}

impl Cancellation {
    /// The caller is asked no more often than this.
    const ASK_EVERY: Duration = Duration::from_millis(20);

    /// A call that `ask` can end: it is called now and then, and returns whether to stop.
    #[must_use]
    pub fn asking(ask: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Cancellation { flag: Arc::default(), ask: Some(Box::new(ask)), asked: AtomicU64::new(monotonic_ns()) }
    }

    /// A call that only `cancel` can end.
    #[must_use]
    pub fn by_hand() -> Self {
        Cancellation { flag: Arc::default(), ask: None, asked: AtomicU64::new(0) }
    }

    /// The same cancellation for a worker thread of the call: it sees the flag, but does not ask.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        Cancellation { flag: Arc::clone(&self.flag), ..Self::by_hand() }
    }

    /// Ends the call.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
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
        if self.flag.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Sleeps until this thread is unparked, until the given instant, or for a tick, whichever comes first.
    pub fn park(&self, until: Option<Instant>) -> Result<(), Error> {
        self.check()?;
        let left = until.map_or(TICK, |until| until.saturating_duration_since(Instant::now()));
        std::thread::park_timeout(left.min(TICK));
        Ok(())
    }
}
