//! One connection: requests in, replies out, each when it is due.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpStream;
use rustls::ServerConfig;
use socket2::SockRef;

use super::Config;
use super::faults::{Faults, Met};
use super::http::{self, MAX_HEAD, Replies, Reply, Request};
use super::log::{Entrance, Entry, Log, Logs};
use super::script::{RawReplies, Script, Step};
use super::sender::{SEND, SEND_LAST, Sender};
use super::site::{Answer, Served};
use super::tls::Tls;
use crate::clock::monotonic_ns;

/// How many requests of one connection may be pending before its input is left in the kernel.
const MAX_PIPELINED: usize = 64;
/// How many reads, and how many writes, a connection may make before the others get their turn.
const BURST: usize = 16;
/// For how many nanoseconds a connection is drained before it is closed despite unread input.
const LINGER: u64 = 2_000_000_000;
/// With a limited bandwidth, how many portions of the body are sent per second.
const PORTIONS_PER_SECOND: u64 = 100;
/// How many buffers are kept for later replies, and how large one may be: the pages of a site can be.
const MAX_SPARE: usize = 1024;
const MAX_SPARE_SIZE: usize = 16 << 10;

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
    /// Nanoseconds that a client has for the head of a request, and for a TLS handshake.
    head_timeout: u64,
    replies: Replies,
    raw: Arc<RawReplies>,
    /// Of each entrance; None if there are none.
    faults: Option<[Faults; 2]>,
    /// At each entrance; None if there is none.
    sites: Option<[Served; 2]>,
    /// None for plain HTTP.
    tls: Option<Arc<ServerConfig>>,
    logs: Logs,
    /// The buffer of all reads; only an incomplete head is copied out of it.
    scratch: Vec<u8>,
    /// Emptied buffers of replies.
    spare: Vec<Vec<u8>>,
}

impl Service {
    pub(super) fn new(config: &Config, tls: Option<Arc<ServerConfig>>, raw: Arc<RawReplies>, logs: Logs) -> Self {
        Self {
            seed: config.seed,
            latency: config.latency.as_nanos() as u64,
            jitter: config.jitter.as_nanos() as u64,
            bandwidth: config.bandwidth.map(u64::from),
            head_timeout: config.head_timeout.as_nanos() as u64,
            replies: Replies::new(config.body_size),
            raw,
            faults: Faults::new(&config.faults, config.seed).map(|faults| [faults.clone(), faults]),
            sites: config.site.as_ref().map(|site| Served::new(site, config.https)).map(|site| [site.clone(), site]),
            tls,
            logs,
            scratch: vec![0; MAX_HEAD],
            spare: Vec::new(),
        }
    }

    pub(super) fn log(&self, entrance: Entrance) -> MutexGuard<'_, Log> {
        self.logs.of(entrance)
    }

    /// The encrypted side of a new connection; None for plain HTTP.
    pub(super) fn tls(&self) -> Option<Box<Tls>> {
        self.tls.as_ref().map(|config| Box::new(Tls::new(config)))
    }

    /// The reply of the site, if there is one and the request is for it.
    fn visit(&mut self, entrance: Entrance, request: &Request<'_>, now: u64) -> Option<Answer> {
        let sites = self.sites.as_mut()?;
        let origin = self.logs.of(entrance).origin_with(now);
        sites[entrance as usize].answer(request.host, request.path, origin)
    }

    /// What a request meets: nanoseconds until it is answered, and how.
    fn treat(
        &mut self,
        entrance: Entrance,
        path: &str,
        now: u64,
        delay: u64,
        raw: Option<Arc<[Step]>>,
    ) -> (u64, Treatment) {
        let scripted = |steps| Treatment::Raw(Box::new(Script::new(steps)));
        let Some(faults) = &mut self.faults else { return (delay, raw.map_or(Treatment::Plain, scripted)) };
        let origin = self.logs.of(entrance).origin_with(now);
        let mut met = faults[entrance as usize].meet(path, now, origin, delay);
        if let Some(steps) = raw {
            return (met.delay, scripted(steps));
        }
        match met.script.take() {
            Some(steps) => (0, scripted(steps)), // its times count from the request
            None if met.is_only_late() => (met.delay, Treatment::Plain),
            None => (met.delay, Treatment::Faulty(Box::new(met))),
        }
    }

    /// If no reply may be sent now: until when.
    fn standing_still(&self, entrance: Entrance) -> Option<u64> {
        let faults = self.faults.as_ref()?;
        let origin = self.log(entrance).origin()?;
        faults[entrance as usize].standing_still(monotonic_ns(), origin)
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
    /// The time just before the first of them, but for a probe; 0 before.
    first_byte: u64,
    treatment: Treatment,
}

