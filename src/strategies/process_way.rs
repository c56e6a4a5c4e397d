//! Lecture 2.2.2, multi-process: the blocking version's `fetch`, in as many processes as exchanges may be open.
//!
//! A worker is the helper program: tiny, so that it starts at once however large the caller has grown. It is sent one URL
//! at a time over its standard input and answers over its standard output; a thread of the caller waits for each.

use std::io::{self, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::blocking_way::fetch;
use super::{Batch, Outcomes};
use crate::error::{Error, Phase, panic_text};
use crate::exchange::Limits;
use crate::job::{Attempt, Cancellation, Job, Outcome, TICK, Target};
use crate::parent;

/// Fetches the URLs in a pool of processes, which lasts as long as the call; `helper` is the helper program's path.
pub fn process_way(job: &Job, cancellation: &Cancellation, helper: &Path) -> Outcomes {
    let batch = Batch::new(job);
    let workers = Workers::default();
    std::thread::scope(|scope| {
        for _ in 0..job.workers() {
            scope.spawn(|| {
                let cancellation = cancellation.for_worker();
                // A thread that ends unheard would be waited for in vain.
                let ended = catch_unwind(AssertUnwindSafe(|| run_worker(&batch, &workers, helper, &cancellation)));
                workers.note_end(ended.unwrap_or_else(|panic| Err(Error::Internal(panic_text(&*panic)))));
            });
        }
        workers.wait_for_ends(job.workers(), cancellation);
    });
    let failure = workers.reap();
    cancellation.check()?;
    match failure {
        Some(error) if !batch.is_done() => Err(error),
        _ => batch.take_outcomes(),
    }
}

/// What a worker is to do.
#[derive(Debug, Serialize, Deserialize)]
struct Assignment {
    target: Target,
    timeout: Duration,
    limits: Limits,
}

/// Has a worker process fetch URLs as long as there are any. One that dies costs the URL it was fetching, and is replaced;
/// one that cannot be started leaves its share to the others.
fn run_worker(batch: &Batch, workers: &Workers, helper: &Path, cancellation: &Cancellation) -> Result<(), Error> {
    let job = &batch.job;
    let (mut input, mut output) = workers.start_one(helper)?;
    while let Some(index) = batch.next() {
        if job.sleep_until_due(index, cancellation).is_err() {
            return Ok(());
        }
        let target = job.targets[index].clone();
        let assignment = Assignment { target, timeout: job.timeout, limits: job.limits };
        match send(&mut input, &assignment).and_then(|()| receive(&mut output)) {
            Ok(outcome) => batch.put(index, outcome),
            Err(_) if workers.lock().cancelled => return Ok(()),
            Err(error) => {
                let error = Error::Internal(format!("the worker process died: {error}"));
                let outcome = Outcome {
                    result: Err(error),
                    phase: Phase::Connect,
                    bytes_received: 0,
                    started: None,
                    elapsed: Duration::ZERO,
                };
                batch.put(index, outcome);
                (input, output) = workers.start_one(helper)?;
            }
        }
    }
    Ok(())
}

/// The worker processes of one call.
#[derive(Default)]
struct Workers {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    children: Vec<Child>,
    /// How many of the waiting threads have ended.
    ended: usize,
    /// Workers are being killed, and no new ones may start.
    cancelled: bool,
    /// Why a thread ended before its time.
    failure: Option<Error>,
}

impl Workers {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a worker process.
    fn start_one(&self, helper: &Path) -> Result<(ChildStdin, BufReader<ChildStdout>), Error> {
        let mut command = Command::new(helper);
        command.args(["worker", &std::process::id().to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // A terminal's Ctrl-C is for the caller, who then ends the workers.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let started = command.spawn();
        let mut child = started
            .map_err(|error| Error::internal(&format!("starting the worker program {}", helper.display()), &error))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let mut state = self.lock();
        if state.cancelled {
            let _ = child.kill();
        }
        state.children.push(child);
        pipes.map(|(input, output)| (input, BufReader::new(output))).ok_or(Error::Cancelled)
    }

    fn note_end(&self, ended: Result<(), Error>) {
        let mut state = self.lock();
        state.ended += 1;
        if let Err(error) = ended {
            state.failure = Some(error);
        }
        self.changed.notify_one();
    }

    /// Waits for the threads; kills the workers if the call is cancelled, which ends the threads.
    fn wait_for_ends(&self, threads: usize, cancellation: &Cancellation) {
        let mut state = self.lock();
        while state.ended < threads {
            if !state.cancelled && cancellation.check().is_err() {
                state.cancelled = true;
                for child in &mut state.children {
                    let _ = child.kill();
                }
            }
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Leaves no process behind; gives the reason if a thread ended before its time.
    fn reap(self) -> Option<Error> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        for child in &mut state.children {
            let _ = child.wait();
        }
        state.failure
    }
}

/// The worker: fetches what it is sent until its standard input ends.
pub fn worker_main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let Some(parent) = arguments.next().and_then(|text| text.parse().ok()) else {
        eprintln!("usage: worker PARENT_PID");
        return ExitCode::from(2);
    };
    parent::exit_with(parent);
    let cancellation = Cancellation::by_hand();
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = io::stdout().lock();
    while let Ok(Assignment { target, timeout, limits }) = receive(&mut input) {
        let outcome = fetch(Attempt::new(&target, timeout, limits), &cancellation);
        if send(&mut output, &outcome).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Writes a message: its length in four bytes, then the message.
fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut frame = postcard::to_extend(message, vec![0; 4]).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - 4).map_err(io::Error::other)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&frame)?;
    to.flush()
}

/// Reads a message.
fn receive<Message: DeserializeOwned>(from: &mut impl Read) -> io::Result<Message> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut message = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut message)?;
    postcard::from_bytes(&message).map_err(io::Error::other)
}
