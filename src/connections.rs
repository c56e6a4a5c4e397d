//! A waiter's connections: where they are kept alive, one for each host that it fetched from lately.

use std::collections::VecDeque;
#[cfg(unix)]
use std::io::ErrorKind;
#[cfg(unix)]
use std::mem::MaybeUninit;
use std::mem::replace;
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::sync::Arc;

use socket2::SockRef;

use crate::target::Target;
use crate::tls::Tls;

/// What a strategy uses as a socket, open or not. It is closed when it is dropped.
pub trait Connection {
    /// Another one, which is not open.
    #[must_use]
    fn another(&self) -> Self;

    /// Looks at the system's socket, if it is open.
    fn look<Value>(&self, at: impl FnOnce(SockRef<'_>) -> Value) -> Option<Value>;
}

/// The connections of one waiter.
#[derive(Debug)]
pub struct Connections<S> {
    /// The one in use.
    pub socket: S,
    /// What the last attempt left in it, if it can serve another.
    idle: Option<Idle>,
    /// Those to other hosts; the one that was used last is last.
    kept: VecDeque<(Idle, S)>,
}

/// What an attempt leaves in a connection that can serve another.
#[derive(Debug)]
pub struct Idle {
    /// What it served last.
    pub target: Arc<Target>,
    /// The TLS session, if the URL was `https`.
    pub tls: Option<Box<Tls>>,
    /// Since when, in ns of the monotonic clock.
    pub since: u64,
}

impl<S: Connection> Connections<S> {
    /// How long a connection may be idle, in ns, before it is asked whether anything has arrived, which costs a system
    /// call.
    const ASK_AFTER: u64 = 100_000_000;

    /// A waiter's connections, of which there is none yet.
    #[must_use]
    pub fn new(socket: S) -> Self {
        Connections { socket, idle: None, kept: VecDeque::new() }
    }

    /// Keeps the connection in use for another attempt.
    pub fn leave(&mut self, idle: Idle) {
        self.idle = Some(idle);
    }

    /// Keeps no others: their descriptors are needed.
    pub fn keep_no_others(&mut self) {
        self.kept.clear();
    }

    /// Makes the connection to the target's host the one in use, and returns what is left in it; keeps so many to others.
    /// If there is none, that has yet to be opened.
    pub fn turn_to(&mut self, target: &Target, now: u64, others_kept: usize) -> Option<Idle> {
        let idle = match self.idle.take() {
            Some(idle) if idle.serves(target) => idle,
            last => self.change(last, target, others_kept)?,
        };
        let is_fresh = now.saturating_sub(idle.since) <= Self::ASK_AFTER;
        if is_fresh || self.socket.look(is_quiet) == Some(true) {
            return Some(idle);
        }
        self.socket = self.socket.another();
        None
    }

    /// Puts the connection in use away, if it can serve another attempt, and takes the one to the target's host.
    fn change(&mut self, last: Option<Idle>, target: &Target, others_kept: usize) -> Option<Idle> {
        let found = self.kept.iter().position(|(idle, _)| idle.serves(target));
        let found = found.and_then(|place| self.kept.remove(place));
        let is_known = found.is_some();
        let (idle, socket) = found.map_or_else(|| (None, self.socket.another()), |(idle, socket)| (Some(idle), socket));
        let socket = replace(&mut self.socket, socket);
        if let Some(last) = last
            && (is_known || socket.look(|socket| leaves_enough(&socket)) == Some(true))
        {
            self.kept.push_back((last, socket));
        }
        if self.kept.len() > others_kept {
            self.kept.pop_front();
        }
        idle
    }
}

/// A socket alone: none, while it is not open.
impl<Socket> Connection for Option<Socket>
where
    for<'socket> SockRef<'socket>: From<&'socket Socket>,
{
    fn another(&self) -> Self {
        None
    }

    fn look<Value>(&self, at: impl FnOnce(SockRef<'_>) -> Value) -> Option<Value> {
        self.as_ref().map(SockRef::from).map(at)
    }
}

impl Idle {
    /// Whether it leads to the same host and port, in the same scheme.
    fn serves(&self, target: &Target) -> bool {
        self.target.authority == target.authority && self.target.tls_host == target.tls_host
    }
}

/// Whether nothing has arrived on the socket, not even its end: what comes unasked is no reply to what is asked next.
// By value, to be passed by name.
#[allow(clippy::needless_pass_by_value)]
#[cfg(unix)]
fn is_quiet(socket: SockRef<'_>) -> bool {
    let peeked = socket.recv_with_flags(&mut [MaybeUninit::uninit()], libc::MSG_PEEK | libc::MSG_DONTWAIT);
    peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Nobody knows: asking could block.
#[allow(clippy::needless_pass_by_value)]
#[cfg(not(unix))]
fn is_quiet(_socket: SockRef<'_>) -> bool {
    true
}

/// Whether there are as many descriptors left as are in use. They are numbered from the lowest.
#[cfg(unix)]
fn leaves_enough(socket: &SockRef<'_>) -> bool {
    let number = u64::try_from(socket.as_raw_fd()).unwrap_or(u64::MAX);
    crate::descriptors::limit().is_none_or(|limit| number < limit / 2)
}

/// There is no such limit.
#[cfg(not(unix))]
fn leaves_enough(_socket: &SockRef<'_>) -> bool {
    true
}