/// How fast a reply may be sent.
#[derive(Debug)]
struct Pace {
    /// How many of its bytes may have left by now.
    allowed: u64,
    /// The most bytes in one go.
    piece: u64,
    /// When more may leave, if all that is allowed has left.
    more: u64,
}

/// How a request is answered.
#[derive(Debug)]
enum Treatment {
    /// With the reply.
    Plain,
    /// With the reply, but with faults.
    Faulty(Box<Met>),
    /// With a raw reply.
    Raw(Box<Script>),
}

impl Treatment {
    /// Has the connection closed after this many bytes of the reply.
    fn limit(&mut self, limit: u64) {
        match self {
            Self::Plain => *self = Self::Faulty(Box::new(Met { limit: Some(limit), ..Met::default() })),
            Self::Faulty(met) => met.limit = Some(met.limit.unwrap_or(u64::MAX).min(limit)),
            Self::Raw(_) => {}
        }
    }
}

impl Exchange {
    /// The faults that its reply meets.
    fn met(&self) -> Option<&Met> {
        if let Treatment::Faulty(met) = &self.treatment { Some(met) } else { None }
    }

    /// How many bytes of the reply are sent at most.
    fn length(&self) -> u64 {
        let length = self.reply.length();
        self.met().and_then(|met| met.limit).map_or(length, |limit| limit.min(length))
    }

    /// What bandwidth and pieces allow at `now`.
    fn pace(&self, now: u64, bandwidth: Option<u64>) -> Pace {
        let mut pace = Pace { allowed: self.length(), piece: u64::MAX, more: 0 };
        let elapsed = now - self.first_byte;
        // The head is sent at once, and `n` bytes of the body within `n / bandwidth` after it.
        if let Some(bandwidth) = self.met().and_then(|met| met.bandwidth).or(bandwidth) {
            let (head, body) = (self.reply.head(), self.reply.body());
            let allowed = u128::from(elapsed) * u128::from(bandwidth) / 1_000_000_000;
            let allowed = head + allowed.min(u128::from(body)) as u64;
            if self.sent >= allowed {
                let portion = (bandwidth / PORTIONS_PER_SECOND).max(1);
                pace.more = time_of((self.sent - head).saturating_add(portion).min(body), bandwidth);
            }
            pace.allowed = pace.allowed.min(allowed);
        }
        if let Some((size, delay)) = self.met().and_then(|met| met.slices) {
            pace.piece = size;
            // the first at once, each later one `delay` after the one before
            if let Some(pieces) = elapsed.checked_div(delay) {
                let allowed = (pieces + 1).saturating_mul(size);
                if self.sent >= allowed {
                    pace.more = pace.more.max((self.sent / size).saturating_mul(delay));
                }
                pace.allowed = pace.allowed.min(allowed);
            }
        }
        pace.more = pace.more.saturating_add(self.first_byte);
        pace
    }

    /// Whether no byte of a reply will ever be sent.
    fn is_hopeless(&self) -> bool {
        if let Treatment::Raw(script) = &self.treatment { script.is_silent() } else { false }
    }

