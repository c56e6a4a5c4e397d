//! One HTTP/1 exchange without I/O: bytes to send out, received bytes in, done or error. Every strategy drives this
//! one.
//!
//! `request` writes the request, `response` reads the head, `framing` finds the end of the body, `limits` bounds
//! everything, `fault` says what is wrong with a response. This module depends on nothing else in the package.

mod fault;
mod framing;
mod limits;
mod request;
mod response;

pub use fault::Fault;
pub use limits::Limits;
pub use response::{Header, Reply};

use response::Reader;

/// A GET request and the response to it.
#[derive(Debug)]
pub struct Exchange {
    /// The whole request.
    request: Vec<u8>,
    /// How much of it has been sent.
    sent: usize,
    /// Parses the response as it arrives.
    reader: Reader,
}

impl Exchange {
    /// A GET request for `path` to the host and port in `authority`.
    #[must_use]
    pub fn get(authority: &str, path: &str, limits: Limits) -> Self {
        Exchange { request: request::get(authority, path), sent: 0, reader: Reader::new(limits) }
    }

    /// What is still to be sent.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        &self.request[self.sent..]
    }

    /// Records that `count` more bytes were sent.
    pub fn sent(&mut self, count: usize) {
        self.sent += count;
    }

    /// Takes the received bytes, none at the end of the stream; returns whether the response is complete.
    pub fn receive(&mut self, data: &[u8]) -> Result<bool, Fault> {
        self.reader.receive(data)
    }

    /// Bytes received so far.
    #[must_use]
    pub fn bytes_received(&self) -> u64 {
        self.reader.bytes_received()
    }

    /// The complete response, after `receive` has returned true.
    #[must_use]
    pub fn into_reply(self) -> Reply {
        self.reader.into_reply()
    }
}
