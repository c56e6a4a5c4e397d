//! A socket that never waits, and says instead that it would have to.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::{is_pause, tcp_socket};
use crate::job::Attempt;

/// A connection whose calls return at once: `None` where they would have to wait.
#[derive(Debug)]
pub struct NonblockingChannel {
    stream: TcpStream,
}

impl NonblockingChannel {
    /// Begins to connect to the server of `attempt`; the first write that succeeds tells that the connection stands.
    pub fn connect(attempt: &Attempt) -> io::Result<Self> {
        let socket = tcp_socket(attempt.address())?;
        socket.set_nonblocking(true)?;
        match socket.connect(&attempt.address().into()) {
            Err(error) if !is_pause(&error) => Err(error),
            _ => Ok(NonblockingChannel { stream: socket.into() }),
        }
    }

    /// Writes some of `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        unless_pause(self.stream.write(bytes))
    }

    /// Reads some bytes into `buffer`, none at the end of the stream.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        unless_pause(self.stream.read(buffer))
    }
}

fn unless_pause(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        // Some systems say of a socket that is still connecting that it is not connected.
        Err(error) if is_pause(&error) || error.kind() == io::ErrorKind::NotConnected => Ok(None),
        Err(error) => Err(error),
    }
}
