//! Lecture 2.2.3, multi-thread: the blocking version, in as many threads as exchanges may be in flight.

use std::sync::Arc;

use super::blocking_way::blocking_way;
use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::threads::in_threads;
use crate::work::Work;

/// Fetches the URLs in threads, which last as long as the call.
pub fn thread_way(work: &Arc<dyn Work>, cancellation: &Cancellation) -> Result<(), Error> {
    in_threads(
        work.waiters(),
        "aio-thread",
        cancellation,
        |cancellation| blocking_way(work, cancellation),
        |error| work.fewer_waiters(error),
        || {},
    )
}
