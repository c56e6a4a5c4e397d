//! Lecture 2.2.1, blocking: one URL after another; each call sleeps in the kernel until the network has answered.

use std::sync::Arc;

use crate::attempt::{Assignment, Attempt, Outcome, Want};
use crate::cancellation::Cancellation;
use crate::channel::BlockingChannel;
use crate::connections::Connections;
use crate::error::Error;
use crate::work::{Next, Slot, Work};

/// Fetches the URLs one after another.
pub fn blocking_way(work: &Arc<dyn Work>, cancellation: &Cancellation) -> Result<(), Error> {
    let mut connections = Connections::new(BlockingChannel::default());
    fetch_urls(&**work, cancellation, |assignment| fetch(assignment, &mut connections, cancellation))
}

/// Fetches URLs until there are none left.
pub fn fetch_urls(
    work: &dyn Work,
    cancellation: &Cancellation,
    mut fetch: impl FnMut(&Assignment) -> Result<Outcome, Error>,
) -> Result<(), Error> {
    let mut slot = Slot::of_this_thread();
    loop {
        cancellation.check()?;
        match work.next(&mut slot) {
            Next::Begin(assignment) => work.put(&mut slot, fetch(&assignment)?),
            Next::Wait(until) => cancellation.park(until)?,
            Next::End => return Ok(()),
        }
    }
}

/// Fetches one URL; each call blocks until the kernel has something.
pub fn fetch(
    assignment: &Assignment,
    connections: &mut Connections<BlockingChannel>,
    cancellation: &Cancellation,
) -> Result<Outcome, Error> {
    let mut attempt = Attempt::begin(assignment, connections);
    let channel = &mut connections.socket;
    loop {
        cancellation.check()?;
        let deadline = attempt.deadline();
        // If a call returns before the socket is ready, the attempt wants the same again.
        match attempt.wants() {
            Want::Connect(address) => attempt.connected(channel.connect(address, deadline), || channel.local_address()),
            Want::Send(bytes) => {
                let count = channel.write(bytes, deadline);
                attempt.sent(count)
            }
            Want::Receive => attempt.receive(|buffer| channel.read(buffer, deadline)),
            Want::Close => {
                channel.close();
                attempt.closed()
            }
            Want::Done => return Ok(attempt.finish(connections)),
        };
    }
}
