//! One try at one URL. It does no I/O itself: it says what it wants next, and the strategy reports the result.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::clock::monotonic_ns;
use crate::connections::{Connection, Connections, Idle};
use crate::error::{Error, Phase};
use crate::exchange::{Exchange, Options, Reply};
use crate::shortage::{is_from_shortage, is_shortage};
use crate::target::{Target, is_client_port};
use crate::tls::{self, Failure, Progress, Tls};

/// Bytes to ask for in one read, the same as in the Python versions.
pub const READ_SIZE: usize = 16 * 1024;
/// Bytes to ask for once a read has brought as many as it could: a long body takes few reads then.
pub const LONG_READ_SIZE: usize = 256 * 1024;

thread_local! {
    /// All attempts of a thread read into this buffer, one at a time: ten thousand in flight need no buffer each. It
    /// grows with the first long body.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One URL to fetch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assignment {
    /// The work's number for it, which its outcome carries too.
    pub ticket: usize,
    /// What to fetch.
    pub target: Arc<Target>,
    /// How to fetch it.
    pub terms: Arc<Terms>,
}

/// What a call asks of each of its exchanges.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Terms {
    /// The time for the whole exchange, from connecting to the last byte.
    pub timeout: Duration,
    /// The time for connecting, the TLS handshake included, if that is less.
    pub connect_timeout: Option<Duration>,
    /// The method, further header fields, the limits on the response's size.
    pub options: Options,
    /// TLS, if any URL is `https`.
    pub tls: Option<tls::Client>,
    /// How many connections to other hosts a waiter keeps, if they are kept alive.
    pub others_kept: usize,
}

impl Terms {
    /// When connecting that begins now must have ended.
    fn connect_deadline(&self, now: Instant, deadline: Instant) -> Instant {
        self.connect_timeout.map_or(deadline, |limit| deadline.min(now + limit))
    }

    /// A GET within this time, over plain http.
    #[must_use]
    pub fn within(timeout: Duration) -> Self {
        Terms { timeout, connect_timeout: None, options: Options::default(), tls: None, others_kept: 0 }
    }
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
    assignment: Assignment,
    /// The HTTP side: bytes out, bytes in.
    exchange: Exchange,
    /// What encrypts these bytes, if the URL is `https`.
    tls: Option<Box<Tls>>,
    /// Where to connect to.
    route: Route,
    /// What is being done, so that an error can say so.
    phase: Phase,
    /// Why the request cannot be sent, if so; the server may have replied before it left.
    unsendable: Option<Error>,
    /// How it ended, if it has.
    ended: Option<Result<(), Error>>,
    /// Whether to close the connection, and to open another.
    rerouted: bool,
    /// Whether the connection served an earlier attempt.
    reused: bool,
    /// Whether the connection is closed again.
    closed: bool,
    /// Bytes to ask for in the next read.
    read_size: usize,
    /// When the try began, in ns of the monotonic clock.
    started: u64,
    /// When the timeout expires.
    deadline: Instant,
    /// When that of connecting expires.
    connect_deadline: Instant,
}

impl Attempt {
    /// Begins the attempt: the clock starts here. It goes over a connection of the waiter's that is idle, if one suits.
    #[must_use]
    pub fn begin(assignment: &Assignment, connections: &mut Connections<impl Connection>) -> Self {
        let Assignment { target, terms, .. } = assignment;
        let started = monotonic_ns(); // before the deadlines are set, so that none seems to pass early
        let now = Instant::now();
        let deadline = now + terms.timeout;
        let mut attempt = Attempt {
            assignment: assignment.clone(),
            exchange: Exchange::new(&target.authority, &target.path, &terms.options),
            tls: None,
            route: Route::new(&target.addresses, now),
            phase: Phase::Connect,
            unsendable: None,
            ended: None,
            rerouted: false,
            reused: false,
            closed: false,
            read_size: READ_SIZE,
            started,
            deadline,
            connect_deadline: terms.connect_deadline(now, deadline),
        };
        if let Some(idle) = connections.turn_to(target, started, terms.others_kept) {
            attempt.reuse(idle);
        }
        attempt
    }

