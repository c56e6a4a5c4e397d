//! A blocking socket that looks up now and then.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::{local_address, not_connected, tcp_socket};
use crate::cancellation::TICK;

/// A connection whose calls block, for a tick at the most and not past the deadline: then they would block still, which
/// is the time to see whether to go on.
#[derive(Debug, Default)]
pub struct BlockingChannel {
    socket: Option<Socket>,
    /// The longest that one call may block at present.
    slice: Duration,
}

impl BlockingChannel {
    /// Connects, or goes on connecting; gives the address of this end.
    pub fn connect(&mut self, address: SocketAddr, deadline: Instant) -> io::Result<SocketAddr> {
        if let Some(socket) = &self.socket {
            wait_connected(socket, slice_before(deadline))?;
        } else {
            self.socket = Some(tcp_socket(address)?);
            self.slice = Duration::ZERO;
            begin_to_connect(self.until(deadline)?, address, deadline)?;
        }
        local_address(self.until(deadline)?)
    }

    /// Sends some of `bytes`.
    pub fn write(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<usize> {
        self.until(deadline)?.write(bytes).map_err(pause)
    }

    /// Receives some bytes into `buffer`, none at the end of the stream.
    pub fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.until(deadline)?.read(buffer).map_err(pause)
    }

    /// Closes the connection, if there is one.
    pub fn close(&mut self) {
        self.socket = None;
    }

    /// The socket, which blocks for one slice at the most. The last slice ends at the deadline.
    fn until(&mut self, deadline: Instant) -> io::Result<&Socket> {
        let socket = self.socket.as_ref().ok_or_else(not_connected)?;
        let slice = slice_before(deadline);
        if slice != self.slice {
            // On Linux the time-out for sending holds for connecting, too.
            socket.set_write_timeout(Some(slice))?;
            socket.set_read_timeout(Some(slice))?;
            self.slice = slice;
        }
        Ok(socket)
    }
}

/// The longest that a call may block: not 0, which would mean without end.
fn slice_before(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_micros(1), TICK)
}

/// A passed time-out says "would block", whatever the system calls it.
fn pause(error: io::Error) -> io::Error {
    // EINPROGRESS is what Linux says when the time-out of a blocking connect has passed.
    #[cfg(unix)]
    let passed = error.raw_os_error() == Some(libc::EINPROGRESS);
    #[cfg(not(unix))]
    let passed = error.kind() == ErrorKind::TimedOut;
    if passed { ErrorKind::WouldBlock.into() } else { error }
}

/// Only on Linux has a blocking connect a time-out of its own.
#[cfg(target_os = "linux")]
fn begin_to_connect(socket: &Socket, address: SocketAddr, _deadline: Instant) -> io::Result<()> {
    socket.connect(&address.into()).map_err(pause)
}

/// Elsewhere the socket does not block until it is connected.
#[cfg(all(unix, not(target_os = "linux")))]
fn begin_to_connect(socket: &Socket, address: SocketAddr, deadline: Instant) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()).map_err(pause) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => wait_connected(socket, slice_before(deadline)),
        ended => ended.and_then(|()| socket.set_nonblocking(false)),
    }
}

/// In one piece: the system gives up a connection whose time-out has passed.
#[cfg(not(unix))]
fn begin_to_connect(socket: &Socket, address: SocketAddr, deadline: Instant) -> io::Result<()> {
    socket.connect_timeout(&address.into(), deadline.saturating_duration_since(Instant::now()))
}

/// Waits for at most `slice` for a connection that is under way.
#[cfg(unix)]
fn wait_connected(socket: &Socket, slice: Duration) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut sockets = [PollFd::new(socket, PollFlags::OUT)];
    let slice = Timespec::try_from(slice).map_err(io::Error::other)?;
    if poll(&mut sockets, Some(&slice))? == 0 {
        return Err(ErrorKind::WouldBlock.into());
    }
    // After a reset, asking again for the error would hide it: ask once, then see that there is a peer.
    match socket.take_error()? {
        Some(error) => Err(error),
        None => socket.peer_addr().and_then(|_| socket.set_nonblocking(false)),
    }
}

/// A connection is never under way here.
#[cfg(not(unix))]
fn wait_connected(_socket: &Socket, _slice: Duration) -> io::Result<()> {
    Err(not_connected())
}
