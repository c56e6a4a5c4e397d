//! What to fetch and within which limits, one try at it, and what came of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use url::{Position, Url};

use crate::clock::monotonic_ns;
use crate::error::{Error, Phase};
use crate::exchange::{Exchange, Limits, Reply};

/// A URL taken apart by the WHATWG's rules, for both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The name or the IP address, an IPv6 address without its brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The `Host` header's value: host and, unless it is the scheme's default, port.
    pub authority: String,
    /// What to ask the server for: path and query.
    pub path: String,
}

impl Location {
    /// Takes an `http` URL apart.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| Error::InvalidUrl(format!("{text:?} is no URL that can be fetched: {why}"));
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => invalid("it has no scheme; write http://host[:port]/path"),
            error => invalid(&error.to_string()),
        })?;
        if url.scheme() != "http" {
            return Err(Error::UnsupportedProtocol(format!(
                "{text:?} has the scheme {:?}; allowed: \"http\"",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it holds a user name or password, which would not be sent"));
        }
        let host = url.host_str().ok_or_else(|| invalid("it has no host"))?;
        let port = url.port_or_known_default().filter(|&port| port != 0).ok_or_else(|| invalid("port 0"))?;
        Ok(Location {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            authority: url[Position::BeforeHost..Position::AfterPort].to_owned(),
            path: url[Position::BeforePath..Position::AfterQuery].to_owned(),
        })
    }
}

/// One URL to fetch, its host already resolved: resolving is no part of any strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The `Host` header's value.
    pub authority: String,
    /// Path and query.
    pub path: String,
    /// Where to connect to.
    pub address: SocketAddr,
    /// The intended start: its exchange may not begin before; `None` means at once. Only who hands targets out needs it.
    #[serde(skip)]
    pub due: Option<Instant>,
}

/// What one call of a strategy has to do.
#[derive(Debug, Clone)]
pub struct Job {
    /// The URLs, in the caller's order; never empty.
    pub targets: Arc<[Target]>,
    /// How many exchanges may be under way at once, at least one.
    pub concurrency: usize,
    /// The time for one exchange, from its start to its end.
    pub timeout: Duration,
    /// What a response may cost.
    pub limits: Limits,
}

impl Job {
    /// How many waiters are worth having: more than there are URLs would only idle.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.concurrency.min(self.targets.len())
    }

    /// When the exchange of the URL at `index` may begin, if that is still to come.
    #[must_use]
    pub fn due_later(&self, index: usize) -> Option<Instant> {
        self.targets[index].due.filter(|&due| due > Instant::now())
    }

    /// Sleeps until the exchange of the URL at `index` may begin.
    pub fn sleep_until_due(&self, index: usize, cancellation: &Cancellation) -> Result<(), Error> {
        while let Some(due) = self.due_later(index) {
            cancellation.check()?;
            std::thread::sleep(due.saturating_duration_since(Instant::now()).min(TICK));
        }
        Ok(())
    }

    /// Starts the exchange of the URL at `index`.
    #[must_use]
    pub fn attempt(&self, index: usize) -> Attempt {
        Attempt::new(&self.targets[index], self.timeout, self.limits)
    }
}

/// What came of one URL.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The response, or why there is none.
    pub result: Result<Reply, Error>,
    /// What the exchange was busy with when it ended.
    pub phase: Phase,
    /// Bytes of the response that had come.
    pub bytes_received: u64,
    /// When the exchange began, in ns of the monotonic clock, which all processes share; `None` if that is not known.
    pub started: Option<u64>,
    /// From the start of the exchange to its end.
    pub elapsed: Duration,
}

/// One try at one URL: an exchange with a phase and a deadline.
#[derive(Debug)]
pub struct Attempt {
    /// The HTTP side: bytes out, bytes in.
    exchange: Exchange,
    /// Where to connect to.
    address: SocketAddr,
    /// What is being done, so that an error can say so.
    phase: Phase,
    /// When the try began, in ns of the monotonic clock.
    started: u64,
    /// When the time is over.
    deadline: Instant,
    /// The time allowed for all of it.
    timeout: Duration,
}

