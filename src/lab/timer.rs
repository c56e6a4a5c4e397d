//! The loop's timers: precise to some 0.1 ms, and never early.
//!
//! The time-out of a poll counts whole milliseconds. On Linux a timerfd, which is polled with the sockets, fires at an
//! absolute time of [`crate::clock::monotonic_ns`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// The end of a wait: when, and whom to wake. Who waits knows by `until` whether the timer is still meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    /// When, in nanoseconds of the monotonic clock.
    pub(super) until: u64,
    /// The place of the connection.
    pub(super) key: usize,
    /// The number of the connection, as places are used again.
    pub(super) id: u64,
}

/// Timers, soonest first.
#[derive(Debug)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    alarm: Alarm,
}

impl Timers {
    /// No timers yet; `token` will mark the events of the alarm.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self { heap: BinaryHeap::new(), alarm: Alarm::new(registry, token)? })
    }

    pub(super) fn set(&mut self, timer: Timer) {
        self.heap.push(Reverse(timer));
    }

    /// Takes out the soonest timer if its time has come.
    pub(super) fn take_due(&mut self, now: u64) -> Option<Timer> {
        let Reverse(timer) = *self.heap.peek()?;
        if timer.until > now {
            return None;
        }
        self.heap.pop();
        Some(timer)
    }

    /// The alarm's event has come.
    pub(super) fn rang(&mut self) {
        self.alarm.rang();
    }

    /// Sees to it that the next poll ends when the soonest timer is due; returns the time-out to poll with.
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

        // Setting it takes back what it has counted, and every expiry is a new edge: the timerfd is never read.
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

/// The time-out of the poll.
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
