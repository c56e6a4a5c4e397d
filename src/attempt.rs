//! One try at one URL. It does no I/O itself: it says what it wants next, and the strategy reports the result.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::clock::monotonic_ns;
use crate::error::{Error, Phase};
use crate::exchange::{Exchange, Limits, Options, Reply};
use crate::target::{Target, is_client_port};

/// Bytes to ask for in one read, the same as in the Python versions.
pub const READ_SIZE: usize = 16 * 1024;

thread_local! {
    /// All attempts of a thread read into this buffer, one at a time: ten thousand in flight need no buffer each.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into_boxed_slice());
}

/// One URL to fetch, with its timeout and limits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assignment {
    /// The work's number for it, which its outcome carries too.
    pub ticket: usize,
    /// What to fetch.
    pub target: Arc<Target>,
    /// The time for the whole exchange, from connecting to the last byte.
    pub timeout: Duration,
    /// The limits on the response's size.
    pub limits: Limits,
}

/// What an attempt wants done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Want<'attempt> {
    /// Begin or continue to connect to this address.
    Connect(SocketAddr),
    /// Send some of these bytes.
    Send(&'attempt [u8]),
    /// Receive some bytes.
    Receive,
    /// Close the connection, if there is one.
    Close,
    /// Nothing more: it has ended.
    Done,
}

/// One try at one URL: an exchange with a phase and a deadline.
///
/// Pass in whatever a socket returns, unchanged: a network error ends the attempt, a socket that is not ready does not.
#[derive(Debug)]
pub struct Attempt {
    ticket: usize,
    /// The HTTP side: bytes out, bytes in.
    exchange: Exchange,
    /// Where to connect to.
    address: SocketAddr,
    /// What is being done, so that an error can say so.
    phase: Phase,
    /// How it ended, if it has.
    ended: Option<Result<(), Error>>,
    /// Whether the connection is closed again.
    closed: bool,
    /// When the try began, in ns of the monotonic clock.
    started: u64,
    /// When the timeout expires.
    deadline: Instant,
    /// The time allowed for the whole exchange.
    timeout: Duration,
}

impl Attempt {
    /// Begins the attempt: the clock starts here.
    #[must_use]
    pub fn begin(assignment: &Assignment) -> Self {
        let Assignment { ticket, target, timeout, limits } = assignment;
        let options = Options { limits: *limits, ..Options::default() };
        Attempt {
            ticket: *ticket,
            exchange: Exchange::new(&target.authority, &target.path, &options),
            address: target.address,
            phase: Phase::Connect,
            ended: None,
            closed: false,
            started: monotonic_ns(),
            deadline: Instant::now() + *timeout,
            timeout: *timeout,
        }
    }

