//! The native half of `aio_strategies`: every classic way to wait for the network, behind one kind of work and one HTTP
//! exchange.
//!
//! # Layout
//!
//! - [`exchange`]: HTTP/1 without I/O: bytes to send out, received bytes in, done or error.
//! - [`target`]: a URL taken apart, and where it leads.
//! - [`attempt`]: one try at one URL; it says what it wants next: connect, send, receive, close.
//! - [`work`]: where assignments come from and outcomes go; it says what comes next, and when.
//! - [`channel`], [`event_loop`], [`executor`], [`threads`]: what strategies wait with: sockets that block or spin, the loop
//!   that `callback`, `generator` and `yield_from` share, coroutines on it, threads that last as long as a call.
//! - [`strategies`]: one file for each way to wait.
//! - [`background`]: any strategy on a thread of its own.
//! - [`lab`]: the server in a process of its own, whose log is the referee.
//! - [`statistics`]: estimators of a comparison, and their intervals.
//! - [`error`], [`clock`], [`cancellation`], [`parent`]: one error enum, one clock, ending a call, and ending with the parent
//!   process.
//! - `py`: the only layer that knows Python (feature `python`).
//!
//! Dependencies point downwards only: `py` → `background` → `strategies`, `lab` → `event_loop`, `channel` → `work`,
//! `attempt` → `exchange`, `target`, `error`.

pub mod attempt;
pub mod background;
pub mod cancellation;
pub mod channel;
pub mod clock;
pub mod error;
pub mod event_loop;
pub mod exchange;
pub mod executor;
pub mod lab;
pub mod parent;
#[cfg(feature = "python")]
mod py;
pub mod statistics;
pub mod strategies;
pub mod target;
pub mod threads;
pub mod work;
