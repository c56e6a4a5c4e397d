//! A non-blocking socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use socket2::{SockRef, Socket};

use super::{Acknowledging, connecting, is_under_way, local_address, not_connected};
use crate::connections::Connection;

/// A connection whose calls return at once, with `WouldBlock` where they would have to wait.
#[derive(Debug, Default)]
pub struct NonblockingChannel {
    socket: Option<Socket>,
    acknowledging: Acknowledging,
}

impl NonblockingChannel {
    /// Begins to connect, or checks whether the connection is established; fails with `WouldBlock` if not.
    pub fn connect(&mut self, address: SocketAddr) -> io::Result<()> {
        let Some(socket) = &self.socket else {
            self.socket = Some(connecting(address)?);
            return Err(ErrorKind::WouldBlock.into());
        };
        match socket.connect(&address.into()) {
            Err(error) if !is_connected(&error) => {
                Err(if is_under_way(&error) { ErrorKind::WouldBlock.into() } else { error })
            }
            _ => Ok(()),
        }
    }

    /// The address of this end.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        local_address(self.open()?)
    }

    /// Sends some of `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.acknowledging = Acknowledging::default();
        self.open()?.write(bytes)
    }

    /// Receives some bytes into `buffer`, none at the end of the stream.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut socket = self.socket.as_ref().ok_or_else(not_connected)?;
        self.acknowledging.before_wait(&SockRef::from(socket));
        let count = socket.read(buffer)?;
        self.acknowledging.note_read();
        Ok(count)
    }

    /// Closes the connection, if there is one.
    pub fn close(&mut self) {
        self.socket = None;
    }

    fn open(&self) -> io::Result<&Socket> {
        self.socket.as_ref().ok_or_else(not_connected)
    }
}

impl Connection for NonblockingChannel {
    fn another(&self) -> Self {
        Self::default()
    }

    fn look<Value>(&self, at: impl FnOnce(SockRef<'_>) -> Value) -> Option<Value> {
        self.socket.look(at)
    }
}

/// The connection is already established.
fn is_connected(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(libc::EISCONN);
    #[cfg(not(unix))]
    return error.raw_os_error() == Some(10056); // WSAEISCONN
}
