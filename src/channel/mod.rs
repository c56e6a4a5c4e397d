//! A byte stream to a server, blocking or polled in a busy loop. The strategies with an event loop use the sockets of
//! `mio` or `tokio` instead.
//!
//! std's `connect_timeout`, `write_all` and `read_exact` continue after a signal, and so would delay Ctrl-C. Here each
//! call is a single system call, and between calls the caller checks whether to go on.

mod acknowledging;
mod blocking;
mod nonblocking;

pub use acknowledging::{Acknowledging, acknowledge_with_request};
pub use blocking::BlockingChannel;
pub use nonblocking::NonblockingChannel;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// A TCP socket for a connection to `address`.
pub fn tcp_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    acknowledge_with_request(&SockRef::from(&socket));
    Ok(socket)
}

/// A non-blocking socket that begins to connect to `address`.
pub fn connecting(address: SocketAddr) -> io::Result<Socket> {
    let socket = tcp_socket(address)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if !nonblocking::is_under_way(&error) => Err(error),
        _ => Ok(socket),
    }
}

/// The local address.
pub fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(not_connected)
}

/// Never happens: an attempt sends and receives only once it is connected.
fn not_connected() -> io::Error {
    ErrorKind::NotConnected.into()
}
