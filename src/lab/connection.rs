//! One connection: requests in, replies out, each when it is due.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::event::Event;
use mio::net::TcpStream;
use socket2::SockRef;

use super::Config;
use super::http::{self, MAX_HEAD, Replies, Reply, Request};
use super::log::{Entry, Log};
use crate::clock::monotonic_ns;

/// How many requests of one connection may be pending before its input is left in the kernel.
const MAX_PIPELINED: usize = 64;
/// How many reads, and how many writes, a connection may make before the others get their turn.
const BURST: usize = 16;
/// For how many nanoseconds a connection is drained before it is closed despite unread input.
const LINGER: u64 = 2_000_000_000;
/// With a limited bandwidth, how many portions of the body are sent per second.
const PORTIONS_PER_SECOND: u64 = 100;
/// How many buffers are kept for later replies.
const MAX_SPARE: usize = 1024;

/// Never raises SIGPIPE.
#[cfg(target_os = "linux")]
const SEND: i32 = libc::MSG_NOSIGNAL;
/// Like `SEND`, for the last bytes before the connection is closed: response and FIN are sent in one segment.
#[cfg(target_os = "linux")]
const SEND_LAST: i32 = libc::MSG_NOSIGNAL | libc::MSG_MORE;
#[cfg(not(target_os = "linux"))]
const SEND: i32 = 0;
#[cfg(not(target_os = "linux"))]
const SEND_LAST: i32 = 0;

/// What all connections of a lab share.
#[derive(Debug)]
pub(super) struct Service {
    seed: u64,
    /// Nanoseconds from a request to its reply.
    latency: u64,
    /// Bound of the extra nanoseconds.
    jitter: u64,
    /// Bytes of a body per second, if limited.
    bandwidth: Option<u64>,
    replies: Replies,
    log: Arc<Mutex<Log>>,
    /// The buffer of all reads; only an incomplete head is copied out of it.
    scratch: Vec<u8>,
    /// Emptied buffers of replies.
    spare: Vec<Vec<u8>>,
}

impl Service {
    pub(super) fn new(config: &Config, log: Arc<Mutex<Log>>) -> Self {
        Self {
            seed: config.seed,
            latency: config.latency.as_nanos() as u64,
            jitter: config.jitter.as_nanos() as u64,
            bandwidth: config.bandwidth.map(u64::from),
            replies: Replies::new(config.body_size),
            log,
            scratch: vec![0; MAX_HEAD],
            spare: Vec::new(),
        }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that has arrived, and its reply.
#[derive(Debug)]
struct Exchange {
    id: u64,
    status: u16,
    /// When the first byte of its request had arrived; for the first exchange, when the connection was accepted.
    arrived: u64,
    /// When its whole head had arrived.
    request: u64,
    /// When the reply may be sent.
    due: u64,
    /// Whether the connection stays open after the reply.
    keep_alive: bool,
    reply: Reply,
    /// Bytes of the reply handed to the kernel.
    sent: u64,
    /// The time just before the first of them.
    first_byte: u64,
}

impl Exchange {
    /// The log's record of it.
    fn entry(&self, connection: &Connection, last_byte: u64, closed: u64) -> Entry {
        let begun = self.sent > 0;
        Entry {
            id: self.id,
            connection: connection.id,
            accepted: connection.accepted,
            begun: self.arrived.max(connection.last_end),
            request: self.request,
            first_byte: if begun { self.first_byte } else { 0 },
            last_byte,
            closed,
            size: self.sent.saturating_sub(self.reply.head()),
            status: if begun { self.status } else { 0 },
            ..Entry::default()
        }
    }
}

/// What a connection waits for after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// An event.
    Event,
    /// This time, or an event.
    Until(u64),
    /// Nothing: it has used its share of this turn of the loop, and wants another one.
    Again,
    /// It is closed.
    Closed,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It accepts requests.
    Open,
    /// Its last request has arrived: whatever follows is ignored.
    Finishing {
        /// Something followed.
        excess: bool,
    },
    /// Its last reply is sent, its sending side is shut down, and input is discarded until it ends or until this time.
    Lingering { until: u64 },
}

/// What is known about the input that the kernel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// There is none: an event will report more.
    Drained,
    /// There may be some.
    Waiting,
    /// There may be some, followed by the end: no event will report the end, so a short read does not mean "drained".
    Ending,
    /// The end has been read.
    Ended,
}

