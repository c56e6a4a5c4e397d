//! Lecture 2.2.4, non-blocking: no call waits, so the program asks again and again. One URL after another still.

use std::hint::spin_loop;

use super::Outcomes;
use crate::channel::{NonblockingChannel, READ_SIZE};
use crate::error::Error;
use crate::job::{Attempt, Cancellation, Job, Outcome};

/// Fetches the URLs one after another, and keeps a processor busy all the while.
pub fn nonblocking_way(job: &Job, cancellation: &Cancellation) -> Outcomes {
    let mut outcomes = Vec::with_capacity(job.targets.len());
    for index in 0..job.targets.len() {
        cancellation.check()?;
        spin_until_due(job, index, cancellation)?;
        outcomes.push(fetch(job.attempt(index), cancellation));
    }
    cancellation.check()?;
    Ok(outcomes)
}

/// Waits until the exchange of the URL at `index` may begin, awake.
fn spin_until_due(job: &Job, index: usize, cancellation: &Cancellation) -> Result<(), Error> {
    while job.due_later(index).is_some() {
        cancellation.check()?;
        spin_loop();
    }
    Ok(())
}

/// Fetches one URL, asking until the kernel has something.
fn fetch(mut attempt: Attempt, cancellation: &Cancellation) -> Outcome {
    let ended = exchange(&mut attempt, cancellation);
    attempt.finish(ended)
}

fn exchange(attempt: &mut Attempt, cancellation: &Cancellation) -> Result<(), Error> {
    let mut channel = NonblockingChannel::connect(attempt).map_err(|error| attempt.failed(&error))?;
    loop {
        // The first write that succeeds tells that the connection stands.
        match channel.write(attempt.unsent()).map_err(|error| attempt.failed(&error))? {
            Some(count) => {
                attempt.connected();
                if attempt.sent(count) {
                    break;
                }
            }
            None => spin(attempt, cancellation)?,
        }
    }
    let mut buffer = [0; READ_SIZE];
    loop {
        match channel.read(&mut buffer).map_err(|error| attempt.failed(&error))? {
            Some(count) => {
                if attempt.receive(&buffer[..count])? {
                    return Ok(());
                }
            }
            None => spin(attempt, cancellation)?,
        }
    }
}

/// The whole of the waiting: look at the clock, and ask again.
fn spin(attempt: &Attempt, cancellation: &Cancellation) -> Result<(), Error> {
    cancellation.check()?;
    attempt.time_left()?;
    spin_loop();
    Ok(())
}
