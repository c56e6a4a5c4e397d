//! The loop's timers: precise to about 0.1 ms, and never early.
//!
//! The timeout of a poll is in whole milliseconds. On Linux a timerfd, which is polled with the sockets, fires at an
//! absolute time of [`crate::clock::monotonic_ns`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// The end of a wait: when, and which connection to wake. The connection compares `until` to see if the timer is still
/// valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    /// When, in nanoseconds of the monotonic clock.
    pub(super) until: u64,
    /// The connection's place.
    pub(super) key: usize,
    /// The connection's number, as places are reused.
    pub(super) id: u64,
}

/// Timers, soonest first.
#[derive(Debug)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    alarm: Alarm,
}

impl Timers {
    /// No timers yet; `token` will mark the alarm's events.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self { heap: BinaryHeap::new(), alarm: Alarm::new(registry, token)? })
    }

    pub(super) fn set(&mut self, timer: Timer) {
        self.heap.push(Reverse(timer));
    }

    /// Takes the soonest timer if it is due.
    pub(super) fn take_due(&mut self, now: u64) -> Option<Timer> {
        let Reverse(timer) = *self.heap.peek()?;
        if timer.until > now {
            return None;
        }
        self.heap.pop();
        Some(timer)
    }

    /// Records that the alarm has fired.
    pub(super) fn rang(&mut self) {
        self.alarm.rang();
    }

    /// Makes the next poll end when the soonest timer is due; returns the timeout to poll with.
    pub(super) fn arm(&mut self, now: impl FnOnce() -> u64) -> io::Result<Option<Duration>> {
        match self.heap.peek() {
            Some(Reverse(timer)) => self.alarm.set(timer.until, now),
            None => Ok(None),
        }
    }
}

/// A timerfd.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Alarm {
    timerfd: rustix::fd::OwnedFd,
    /// The time that the timerfd is set to; 0 after it fired.
    set_to: u64,
}

#[cfg(target_os = "linux")]
impl Alarm {
    fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use rustix::fd::AsRawFd;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let timerfd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut mio::unix::SourceFd(&timerfd.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Self { timerfd, set_to: 0 })
    }

    fn set(&mut self, until: u64, _now: impl FnOnce() -> u64) -> io::Result<Option<Duration>> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        // Setting it clears its count of expiries, and every expiry is a new edge: there is no need to read the
        // timerfd.
        if self.set_to != until {
            let second = 1_000_000_000;
            let it_value = Timespec { tv_sec: (until / second).cast_signed(), tv_nsec: (until % second).cast_signed() };
            let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
            timerfd_settime(&self.timerfd, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval, it_value })?;
            self.set_to = until;
        }
        Ok(None)
    }

    fn rang(&mut self) {
        self.set_to = 0;
    }
}

/// The timeout of the poll.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self)
    }

    fn set(&mut self, until: u64, now: impl FnOnce() -> u64) -> io::Result<Option<Duration>> {
        Ok(Some(Duration::from_nanos(until.saturating_sub(now()))))
    }

    fn rang(&mut self) {}
}
