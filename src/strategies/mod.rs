//! The strategies: one file each, named as its function, from the simplest to the cleverest way to wait.
//!
//! All do the same: their waiters ask a [`Work`] for what to do next, do what the attempt wants, and put back what came of
//! it. They differ in how they wait, and nothing else: `diff` two neighbours.

pub mod asyncio_way;
pub mod blocking_way;
pub mod callback_way;
pub mod generator_way;
pub mod nonblocking_way;
pub mod process_way;
pub mod thread_way;
pub mod yield_from_way;

use std::path::Path;
use std::sync::Arc;

use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::work::Work;

/// A strategy as a function: it works all of it off; an error means that it could not, or was cancelled.
pub type Way = Box<dyn Fn(&Arc<dyn Work>, &Cancellation) -> Result<(), Error> + Send + Sync>;

/// The strategy of this key; `helper` is the helper program's path, which some start.
#[must_use]
pub fn by_key(key: &str, helper: &Path) -> Option<Way> {
    let helper = helper.to_owned();
    Some(match key {
        "blocking" => Box::new(blocking_way::blocking_way),
        "process" => Box::new(move |work, cancellation| process_way::process_way(work, cancellation, &helper)),
        "thread" => Box::new(thread_way::thread_way),
        "nonblocking" => Box::new(nonblocking_way::nonblocking_way),
        "callback" => Box::new(callback_way::callback_way),
        "generator" => Box::new(generator_way::generator_way),
        "yield_from" => Box::new(yield_from_way::yield_from_way),
        "asyncio" => Box::new(asyncio_way::asyncio_way),
        _ => return None,
    })
}
