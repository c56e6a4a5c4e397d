//! One HTTP/1 exchange without I/O: bytes to send out, received bytes in, done or error. Every strategy drives this
//! one.
//!
//! `request` writes the request as `options` say, `response` reads the response: `head` parses its head, `framing` finds
//! the end of its body, `fields` are its header fields, `decoding` undoes the body's encodings. `limits` bounds everything, `fault` says what is wrong with
//! a response. `text` turns a body into text. This module depends on nothing else in the package.

pub mod decoding;
mod fault;
mod fields;
mod framing;
mod head;
mod limits;
mod options;
mod request;
mod response;
pub mod text;

pub use fault::Fault;
pub use fields::{Fields, Header};
pub use limits::Limits;
pub use options::{Method, Options};
pub use response::Reply;

use response::Reader;

/// A request and the response to it.
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
    /// A request for `path` to the host and port in `authority`.
    #[must_use]
    pub fn new(authority: &str, path: &str, options: &Options) -> Self {
        Exchange { request: request::write(authority, path, options), sent: 0, reader: Reader::new(options) }
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

    /// The status, after `receive` has returned true.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.reader.status()
    }

    /// Whether the connection can be used for another exchange, after `receive` has returned true.
    #[must_use]
    pub fn leaves_connection_open(&self) -> bool {
        self.reader.leaves_connection_open()
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
