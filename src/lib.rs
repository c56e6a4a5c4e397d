//! The native half of `aio_strategies`: every classic way to wait for the network, with one source of work and one HTTP
//! exchange for all of them.
//!
//! # Layout
//!
//! - [`exchange`]: HTTP/1 without I/O: bytes to send out, received bytes in, done or error.
//! - [`target`]: a parsed URL and its resolved address.
//! - [`tls`]: what encrypts an exchange, without I/O.
//! - [`attempt`]: one try at one URL; it says what it wants next: connect, send, receive, close.
//! - [`work`]: hands out assignments and collects outcomes, of a list or a stream; it says what comes next, and when.
//! - [`channel`], [`event_loop`], [`executor`], `ring`, [`threads`], [`wakers`]: what strategies wait with: sockets that
//!   block or spin, the loop that `callback`, `generator` and `yield_from` share, the executor of its coroutines, the
//!   `io_uring` of `uring` (on Linux), threads that last for one call, what wakes the waiters of a loop.
//! - [`strategies`]: one file for each way to wait.
//! - [`crawl`]: a work that grows while it is done, as pages lead to further pages; and what a crawler reads besides
//!   pages: robots.txt and sitemaps.
//! - [`background`]: runs any strategy on a background thread.
//! - [`lab`]: the server, a separate process whose log is the referee.
//! - [`statistics`]: the estimators of a comparison, and their intervals.
//! - [`error`], [`shortage`], [`descriptors`], [`clock`], [`cancellation`], [`parent`]: one error enum, what a machine can
//!   have too little of, room for descriptors, one clock, cancelling a call, and exiting with the parent process.
//! - `py`: the only layer that knows Python (feature `python`).
//!
//! Dependencies point downwards only: `py` → `background` → `strategies`, `crawl`, `lab` → `event_loop`, `ring` → `channel`,
//! `wakers` → `work`, `attempt` → `exchange`, `tls`, `target`, `error`.

pub mod attempt;
pub mod background;
pub mod cancellation;
pub mod channel;
pub mod clock;
pub mod connections;
pub mod crawl;
pub mod descriptors;
pub mod error;
pub mod event_loop;
pub mod exchange;
pub mod executor;
pub mod lab;
pub mod parent;
#[cfg(feature = "python")]
mod py;
#[cfg(target_os = "linux")]
pub mod ring;
pub mod shortage;
pub mod statistics;
pub mod strategies;
pub mod target;
pub mod threads;
pub mod tls;
pub mod wakers;
pub mod work;
