//! Lecture 2.3.2.2, `yield from`: the coroutine is split into smaller ones that it delegates to: `connect`,
//! `write_all`, `read`, `read_all`. In Rust these are `async fn`s, and `.await` is the `yield from`.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::attempt::{Attempt, Want};
use crate::cancellation::Cancellation;
use crate::connections::Connections;
use crate::error::Error;
use crate::event_loop::{Event, EventLoop, Socket};
use crate::executor::{Task, next_turn, ready, woken};
use crate::work::{Next, Slot, Work};

/// Fetches the URLs with coroutines that are made of smaller coroutines.
pub fn yield_from_way(work: &Arc<dyn Work>, cancellation: &Cancellation) -> Result<(), Error> {
    let event_loop = EventLoop::new()?;
    for _ in 0..work.waiters() {
        Task::start(fetch_urls(Arc::clone(work), Rc::clone(&event_loop)));
    }
    event_loop.run(cancellation)
}

/// Fetches URLs until there are none left.
async fn fetch_urls(work: Arc<dyn Work>, event_loop: Rc<EventLoop>) {
    let (sleeper, mut connections) = (event_loop.sleeper(), Connections::new(event_loop.socket()));
    let mut slot = Slot::new(sleeper.waker());
    loop {
        match work.next(&mut slot) {
            Next::Begin(assignment) => {
                let mut attempt = Attempt::begin(&assignment, &mut connections);
                fetch(&mut attempt, &mut connections.socket).await;
                work.put(&mut slot, attempt.finish(&mut connections));
                // After all that has arrived: a server that is asked in bursts sleeps less often, which saves both sides
                // work.
                next_turn(&event_loop).await;
            }
            Next::Wait(until) => woken(&sleeper, until).await,
            Next::End => return,
        }
    }
}

/// Fetches one URL.
async fn fetch(attempt: &mut Attempt, socket: &mut Socket) {
    loop {
        match attempt.wants() {
            Want::Connect(address) => connect(attempt, address, socket).await,
            Want::Send(_) => write_all(attempt, socket).await,
            Want::Receive => read_all(attempt, socket).await,
            Want::Close => {
                socket.close();
                attempt.closed();
            }
            Want::Done => return,
        }
    }
}

/// Opens the connection.
async fn connect(attempt: &mut Attempt, address: SocketAddr, socket: &mut Socket) {
    if !attempt.connected(socket.connect(address), || socket.local_address()) {
        ready(socket, Event::Write, attempt.deadline()).await;
    }
}

/// Sends the request.
async fn write_all(attempt: &mut Attempt, socket: &mut Socket) {
    while let Want::Send(bytes) = attempt.wants() {
        let count = socket.write(bytes);
        if !attempt.sent(count) {
            ready(socket, Event::Write, attempt.deadline()).await;
        }
    }
}

/// Receives some of the response.
async fn read(attempt: &mut Attempt, socket: &mut Socket) {
    if !attempt.receive(|buffer| socket.read(buffer)) {
        ready(socket, Event::Read, attempt.deadline()).await;
    }
}

/// Receives all of the response.
async fn read_all(attempt: &mut Attempt, socket: &mut Socket) {
    while attempt.wants() == Want::Receive {
        read(attempt, socket).await;
    }
}
