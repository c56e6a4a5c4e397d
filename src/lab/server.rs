//! The loop: one thread, one poll, edge-triggered.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use rustls::ServerConfig;
use slab::Slab;
use socket2::{Domain, Socket, Type};

use super::Config;
use super::connection::{Connection, Next, Service};
use super::log::{Entrance, Logs};
use super::script::RawReplies;
use super::timer::{Timer, Timers};
use crate::clock::monotonic_ns;
use crate::target::client_ports;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;
/// How many connections are accepted from one listener before the others get their turn.
const ACCEPT_BURST: usize = 64;
/// Nanoseconds from a failed accept, for example for lack of file descriptors, to the next try.
const ACCEPT_RETRY: u64 = 100_000_000;
/// The most events taken from one poll.
const EVENTS: usize = 1024;

/// The token of the timers' alarm; connections have small numbers.
const ALARM: Token = Token(usize::MAX - 1);
/// The token of the waker that ends the loop.
const STOP: Token = Token(usize::MAX - 2);
/// The token of the first listener; the others count down from it.
const LISTENERS: usize = usize::MAX - 3;

/// One of the lab's addresses.
#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    entrance: Entrance,
    /// There may be connections to accept.
    ready: bool,
}

/// A connection, and what the loop knows about it.
#[derive(Debug)]
struct Seat {
    connection: Connection,
    /// It is in `Server::again`.
    again: bool,
    /// It is registered with the poll.
    registered: bool,
    /// The timer that it waits for; timers with another time are void.
    until: u64,
}

/// The lab server.
#[derive(Debug)]
pub(super) struct Server {
    poll: Poll,
    stop: Arc<Waker>,
    listeners: Vec<Listener>,
    seats: Slab<Seat>,
    timers: Timers,
    service: Service,
    /// Connections accepted and not yet served; empty between turns of the loop.
    accepted: Vec<Connection>,
    /// Connections that want another turn before the next poll.
    again: Vec<usize>,
}

impl Server {
    /// Binds the sockets and listens.
    pub(super) fn bind(
        config: &Config,
        tls: Option<Arc<ServerConfig>>,
        raw: Arc<RawReplies>,
        logs: Logs,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        let mut listeners = Vec::new();
        for (entrance, port) in [(Entrance::Public, config.port), (Entrance::Private, 0)] {
            for mut socket in listen(port)? {
                registry.register(&mut socket, Token(LISTENERS - listeners.len()), Interest::READABLE)?;
                listeners.push(Listener { socket, entrance, ready: false });
            }
        }
        Ok(Self {
            stop: Arc::new(Waker::new(registry, STOP)?),
            timers: Timers::new(registry, ALARM)?,
            poll,
            listeners,
            seats: Slab::new(),
            service: Service::new(config, tls, raw, logs),
            accepted: Vec::new(),
            again: Vec::new(),
        })
    }

    /// The addresses of an entrance, 127.0.0.1 first.
    pub(super) fn addresses(&self, entrance: Entrance) -> io::Result<Vec<SocketAddr>> {
        let listeners = self.listeners.iter().filter(|listener| listener.entrance == entrance);
        listeners.map(|listener| listener.socket.local_addr()).collect()
    }

    /// A waker that ends [`Server::run`].
    pub(super) fn stop(&self) -> Arc<Waker> {
        Arc::clone(&self.stop)
    }

