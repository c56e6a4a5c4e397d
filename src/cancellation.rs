//! The caller's way to end a call early, from another thread or by a signal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::monotonic_ns;
use crate::error::Error;

/// How often a wait looks up to see whether it is still wanted.
pub const TICK: Duration = Duration::from_millis(50);

/// Whether a call is still wanted.
pub struct Cancellation {
    /// Set once, seen by all who work for the call.
    flag: Arc<AtomicBool>,
    /// Asks the outside whether to stop, such as Python for pending signals; only on the thread of the call.
    ask: Option<Box<dyn Fn() -> bool + Send + Sync>>,
    /// When the outside was asked last, in ns of the monotonic clock: asking takes Python's lock.
    asked: AtomicU64,
}

impl Cancellation {
    /// The outside is asked no more often than this.
    const ASK_EVERY: Duration = Duration::from_millis(20);

    /// A call that `ask` can end: it is called now and then, and tells whether to stop.
    #[must_use]
    pub fn asking(ask: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Cancellation { flag: Arc::default(), ask: Some(Box::new(ask)), asked: AtomicU64::new(monotonic_ns()) }
    }

    /// A call that only `cancel` can end.
    #[must_use]
    pub fn by_hand() -> Self {
        Cancellation { flag: Arc::default(), ask: None, asked: AtomicU64::new(0) }
    }

    /// The same call, seen from a thread that works for it: it follows, but does not ask.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        Cancellation { flag: Arc::clone(&self.flag), ..Self::by_hand() }
    }

    /// Ends the call.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Fails if the call is to end; asks the outside if that was not done of late.
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

    /// Sleeps until this thread is unparked, until the time has come, or for a tick, whatever is first.
    pub fn park(&self, until: Option<Instant>) -> Result<(), Error> {
        self.check()?;
        let left = until.map_or(TICK, |until| until.saturating_duration_since(Instant::now()));
        std::thread::park_timeout(left.min(TICK));
        Ok(())
    }
}
