//! Lecture 2.2.2, multi-process: the blocking `fetch`, in as many processes as exchanges may be in flight.
//!
//! A worker is the helper program, which is tiny, so that it starts at once however large the caller is. It reads one
//! URL at a time from standard input and answers on standard output. A thread of the caller waits for each worker.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::blocking_way::{blocking_way, fetch, fetch_urls};
use crate::attempt::{Assignment, Outcome};
use crate::cancellation::Cancellation;
use crate::channel::BlockingChannel;
use crate::connections::Connections;
use crate::error::Error;
use crate::parent;
use crate::threads::in_threads;
use crate::work::Work;

/// How often the last thread that may still start a worker process tries again, a tick apart.
const MOST_TRIES: usize = 20;

/// Fetches the URLs in a process pool, which lasts as long as the call; `helper` is the helper program's path.
pub fn process_way(work: &Arc<dyn Work>, cancellation: &Cancellation, helper: &Path) -> Result<(), Error> {
    let pool = Pool { helper, state: Mutex::default() };
    let ended = in_threads(
        work.waiters(),
        "aio-process",
        cancellation,
        |cancellation| run_worker(work, &pool, cancellation),
        |error| work.fewer_waiters(error),
        || pool.kill(),
    );
    pool.reap();
    ended
}

/// Has a worker process fetch URLs until there are none left. If it dies, the URL that it was fetching fails, and
/// another worker replaces it. If it cannot be started, the other workers fetch its share; if there are none, this
/// thread does.
fn run_worker(work: &Arc<dyn Work>, pool: &Pool<'_>, cancellation: &Cancellation) -> Result<(), Error> {
    let mut worker = match pool.start_first(cancellation)? {
        Ok(worker) => Some(worker),
        Err(error) => {
            work.fewer_waiters(&error);
            return if pool.lock().is_hopeless() { blocking_way(work, cancellation) } else { Ok(()) };
        }
    };
    fetch_urls(&**work, cancellation, |assignment| {
        let lost = |error| Ok(Outcome::lost(assignment.ticket, error));
        if worker.is_none() {
            match pool.start_one() {
                Ok(started) => worker = Some(started),
                Err(error) => return lost(pool.not_started(&error)),
            }
        }
        match worker.as_mut().map(|worker| worker.fetch(assignment)) {
            Some(Ok(outcome)) => Ok(outcome),
            _ if pool.lock().killed => Err(Error::Cancelled),
            ended => {
                worker = None;
                let why = ended.and_then(Result::err).map(|error| error.to_string()).unwrap_or_default();
                lost(Error::Internal(format!("the worker process died: {why}")))
            }
        }
    })
}

/// The worker processes of one call.
struct Pool<'call> {
    helper: &'call Path,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    children: Vec<Child>,
    /// How many threads have yet to start their first worker, and have not given up.
    hopeful: usize,
    /// No more workers may start.
    killed: bool,
}

impl State {
    /// Whether there are no workers, and will be none.
    fn is_hopeless(&self) -> bool {
        self.children.is_empty() && self.hopeful == 0
    }
}

/// The pipes to a worker process.
struct Worker {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    /// Sends the worker a URL, and waits for the outcome.
    fn fetch(&mut self, assignment: &Assignment) -> io::Result<Outcome> {
        send(&mut self.input, assignment)?;
        receive(&mut self.output)
    }
}

impl Pool<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread's first worker process, or returns what this thread lacks for one. Fails if there is no program.
    fn start_first(&self, cancellation: &Cancellation) -> Result<io::Result<Worker>, Error> {
        self.lock().hopeful += 1;
        let mut tries = 0;
        loop {
            let started = self.start_one();
            let mut state = self.lock();
            let Err(error) = &started else {
                state.hopeful -= 1;
                return Ok(started);
            };
            // The threads may have used up what a process needs. If all others have given up, they are about to exit.
            tries += 1;
            let shortage = is_shortage(error);
            if !shortage || !state.children.is_empty() || state.hopeful > 1 || tries > MOST_TRIES {
                state.hopeful -= 1;
                return if shortage { Ok(started) } else { Err(self.not_started(error)) };
            }
            drop(state);
            cancellation.park(None)?;
        }
    }

    fn not_started(&self, error: &io::Error) -> Error {
        Error::internal(&format!("starting the worker program {}", self.helper.display()), error)
    }

    /// Starts a worker process.
    fn start_one(&self) -> io::Result<Worker> {
        let mut command = Command::new(self.helper);
        command.args(["worker", &std::process::id().to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // A terminal's Ctrl-C is for the caller, which then ends the workers.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let mut state = self.lock();
        if state.killed {
            let _ = child.kill();
        }
        state.children.push(child);
        pipes
            .map(|(input, output)| Worker { input, output: BufReader::new(output) })
            .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Kills the workers, which also ends the waits of their threads.
    fn kill(&self) {
        let mut state = self.lock();
        state.killed = true;
        for child in &mut state.children {
            let _ = child.kill();
        }
    }

    /// Waits for the workers, so that no zombie process is left behind.
    fn reap(&self) {
        for child in &mut self.lock().children {
            let _ = child.wait();
        }
    }
}

/// The system allows no more processes, or has no memory or descriptors for one.
fn is_shortage(error: &io::Error) -> bool {
    #[cfg(unix)]
    let descriptors = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    #[cfg(not(unix))]
    let descriptors = error.raw_os_error() == Some(4); // ERROR_TOO_MANY_OPEN_FILES
    descriptors || matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory)
}

/// The worker: fetches what it is sent until its standard input ends.
pub fn worker_main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let Some(parent) = arguments.next().and_then(|text| text.parse().ok()) else {
        eprintln!("usage: worker PARENT_PID");
        return ExitCode::from(2);
    };
    parent::exit_with(parent);
    let cancellation = Cancellation::by_hand();
    let mut connections = Connections::new(BlockingChannel::default());
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = io::stdout().lock();
    while let Ok(assignment) = receive::<Assignment>(&mut input) {
        let fetched = fetch(&assignment, &mut connections, &cancellation);
        let fetched = fetched.map(|outcome| send(&mut output, &outcome));
        if !matches!(fetched, Ok(Ok(()))) {
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
