//! Reading the response, piece by piece as it arrives.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::framing::Framing;
use super::limits::{Limits, MAX_HEADERS, MAX_INTERIM};

/// A header field as it was received, except that folded lines are joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The name, in the server's spelling.
    pub name: Vec<u8>,
    /// The value, without the space around it.
    pub value: Vec<u8>,
}

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
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
}

/// Parses a response as it arrives.
#[derive(Debug)]
pub(super) struct Reader {
    limits: Limits,
    state: State,
    /// The part of the head that has arrived.
    head: Vec<u8>,
    /// How many interim responses came before.
    interim: usize,
    received: u64,
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

impl Reader {
    pub(super) fn new(limits: Limits) -> Self {
        Reader { limits, state: State::Head { searched: 0 }, head: Vec::new(), interim: 0, received: 0 }
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
                self.head.extend_from_slice(data);
                self.read_head()
            }
            State::Body(reply, framing) => {
                let whole = framing.receive(data, &mut reply.body, self.limits)?;
                Ok(whole && self.body_is_whole())
            }
            State::Whole(_) => Ok(true),
        }
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
            State::Body(_, Framing::UntilEnd) => Ok(self.body_is_whole()),
            State::Body(reply, _) => Err(Fault::IncompleteBody { received: reply.body.len() as u64 }),
            State::Whole(_) => Ok(true),
        }
    }

    /// Turns `Body` into `Whole`; always returns true, so that it can end an expression.
    fn body_is_whole(&mut self) -> bool {
        let state = std::mem::replace(&mut self.state, State::Head { searched: 0 });
        if let State::Body(reply, _) = state {
            self.state = State::Whole(reply);
        }
        true
    }

    /// Reads the head if all of it has arrived, and the beginning of the body after it.
    fn read_head(&mut self) -> Result<bool, Fault> {
        loop {
            // Something other than HTTP may never send an empty line: check at once.
            let begin = self.head.len().min(5);
            if self.head[..begin] != b"HTTP/"[..begin] {
                return Err(Fault::Protocol(format!(
                    "the server's answer is not HTTP: {:?}",
                    String::from_utf8_lossy(&self.head[..self.head.len().min(40)])
                )));
            }
            let State::Head { searched } = &mut self.state else { unreachable!("called for a head only") };
            let Some(end) = end_of_head(&self.head, *searched) else {
                *searched = self.head.len().saturating_sub(2);
                self.bound_head(self.head.len())?;
                return Ok(false);
            };
            self.bound_head(end)?;
            let reply = parse_head(&mut self.head[..end])?;
            let rest = self.head.split_off(end);
            self.head.clear();
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
                    return Ok(false);
                }
                self.head = rest;
                continue;
            }
            let mut framing = Framing::of(reply.status, &reply.headers)?;
            let mut reply = reply;
            if let Framing::Length(length) = framing {
                if length > self.limits.max_body_bytes {
                    return Err(Fault::BodyTooLarge { limit: self.limits.max_body_bytes });
                }
                // A length is a promise, not a fact: reserve no more than is likely.
                reply.body.reserve_exact(length.min(1 << 20) as usize);
            }
            let whole = framing.receive(&rest, &mut reply.body, self.limits)?;
            self.state = State::Body(reply, framing);
            return Ok(whole && self.body_is_whole());
        }
    }

    fn bound_head(&self, length: usize) -> Result<(), Fault> {
        if length > self.limits.max_header_bytes {
            return Err(Fault::HeadersTooLarge { limit: format!("{} bytes", self.limits.max_header_bytes) });
        }
        Ok(())
    }
}

/// The place after the first empty line at or after `from`; lines may end with a bare line feed.
fn end_of_head(head: &[u8], from: usize) -> Option<usize> {
    (from..head.len()).filter(|&at| head[at] == b'\n').find_map(|at| match head.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    })
}

/// Reads a complete head. Folded headers are unfolded in place: RFC 9112, 5.2.
fn parse_head(head: &mut [u8]) -> Result<Reply, Fault> {
    unfold(head);
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(malformed("incomplete")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Fault::HeadersTooLarge { limit: format!("{MAX_HEADERS} fields") });
        }
        Err(error) => return Err(malformed(&error.to_string())),
    }
    let (Some(status), Some(version)) = (response.code, response.version) else { return Err(malformed("no status")) };
    if status < 100 {
        return Err(malformed("invalid status"));
    }
    Ok(Reply {
        status,
        version,
        reason: response.reason.unwrap_or_default().as_bytes().to_vec(),
        headers: response
            .headers
            .iter()
            .map(|field| Header { name: field.name.as_bytes().to_vec(), value: field.value.trim_ascii().to_vec() })
            .collect(),
        body: Vec::new(),
    })
}

fn malformed(why: &str) -> Fault {
    Fault::Protocol(format!("the response's head is malformed: {why}"))
}

/// Blanks the line ends before folded lines.
fn unfold(head: &mut [u8]) {
    for at in 1..head.len() {
        if matches!(head[at], b' ' | b'\t') && head[at - 1] == b'\n' {
            head[at - 1] = b' ';
            if at >= 2 && head[at - 2] == b'\r' {
                head[at - 2] = b' ';
            }
        }
    }
}