/// A connection: a state machine. Events only update its state; all work is done in [`Connection::turn`].
#[derive(Debug)]
pub(super) struct Connection {
    /// None once closed.
    stream: Option<TcpStream>,
    /// Number of the connection.
    pub(super) id: u64,
    /// When it was accepted.
    accepted: u64,
    /// Number of the first exchange, which is in flight from the moment the connection is accepted, before its request.
    opening: Option<u64>,
    stage: Stage,
    input: Input,
    /// The kernel takes no more bytes; an event will report when it does.
    blocked: bool,
    /// The beginning of a head.
    head: Vec<u8>,
    /// When the first byte of the next request arrived; for the first request, when the connection was accepted.
    arrived: u64,
    /// When the last exchange ended.
    last_end: u64,
    /// Requests in order of arrival; the reply to the first is sent next.
    exchanges: VecDeque<Exchange>,
    /// The log holds records of this connection that lack the time of closing.
    listed: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, accepted: u64, (id, exchange): (u64, u64)) -> Self {
        Self {
            stream: Some(stream),
            id,
            accepted,
            opening: Some(exchange),
            stage: Stage::Open,
            input: Input::Waiting, // the request may already be there
            blocked: false,
            head: Vec::new(),
            arrived: accepted,
            last_end: 0,
            exchanges: VecDeque::new(),
            listed: false,
        }
    }

    /// The stream, for registration.
    pub(super) fn stream_mut(&mut self) -> Option<&mut TcpStream> {
        self.stream.as_mut()
    }

    /// Updates the state from an event.
    pub(super) fn notice(&mut self, event: &Event) {
        self.input = match self.input {
            // Reading will find an error.
            Input::Ended if !event.is_error() => Input::Ended,
            Input::Ending => Input::Ending,
            _ if event.is_read_closed() => Input::Ending,
            _ if event.is_readable() || event.is_error() => Input::Waiting,
            input => input,
        };
        self.blocked &= !(event.is_writable() || event.is_error());
    }

    /// Does what can be done now: reads, and sends the replies that are due.
    pub(super) fn turn(&mut self, service: &mut Service) -> Next {
        if let Stage::Lingering { until } = self.stage {
            return self.linger(until, service);
        }
        for _ in 0..BURST {
            if let Err(_reset) = self.read(service) {
                return self.close(&mut service.log());
            }
            match self.exchanges.front() {
                Some(exchange) if exchange.due > monotonic_ns() => return Next::Until(exchange.due),
                Some(_) if self.blocked => return Next::Event,
                Some(_) => {
                    if let Some(next) = self.send(service) {
                        return next;
                    }
                }
                None => match self.input {
                    Input::Ended => return self.close(&mut service.log()),
                    Input::Waiting | Input::Ending => return Next::Again,
                    Input::Drained => return Next::Event,
                },
            }
        }
        Next::Again
    }

    /// Reads what there is, up to a limit, and parses the requests.
    fn read(&mut self, service: &mut Service) -> io::Result<()> {
        for _ in 0..BURST {
            let waiting = matches!(self.input, Input::Waiting | Input::Ending);
            if !waiting || self.exchanges.len() >= MAX_PIPELINED {
                break;
            }
            let Some(mut stream) = self.stream.as_ref() else { break };
            match stream.read(&mut service.scratch) {
                Ok(0) => self.input = Input::Ended,
                Ok(count) => {
                    let now = monotonic_ns();
                    // A short read has drained the socket: more input will cause a new event.
                    if self.input == Input::Waiting && count < service.scratch.len() {
                        self.input = Input::Drained;
                    }
                    self.take(count, now, service);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.input = Input::Drained,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Parses the first `count` bytes of the scratch buffer, which arrived at `now`.
    fn take(&mut self, count: usize, now: u64, service: &mut Service) {
        if let Stage::Finishing { excess } = &mut self.stage {
            *excess = true;
            return;
        }
        let scratch = std::mem::take(&mut service.scratch);
        if self.head.is_empty() {
            if self.opening.is_none() {
                self.arrived = now;
            }
            let used = self.take_requests(&scratch[..count], now, service);
            self.head.extend_from_slice(&scratch[used..count]);
        } else {
            self.head.extend_from_slice(&scratch[..count]);
            let input = std::mem::take(&mut self.head);
            let used = self.take_requests(&input, now, service);
            self.head = input;
            self.head.drain(..used);
        }
        service.scratch = scratch;
        if let Stage::Finishing { excess } = &mut self.stage {
            *excess = !std::mem::take(&mut self.head).is_empty();
        }
    }

    /// Parses the complete requests at the start of `input`; returns their length.
    fn take_requests(&mut self, input: &[u8], now: u64, service: &mut Service) -> usize {
        let mut used = 0;
        while self.stage == Stage::Open && used < input.len() {
            let Some(request) = http::parse(&input[used..]) else { break };
            used += request.length;
            self.begin(&request, now, service);
            self.arrived = now;
        }
        used
    }

    /// Begins the exchange of a request that arrived at `now`.
    fn begin(&mut self, request: &Request<'_>, now: u64, service: &mut Service) {
        let id = match self.opening.take() {
            Some(id) => id,
            None => service.log().begin_exchange(),
        };
        let delay = if request.status == 200 {
            service.latency.saturating_add(http::jitter(service.seed, request.path, service.jitter))
        } else {
            0
        };
        let buffer = service.spare.pop().unwrap_or_default();
        if !request.keep_alive {
            self.stage = Stage::Finishing { excess: false };
        }
        self.exchanges.push_back(Exchange {
            id,
            status: request.status,
            arrived: self.arrived,
            request: now,
            due: now.saturating_add(delay),
            keep_alive: request.keep_alive,
            reply: service.replies.compose(request, buffer),
            sent: 0,
            first_byte: 0,
        });
    }

    /// Sends as much of the first reply as the kernel and the bandwidth allow; None when all of it is sent.
    fn send(&mut self, service: &mut Service) -> Option<Next> {
        let mut exchange = self.exchanges.pop_front()?;
        // One lock from the last bytes to the record: a client that has the complete reply also finds its record.
        let mut log = service.log.lock().unwrap_or_else(PoisonError::into_inner);
        match self.send_some(&mut exchange, service) {
            Ok(None) => {}
            Ok(next) => {
                self.exchanges.push_front(exchange);
                return next;
            }
            Err(_reset) => {
                self.exchanges.push_front(exchange);
                return Some(self.close(&mut log));
            }
        }

        let last_byte = monotonic_ns();
        let at_once = !exchange.keep_alive && !self.may_have_unread_input(&exchange);
        let closed = if at_once {
            self.stream = None;
            monotonic_ns()
        } else {
            0
        };
        log.end_exchange(exchange.entry(self, last_byte, closed), exchange.reply.path());
        self.last_end = last_byte;
        if at_once {
            log.close_connection(self.id, closed, self.listed);
        }
        drop(log);
        if service.spare.len() < MAX_SPARE {
            service.spare.push(exchange.reply.into_buffer());
        }
        if at_once {
            return Some(Next::Closed);
        }
        self.listed = true;
        if exchange.keep_alive {
            return None;
        }
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Write); // fails if the peer is gone, which reading will show
        }
        let until = last_byte + LINGER;
        self.stage = Stage::Lingering { until };
        Some(self.linger(until, service))
    }

    /// Like [`Connection::send`], but for the bytes only.
    fn send_some(&mut self, exchange: &mut Exchange, service: &Service) -> io::Result<Option<Next>> {
        let Some(stream) = self.stream.as_ref() else { return Err(io::ErrorKind::NotConnected.into()) };
        let now = monotonic_ns();
        if exchange.sent == 0 {
            exchange.first_byte = now;
        }
        let (head, length) = (exchange.reply.head(), exchange.reply.length());
        // The head is sent at once, and `n` bytes of the body within `n / bandwidth` after it.
        let allowed = service.bandwidth.map_or(length, |bandwidth| {
            let elapsed = u128::from(now - exchange.first_byte);
            let body = elapsed * u128::from(bandwidth) / 1_000_000_000;
            head + body.min(u128::from(exchange.reply.body())) as u64
        });
        for _ in 0..BURST {
            if exchange.sent >= allowed {
                let portion = (service.bandwidth.unwrap_or(u64::MAX) / PORTIONS_PER_SECOND).max(1);
                let body = (exchange.sent - head).saturating_add(portion).min(exchange.reply.body());
                return Ok(Some(Next::Until(exchange.first_byte + time_of(body, service.bandwidth))));
            }
            let (slices, count) = exchange.reply.slices(&service.replies, exchange.sent, allowed);
            let last = exchange.sent + count == length && !exchange.keep_alive;
            let flags = if last { SEND_LAST } else { SEND };
            match stream.try_io(|| SockRef::from(stream).send_vectored_with_flags(&slices, flags)) {
                Ok(count) => exchange.sent += count as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(Some(Next::Event));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if exchange.sent == length {
                return Ok(None);
            }
        }
        Ok(Some(Next::Again))
    }

    /// Whether closing now might send a reset, which would destroy a reply in flight.
    fn may_have_unread_input(&self, last: &Exchange) -> bool {
        match self.input {
            Input::Ended => false,
            Input::Waiting | Input::Ending => true,
            Input::Drained => self.stage == Stage::Finishing { excess: true } || last.status != 200,
        }
    }

    /// Discards input until it ends, or until the given time.
    fn linger(&mut self, until: u64, service: &mut Service) -> Next {
        for _ in 0..BURST {
            let Some(mut stream) = self.stream.as_ref().filter(|_| monotonic_ns() < until) else { break };
            match stream.read(&mut service.scratch) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Next::Until(until),
                Ok(0) | Err(_) => return self.close(&mut service.log()),
            }
        }
        if monotonic_ns() < until { Next::Again } else { self.close(&mut service.log()) }
    }

    /// Closes the connection, and records its unfinished exchanges.
    pub(super) fn close(&mut self, log: &mut Log) -> Next {
        self.stream = None;
        let closed = monotonic_ns();
        if let Some(id) = self.opening.take() {
            let accepted = self.accepted;
            let entry = Entry { id, connection: self.id, accepted, begun: accepted, closed, ..Entry::default() };
            log.end_exchange(entry, b"");
        }
        for exchange in std::mem::take(&mut self.exchanges) {
            log.end_exchange(exchange.entry(self, 0, closed), exchange.reply.path());
        }
        log.close_connection(self.id, closed, self.listed);
        Next::Closed
    }
}

/// How many nanoseconds this many bytes take, rounded up.
fn time_of(bytes: u64, bandwidth: Option<u64>) -> u64 {
    bandwidth.map_or(0, |bandwidth| (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(bandwidth)) as u64)
}