    /// What to do next. Ask again after each step and each wait.
    pub fn wants(&mut self) -> Want<'_> {
        if self.ended.is_none() && self.is_late() {
            self.ended = Some(Err(Error::Timeout { phase: self.phase, limit: self.timeout }));
        }
        if self.ended.is_some() {
            return if self.closed { Want::Done } else { Want::Close };
        }
        match self.phase {
            Phase::Connect => Want::Connect(self.address),
            Phase::Write => Want::Send(self.exchange.unsent()),
            Phase::Read => Want::Receive,
        }
    }

    /// When the timeout expires: no wait may last longer.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Takes the result of connecting, and how to ask for the local address. Returns whether the socket was ready.
    pub fn connected(&mut self, result: io::Result<()>, local: impl FnOnce() -> io::Result<SocketAddr>) -> bool {
        match result {
            // It was the deadline that woke us, not the network.
            Ok(()) if self.is_late() => {}
            // A client's port may be the very port that it connects to: then TCP connects it to itself. Asking costs a
            // system call, so only where that may be.
            Ok(()) if is_client_port(self.address.port()) => match local() {
                Ok(local) if local == self.address => return self.failed(&refused()),
                Ok(_) => self.phase = Phase::Write,
                Err(error) => return self.failed(&error),
            },
            Ok(()) => self.phase = Phase::Write,
            Err(error) => return self.failed(&error),
        }
        true
    }

    /// Takes the result of sending: the number of bytes. Returns whether the socket was ready.
    pub fn sent(&mut self, count: io::Result<usize>) -> bool {
        match count {
            Ok(count) => {
                self.exchange.sent(count);
                if self.exchange.unsent().is_empty() {
                    self.phase = Phase::Read;
                }
                true
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Lends `read` a buffer, and takes the bytes that it put there, none at the end of the stream. Returns whether the
    /// socket was ready.
    pub fn receive(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> bool {
        BUFFER.with_borrow_mut(|buffer| match read(buffer) {
            Ok(count) => {
                match self.exchange.receive(&buffer[..count]) {
                    Ok(false) => {}
                    Ok(true) => self.ended = Some(Ok(())),
                    Err(fault) => self.ended = Some(Err(fault.into())),
                }
                true
            }
            Err(error) => self.failed(&error),
        })
    }

    /// Records that the connection is closed. Returns true, as closing never has to wait.
    pub fn closed(&mut self) -> bool {
        self.closed = true;
        true
    }

    /// Takes the socket's error. Returns whether the socket was ready: if not, nothing has failed.
    pub fn failed(&mut self, error: &io::Error) -> bool {
        if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            return false;
        }
        self.ended = Some(Err(Error::network(self.phase, error)));
        true
    }

    /// The outcome, once the attempt is done. Before that, the outcome is that it was cancelled.
    #[must_use]
    pub fn finish(self) -> Outcome {
        Outcome {
            ticket: self.ticket,
            phase: self.phase,
            bytes_received: self.exchange.bytes_received(),
            started: Some(self.started),
            elapsed: Duration::from_nanos(monotonic_ns().saturating_sub(self.started)),
            result: self.ended.unwrap_or(Err(Error::Cancelled)).map(|()| self.exchange.into_reply()),
        }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

/// The outcome of one URL.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The number of the assignment.
    pub ticket: usize,
    /// The response, or why there is none.
    pub result: Result<Reply, Error>,
    /// What the exchange was doing when it ended.
    pub phase: Phase,
    /// Bytes of the response received.
    pub bytes_received: u64,
    /// When the exchange began, in ns of the monotonic clock, which all processes share; `None` if unknown.
    pub started: Option<u64>,
    /// From the start of the exchange to its end.
    pub elapsed: Duration,
}

impl Outcome {
    /// The outcome of a URL whose exchange was lost, or never began.
    #[must_use]
    pub fn lost(ticket: usize, why: Error) -> Self {
        Outcome {
            ticket,
            result: Err(why),
            phase: Phase::Connect,
            bytes_received: 0,
            started: None,
            elapsed: Duration::ZERO,
        }
    }

    /// The errno of the shortage that kept the exchange from beginning: of descriptors, ports or memory.
    #[must_use]
    pub fn shortage(&self) -> Option<i32> {
        match &self.result {
            Err(Error::Network { phase: Phase::Connect, errno: Some(errno), .. }) => {
                SHORTAGES.contains(errno).then_some(*errno)
            }
            _ => None,
        }
    }
}

// Connecting fails with EADDRNOTAVAIL when all local ports are taken.
#[cfg(unix)]
const SHORTAGES: [i32; 5] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EADDRNOTAVAIL];
/// WSAEMFILE, WSAENOBUFS, WSAEADDRNOTAVAIL.
#[cfg(not(unix))]
const SHORTAGES: [i32; 3] = [10024, 10055, 10049];

/// The error for a socket that is connected to itself: nobody else listens there.
fn refused() -> io::Error {
    #[cfg(unix)]
    return io::Error::from_raw_os_error(libc::ECONNREFUSED);
    #[cfg(not(unix))]
    return ErrorKind::ConnectionRefused.into();
}
