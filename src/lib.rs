//! The native half of `aio_strategies`: every classic way to wait for the network, behind one job and one HTTP exchange.
//!
//! # Layout
//!
//! - [`exchange`]: HTTP/1 without I/O: bytes to send out, received bytes in, done or error.
//! - [`channel`]: a byte stream to a server, blocking or not.
//! - [`job`]: what to fetch and within which limits, one try at it, and what came of it.
//! - [`event_loop`]: the loop that `callback`, `generator` and `yield_from` share.
//! - [`strategies`]: one file for each way to wait.
//! - [`lab`]: the server in a process of its own, whose log is the referee.
//! - [`statistics`]: estimators of a comparison, and their intervals.
//! - [`error`], [`clock`], [`parent`]: one error enum, one clock, and ending with the parent process.
//! - `py`: the only layer that knows Python (feature `python`).
//!
//! Dependencies point downwards only: `py` → `strategies`, `lab` → `channel` → `exchange`, `job`, `error`.

pub mod channel;
pub mod clock;
pub mod error;
pub mod event_loop;
pub mod exchange;
pub mod job;
pub mod lab;
pub mod parent;
#[cfg(feature = "python")]
mod py;
pub mod statistics;
pub mod strategies;
