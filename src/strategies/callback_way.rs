//! Lecture 2.2.5, callbacks and an event loop: one thread, many sockets; each step of a fetch leaves word with the loop
//! which function goes on when its socket is ready.

use std::rc::Rc;

use super::{Batch, Outcomes};
use crate::error::Error;
use crate::event_loop::{Event, EventLoop, SocketId};
use crate::job::{Attempt, Cancellation, Job};

/// Fetches the URLs by callbacks.
pub fn callback_way(job: &Job, cancellation: &Cancellation) -> Outcomes {
    let batch = Rc::new(Batch::new(job));
    let mut event_loop = EventLoop::new()?;
    for _ in 0..job.workers() {
        Fetch::start_next(&batch, None, &mut event_loop);
    }
    while !batch.is_done() {
        event_loop.turn(cancellation)?;
    }
    batch.take_outcomes()
}

/// A fetch under way. Each of its methods is a callback, and hands the fetch on to the next one.
struct Fetch {
    batch: Rc<Batch>,
    index: usize,
    attempt: Attempt,
    socket: SocketId,
}

impl Fetch {
    /// Begins the next URL, if there is one: `waited_for`, or else one that nobody has. If it is not due yet, the loop
    /// comes back to it.
    fn start_next(batch: &Rc<Batch>, waited_for: Option<usize>, event_loop: &mut EventLoop) {
        let mut next = waited_for.or_else(|| batch.next());
        while let Some(index) = next {
            if let Some(due) = batch.job.due_later(index) {
                let batch = Rc::clone(batch);
                event_loop.call_at(due, move |event_loop| Fetch::start_next(&batch, Some(index), event_loop));
                return;
            }
            let attempt = batch.job.attempt(index);
            match event_loop.connect(attempt.address(), attempt.deadline()) {
                Ok(socket) => {
                    let fetch = Fetch { batch: Rc::clone(batch), index, attempt, socket };
                    event_loop.call_when_ready(socket, Event::Write, move |event_loop| fetch.connected(event_loop));
                    return;
                }
                Err(error) => {
                    let error = attempt.failed(&error);
                    batch.put(index, attempt.finish(Err(error)));
                }
            }
            next = batch.next();
        }
    }

    /// The connection stands, or has failed.
    fn connected(mut self, event_loop: &mut EventLoop) {
        let connected = self
            .attempt
            .time_left()
            .and_then(|_| event_loop.connected(self.socket).map_err(|error| self.attempt.failed(&error)));
        match connected {
            Ok(()) => {
                self.attempt.connected();
                self.writable(event_loop);
            }
            Err(error) => self.finish(event_loop, Err(error)),
        }
    }

    /// The socket takes bytes.
    fn writable(mut self, event_loop: &mut EventLoop) {
        let sent = self.attempt.time_left().and_then(|_| match event_loop.write(self.socket, self.attempt.unsent()) {
            Ok(count) => Ok(self.attempt.sent(count.unwrap_or(0))),
            Err(error) => Err(self.attempt.failed(&error)),
        });
        match sent {
            Ok(false) => {
                event_loop.call_when_ready(self.socket, Event::Write, move |event_loop| self.writable(event_loop));
            }
            Ok(true) => {
                event_loop.call_when_ready(self.socket, Event::Read, move |event_loop| self.readable(event_loop));
            }
            Err(error) => self.finish(event_loop, Err(error)),
        }
    }

    /// The socket has bytes, or has ended.
    fn readable(mut self, event_loop: &mut EventLoop) {
        let received = self.attempt.time_left().and_then(|_| match event_loop.read(self.socket) {
            Ok(Some(data)) => self.attempt.receive(data),
            Ok(None) => Ok(false),
            Err(error) => Err(self.attempt.failed(&error)),
        });
        match received {
            Ok(false) => {
                event_loop.call_when_ready(self.socket, Event::Read, move |event_loop| self.readable(event_loop));
            }
            Ok(true) => self.finish(event_loop, Ok(())),
            Err(error) => self.finish(event_loop, Err(error)),
        }
    }

    /// Notes what came of it, and goes on with the next URL.
    fn finish(self, event_loop: &mut EventLoop, ended: Result<(), Error>) {
        event_loop.close(self.socket);
        self.batch.put(self.index, self.attempt.finish(ended));
        Fetch::start_next(&self.batch, None, event_loop);
    }
}
