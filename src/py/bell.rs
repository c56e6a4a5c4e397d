//! A file descriptor that is readable when something has arrived, for an event loop to watch.

#[cfg(unix)]
use std::io::{Read, Write};
#[cfg(unix)]
use std::os::fd::AsRawFd;
#[cfg(unix)]
use std::os::unix::net::UnixStream;

use pyo3::prelude::*;

/// What somebody rings when something has arrived.
pub(super) struct Bell {
    #[cfg(unix)]
    heard: UnixStream,
}

impl Bell {
    /// The bell, and what rings it, from any thread.
    pub(super) fn new() -> PyResult<(Self, impl Fn() + Send + Sync + 'static)> {
        #[cfg(unix)]
        {
            let (heard, rung) = UnixStream::pair()?;
            heard.set_nonblocking(true)?;
            rung.set_nonblocking(true)?;
            // If there is no room for another byte, it is readable already.
            Ok((Bell { heard }, move || drop((&rung).write(&[0]))))
        }
        #[cfg(not(unix))]
        Ok((Bell {}, || {}))
    }

    /// Has it ring anew for what arrives from now on.
    pub(super) fn hush(&self) {
        #[cfg(unix)]
        while matches!((&self.heard).read(&mut [0; 64]), Ok(1..)) {}
    }
}

#[cfg(unix)]
impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> i32 {
        self.heard.as_raw_fd()
    }
}