    /// Serves until it is stopped.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let idle = self.again.is_empty() && !self.listeners.iter().any(|listener| listener.ready);
            let timeout = if idle { self.timers.arm(monotonic_ns)? } else { Some(std::time::Duration::ZERO) };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for key in std::mem::take(&mut self.again) {
                if let Some(seat) = self.seats.get_mut(key) {
                    seat.again = false;
                }
                self.turn(key);
            }
            for event in &events {
                match event.token() {
                    STOP => return Ok(()),
                    ALARM => self.timers.rang(),
                    Token(key) if key <= LISTENERS && LISTENERS - key < self.listeners.len() => {
                        self.listeners[LISTENERS - key].ready = true;
                    }
                    Token(key) => {
                        if let Some(seat) = self.seats.get_mut(key) {
                            seat.connection.notice(event);
                            self.turn(key);
                        }
                    }
                }
            }
            self.run_timers();
            // Last, for two reasons: a client that closes one connection and opens the next must never be counted with
            // both; and the events above must not reach a new connection in the place of an old one.
            self.accept();
        }
    }

    /// Gives a connection its turn, and arranges what it waits for next.
    fn turn(&mut self, key: usize) {
        let Some(seat) = self.seats.get_mut(key) else { return };
        let connection = &mut seat.connection;
        let next = connection.turn(&mut self.service);
        if next != Next::Closed && !seat.registered {
            let interests = Interest::READABLE | Interest::WRITABLE;
            seat.registered = connection
                .stream_mut()
                .is_some_and(|stream| self.poll.registry().register(stream, Token(key), interests).is_ok());
            if !seat.registered {
                // the kernel has no memory for it
                connection.close(&mut self.service.log(connection.entrance));
                self.seats.remove(key);
                return;
            }
        }
        match next {
            Next::Event => {}
            Next::Until(until) if seat.until == until => {} // set before
            Next::Until(until) => {
                seat.until = until;
                self.timers.set(Timer { until, key, id: connection.id });
            }
            Next::Again if seat.again => {} // an event arrived while it was in the list
            Next::Again => {
                seat.again = true;
                self.again.push(key);
            }
            Next::Closed => drop(self.seats.remove(key)),
        }
    }

    fn run_timers(&mut self) {
        // Read the clock once: timers that become due meanwhile get their turn after the next poll.
        let now = monotonic_ns();
        while let Some(Timer { until, key, id }) = self.timers.take_due(now) {
            if Token(key) == ALARM {
                self.listeners.iter_mut().for_each(|listener| listener.ready = true);
            } else if let Some(seat) = self.seats.get_mut(key)
                && (seat.connection.id, seat.until) == (id, until)
            {
                seat.until = 0;
                self.turn(key);
            }
        }
    }

    fn accept(&mut self) {
        if !self.listeners.iter().any(|listener| listener.ready) {
            return;
        }
        // Count them all before serving the first of them: they are open at the same time.
        for listener in self.listeners.iter_mut().filter(|listener| listener.ready) {
            let entrance = listener.entrance;
            let mut log = self.service.log(entrance);
            for _ in 0..ACCEPT_BURST {
                match listener.socket.accept() {
                    Ok((stream, _)) => {
                        #[cfg(not(target_os = "linux"))]
                        let _ = stream.set_nodelay(true);
                        let tls = self.service.tls();
                        let now = monotonic_ns();
                        self.accepted.push(Connection::new(stream, tls, entrance, now, log.open_connection()));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        listener.ready = false;
                        break;
                    }
                    // Interrupted, or the peer gave up while it was waiting
                    Err(error)
                        if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {}
                    Err(_) => {
                        // Most likely no file descriptor is free. The waiting connections cause no new edge, and trying
                        // again at once would spin.
                        listener.ready = false;
                        self.timers.set(Timer { until: monotonic_ns() + ACCEPT_RETRY, key: ALARM.0, id: 0 });
                        break;
                    }
                }
            }
        }

        let mut accepted = std::mem::take(&mut self.accepted);
        for connection in accepted.drain(..) {
            let key = self.seats.insert(Seat { connection, again: false, registered: false, until: 0 });
            self.turn(key);
        }
        self.accepted = accepted; // to reuse its memory
    }
}

/// Listens at the port, or, if it is 0, at any.
fn listen(port: u16) -> io::Result<Vec<TcpListener>> {
    if port == 0 {
        // Best one that no client is ever given: what connects there cannot be connected to itself.
        let below = u64::from(*client_ports().start()).saturating_sub(u64::from(FIRST_PORT));
        for number in 0..TRIES.min(below) {
            let random = RandomState::new().hash_one(number) % below;
            if let Ok(listeners) = listen_locally(FIRST_PORT + random as u16) {
                return Ok(listeners);
            }
        }
    }
    listen_locally(port)
}

/// The lowest port to choose, above those of well-known services; and how many to try.
const FIRST_PORT: u16 = 10_240;
const TRIES: u64 = 20;

/// Listens on 127.0.0.1, and on the same port of 127.0.0.2 to .4 if possible: a client has some 28,000 ports for
/// connections to one address, and 100,000 one-shot connections soon use them up.
fn listen_locally(port: u16) -> io::Result<Vec<TcpListener>> {
    let first = listen_at(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    let port = first.local_addr()?.port();
    let others = (2..=4).filter_map(|last| listen_at(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), port)).ok());
    Ok(std::iter::once(first).chain(others).collect())
}

fn listen_at(address: SocketAddrV4) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // A lab may take over the port of one that has just ended. (On Windows this option would let two labs share it.)
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it on Linux.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}
