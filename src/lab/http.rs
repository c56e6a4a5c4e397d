//! As much HTTP as the lab needs, without I/O: a request's head in, the bytes of a reply out.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::site::Answer;

/// The longest head of a request that is read.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// The most header fields of a request.
const MAX_FIELDS: usize = 128;

/// The filler of the bodies, after the path: one line, so that its repetition gives lines.
const LINE: &str = "An I/O-bound program waits; how it waits is what this lab times.\n";
/// The type of the usual replies.
const TEXT: &str = "text/plain; charset=utf-8";
/// At least this many bytes of filler are prepared, unless the bodies are shorter.
const FILLER: u64 = 256 << 10;

/// A request, or what was wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// Bytes of its head.
    pub(super) length: usize,
    /// The target as it was sent; empty if it could not be read.
    pub(super) path: &'a str,
    /// The host that it is for, perhaps with a port; empty if it names none.
    pub(super) host: &'a str,
    /// 200, or the 4xx status for what is wrong with it.
    pub(super) status: u16,
    /// Whether the method is HEAD.
    pub(super) head_only: bool,
    /// Whether the connection stays open after the reply.
    pub(super) keep_alive: bool,
}

/// Reads the request at the start of `input`; None while its head is incomplete.
pub(super) fn parse(input: &[u8]) -> Option<Request<'_>> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let refused =
        |status| Request { length: input.len(), path: "", host: "", status, head_only: false, keep_alive: false };
    match parsed.parse_with_uninit_headers(input, &mut fields) {
        Ok(httparse::Status::Partial) if input.len() <= MAX_HEAD => None,
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => Some(judge(&parsed, length)),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Some(refused(431)),
        Err(_) => Some(refused(400)),
    }
}

