//! A blocking socket whose calls return now and then, so that the caller can check for cancellation.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{SockRef, Socket};

use super::{Acknowledging, local_address, not_connected, tcp_socket};
use crate::cancellation::TICK;
use crate::connections::Connection;

/// A connection whose calls block, but no longer than a tick and not past the deadline. Then they return `WouldBlock`,
/// and the caller checks whether to go on.
#[derive(Debug, Default)]
pub struct BlockingChannel {
    socket: Option<Socket>,
    /// The longest that one call may block, as the socket is set now.
    slice: Duration,
    acknowledging: Acknowledging,
}

impl BlockingChannel {
    /// Connects, or goes on connecting.
    pub fn connect(&mut self, address: SocketAddr, deadline: Instant) -> io::Result<()> {
        if let Some(socket) = &self.socket {
            return wait_connected(socket, slice_before(deadline));
        }
        self.socket = Some(tcp_socket(address)?);
        self.slice = Duration::ZERO;
        begin_to_connect(self.until(deadline)?, address, deadline)
    }

    /// The address of this end.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        local_address(self.socket.as_ref().ok_or_else(not_connected)?)
    }

    /// Sends some of `bytes`.
    pub fn write(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<usize> {
        self.acknowledging = Acknowledging::default();
        self.until(deadline)?.write(bytes).map_err(pause)
    }

    /// Receives some bytes into `buffer`, none at the end of the stream.
    pub fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        if let Some(socket) = &self.socket {
            self.acknowledging.before_wait(&SockRef::from(socket));
        }
        let count = self.until(deadline)?.read(buffer).map_err(pause)?;
        self.acknowledging.note_read();
        Ok(count)
    }

    /// Closes the connection, if there is one.
    pub fn close(&mut self) {
        self.socket = None;
    }

    /// The socket, set to block for one slice at most. The last slice ends at the deadline.
    fn until(&mut self, deadline: Instant) -> io::Result<&Socket> {
        let socket = self.socket.as_ref().ok_or_else(not_connected)?;
        let slice = slice_before(deadline);
        if slice != self.slice {
            // On Linux the timeout for sending applies to connecting, too.
            socket.set_write_timeout(Some(slice))?;
            socket.set_read_timeout(Some(slice))?;
            self.slice = slice;
        }
        Ok(socket)
    }
}

impl Connection for BlockingChannel {
    fn another(&self) -> Self {
        Self::default()
    }

    fn look<Value>(&self, at: impl FnOnce(SockRef<'_>) -> Value) -> Option<Value> {
        self.socket.look(at)
    }
}

/// The longest that a call may block: never 0, which would mean for ever.
fn slice_before(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_micros(1), TICK)
}

/// Turns an expired timeout into `WouldBlock`, whatever the system calls it.
fn pause(error: io::Error) -> io::Error {
    // On Linux a blocking connect fails with EINPROGRESS when its timeout has expired.
    #[cfg(unix)]
    let passed = error.raw_os_error() == Some(libc::EINPROGRESS);
    #[cfg(not(unix))]
    let passed = error.kind() == ErrorKind::TimedOut;
    if passed { ErrorKind::WouldBlock.into() } else { error }
}

/// Only on Linux does a blocking connect observe the socket's timeout.
#[cfg(target_os = "linux")]
fn begin_to_connect(socket: &Socket, address: SocketAddr, _deadline: Instant) -> io::Result<()> {
    socket.connect(&address.into()).map_err(pause)
}

/// Elsewhere the socket is non-blocking until it is connected.
#[cfg(all(unix, not(target_os = "linux")))]
fn begin_to_connect(socket: &Socket, address: SocketAddr, deadline: Instant) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()).map_err(pause) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => wait_connected(socket, slice_before(deadline)),
        ended => ended.and_then(|()| socket.set_nonblocking(false)),
    }
}

/// Connects in one call, which lasts until the deadline at most.
#[cfg(not(unix))]
fn begin_to_connect(socket: &Socket, address: SocketAddr, deadline: Instant) -> io::Result<()> {
    socket.connect_timeout(&address.into(), deadline.saturating_duration_since(Instant::now()))
}

/// Waits for at most `slice` until the connection is established.
#[cfg(unix)]
fn wait_connected(socket: &Socket, slice: Duration) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut sockets = [PollFd::new(socket, PollFlags::OUT)];
    let slice = Timespec::try_from(slice).map_err(io::Error::other)?;
    if poll(&mut sockets, Some(&slice))? == 0 {
        return Err(ErrorKind::WouldBlock.into());
    }
    // Reading the error clears it, which would hide a reset: read it once, then check that there is a peer.
    match socket.take_error()? {
        Some(error) => Err(error),
        None => socket.peer_addr().and_then(|_| socket.set_nonblocking(false)),
    }
}

/// Never called here: `begin_to_connect` does not return before the end.
#[cfg(not(unix))]
fn wait_connected(_socket: &Socket, _slice: Duration) -> io::Result<()> {
    Err(not_connected())
}
