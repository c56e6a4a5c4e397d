//! Lecture 2.3.2.1, coroutines from generators: the fetch is one function again, which pauses (`yield_`) where it
//! would have to wait. A Task resumes it when the Future that it yielded has its result.

use std::rc::Rc;
use std::sync::Arc;

use crate::attempt::{Attempt, Want};
use crate::cancellation::Cancellation;
use crate::connections::Connections;
use crate::error::Error;
use crate::event_loop::{Event, EventLoop};
use crate::executor::{Task, next_turn, ready, woken, yield_};
use crate::work::{Next, Slot, Work};

/// Fetches the URLs with coroutines that yield futures.
pub fn generator_way(work: &Arc<dyn Work>, cancellation: &Cancellation) -> Result<(), Error> {
    let event_loop = EventLoop::new()?;
    for _ in 0..work.waiters() {
        Task::start(fetch_urls(Arc::clone(work), Rc::clone(&event_loop)));
    }
    event_loop.run(cancellation)
}

/// The coroutine: fetches URLs until there are none left.
async fn fetch_urls(work: Arc<dyn Work>, event_loop: Rc<EventLoop>) {
    let (sleeper, mut connections) = (event_loop.sleeper(), Connections::new(event_loop.socket()));
    let mut slot = Slot::new(sleeper.waker());
    loop {
        match work.next(&mut slot) {
            Next::Begin(assignment) => {
                let mut attempt = Attempt::begin(&assignment, &mut connections);
                let socket = &mut connections.socket;
                loop {
                    match attempt.wants() {
                        Want::Connect(address) => {
                            if !attempt.connected(socket.connect(address), || socket.local_address()) {
                                yield_(ready(socket, Event::Write, attempt.deadline())).await;
                            }
                        }
                        Want::Send(bytes) => {
                            let count = socket.write(bytes);
                            if !attempt.sent(count) {
                                yield_(ready(socket, Event::Write, attempt.deadline())).await;
                            }
                        }
                        Want::Receive => {
                            if !attempt.receive(|buffer| socket.read(buffer)) {
                                yield_(ready(socket, Event::Read, attempt.deadline())).await;
                            }
                        }
                        Want::Close => {
                            socket.close();
                            attempt.closed();
                        }
                        Want::Done => break,
                    }
                }
                work.put(&mut slot, attempt.finish(&mut connections));
                // After all that has arrived: a server that is asked in bursts sleeps less often, which saves both sides
                // work.
                yield_(next_turn(&event_loop)).await;
            }
            Next::Wait(until) => yield_(woken(&sleeper, until)).await,
            Next::End => return,
        }
    }
}
