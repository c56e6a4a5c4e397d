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
    open(address, Type::STREAM)
}

fn open(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    acknowledge_with_request(&SockRef::from(&socket));
    Ok(socket)
}

/// A non-blocking socket that begins to connect to `address`.
pub fn connecting(address: SocketAddr) -> io::Result<Socket> {
    #[cfg(target_os = "linux")]
    let socket = open(address, Type::STREAM.nonblocking())?;
    #[cfg(not(target_os = "linux"))]
    let socket = tcp_socket(address)?;
    #[cfg(not(target_os = "linux"))]
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_under_way(&error) => Err(error),
        _ => Ok(socket),
    }
}

/// Connecting has begun, and is not finished.
fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EALREADY));
    #[cfg(not(unix))]
    return matches!(error.raw_os_error(), Some(10022 | 10035 | 10037)); // WSAEINVAL, WSAEWOULDBLOCK, WSAEALREADY
}

/// The local address.
pub fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(not_connected)
}

/// Never happens: an attempt sends and receives only once it is connected.
fn not_connected() -> io::Error {
    ErrorKind::NotConnected.into()
}
