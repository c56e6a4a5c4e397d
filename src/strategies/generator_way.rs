//! Lecture 2.3.2.1, coroutines from generators: the fetch is one piece of code again, which pauses where it would have to
//! wait. Rust has no stable generators, so this is what a compiler makes of one: a state machine, resumed by a Task
//! whenever the Future that it yielded has its result.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use super::{Batch, Outcomes};
use crate::error::Error;
use crate::event_loop::{Callback, Event, EventLoop, SocketId};
use crate::job::{Attempt, Cancellation, Job};

/// Fetches the URLs by coroutines that yield futures.
pub fn generator_way(job: &Job, cancellation: &Cancellation) -> Outcomes {
    let batch = Rc::new(Batch::new(job));
    let mut event_loop = EventLoop::new()?;
    for _ in 0..job.workers() {
        Task::start(FetchUrls { batch: Rc::clone(&batch), state: State::Start }, &mut event_loop);
    }
    while !batch.is_done() {
        event_loop.turn(cancellation)?;
    }
    batch.take_outcomes()
}

/// A result that comes later: what a coroutine yields, and a callback completes.
#[derive(Clone, Default)]
struct Future {
    inner: Rc<RefCell<Inner>>,
}

#[derive(Default)]
struct Inner {
    has_result: bool,
    on_done: Option<Callback>,
}

impl Future {
    /// Calls back when the result is there.
    fn add_done_callback(&self, callback: impl FnOnce(&mut EventLoop) + 'static) {
        self.inner.borrow_mut().on_done = Some(Box::new(callback));
    }

    /// The result is there. (It is always "go on": what came is asked of the socket.)
    fn set_result(&self, event_loop: &mut EventLoop) {
        let callback = {
            let mut inner = self.inner.borrow_mut();
            inner.has_result = true;
            inner.on_done.take()
        };
        if let Some(callback) = callback {
            callback(event_loop);
        }
    }
}

/// What a coroutine does when it is resumed.
enum Resumed {
    /// It waits for this.
    Yielded(Future),
    /// It has ended.
    Returned,
}

/// Drives one coroutine: resumes it, and resumes it again when the future that it yielded is done.
struct Task {
    coroutine: FetchUrls,
}

impl Task {
    fn start(coroutine: FetchUrls, event_loop: &mut EventLoop) {
        Task { coroutine }.step(event_loop);
    }

    fn step(mut self, event_loop: &mut EventLoop) {
        if let Resumed::Yielded(future) = self.coroutine.resume(event_loop) {
            future.add_done_callback(move |event_loop| self.step(event_loop));
        }
    }
}

/// The coroutine: fetches URLs as long as there are any.
struct FetchUrls {
    batch: Rc<Batch>,
    state: State,
}

/// Where the coroutine paused: one state for each `yield` of the Python version, with the variables alive there.
enum State {
    /// Before the next URL.
    Start,
    /// At the `yield` for the time when that URL is due.
    Waiting(usize, Instant),
    /// That URL may begin.
    Due(usize),
    /// At the `yield` for the connection.
    Connecting(Fetch),
    /// At the `yield` for room to write.
    Writing(Fetch),
    /// At the `yield` for something to read.
    Reading(Fetch),
}

/// The variables of one fetch.
struct Fetch {
    index: usize,
    attempt: Attempt,
    socket: SocketId,
}

impl FetchUrls {
    /// Runs on to the next `yield`, or to the end.
    fn resume(&mut self, event_loop: &mut EventLoop) -> Resumed {
        let mut state = std::mem::replace(&mut self.state, State::Start);
        loop {
            state = match state {
                State::Start => {
                    let Some(index) = self.batch.next() else { return Resumed::Returned };
                    match self.batch.job.due_later(index) {
                        Some(due) => return self.pause(State::Waiting(index, due), event_loop),
                        None => State::Due(index),
                    }
                }
                State::Waiting(index, _) | State::Due(index) => {
                    let attempt = self.batch.job.attempt(index);
                    match event_loop.connect(attempt.address(), attempt.deadline()) {
                        Ok(socket) => {
                            return self.pause(State::Connecting(Fetch { index, attempt, socket }), event_loop);
                        }
                        Err(error) => {
                            let error = attempt.failed(&error);
                            self.batch.put(index, attempt.finish(Err(error)));
                            State::Start
                        }
                    }
                }
                State::Connecting(mut fetch) => match fetch.connected(event_loop) {
                    Ok(()) => State::Writing(fetch),
                    Err(error) => self.finish(fetch, event_loop, Err(error)),
                },
                State::Writing(mut fetch) => match fetch.write(event_loop) {
                    Ok(false) => return self.pause(State::Writing(fetch), event_loop),
                    Ok(true) => return self.pause(State::Reading(fetch), event_loop),
                    Err(error) => self.finish(fetch, event_loop, Err(error)),
                },
                State::Reading(mut fetch) => match fetch.read(event_loop) {
                    Ok(false) => return self.pause(State::Reading(fetch), event_loop),
                    Ok(true) => self.finish(fetch, event_loop, Ok(())),
                    Err(error) => self.finish(fetch, event_loop, Err(error)),
                },
            };
        }
    }

    /// The `yield`: keeps the state, and hands out a future that the loop completes when the socket is ready, or the time
    /// has come.
    fn pause(&mut self, state: State, event_loop: &mut EventLoop) -> Resumed {
        let future = Future::default();
        let done = future.clone();
        let set_result = move |event_loop: &mut EventLoop| done.set_result(event_loop);
        match &state {
            State::Waiting(_, due) => event_loop.call_at(*due, set_result),
            State::Connecting(fetch) | State::Writing(fetch) => {
                event_loop.call_when_ready(fetch.socket, Event::Write, set_result);
            }
            State::Reading(fetch) => event_loop.call_when_ready(fetch.socket, Event::Read, set_result),
            State::Start | State::Due(_) => unreachable!("nothing to wait for before a fetch"),
        }
        self.state = state;
        Resumed::Yielded(future)
    }

    /// Notes what came of a fetch; the next URL follows.
    fn finish(&self, fetch: Fetch, event_loop: &mut EventLoop, ended: Result<(), Error>) -> State {
        event_loop.close(fetch.socket);
        self.batch.put(fetch.index, fetch.attempt.finish(ended));
        State::Start
    }
}

impl Fetch {
    fn connected(&mut self, event_loop: &mut EventLoop) -> Result<(), Error> {
        self.attempt.time_left()?;
        event_loop.connected(self.socket).map_err(|error| self.attempt.failed(&error))?;
        self.attempt.connected();
        Ok(())
    }

    /// Tells whether the request is sent.
    fn write(&mut self, event_loop: &mut EventLoop) -> Result<bool, Error> {
        self.attempt.time_left()?;
        let count =
            event_loop.write(self.socket, self.attempt.unsent()).map_err(|error| self.attempt.failed(&error))?;
        Ok(self.attempt.sent(count.unwrap_or(0)))
    }

    /// Tells whether the response is whole.
    fn read(&mut self, event_loop: &mut EventLoop) -> Result<bool, Error> {
        self.attempt.time_left()?;
        match event_loop.read(self.socket).map_err(|error| self.attempt.failed(&error))? {
            Some(data) => self.attempt.receive(data),
            None => Ok(false),
        }
    }
}
