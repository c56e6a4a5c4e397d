//! A blocking socket that looks up now and then.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{is_pause, tcp_socket};
use crate::error::Error;
use crate::job::{Attempt, Cancellation, TICK};

/// A connection whose calls block: in slices, between which the deadline and the cancellation are looked at.
#[derive(Debug)]
pub struct BlockingChannel {
    stream: TcpStream,
    /// The longest that one call may block at present.
    slice: Duration,
}

impl BlockingChannel {
    /// Connects to the server of `attempt`.
    pub fn connect(attempt: &Attempt, cancellation: &Cancellation) -> Result<Self, Error> {
        let slice = attempt.time_left()?.min(TICK);
        let connect = || {
            let socket = tcp_socket(attempt.address())?;
            // On Linux the time-out for sending holds for connecting, too.
            socket.set_write_timeout(Some(slice))?;
            socket.set_read_timeout(Some(slice))?;
            match socket.connect(&attempt.address().into()) {
                Err(error) if is_pause(&error) => Ok((socket, false)),
                other => other.map(|()| (socket, true)),
            }
        };
        let (socket, mut connected) = connect().map_err(|error| attempt.failed(&error))?;
        while !connected {
            cancellation.check()?;
            let left = attempt.time_left()?;
            connected = wait_connected(&socket, left.min(TICK)).map_err(|error| attempt.failed(&error))?;
        }
        Ok(BlockingChannel { stream: socket.into(), slice })
    }

    /// Sends what `attempt` has still to send.
    pub fn write(&mut self, attempt: &mut Attempt, cancellation: &Cancellation) -> Result<(), Error> {
        loop {
            match self.stream.write(attempt.unsent()) {
                Ok(count) => {
                    if attempt.sent(count) {
                        return Ok(());
                    }
                }
                Err(error) if is_pause(&error) => self.look_up(attempt, cancellation)?,
                Err(error) => return Err(attempt.failed(&error)),
            }
        }
    }

    /// Reads once into `buffer`: the bytes that came, none at the end of the stream.
    pub fn read<'buffer>(
        &mut self,
        buffer: &'buffer mut [u8],
        attempt: &Attempt,
        cancellation: &Cancellation,
    ) -> Result<&'buffer [u8], Error> {
        loop {
            match self.stream.read(buffer) {
                Ok(count) => return Ok(&buffer[..count]),
                Err(error) if is_pause(&error) => self.look_up(attempt, cancellation)?,
                Err(error) => return Err(attempt.failed(&error)),
            }
        }
    }

    /// Between two calls: is there still time, is the result still wanted? The last slice ends at the deadline.
    fn look_up(&mut self, attempt: &Attempt, cancellation: &Cancellation) -> Result<(), Error> {
        cancellation.check()?;
        let slice = attempt.time_left()?.min(TICK);
        if slice != self.slice {
            let set = self.stream.set_read_timeout(Some(slice)).and(self.stream.set_write_timeout(Some(slice)));
            set.map_err(|error| attempt.failed(&error))?;
            self.slice = slice;
        }
        Ok(())
    }
}

/// Waits for at most `slice` for a connection that is under way; tells whether it stands.
#[cfg(unix)]
fn wait_connected(socket: &socket2::Socket, slice: Duration) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut sockets = [PollFd::new(socket, PollFlags::OUT)];
    let slice = Timespec::try_from(slice).map_err(io::Error::other)?;
    match poll(&mut sockets, Some(&slice)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
        // After a reset, asking again for the error would hide it: ask once, then see that there is a peer.
        Ok(_) => match socket.take_error()? {
            Some(error) => Err(error),
            None => socket.peer_addr().map(|_| true),
        },
    }
}

/// A blocking connect is never under way here.
#[cfg(not(unix))]
fn wait_connected(_socket: &socket2::Socket, _slice: Duration) -> io::Result<bool> {
    Ok(false)
}
