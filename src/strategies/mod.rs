//! The strategies: one file each, named after its function, from the simplest to the cleverest way to wait.
//!
//! All do the same: their waiters ask a [`Work`] what to do next, do what the attempt wants, and hand in the outcome.
//! They differ in how they wait, and in nothing else: `diff` two neighbours.

pub mod asyncio_way;
pub mod blocking_way;
pub mod callback_way;
pub mod generator_way;
pub mod nonblocking_way;
pub mod process_way;
pub mod thread_way;
#[cfg(target_os = "linux")]
pub mod uring_way;
pub mod yield_from_way;

use std::path::Path;
use std::sync::Arc;

use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::work::Work;

/// A strategy as a function: it does all of the work. An error means that it could not, or was cancelled.
pub type Way = Box<dyn Fn(&Arc<dyn Work>, &Cancellation) -> Result<(), Error> + Send + Sync>;

/// Makes a strategy, given the path of the helper program, which only `process` needs.
pub type Make = fn(&Path) -> Way;

/// All strategies, by key.
pub const STRATEGIES: &[(&str, Make)] = &[
    ("blocking", |_| Box::new(blocking_way::blocking_way)),
    ("process", |helper| {
        let helper = helper.to_owned();
        Box::new(move |work, cancellation| process_way::process_way(work, cancellation, &helper))
    }),
    ("thread", |_| Box::new(thread_way::thread_way)),
    ("nonblocking", |_| Box::new(nonblocking_way::nonblocking_way)),
    ("callback", |_| Box::new(callback_way::callback_way)),
    ("generator", |_| Box::new(generator_way::generator_way)),
    ("yield_from", |_| Box::new(yield_from_way::yield_from_way)),
    ("asyncio", |_| Box::new(asyncio_way::asyncio_way)),
    ("uring", |_| Box::new(uring_way::uring_way)),
];

/// The strategy with this key.
#[must_use]
pub fn by_key(key: &str, helper: &Path) -> Option<Way> {
    STRATEGIES.iter().find(|(name, _)| *name == key).map(|(_, make)| make(helper))
}

/// Why the strategy with this key cannot run on this machine, if it cannot.
#[must_use]
pub fn unavailable(key: &str) -> Option<Error> {
    if key == "uring" { uring_way::available().err() } else { None }
}

/// Stands in for `uring` where there is none.
#[cfg(not(target_os = "linux"))]
pub mod uring_way {
    use super::{Arc, Cancellation, Error, Work};

    /// Fails.
    pub fn uring_way(_work: &Arc<dyn Work>, _cancellation: &Cancellation) -> Result<(), Error> {
        available()
    }

    /// Says why.
    pub fn available() -> Result<(), Error> {
        Err(Error::Unavailable("io_uring is Linux's own".to_owned()))
    }
}
