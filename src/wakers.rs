//! Wakes the waiters of one thread from any other: who was woken stands in a list, and an interrupt ends the thread's
//! wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// The waiters that were woken, by number, since the last look.
pub struct Woken {
    numbers: Mutex<Vec<usize>>,
    /// Ends the wait of the thread that has the waiters. If that fails, it still sees them after a tick.
    interrupt: Box<dyn Fn() + Send + Sync>,
}

impl Woken {
    /// Nobody is woken yet.
    #[must_use]
    pub fn new(interrupt: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Woken { numbers: Mutex::default(), interrupt: Box::new(interrupt) })
    }

    /// Takes the numbers of those that were woken.
    #[must_use]
    pub fn take(&self) -> Vec<usize> {
        std::mem::take(&mut *self.numbers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A waker for the waiter with this number, which works from any thread.
    #[must_use]
    pub fn waker(self: &Arc<Self>, number: usize) -> Waker {
        Arc::new(Rouse { number, woken: Arc::clone(self) }).into()
    }
}

/// Wakes nobody, but ends the wait.
impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        (self.interrupt)();
    }
}

/// Wakes one waiter.
struct Rouse {
    number: usize,
    woken: Arc<Woken>,
}

impl Wake for Rouse {
    fn wake(self: Arc<Self>) {
        self.woken.numbers.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
        (self.woken.interrupt)();
    }
}