    /// What to do next. Ask again after each step and each wait.
    pub fn wants(&mut self) -> Want<'_> {
        if self.ended.is_none() && !self.rerouted {
            self.watch_the_clock();
        }
        if self.ended.is_some() || self.rerouted {
            return if self.closed { Want::Done } else { Want::Close };
        }
        match self.phase {
            Phase::Connect => Want::Connect(self.route.address),
            _ if self.unsendable.is_some() => Want::Receive,
            Phase::Write => Want::Send(self.unsent()),
            Phase::Handshake | Phase::Read => match &self.tls {
                Some(tls) if !tls.unsent().is_empty() => Want::Send(tls.unsent()),
                _ => Want::Receive,
            },
        }
    }

    /// When to stop waiting and to ask again. It changes: ask for it before each wait.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match self.phase {
            Phase::Connect => self.route.until.map_or(self.connect_deadline, |until| until.min(self.connect_deadline)),
            Phase::Handshake => self.connect_deadline,
            Phase::Write | Phase::Read => self.deadline,
        }
    }

    /// Takes the result of connecting, and how to ask for the local address. Returns whether the socket was ready.
    pub fn connected(&mut self, result: io::Result<()>, local: impl FnOnce() -> io::Result<SocketAddr>) -> bool {
        let address = self.route.address;
        match result {
            // It was the deadline that woke us, not the network.
            Ok(()) if Instant::now() >= self.deadline() => return true,
            // A client's port may be the very port that it connects to: then TCP connects it to itself. Asking costs a
            // system call, so only where that may be.
            Ok(()) if is_client_port(address.port()) => match local() {
                Ok(local) if local == address => return self.failed(&refused()),
                Ok(_) => {}
                Err(error) => return self.failed(&error),
            },
            Ok(()) => {}
            Err(error) => return self.failed(&error),
        }
        let Assignment { target, terms, .. } = &self.assignment;
        if let (Some(host), Some(client)) = (&target.tls_host, &terms.tls) {
            match Tls::begin(client, host) {
                Ok(tls) => (self.phase, self.tls) = (Phase::Handshake, Some(Box::new(tls))),
                Err(reason) => self.ended = Some(Err(Error::Tls { phase: Phase::Handshake, reason })),
            }
        } else {
            self.phase = Phase::Write;
        }
        true
    }

    /// Takes the result of sending: the number of bytes. Returns whether the socket was ready.
    pub fn sent(&mut self, count: io::Result<usize>) -> bool {
        match count {
            Ok(count) => {
                match &mut self.tls {
                    Some(tls) => tls.sent(count),
                    None => self.exchange.sent(count),
                }
                if self.phase == Phase::Write && self.unsent().is_empty() {
                    self.phase = Phase::Read;
                }
                true
            }
            Err(error) => self.failed(&error),
        }
    }

    /// How many bytes to ask for when receiving: `READ_SIZE`, or `LONG_READ_SIZE`.
    #[must_use]
    pub fn read_size(&self) -> usize {
        self.read_size
    }

    /// Lends `read` a buffer, and takes the bytes that it put there, none at the end of the stream. Returns whether the
    /// socket was ready.
    pub fn receive(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> bool {
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.len() < self.read_size {
                *buffer = vec![0; self.read_size]; // new pages are zeros; they take no memory before they are used
            }
            let count = read(&mut buffer[..self.read_size]);
            self.received(count.map(|count| &buffer[..count]))
        })
    }

    /// Takes the received bytes, none at the end of the stream. Returns whether the socket was ready.
    pub fn received(&mut self, data: io::Result<&[u8]>) -> bool {
        match data {
            Ok(data) => {
                if data.len() == self.read_size {
                    self.read_size = LONG_READ_SIZE;
                }
                let received = match (&self.tls, self.unsendable.take_if(|_| data.is_empty())) {
                    (_, Some(broken)) => Err(broken), // no end of a body
                    (None, None) => self.exchange.receive(data).map_err(Error::from),
                    (Some(_), None) => self.decrypt(data),
                };
                match received {
                    Ok(false) => {}
                    Ok(true) | Err(_) if self.is_stale() => self.begin_anew(),
                    Ok(true) => {
                        self.ended = Some(Ok(()));
                        self.closed = self.leaves_connection_open();
                    }
                    Err(error) => self.ended = Some(Err(error)),
                }
                true
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Records that the connection is closed. Returns true, as closing never has to wait.
    pub fn closed(&mut self) -> bool {
        self.closed = !self.rerouted;
        self.rerouted = false;
        true
    }

    /// Takes the socket's error. Returns whether the socket was ready: if not, nothing has failed.
    pub fn failed(&mut self, error: &io::Error) -> bool {
        if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            return false;
        }
        if self.phase == Phase::Write && self.unsendable.is_none() && is_gone(error) {
            self.unsendable = Some(Error::network(self.phase, error));
        } else if self.is_stale() {
            self.begin_anew();
        } else if self.phase == Phase::Connect && !is_from_shortage(error) && self.route.give_up() {
            self.rerouted = true;
        } else {
            let failure = self.unsendable.take().unwrap_or_else(|| Error::network(self.phase, error));
            self.ended = Some(Err(failure));
        }
        true
    }

    /// The outcome, once the attempt is done; the connection is left, if it can serve another. Before that, the outcome
    /// is that it was cancelled.
    #[must_use]
    pub fn finish(mut self, connections: &mut Connections<impl Connection>) -> Outcome {
        let now = monotonic_ns();
        if self.leaves_connection_open() {
            let target = Arc::clone(&self.assignment.target);
            connections.leave(Idle { target, tls: self.tls.take(), since: now });
        }
        let outcome = Outcome {
            ticket: self.assignment.ticket,
            phase: self.phase,
            bytes_received: self.exchange.bytes_received(),
            started: Some(self.started),
            elapsed: Duration::from_nanos(now.saturating_sub(self.started)),
            result: self.ended.unwrap_or(Err(Error::Cancelled)).map(|()| self.exchange.into_reply()),
        };
        if outcome.shortage().is_some() {
            connections.keep_no_others();
        }
        outcome
    }

    /// What is still to be sent.
    fn unsent(&self) -> &[u8] {
        self.tls.as_ref().map_or_else(|| self.exchange.unsent(), |tls| tls.unsent())
    }

    /// Sends the request over a connection that served an earlier attempt.
    fn reuse(&mut self, idle: Idle) {
        self.reused = true;
        self.phase = Phase::Write;
        self.tls = idle.tls;
        if let Some(tls) = &mut self.tls {
            tls.send(self.exchange.unsent());
        }
    }

    /// Whether the connection was idle for too long: the server has closed it, or said that it would.
    fn is_stale(&self) -> bool {
        self.reused && (self.exchange.bytes_received() == 0 || self.exchange.status() == Some(408))
    }

    /// Closes the connection, and sends the request over another.
    fn begin_anew(&mut self) {
        let Assignment { target, terms, .. } = &self.assignment;
        let now = Instant::now();
        (self.reused, self.rerouted) = (false, true);
        (self.phase, self.tls, self.unsendable) = (Phase::Connect, None, None);
        self.exchange = Exchange::new(&target.authority, &target.path, &terms.options);
        self.route = Route::new(&target.addresses, now);
        self.connect_deadline = terms.connect_deadline(now, self.deadline);
    }

    /// Whether the response is complete and the connection can serve another attempt.
    fn leaves_connection_open(&self) -> bool {
        matches!(self.ended, Some(Ok(())))
            && self.unsendable.is_none()
            && self.exchange.leaves_connection_open()
            && !self.tls.as_ref().is_some_and(|tls| tls.has_ended())
    }

    /// Takes encrypted bytes, none at the end of the stream. Returns whether the response is complete.
    fn decrypt(&mut self, mut data: &[u8]) -> Result<bool, Error> {
        let Some(tls) = &mut self.tls else { return Ok(false) };
        if data.is_empty() {
            if self.phase == Phase::Handshake {
                return Err(Error::Tls { phase: self.phase, reason: tls::cut_off() });
            }
            // Anybody can cut a connection off: where only its end tells the body's, the body may be incomplete.
            let whole = self.exchange.receive(data)?;
            return if whole { Err(Error::network(self.phase, &tls::truncated())) } else { Ok(false) };
        }
        let mut whole = false;
        while !data.is_empty() {
            let exchange = &mut self.exchange;
            let progress = tls.receive(&mut data, |plain| {
                whole = exchange.receive(plain)?;
                Ok(())
            });
            match progress {
                Err(Failure::Plain(error)) => return Err(error),
                Err(Failure::Tls(_)) if whole => return Ok(true),
                Err(Failure::Tls(reason)) => return Err(Error::Tls { phase: self.phase, reason }),
                Ok(Progress::Secured) => {
                    tls.send(exchange.unsent());
                    self.phase = Phase::Write;
                }
                Ok(Progress::Ended) if !whole => return self.exchange.receive(&[]).map_err(Error::from),
                Ok(_) => {}
            }
        }
        Ok(whole)
    }

    /// Ends the attempt if its time has passed; turns to the next address if that of this one has.
    fn watch_the_clock(&mut self) {
        let now = Instant::now();
        if now < self.deadline() {
            return;
        }
        if self.phase == Phase::Connect && now < self.connect_deadline {
            self.route.turn(now);
            self.rerouted = true;
        } else {
            let Terms { timeout, connect_timeout, .. } = *self.assignment.terms;
            let limit = if now < self.deadline { connect_timeout.unwrap_or(timeout) } else { timeout };
            self.ended = Some(Err(Error::Timeout { phase: self.phase, limit }));
        }
    }
}

/// The addresses of a host, one after another. (RFC 8305 tries several at a time; an exchange has one socket.)
#[derive(Debug)]
struct Route {
    /// The one to connect to now.
    address: SocketAddr,
    /// Those to try after it.
    others: VecDeque<SocketAddr>,
    /// When it is the next one's turn.
    until: Option<Instant>,
    /// How long a turn lasts.
    turn: Duration,
}

impl Route {
    /// The first turn, as RFC 8305 has it.
    const TURN: Duration = Duration::from_millis(250);

    /// `addresses` has at least one.
    fn new(addresses: &[SocketAddr], now: Instant) -> Self {
        let others = addresses.iter().skip(1).copied().collect::<VecDeque<_>>();
        let until = (!others.is_empty()).then(|| now + Self::TURN);
        Route { address: addresses[0], others, until, turn: Self::TURN }
    }

    /// Turns to the next address; this one gets another, longer turn.
    fn turn(&mut self, now: Instant) {
        if let Some(next) = self.others.pop_front() {
            self.others.push_back(std::mem::replace(&mut self.address, next));
            self.turn = self.turn * 3 / 2;
            self.until = Some(now + self.turn);
        }
    }

    /// Turns to the next address, and forgets this one. Returns whether there is a next.
    fn give_up(&mut self) -> bool {
        let Some(next) = self.others.pop_front() else { return false };
        self.address = next;
        self.until = (!self.others.is_empty()).then(|| Instant::now() + self.turn);
        true
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
            Err(Error::Network { phase: Phase::Connect, errno, .. }) => errno.filter(|&errno| is_shortage(errno)),
            _ => None,
        }
    }
}

/// Whether the server has closed the connection.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}

/// The error for a socket that is connected to itself: nobody else listens there.
fn refused() -> io::Error {
    #[cfg(unix)]
    return io::Error::from_raw_os_error(libc::ECONNREFUSED);
    #[cfg(not(unix))]
    return ErrorKind::ConnectionRefused.into();
}
