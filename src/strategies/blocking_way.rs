//! Lecture 2.2.1, blocking: one URL after another, asleep in the kernel while the network works.

use super::Outcomes;
use crate::channel::{BlockingChannel, READ_SIZE};
use crate::error::Error;
use crate::job::{Attempt, Cancellation, Job, Outcome};

/// Fetches the URLs one after another.
pub fn blocking_way(job: &Job, cancellation: &Cancellation) -> Outcomes {
    let mut outcomes = Vec::with_capacity(job.targets.len());
    for index in 0..job.targets.len() {
        cancellation.check()?;
        job.sleep_until_due(index, cancellation)?;
        outcomes.push(fetch(job.attempt(index), cancellation));
    }
    cancellation.check()?;
    Ok(outcomes)
}

/// Fetches one URL, waiting in each call until the kernel has something.
pub fn fetch(mut attempt: Attempt, cancellation: &Cancellation) -> Outcome {
    let ended = exchange(&mut attempt, cancellation);
    attempt.finish(ended)
}

fn exchange(attempt: &mut Attempt, cancellation: &Cancellation) -> Result<(), Error> {
    let mut channel = BlockingChannel::connect(attempt, cancellation)?;
    attempt.connected();
    channel.write(attempt, cancellation)?;
    let mut buffer = [0; READ_SIZE];
    loop {
        attempt.time_left()?;
        let data = channel.read(&mut buffer, attempt, cancellation)?;
        if attempt.receive(data)? {
            return Ok(());
        }
    }
}
