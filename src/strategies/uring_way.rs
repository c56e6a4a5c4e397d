//! Beyond the lecture, `io_uring`: one thread, many sockets. It does not wait until a socket is ready and then act: it
//! tells the kernel beforehand what to do once that is possible, several steps at a time, and waits for the results.

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use socket2::Socket;

use crate::attempt::{Attempt, Want};
use crate::cancellation::{Cancellation, TICK};
use crate::connections::Connections;
use crate::error::Error;
use crate::ring::{Event, Ring};
use crate::work::{Next, Slot, Work};

/// Fetches the URLs with `io_uring`.
pub fn uring_way(work: &Arc<dyn Work>, cancellation: &Cancellation) -> Result<(), Error> {
    let left = work.waiters();
    let ring = Ring::new(left)?;
    let waiters = (0..left).map(|place| Waiter::new(ring.waker(place))).collect();
    FetchUrls { work: &**work, ring, waiters, left }.run(cancellation)
}

/// Whether it can be called here; the error says why not.
pub fn available() -> Result<(), Error> {
    Ring::new(1).map(drop)
}

/// A call: fetches URLs until there are none left.
struct FetchUrls<'call> {
    work: &'call dyn Work,
    ring: Ring,
    /// Each has the place in the ring that is its index.
    waiters: Vec<Waiter>,
    /// How many of them have not ended.
    left: usize,
}

struct Waiter {
    slot: Slot,
    /// While a fetch is in flight, the ring has the one in use.
    connections: Connections<Option<Socket>>,
    /// The fetch in flight.
    attempt: Option<Attempt>,
    /// It has nothing to do until it is woken.
    asleep: bool,
    /// The attempt wants no more of what the kernel still has to complete.
    recalled: bool,
}

impl FetchUrls<'_> {
    fn run(mut self, cancellation: &Cancellation) -> Result<(), Error> {
        let _waking = cancellation.waking(self.ring.interrupt());
        if cancellation.comes_from_elsewhere() {
            self.ring.expect_waking().map_err(failed)?;
        }
        // Those that are connected send before others connect: a server that is asked in bursts sleeps less often, which
        // saves both sides work.
        let (mut connected, mut others) = (Vec::new(), (0..self.waiters.len()).collect::<Vec<_>>());
        loop {
            // 1. Queue what each waiter that is ready wants next.
            for place in connected.drain(..).chain(others.drain(..)) {
                self.go_on(place)?;
            }
            if self.left == 0 {
                return Ok(());
            }
            // 2. Hand all of that to the kernel, and sleep until it has completed some of it.
            cancellation.check()?;
            self.ring.wait().map_err(failed)?;
            // 3. Pass on what has happened.
            while let Some((place, event)) = self.ring.take().map_err(failed)? {
                let ready = if matches!(event, Event::Connected(_)) { &mut connected } else { &mut others };
                if self.takes(place, event)? {
                    ready.push(place);
                }
            }
        }
    }

    /// Does what the waiter is to do, until it has to wait for the kernel.
    fn go_on(&mut self, place: usize) -> Result<(), Error> {
        let (ring, waiter) = (&mut self.ring, &mut self.waiters[place]);
        loop {
            let Some(attempt) = &mut waiter.attempt else {
                match self.work.next(&mut waiter.slot) {
                    Next::Begin(assignment) => {
                        waiter.attempt = Some(Attempt::begin(&assignment, &mut waiter.connections));
                        ring.attach(place, waiter.connections.socket.take());
                    }
                    Next::Wait(until) => {
                        waiter.asleep = true;
                        if let Some(until) = until {
                            ring.alarm(place, until);
                        }
                        return ring.expect_waking().map_err(failed);
                    }
                    Next::End => {
                        self.left -= 1;
                        waiter.connections = Connections::new(None);
                        return Ok(());
                    }
                }
                continue;
            };
            let begun = match attempt.wants() {
                Want::Connect(address) => match ring.open(place, address) {
                    Ok(()) => ring.connect(place),
                    Err(error) => {
                        attempt.failed(&error);
                        continue;
                    }
                },
                Want::Send(bytes) => ring.send(place, bytes),
                Want::Receive => ring.receive(place, attempt.read_size()),
                Want::Close => {
                    ring.close(place);
                    attempt.closed();
                    continue;
                }
                Want::Done => {
                    if let Some(attempt) = waiter.attempt.take() {
                        waiter.connections.socket = ring.detach(place);
                        self.work.put(&mut waiter.slot, attempt.finish(&mut waiter.connections));
                    }
                    continue;
                }
            };
            begun.map_err(failed)?;
            ring.alarm(place, attempt.deadline());
            return Ok(());
        }
    }

    /// Takes what has happened; returns whether the waiter can go on.
    fn takes(&mut self, place: usize, event: Event) -> Result<bool, Error> {
        let (ring, waiter) = (&mut self.ring, &mut self.waiters[place]);
        let Some(attempt) = &mut waiter.attempt else { return Ok(std::mem::take(&mut waiter.asleep)) };
        if matches!(event, Event::Woken | Event::Alarm) && !ring.is_busy(place) {
            return Ok(false); // it is going on anyhow
        }
        if !waiter.recalled {
            match event {
                Event::Connected(result) => attempt.connected(result, || ring.local_address(place)),
                Event::Sent(count) => attempt.sent(count),
                Event::Received(Ok(data)) => attempt.received(Ok(&data)),
                Event::Received(Err(error)) => attempt.received(Err(error)),
                Event::Woken | Event::Alarm => true,
            };
        }
        if !ring.is_busy(place) {
            waiter.recalled = false;
            return Ok(true);
        }
        // Steps are still in flight. If the attempt has ended or its time has passed, it wants none of them. (A request
        // may yet go out if the kernel was just about to send it; nobody waits for the answer.)
        waiter.recalled = waiter.recalled || matches!(attempt.wants(), Want::Close | Want::Done);
        if waiter.recalled {
            ring.cancel(place).map_err(failed)?;
        }
        ring.alarm(place, if waiter.recalled { Instant::now() + TICK } else { attempt.deadline() });
        Ok(false)
    }
}

impl Waiter {
    fn new(waker: Waker) -> Self {
        Waiter {
            slot: Slot::new(waker),
            connections: Connections::new(None),
            attempt: None,
            asleep: false,
            recalled: false,
        }
    }
}

// By value, for `map_err`.
#[allow(clippy::needless_pass_by_value)]
fn failed(error: io::Error) -> Error {
    Error::internal("using io_uring", &error)
}