/// Decides the status of a well-formed request.
fn judge<'a>(parsed: &httparse::Request<'_, 'a>, length: usize) -> Request<'a> {
    let method = parsed.method.unwrap_or_default();
    let head_only = method == "HEAD";
    // By default, HTTP/1.1 keeps a connection and HTTP/1.0 closes it.
    let mut keep_alive = parsed.version == Some(1);
    let mut close = false;
    let mut host = "";
    let (mut has_length, mut has_body, mut has_coding) = (false, false, false);
    for field in parsed.headers.iter() {
        if field.name.eq_ignore_ascii_case("connection") {
            for option in field.value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                close |= option.eq_ignore_ascii_case(b"close");
                keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if field.name.eq_ignore_ascii_case("content-length") {
            has_length = true;
            has_body |= field.value.trim_ascii() != b"0";
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            has_coding = true;
        } else if field.name.eq_ignore_ascii_case("host") {
            host = std::str::from_utf8(field.value).unwrap_or_default();
        }
    }
    let status = match method {
        // two lengths, which readers could understand differently (RFC 9112, 6.1)
        _ if has_length && has_coding => 400,
        "GET" | "HEAD" if has_body || has_coding => 400,
        "GET" | "HEAD" => 200,
        _ => 405,
    };
    let path = parsed.path.unwrap_or_default();
    Request { length, path, host, status, head_only, keep_alive: keep_alive && !close && status == 200 }
}

/// The extra delay of a path, uniform in `0..bound` over paths. It depends only on the seed and the path, not on the
/// order of arrival, so that every client gets the same delay for the same URL.
pub(super) fn jitter(seed: u64, path: &str, bound: u64) -> u64 {
    ((u128::from(mix(seed, hash(path))) * u128::from(bound)) >> 64) as u64
}

/// A number for a path (FNV-1a).
pub(super) fn hash(path: &str) -> u64 {
    path.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A number that looks random, for a seed and another number (the finaliser of `SplitMix64`).
pub(super) fn mix(seed: u64, number: u64) -> u64 {
    let mut mixed = number ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What all replies of a lab have in common.
#[derive(Debug)]
pub(super) struct Replies {
    body_size: u64,
    /// The head of a reply after which the connection stays open.
    keep_alive: Vec<u8>,
    /// The head of a reply after which it is closed.
    close: Vec<u8>,
    /// A whole number of lines.
    filler: Vec<u8>,
}

impl Replies {
    pub(super) fn new(body_size: u64) -> Self {
        let lines = body_size.min(FILLER).div_ceil(LINE.len() as u64) as usize;
        Self {
            body_size,
            keep_alive: head("200 OK", TEXT, body_size, "Connection: keep-alive\r\n"),
            close: head("200 OK", TEXT, body_size, "Connection: close\r\n"),
            filler: LINE.repeat(lines).into_bytes(),
        }
    }

    /// Composes the reply to `request` in the empty `buffer`.
    pub(super) fn compose(&self, request: &Request<'_>, mut buffer: Vec<u8>) -> Reply {
        let (fields, explanation);
        let (head, beginning, length) = if request.status == 200 {
            (if request.keep_alive { &self.keep_alive } else { &self.close }, request.path, self.body_size)
        } else {
            explanation = match request.status {
                405 => "405 Method Not Allowed",
                408 => "408 Request Timeout",
                431 => "431 Request Header Fields Too Large",
                _ => "400 Bad Request",
            };
            let allow = if request.status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
            let length = explanation.len() as u64 + 1;
            fields = self::head(explanation, TEXT, length, &format!("{allow}Connection: close\r\n"));
            (&fields, explanation, length)
        };
        buffer.extend_from_slice(head);
        buffer.extend_from_slice(beginning.as_bytes());
        buffer.push(b'\n');
        let mut path = head.len()..head.len() + beginning.len();
        if request.status != 200 {
            path = buffer.len()..buffer.len() + request.path.len();
            buffer.extend_from_slice(request.path.as_bytes());
        }
        let body = if request.head_only { 0 } else { length };
        Reply { own: head.len() + (beginning.len() + 1).min(body as usize), head: head.len(), body, path, buffer }
    }
}

/// Composes the reply of a site to `request` in the empty `buffer`. For the log, its path is the whole URL.
pub(super) fn compose(request: &Request<'_>, answer: &Answer, mut buffer: Vec<u8>) -> Reply {
    let Answer { url, status, content_type, fields, body, .. } = answer;
    let connection = if request.keep_alive && !answer.cut { "keep-alive" } else { "close" };
    let fields = format!("{fields}Connection: {connection}\r\n");
    buffer.extend_from_slice(&head(status, content_type, body.len() as u64, &fields));
    let head = buffer.len();
    if !request.head_only {
        buffer.extend_from_slice(body.as_bytes());
    }
    let own = buffer.len();
    buffer.extend_from_slice(url.as_bytes());
    Reply { own, head, body: (own - head) as u64, path: own..buffer.len(), buffer }
}

/// A reply's head.
fn head(status: &str, content_type: &str, length: u64, fields: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nServer: aio-strategies-lab\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n{fields}\r\n"
    )
    .into_bytes()
}

/// The bytes of a reply: its own, then filler.
#[derive(Debug)]
pub(super) struct Reply {
    /// The reply's own bytes, and possibly more of the path, for the log only.
    buffer: Vec<u8>,
    /// Length of the head.
    head: usize,
    /// How many bytes of the buffer are sent.
    own: usize,
    /// Length of the body.
    body: u64,
    /// Where the request's path is in the buffer.
    path: Range<usize>,
}

impl Reply {
    /// Bytes of the head.
    pub(super) fn head(&self) -> u64 {
        self.head as u64
    }

    /// Bytes of the body.
    pub(super) fn body(&self) -> u64 {
        self.body
    }

    /// Bytes of head and body.
    pub(super) fn length(&self) -> u64 {
        self.head() + self.body
    }

    /// The requested path.
    pub(super) fn path(&self) -> &[u8] {
        &self.buffer[self.path.clone()]
    }

    /// Up to two slices, from the byte `start` to the byte `end` at most, and how many bytes they are.
    pub(super) fn slices<'a>(&'a self, replies: &'a Replies, start: u64, end: u64) -> ([IoSlice<'a>; 2], u64) {
        let own_end = (self.own as u64).min(end);
        let own = if start < own_end { &self.buffer[start as usize..own_end as usize] } else { &[] };
        let position = start.max(self.own as u64);
        let filler = if position < end {
            let offset = ((position - self.own as u64) % replies.filler.len() as u64) as usize;
            let length = (end - position).min((replies.filler.len() - offset) as u64) as usize;
            &replies.filler[offset..offset + length]
        } else {
            &[]
        };
        ([IoSlice::new(own), IoSlice::new(filler)], (own.len() + filler.len()) as u64)
    }

    /// The buffer, emptied, for another reply.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.buffer.clear();
        self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_requests() {
        let cases: [(&str, u16, bool); 20] = [
            ("GET /a HTTP/1.1\r\n\r\n", 200, true),
            ("GET /a HTTP/1.0\r\n\r\n", 200, false),
            ("GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200, true),
            ("GET /a HTTP/1.1\r\nconnection: x, CLOSE\r\n\r\n", 200, false),
            ("GET /a HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", 200, false),
            ("GET /a HTTP/1.1\nHost: x\n\n", 200, true),
            ("\r\nGET /a HTTP/1.1\r\n\r\n", 200, true),
            ("HEAD /a HTTP/1.1\r\n\r\n", 200, true),
            ("GET /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 200, true),
            ("GET /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n", 400, false),
            ("GET /a HTTP/1.1\r\nContent-Length: -0\r\n\r\n", 400, false),
            ("GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, false),
            ("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 405, false),
            ("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 405, false),
            ("POST /a HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, false),
            ("get /a HTTP/1.1\r\n\r\n", 405, false),
            ("GET /a HTTP/2.0\r\n\r\n", 400, false),
            ("GET /a\r\n\r\n", 400, false),
            ("GET /a HTTP/1.1\r\nno colon\r\n\r\n", 400, false),
            ("\x16\x03\x01\x02\x00", 400, false),
        ];
        for (input, status, keep_alive) in cases {
            let request = parse(input.as_bytes()).unwrap_or_else(|| panic!("{input:?} is complete"));
            assert_eq!((request.status, request.keep_alive), (status, keep_alive), "{input:?}");
            assert_eq!(request.length, input.len());
        }
    }

    #[test]
    fn waits_for_the_whole_head_within_the_limit() {
        let whole = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..end]), None, "{end}");
        }
        let mut long = format!("GET /a HTTP/1.1\r\nX: {}", "x".repeat(MAX_HEAD));
        assert_eq!(parse(long.as_bytes()).unwrap().status, 431);
        long.push_str("\r\n\r\n");
        assert_eq!(parse(long.as_bytes()).unwrap().status, 431);
        let fields = format!("GET /a HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(MAX_FIELDS + 1));
        assert_eq!(parse(fields.as_bytes()).unwrap().status, 431);
    }

    /// The reply to `GET path`, taken in runs that end at multiples of `step`.
    fn reply_in_steps(body_size: u64, path: &str, step: u64) -> Vec<u8> {
        let replies = Replies::new(body_size);
        let request = Request { length: 0, path, host: "", status: 200, head_only: false, keep_alive: true };
        let reply = replies.compose(&request, Vec::new());
        assert_eq!(reply.path(), path.as_bytes());
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < reply.length() {
            let start = bytes.len() as u64;
            let end = ((start / step + 1) * step).min(reply.length());
            let (slices, length) = reply.slices(&replies, start, end);
            assert!(length > 0);
            for slice in slices {
                bytes.extend_from_slice(&slice);
            }
            assert_eq!(bytes.len() as u64, start + length);
        }
        bytes
    }

    #[test]
    fn a_reply_is_the_same_in_whatever_pieces() {
        for body_size in [0, 1, 3, 4, 100, 1_000_000] {
            let whole = reply_in_steps(body_size, "/ab", u64::MAX / 2);
            let text = std::str::from_utf8(&whole).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {body_size}\r\n")));
            assert_eq!(body.len() as u64, body_size);
            let expected = format!("/ab\n{}", LINE.repeat(1_000_000 / LINE.len() + 1));
            assert_eq!(body, &expected[..body.len()]);
            assert_eq!(whole, reply_in_steps(body_size, "/ab", 50_000));
            assert_eq!(whole[..100.min(whole.len())], reply_in_steps(body_size, "/ab", 7)[..100.min(whole.len())]);
        }
    }

    #[test]
    fn jitter_is_spread_and_repeatable() {
        let delays: Vec<_> = (0..1_000).map(|number| jitter(7, &format!("/{number}"), 1_000)).collect();
        assert!(delays.iter().all(|&delay| delay < 1_000));
        let mean = delays.iter().sum::<u64>() / 1_000;
        assert!((450..550).contains(&mean), "{mean}");
        assert_eq!(jitter(7, "/5", 1_000), delays[5]);
        let other = (0..1_000).filter(|number| jitter(8, &format!("/{number}"), 1_000) == delays[*number]).count();
        assert!(other < 20, "{other} delays do not depend on the seed");
        assert_eq!(jitter(7, "/", 0), 0);
    }
}
