//! A byte stream to a server. Here the waiting ones, in two manners; sockets that never wait come from `mio` and `tokio`
//! where a strategy uses those.
//!
//! std's `connect_timeout`, `write_all` and `read_exact` go on after a signal, and so would keep Ctrl-C waiting: here
//! each call is a single one, and between calls the caller sees whether to go on.

mod blocking;
mod nonblocking;

pub use blocking::BlockingChannel;
pub use nonblocking::NonblockingChannel;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

/// A TCP socket for a connection to `address`.
fn tcp_socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
}

/// The address of this end.
fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(not_connected)
}

/// An attempt sends and receives only after it was told that it is connected.
fn not_connected() -> io::Error {
    ErrorKind::NotConnected.into()
}
