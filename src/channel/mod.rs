//! A byte stream to a server. Here the waiting ones, in two manners; sockets that never wait come from `mio` and `tokio`
//! where a strategy uses those.
//!
//! std's `connect_timeout`, `write_all` and `read_exact` go on after a signal, and so would keep Ctrl-C waiting: here
//! each call is a single one, and between calls the caller is asked whether to go on.

mod blocking;
mod nonblocking;

pub use blocking::BlockingChannel;
pub use nonblocking::NonblockingChannel;

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

/// Bytes asked for in one read; the Python versions ask for as many.
pub const READ_SIZE: usize = 16 * 1024;

/// A TCP socket for a connection to `address`.
fn tcp_socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
}

/// Nothing failed: a time-out passed, a signal came, or the socket is not ready.
fn is_pause(error: &io::Error) -> bool {
    // EINPROGRESS is also what Linux says when the time-out of a blocking connect has passed.
    #[cfg(unix)]
    let more = error.raw_os_error() == Some(libc::EINPROGRESS);
    // Windows reports a passed time-out so; elsewhere it would be the network's own.
    #[cfg(not(unix))]
    let more = error.kind() == io::ErrorKind::TimedOut;
    more || matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
