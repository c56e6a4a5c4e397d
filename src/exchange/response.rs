//! Reading the response, piece by piece as it arrives.

use serde::{Deserialize, Serialize};

use super::decoding;
use super::fault::Fault;
use super::fields::Fields;
use super::framing::{Chunks, Framing};
use super::head;
use super::limits::{Limits, MAX_INTERIM, MAX_SKIPPED};
use super::options::{Method, Options};

/// A complete response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The status code, from 100 to 999.
    pub status: u16,
    /// The minor version: 0 or 1.
    pub version: u8,
    /// The text after the status code.
    pub reason: Vec<u8>,
    /// The header fields, in order.
    pub headers: Fields,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl Reply {
    /// The reference to where it redirects: RFC 9110, section 15.4. `None` if nowhere, or nobody knows where.
    #[must_use]
    pub fn location(&self) -> Option<&[u8]> {
        if !matches!(self.status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let mut references = self.headers.values(b"location");
        let (Some(reference), None) = (references.next(), references.next()) else { return None };
        (!reference.is_empty()).then_some(reference)
    }
}

/// Parses a response as it arrives.
#[derive(Debug)]
pub(super) struct Reader {
    /// Whether the response ends with its head.
    head_only: bool,
    /// Whether redirects are followed: nobody needs their bodies.
    follow_redirects: bool,
    limits: Limits,
    state: State,
    /// The part of the head that has arrived.
    head: Vec<u8>,
    /// How many interim responses came before.
    interim: usize,
    received: u64,
    /// Whether the connection stays open after the response, as far as is known: more than the response ends that, too.
    persistent: bool,
}

#[derive(Debug)]
enum State {
    /// The head is incomplete; no empty line was found up to this place.
    Head { searched: usize },
    /// The head is read, the body is incomplete.
    Body(Reply, Framing),
    /// Everything has arrived.
    Whole(Reply),
}

/// What was found where a head was expected.
struct Read {
    /// Whether the response is complete.
    whole: bool,
    /// How many bytes at the end begin a head whose end has not arrived.
    unfinished: usize,
}

impl Reader {
    pub(super) fn new(options: &Options) -> Self {
        Reader {
            head_only: options.method == Method::Head,
            follow_redirects: options.follow_redirects,
            persistent: options.keep_alive,
            limits: options.limits,
            state: State::Head { searched: 0 },
            head: Vec::new(),
            interim: 0,
            received: 0,
        }
    }

    pub(super) fn bytes_received(&self) -> u64 {
        self.received
    }

    /// Takes `data`, none at the end of the stream; returns whether the response is complete.
    pub(super) fn receive(&mut self, data: &[u8]) -> Result<bool, Fault> {
        self.received += data.len() as u64;
        if data.is_empty() {
            return self.end_of_stream();
        }
        match &mut self.state {
            State::Head { .. } => {
                // Mostly the head arrives as a whole, and need not be kept.
                let mut kept = std::mem::take(&mut self.head);
                if kept.is_empty() {
                    let read = self.read_head(data)?;
                    self.head.extend_from_slice(&data[data.len() - read.unfinished..]);
                    return Ok(read.whole);
                }
                kept.extend_from_slice(data);
                let read = self.read_head(&kept)?;
                kept.drain(..kept.len() - read.unfinished);
                self.head = kept;
                Ok(read.whole)
            }
            State::Body(reply, framing) => match framing.receive(data, &mut reply.body, self.limits)? {
                Some(rest) => {
                    self.persistent &= rest == 0;
                    self.body_is_whole()
                }
                None => Ok(false),
            },
            State::Whole(_) => {
                self.persistent = false;
                Ok(true)
            }
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        match &self.state {
            State::Whole(reply) => Some(reply.status),
            State::Head { .. } | State::Body(..) => None,
        }
    }

    /// Whether another exchange can use the connection: RFC 9112, section 9.3.
    pub(super) fn leaves_connection_open(&self) -> bool {
        self.persistent && matches!(self.state, State::Whole(_))
    }

    pub(super) fn into_reply(self) -> Reply {
        match self.state {
            State::Whole(reply) => reply,
            State::Head { .. } | State::Body(..) => unreachable!("asked for a response before it was whole"),
        }
    }

    fn end_of_stream(&mut self) -> Result<bool, Fault> {
        match &self.state {
            State::Head { .. } if self.received == 0 => {
                Err(Fault::Protocol("the server closed the connection without a response".to_owned()))
            }
            State::Head { .. } => Err(Fault::Protocol("the connection ended inside the response's head".to_owned())),
            State::Body(_, Framing::UntilEnd) => self.body_is_whole(),
            State::Body(reply, _) => Err(Fault::IncompleteBody { received: reply.body.len() as u64 }),
            State::Whole(_) => Ok(true),
        }
    }

    /// Turns `Body` into `Whole`, with the body decoded. Returns true, unless that fails.
    fn body_is_whole(&mut self) -> Result<bool, Fault> {
        let state = std::mem::replace(&mut self.state, State::Head { searched: 0 });
        if let State::Body(mut reply, framing) = state {
            if self.is_followed(&reply) {
                reply.body.clear();
            }
            self.persistent &= !matches!(framing, Framing::Chunked(Chunks { ends_bare: Some(true), .. }));
            let encodings = || reply.headers.values(b"content-encoding");
            if encodings().next().is_some() {
                reply.body =
                    decoding::decode(std::mem::take(&mut reply.body), encodings(), self.limits.max_body_bytes)?;
            }
            self.state = State::Whole(reply);
        }
        Ok(true)
    }

    /// Whether the caller follows where the reply leads, and does not need its body.
    fn is_followed(&self, reply: &Reply) -> bool {
        self.follow_redirects && reply.location().is_some()
    }

    /// Where the body of a redirect that is followed ends, if it is read: a short one is, to keep the connection.
    fn skipped(&self, reply: &Reply) -> Option<Framing> {
        let most = MAX_SKIPPED.min(self.limits.max_body_bytes);
        let framing = Framing::of(&reply.headers).ok().filter(|_| self.persistent)?;
        matches!(framing, Framing::Length(length) if length <= most).then_some(framing)
    }

    /// Reads the head if all of it has arrived, and the beginning of the body after it.
    fn read_head(&mut self, mut data: &[u8]) -> Result<Read, Fault> {
        loop {
            // Something other than HTTP may never send an empty line: check at once.
            let begin = data.len().min(5);
            if data[..begin] != b"HTTP/"[..begin] {
                let beginning = &data[..data.len().min(40)];
                return Err(Fault::protocol("the server's answer is not HTTP:", beginning));
            }
            let State::Head { searched } = &mut self.state else { unreachable!("called for a head only") };
            let Some(end) = head::end(data, *searched) else {
                *searched = data.len().saturating_sub(2);
                self.bound_head(data.len())?;
                return Ok(Read { whole: false, unfinished: data.len() });
            };
            self.bound_head(end)?;
            let (head, rest) = data.split_at(end);
            let mut reply = head::parse(head.to_vec(), self.limits.max_headers)?;
            if (100..200).contains(&reply.status) {
                self.interim += 1;
                if reply.status == 101 {
                    return Err(Fault::Protocol("101 Switching Protocols, which nobody asked for".to_owned()));
                }
                if self.interim > MAX_INTERIM {
                    return Err(Fault::Protocol(format!("more than {MAX_INTERIM} interim responses")));
                }
                self.state = State::Head { searched: 0 };
                if rest.is_empty() {
                    return Ok(Read { whole: false, unfinished: 0 });
                }
                data = rest;
                continue;
            }
            self.persistent &= head::is_persistent(&reply);
            // These have no body, whatever their headers say.
            let framing = if self.head_only || matches!(reply.status, 204 | 304) {
                None
            } else if self.is_followed(&reply) {
                let skipped = self.skipped(&reply);
                self.persistent = skipped.is_some();
                skipped
            } else {
                Some(Framing::of(&reply.headers)?)
            };
            let Some(mut framing) = framing else {
                self.persistent &= rest.is_empty();
                self.state = State::Whole(reply);
                return Ok(Read { whole: true, unfinished: 0 });
            };
            if let Framing::Length(length) = framing {
                if length > self.limits.max_body_bytes {
                    return Err(Fault::BodyTooLarge { limit: self.limits.max_body_bytes });
                }
                // A length is a promise, not a fact: reserve no more than is likely.
                reply.body.reserve_exact(length.min(1 << 20) as usize);
            }
            let whole = framing.receive(rest, &mut reply.body, self.limits)?;
            self.persistent &= !matches!(framing, Framing::UntilEnd);
            self.state = State::Body(reply, framing);
            if let Some(rest) = whole {
                self.persistent &= rest == 0;
                self.body_is_whole()?;
            }
            return Ok(Read { whole: whole.is_some(), unfinished: 0 });
        }
    }

    fn bound_head(&self, length: usize) -> Result<(), Fault> {
        if length > self.limits.max_header_bytes {
            return Err(Fault::HeadersTooLarge { limit: format!("{} bytes", self.limits.max_header_bytes) });
        }
        Ok(())
    }
}