impl Attempt {
    /// Begins: the clock runs from here.
    #[must_use]
    pub fn new(target: &Target, timeout: Duration, limits: Limits) -> Self {
        Attempt {
            exchange: Exchange::get(target, limits),
            address: target.address,
            phase: Phase::Connect,
            started: monotonic_ns(),
            deadline: Instant::now() + timeout,
            timeout,
        }
    }

    /// Where to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// When the time is over.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The time that is left, or the time-out that has passed.
    pub fn time_left(&self) -> Result<Duration, Error> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.timed_out()) } else { Ok(left) }
    }

    /// The error for a deadline that has passed.
    #[must_use]
    pub fn timed_out(&self) -> Error {
        Error::Timeout { phase: self.phase, limit: self.timeout }
    }

    /// The connection stands.
    pub fn connected(&mut self) {
        self.phase = Phase::Write;
    }

    /// What is still to be sent.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        self.exchange.unsent()
    }

    /// `count` bytes more were sent; tells whether that was the last of the request.
    pub fn sent(&mut self, count: usize) -> bool {
        self.exchange.sent(count);
        if self.exchange.unsent().is_empty() {
            self.phase = Phase::Read;
        }
        self.phase == Phase::Read
    }

    /// Takes what came from the server, nothing meaning the end of the stream; tells whether the response is whole.
    pub fn receive(&mut self, data: &[u8]) -> Result<bool, Error> {
        self.exchange.receive(data)
    }

    /// The operating system's error, told with what was being done.
    #[must_use]
    pub fn failed(&self, error: &io::Error) -> Error {
        Error::network(self.phase, error)
    }

    /// Ends the try.
    #[must_use]
    pub fn finish(self, ended: Result<(), Error>) -> Outcome {
        Outcome {
            phase: self.phase,
            bytes_received: self.exchange.bytes_received(),
            started: Some(self.started),
            elapsed: Duration::from_nanos(monotonic_ns().saturating_sub(self.started)),
            result: ended.map(|()| self.exchange.into_reply()),
        }
    }
}

/// How often a wait looks up to see whether it is still wanted.
pub const TICK: Duration = Duration::from_millis(50);

/// The caller's way to end a call early, from another thread or by a signal.
pub struct Cancellation {
    /// Set once, seen by all who work for the call.
    flag: Arc<AtomicBool>,
    /// Asks the outside whether to stop, such as Python for pending signals; only on the thread of the call.
    ask: Option<Box<dyn Fn() -> bool + Send + Sync>>,
    /// When the outside was asked last, in ns of the monotonic clock: asking takes Python's lock.
    asked: AtomicU64,
}

impl Cancellation {
    /// The outside is asked no more often than this.
    const ASK_EVERY: Duration = Duration::from_millis(20);

    /// A call that `ask` can end: it is called now and then, and tells whether to stop.
    #[must_use]
    pub fn asking(ask: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Cancellation { flag: Arc::default(), ask: Some(Box::new(ask)), asked: AtomicU64::new(monotonic_ns()) }
    }

    /// A call that only `cancel` can end.
    #[must_use]
    pub fn by_hand() -> Self {
        Cancellation { flag: Arc::default(), ask: None, asked: AtomicU64::new(0) }
    }

    /// The same call, seen from a thread that works for it: it follows, but does not ask.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        Cancellation { flag: Arc::clone(&self.flag), ..Self::by_hand() }
    }

    /// Ends the call.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Fails if the call is to end; asks the outside if that was not done of late.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(ask) = &self.ask {
            let now = monotonic_ns();
            let due = self.asked.load(Ordering::Relaxed) + Self::ASK_EVERY.as_nanos() as u64;
            if now >= due {
                self.asked.store(now, Ordering::Relaxed);
                if ask() {
                    self.cancel();
                }
            }
        }
        if self.flag.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}