    /// The log's record of it.
    fn entry(&self, connection: &Connection, last_byte: u64, closed: u64) -> Entry {
        let begun = self.first_byte > 0;
        let (head, status) = match &self.treatment {
            Treatment::Raw(script) => (0, script.status()),
            _ => (self.reply.head(), self.status),
        };
        Entry {
            id: self.id,
            connection: connection.id,
            accepted: connection.accepted,
            secured: connection.secured(),
            begun: self.arrived.max(connection.last_end),
            request: self.request,
            first_byte: self.first_byte,
            last_byte,
            closed,
            size: self.sent.saturating_sub(head),
            status: if begun { status } else { 0 },
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
    /// Its last reply is sent, and input is discarded until it ends or until this time. Its sending side is shut down,
    /// unless it is to close slowly.
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

/// What is known about a client that has ended its sending side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// It may still wait for its reply, or have gone.
    Unprobed,
    /// The same, but a byte was sent, which the system of a client that has gone answers with a reset.
    Probed,
    /// It has gone.
    Gone,
}

/// A connection: a state machine. Events only update its state; all work is done in [`Connection::turn`].
#[derive(Debug)]
pub(super) struct Connection {
    /// None once closed.
    stream: Option<TcpStream>,
    /// None for plain HTTP.
    tls: Option<Box<Tls>>,
    /// Where it came in.
    pub(super) entrance: Entrance,
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
    client: Client,
    /// The beginning of a head.
    head: Vec<u8>,
    /// When that arrived.
    head_since: u64,
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
    pub(super) fn new(
        stream: TcpStream,
        tls: Option<Box<Tls>>,
        entrance: Entrance,
        accepted: u64,
        (id, exchange): (u64, u64),
    ) -> Self {
        Self {
            stream: Some(stream),
            tls,
            entrance,
            id,
            accepted,
            opening: Some(exchange),
            stage: Stage::Open,
            input: Input::Waiting, // the request may already be there
            blocked: false,
            client: Client::Unprobed,
            head: Vec::new(),
            head_since: 0,
            arrived: accepted,
            last_end: 0,
            exchanges: VecDeque::new(),
            listed: false,
        }
    }

    /// When the TLS handshake had ended; 0 before, and for plain HTTP.
    fn secured(&self) -> u64 {
        self.tls.as_ref().map_or(0, |tls| tls.secured)
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
        if event.is_write_closed() {
            self.client = Client::Gone;
        }
    }

    /// Does what can be done now: reads, and sends the replies that are due.
    pub(super) fn turn(&mut self, service: &mut Service) -> Next {
        if let Stage::Lingering { until } = self.stage {
            return self.linger(until, service);
        }
        for _ in 0..BURST {
            match self.read(service) {
                Ok(()) if self.client != Client::Gone => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return self.shut_down(service),
                Ok(()) | Err(_) => return self.close(&mut service.log(self.entrance)),
            }
            let Some(exchange) = self.exchanges.front() else {
                match self.input {
                    Input::Ended => return self.close(&mut service.log(self.entrance)),
                    Input::Waiting | Input::Ending => return Next::Again,
                    Input::Drained => match self.next_limit(service) {
                        Some(limit) if limit > monotonic_ns() => return Next::Until(limit),
                        // in a handshake
                        Some(_) if self.head.is_empty() => return self.close(&mut service.log(self.entrance)),
                        Some(_) => self.give_up(service),
                        None => return Next::Event,
                    },
                }
                continue;
            };
            let (due, waits) = (exchange.due, exchange.due > monotonic_ns());
            if self.input == Input::Ended && self.client == Client::Unprobed {
                // A client that ends its sending side may still wait for its reply; over TLS, none does.
                let in_vain = exchange.is_hopeless() || (waits && self.tls.is_some());
                if in_vain || (waits && self.probe(service).is_err()) {
                    return self.close(&mut service.log(self.entrance));
                }
            }
            if waits {
                return Next::Until(due);
            }
            if self.blocked {
                return Next::Event;
            }
            if let Some(until) = service.standing_still(self.entrance) {
                return Next::Until(until);
            }
            if let Some(next) = self.send(service) {
                return next;
            }
        }
        Next::Again
    }

    /// When a request, or a handshake, that has begun must be complete.
    fn next_limit(&self, service: &Service) -> Option<u64> {
        let shaking_hands = self.tls.as_ref().is_some_and(|tls| tls.secured == 0);
        let begun = if shaking_hands { self.accepted } else { self.head_since };
        (shaking_hands || !self.head.is_empty()).then(|| begun.saturating_add(service.head_timeout))
    }

    /// Answers a request whose head takes too long.
    fn give_up(&mut self, service: &mut Service) {
        self.head.clear();
        let late = Request { length: 0, path: "", host: "", status: 408, head_only: false, keep_alive: false };
        self.begin(&late, monotonic_ns(), service);
    }

    /// Sends the first byte of the reply to a client that has ended its sending side. If it only does not want to send
    /// any more, it waits for the rest; if it has gone, its system answers with a reset. Nothing else tells the two
    /// apart.
    fn probe(&mut self, service: &Service) -> io::Result<()> {
        self.client = Client::Probed;
        let (Some(exchange), Some(stream)) = (self.exchanges.front_mut(), &self.stream) else { return Ok(()) };
        if exchange.sent > 0 || exchange.length() == 0 || matches!(exchange.treatment, Treatment::Raw(_)) {
            return Ok(());
        }
        let (slices, _) = exchange.reply.slices(&service.replies, 0, 1);
        match (Sender { stream, flags: SEND }).write_vectored(&slices) {
            Ok(count) => exchange.sent = count as u64,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads what there is, up to a limit, and parses the requests.
    fn read(&mut self, service: &mut Service) -> io::Result<()> {
        if let (Some(tls), Some(stream), false) = (&mut self.tls, &self.stream, self.blocked) {
            self.blocked = !tls.flush(stream, SEND)?;
        }
        for _ in 0..BURST {
            let waiting = matches!(self.input, Input::Waiting | Input::Ending);
            if !waiting || self.exchanges.len() >= MAX_PIPELINED {
                break;
            }
            let Some(mut stream) = self.stream.as_ref() else { break };
            let read = match &mut self.tls {
                None => stream.read(&mut service.scratch),
                Some(tls) => tls.read(stream, &mut service.scratch),
            };
            match read {
                Ok(0) => self.input = Input::Ended,
                Ok(count) => {
                    let now = monotonic_ns();
                    // A short read has drained the socket: more input will cause a new event. (TLS takes it in records.)
                    if self.input == Input::Waiting && count < service.scratch.len() && self.tls.is_none() {
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
            self.head_since = now;
        } else {
            self.head.extend_from_slice(&scratch[..count]);
            let input = std::mem::take(&mut self.head);
            let used = self.take_requests(&input, now, service);
            self.head = input;
            self.head.drain(..used);
            if used > 0 {
                self.head_since = now;
            }
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
            None => service.log(self.entrance).begin_exchange(),
        };
        let delay = if request.status == 200 {
            service.latency.saturating_add(http::jitter(service.seed, request.path, service.jitter))
        } else {
            0
        };
        let (mut delay, mut keep_alive, mut treatment) = (delay, request.keep_alive, Treatment::Plain);
        let mut answer = None;
        if request.status == 200 {
            answer = service.visit(self.entrance, request, now);
            if let Some(answer) = &answer {
                delay = delay.saturating_add(answer.delay.as_nanos() as u64);
            }
            let raw = service.raw.get(request.path);
            if raw.is_some() || service.faults.is_some() {
                (delay, treatment) = service.treat(self.entrance, request.path, now, delay, raw);
                keep_alive &= match &treatment {
                    Treatment::Plain => true,
                    Treatment::Faulty(met) => met.limit.is_none(),
                    Treatment::Raw(_) => false,
                };
            }
        }
        let buffer = service.spare.pop().unwrap_or_default();
        let (status, reply) = match &answer {
            Some(answer) => (answer.code(), http::compose(request, answer, buffer)),
            None => (request.status, service.replies.compose(request, buffer)),
        };
        if answer.is_some_and(|answer| answer.cut) {
            keep_alive = false;
            treatment.limit(reply.head() + reply.body() / 2);
        }
        if !keep_alive {
            self.stage = Stage::Finishing { excess: false };
        }
        self.exchanges.push_back(Exchange {
            id,
            status,
            arrived: self.arrived,
            request: now,
            due: now.saturating_add(delay),
            keep_alive,
            reply,
            sent: 0,
            first_byte: 0,
            treatment,
        });
    }

    /// Sends as much of the first reply as the kernel and its pace allow; None when all of it is sent.
    fn send(&mut self, service: &mut Service) -> Option<Next> {
        let mut exchange = self.exchanges.pop_front()?;
        // One lock from the last bytes to the record: a client that has the complete reply also finds its record.
        let mut log = service.logs.of(self.entrance);
        let sent = match &exchange.treatment {
            Treatment::Raw(_) => self.perform(&mut exchange),
            _ => self.send_some(&mut exchange, service),
        };
        match sent {
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

        let ended = monotonic_ns();
        let complete = exchange.first_byte > 0 && exchange.length() == exchange.reply.length();
        let slow_close = exchange.met().map_or(0, |met| met.slow_close);
        let at_once = !exchange.keep_alive && slow_close == 0 && !self.may_have_unread_input(&exchange);
        let closed = if at_once {
            self.say_goodbye();
            self.stream = None;
            monotonic_ns()
        } else {
            0
        };
        log.end_exchange(exchange.entry(self, if complete { ended } else { 0 }, closed), exchange.reply.path());
        self.last_end = ended;
        if at_once {
            log.close_connection(self.id, closed, self.listed);
        }
        drop(log);
        let keep_alive = exchange.keep_alive;
        let buffer = exchange.reply.into_buffer();
        if service.spare.len() < MAX_SPARE && buffer.capacity() <= MAX_SPARE_SIZE {
            service.spare.push(buffer);
        }
        if at_once {
            return Some(Next::Closed);
        }
        self.listed = true;
        match (keep_alive, slow_close) {
            (true, _) => None,
            (false, 0) => Some(self.shut_down(service)),
            (false, _) => {
                let until = ended.saturating_add(slow_close);
                self.stage = Stage::Lingering { until };
                Some(self.linger(until, service))
            }
        }
    }

    /// Like [`Connection::send`], but for the bytes only.
    fn send_some(&mut self, exchange: &mut Exchange, service: &Service) -> io::Result<Option<Next>> {
        let Some(stream) = self.stream.as_ref() else { return Err(io::ErrorKind::NotConnected.into()) };
        let length = exchange.length();
        let closes = !exchange.keep_alive && exchange.met().is_none_or(|met| met.slow_close == 0);
        if exchange.sent == length {
            // all of it is encrypted, or nothing may be sent
            return self.flush(if closes { SEND_LAST } else { SEND });
        }
        let now = monotonic_ns();
        if exchange.first_byte == 0 {
            exchange.first_byte = now;
        }
        for _ in 0..BURST {
            let Pace { allowed, piece, more } = exchange.pace(now, service.bandwidth);
            if exchange.sent >= allowed {
                return Ok(Some(Next::Until(more)));
            }
            let end = allowed.min(exchange.sent.saturating_add(piece));
            let (slices, count) = exchange.reply.slices(&service.replies, exchange.sent, end);
            let last = closes && exchange.sent + count == length;
            let flags = if last { SEND_LAST } else { SEND };
            let sent = match &mut self.tls {
                None => Sender { stream, flags }.write_vectored(&slices),
                Some(tls) => tls.send(stream, &slices, last),
            };
            match sent {
                Ok(count) => exchange.sent += count as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(Some(Next::Event));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if exchange.sent == length {
                return self.flush(flags);
            }
        }
        Ok(Some(Next::Again))
    }

    /// Sends what TLS has encrypted; None when the kernel has taken all of it.
    fn flush(&mut self, flags: i32) -> io::Result<Option<Next>> {
        let (Some(tls), Some(stream)) = (&mut self.tls, &self.stream) else { return Ok(None) };
        self.blocked = !tls.flush(stream, flags)?;
        Ok(self.blocked.then_some(Next::Event))
    }

    /// Goes on with a raw reply; None when the connection is to be closed.
    fn perform(&mut self, exchange: &mut Exchange) -> io::Result<Option<Next>> {
        let Treatment::Raw(script) = &mut exchange.treatment else { return Ok(None) };
        loop {
            let Some(stream) = self.stream.as_ref() else { return Err(io::ErrorKind::NotConnected.into()) };
            match script.step() {
                Step::Send(bytes) if script.sent == bytes.len() => script.advance(),
                Step::Send(bytes) => {
                    if exchange.first_byte == 0 {
                        exchange.first_byte = monotonic_ns();
                    }
                    let slices = [IoSlice::new(&bytes[script.sent..])];
                    let sent = match &mut self.tls {
                        None => Sender { stream, flags: SEND }.write_vectored(&slices),
                        Some(tls) => tls.send(stream, &slices, false),
                    };
                    match sent {
                        Ok(count) => {
                            script.sent += count;
                            exchange.sent += count as u64;
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            self.blocked = true;
                            return Ok(Some(Next::Event));
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Step::Wait(time) => {
                    let (now, time) = (monotonic_ns(), time.as_nanos() as u64);
                    if script.until == 0 {
                        script.until = now.saturating_add(time);
                    }
                    if script.until > now {
                        return Ok(Some(Next::Until(script.until)));
                    }
                    script.advance();
                }
                Step::Close => return self.flush(SEND),
                Step::Reset => {
                    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO)); // fails if the peer is gone
                    self.stream = None;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                Step::Hang => return Ok(Some(Next::Event)),
            }
        }
    }

    /// Whether closing now might send a reset, which would destroy a reply in flight.
    fn may_have_unread_input(&self, last: &Exchange) -> bool {
        match self.input {
            Input::Ended => false,
            Input::Waiting | Input::Ending => true,
            Input::Drained => self.stage == Stage::Finishing { excess: true } || last.status != 200,
        }
    }

    /// Announces the end over TLS.
    fn say_goodbye(&mut self) {
        if let (Some(tls), Some(stream)) = (&mut self.tls, &self.stream) {
            tls.end(stream);
        }
    }

    /// Ends the sending side, and lingers.
    fn shut_down(&mut self, service: &mut Service) -> Next {
        self.say_goodbye();
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Write); // fails if the peer is gone, which reading will show
        }
        let until = monotonic_ns() + LINGER;
        self.stage = Stage::Lingering { until };
        self.linger(until, service)
    }

    /// Discards input until it ends, or until the given time.
    fn linger(&mut self, until: u64, service: &mut Service) -> Next {
        for _ in 0..BURST {
            let Some(mut stream) = self.stream.as_ref().filter(|_| monotonic_ns() < until) else { break };
            match stream.read(&mut service.scratch) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Next::Until(until),
                Ok(0) | Err(_) => return self.close(&mut service.log(self.entrance)),
            }
        }
        if monotonic_ns() < until { Next::Again } else { self.close(&mut service.log(self.entrance)) }
    }

    /// Closes the connection, and records its unfinished exchanges.
    pub(super) fn close(&mut self, log: &mut Log) -> Next {
        self.say_goodbye();
        self.stream = None;
        let closed = monotonic_ns();
        if let Some(id) = self.opening.take() {
            let (accepted, secured) = (self.accepted, self.secured());
            let entry =
                Entry { id, connection: self.id, accepted, secured, begun: accepted, closed, ..Entry::default() };
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
fn time_of(bytes: u64, bandwidth: u64) -> u64 {
    (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(bandwidth)) as u64
}
