//! Lecture 2.2.5, callbacks and an event loop: one thread, many sockets. Where a fetch would have to wait, it tells the
//! event loop which function to call when its socket is ready.

use std::rc::Rc;
use std::sync::Arc;

use crate::attempt::{Attempt, Want};
use crate::cancellation::Cancellation;
use crate::connections::Connections;
use crate::error::Error;
use crate::event_loop::{Event, EventLoop, Sleeper, Socket};
use crate::work::{Next, Slot, Work};

/// Fetches the URLs with callbacks.
pub fn callback_way(work: &Arc<dyn Work>, cancellation: &Cancellation) -> Result<(), Error> {
    let event_loop = EventLoop::new()?;
    for _ in 0..work.waiters() {
        FetchUrls::start(Arc::clone(work), Rc::clone(&event_loop));
    }
    event_loop.run(cancellation)
}

/// Fetches URLs until there are none left. Its methods are callbacks.
struct FetchUrls {
    work: Arc<dyn Work>,
    event_loop: Rc<EventLoop>,
    sleeper: Sleeper,
    slot: Slot,
    connections: Connections<Socket>,
}

impl FetchUrls {
    fn start(work: Arc<dyn Work>, event_loop: Rc<EventLoop>) {
        let (sleeper, connections) = (event_loop.sleeper(), Connections::new(event_loop.socket()));
        let slot = Slot::new(sleeper.waker());
        Box::new(FetchUrls { work, event_loop, sleeper, slot, connections }).next();
    }

    /// Begins the next URL, or waits until there is one.
    fn next(mut self: Box<Self>) {
        match self.work.next(&mut self.slot) {
            Next::Begin(assignment) => {
                Box::new(Fetch { attempt: Attempt::begin(&assignment, &mut self.connections), urls: self }).go_on();
            }
            Next::Wait(until) => {
                let (event_loop, sleeper) = (Rc::clone(&self.event_loop), self.sleeper.place());
                event_loop.call_when_woken(sleeper, until, move || self.next());
            }
            Next::End => {}
        }
    }
}

/// A fetch in flight. Its methods are callbacks, too.
struct Fetch {
    attempt: Attempt,
    urls: Box<FetchUrls>,
}

impl Fetch {
    /// Does what the attempt wants until it has to wait; then leaves the rest to a callback.
    fn go_on(mut self: Box<Self>) {
        let Fetch { attempt, urls } = &mut *self;
        let socket = &mut urls.connections.socket;
        let (ready, event) = match attempt.wants() {
            Want::Connect(address) => {
                (attempt.connected(socket.connect(address), || socket.local_address()), Event::Write)
            }
            Want::Send(bytes) => {
                let count = socket.write(bytes);
                (attempt.sent(count), Event::Write)
            }
            Want::Receive => (attempt.receive(|buffer| socket.read(buffer)), Event::Read),
            Want::Close => {
                socket.close();
                (attempt.closed(), Event::Write)
            }
            Want::Done => return self.finish(),
        };
        if ready { self.go_on() } else { self.go_on_when_ready(event) }
    }

    /// Continues in a callback, when the socket is ready.
    fn go_on_when_ready(self: Box<Self>, event: Event) {
        let event_loop = Rc::clone(&self.urls.event_loop);
        let (socket, deadline) = (self.urls.connections.socket.place(), self.attempt.deadline());
        event_loop.call_when_ready(socket, event, deadline, move || self.go_on());
    }

    /// Hands in the outcome, and continues with the next URL in a callback.
    fn finish(self: Box<Self>) {
        let Fetch { attempt, mut urls } = *self;
        urls.work.put(&mut urls.slot, attempt.finish(&mut urls.connections));
        // After all that has arrived: a server that is asked in bursts sleeps less often, which saves both sides work.
        let event_loop = Rc::clone(&urls.event_loop);
        event_loop.call_soon(move || urls.next());
    }
}
