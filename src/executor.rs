//! The executor, which drives coroutines on the event loop: a coroutine yields a [`Future`] where it would have to
//! wait, and a [`Task`] resumes it when that future has its result.
//!
//! The coroutines are Rust's `async` blocks. They do not register wakers: their only way to pause is to yield a future.

use std::cell::{Cell, RefCell};
use std::future::{Future as Coroutine, IntoFuture};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::event_loop::{Callback, Event, EventLoop, Sleeper, Socket};

thread_local! {
    /// The future that the running coroutine has yielded.
    static YIELDED: Cell<Option<Future>> = const { Cell::new(None) };
}

/// A result that will come later: a coroutine yields the future, and a callback completes it.
#[derive(Clone, Default)]
pub struct Future {
    on_done: Rc<RefCell<Option<Callback>>>,
}

impl Future {
    /// Calls this function when the result is there.
    fn add_done_callback(&self, callback: impl FnOnce() + 'static) {
        *self.on_done.borrow_mut() = Some(Box::new(callback));
    }

    /// Completes the future. (Its result is always "go on"; the coroutine then asks the socket what has come.)
    fn set_result(&self) {
        let callback = self.on_done.borrow_mut().take();
        if let Some(callback) = callback {
            callback();
        }
    }
}

/// A future that is done when the socket is ready for `event`, or the deadline has passed.
#[must_use]
pub fn ready(socket: &Socket, event: Event, deadline: Instant) -> Future {
    let future = Future::default();
    let done = future.clone();
    socket.event_loop().call_when_ready(socket.place(), event, deadline, move || done.set_result());
    future
}

/// A future that is done when the sleeper is woken, or at the given instant.
#[must_use]
pub fn woken(sleeper: &Sleeper, until: Option<Instant>) -> Future {
    let future = Future::default();
    let done = future.clone();
    sleeper.event_loop().call_when_woken(sleeper.place(), until, move || done.set_result());
    future
}

/// A future that is done in the next turn, once all that is ready now has had its turn.
#[must_use]
pub fn next_turn(event_loop: &EventLoop) -> Future {
    let future = Future::default();
    let done = future.clone();
    event_loop.call_soon(move || done.set_result());
    future
}

/// Yields `future` to the Task, and pauses until it has its result.
pub async fn yield_(future: Future) {
    Yield(Some(future)).await;
}

/// A future may be awaited like a coroutine: it yields itself.
impl IntoFuture for Future {
    type Output = ();
    type IntoFuture = Yield;

    fn into_future(self) -> Yield {
        Yield(Some(self))
    }
}

/// The one place where a coroutine pauses; it holds the future that it has yet to yield.
pub struct Yield(Option<Future>);

impl Coroutine for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
        match self.0.take() {
            Some(future) => {
                YIELDED.set(Some(future));
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

/// Drives one coroutine: resumes it whenever the future that it yielded is done.
pub struct Task {
    coroutine: RefCell<Pin<Box<dyn Coroutine<Output = ()>>>>,
}

impl Task {
    /// Runs the coroutine until it first pauses.
    pub fn start(coroutine: impl Coroutine<Output = ()> + 'static) {
        Rc::new(Task { coroutine: RefCell::new(Box::pin(coroutine)) }).step();
    }

    /// Resumes the coroutine until it pauses or ends.
    fn step(self: Rc<Self>) {
        let resumed = self.coroutine.borrow_mut().as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if resumed.is_pending() {
            let future = YIELDED.take().expect("a coroutine pauses by nothing but a yield");
            future.add_done_callback(move || self.step());
        }
    }
}
