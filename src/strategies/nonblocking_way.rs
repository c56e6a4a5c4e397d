//! Lecture 2.2.4, non-blocking: no call waits, so the program asks again and again. Still one URL after another.

use std::hint::spin_loop;
use std::sync::Arc;
use std::task::Waker;

use crate::attempt::{Assignment, Attempt, Outcome, Want};
use crate::cancellation::Cancellation;
use crate::channel::NonblockingChannel;
use crate::connections::Connections;
use crate::error::Error;
use crate::work::{Next, Slot, Work};

/// Fetches the URLs one after another, keeping a processor busy all the time.
pub fn nonblocking_way(work: &Arc<dyn Work>, cancellation: &Cancellation) -> Result<(), Error> {
    let mut connections = Connections::new(NonblockingChannel::default());
    fetch_urls(&**work, cancellation, |assignment| fetch(assignment, &mut connections, cancellation))
}

/// Fetches URLs until there are none left.
fn fetch_urls(
    work: &dyn Work,
    cancellation: &Cancellation,
    mut fetch: impl FnMut(&Assignment) -> Result<Outcome, Error>,
) -> Result<(), Error> {
    let mut slot = Slot::new(Waker::noop().clone());
    loop {
        cancellation.check()?;
        match work.next(&mut slot) {
            Next::Begin(assignment) => work.put(&mut slot, fetch(&assignment)?),
            Next::Wait(_) => spin_loop(),
            Next::End => return Ok(()),
        }
    }
}

/// Fetches one URL, asking the kernel until it has something.
fn fetch(
    assignment: &Assignment,
    connections: &mut Connections<NonblockingChannel>,
    cancellation: &Cancellation,
) -> Result<Outcome, Error> {
    let mut attempt = Attempt::begin(assignment, connections);
    let channel = &mut connections.socket;
    loop {
        cancellation.check()?;
        let ready = match attempt.wants() {
            Want::Connect(address) => attempt.connected(channel.connect(address), || channel.local_address()),
            Want::Send(bytes) => {
                let count = channel.write(bytes);
                attempt.sent(count)
            }
            Want::Receive => attempt.receive(|buffer| channel.read(buffer)),
            Want::Close => {
                channel.close();
                attempt.closed()
            }
            Want::Done => return Ok(attempt.finish(connections)),
        };
        if !ready {
            spin_loop();
        }
    }
}
