//! Sending to a socket with flags: without SIGPIPE, and the last bytes together with the end.

use std::io::{self, IoSlice, Write};

use mio::net::TcpStream;
use socket2::SockRef;

/// Never raises SIGPIPE.
#[cfg(target_os = "linux")]
pub(super) const SEND: i32 = libc::MSG_NOSIGNAL;
/// Like `SEND`, for the last bytes before the connection is closed: response and FIN are sent in one segment.
#[cfg(target_os = "linux")]
pub(super) const SEND_LAST: i32 = libc::MSG_NOSIGNAL | libc::MSG_MORE;
#[cfg(not(target_os = "linux"))]
pub(super) const SEND: i32 = 0;
#[cfg(not(target_os = "linux"))]
pub(super) const SEND_LAST: i32 = 0;

/// Sends to a socket with flags.
#[derive(Debug)]
pub(super) struct Sender<'a> {
    pub(super) stream: &'a TcpStream,
    pub(super) flags: i32,
}

impl Write for Sender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.try_io(|| SockRef::from(self.stream).send_vectored_with_flags(slices, self.flags))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
