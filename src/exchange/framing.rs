//! Finding the end of the body: RFC 9112, section 6.

use super::fault::Fault;
use super::fields::Fields;
use super::head::{field, is_text};
use super::limits::{Limits, MAX_CHUNK_LINE};

/// Where the body ends.
#[derive(Debug)]
pub(super) enum Framing {
    /// After this many more bytes.
    Length(u64),
    /// After the last chunk.
    Chunked(Chunks),
    /// When the connection ends.
    UntilEnd,
}

impl Framing {
    /// Determines it from the headers of a response that may have a body.
    pub(super) fn of(headers: &Fields) -> Result<Self, Fault> {
        let mut coded = false;
        let mut length = None;
        for (name, value) in headers.iter() {
            if name.eq_ignore_ascii_case(b"transfer-encoding") {
                // Where a proxy adds the field, too, the body is chunked once. After another coding, or before one, its
                // end cannot be known.
                for coding in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                    if coding.eq_ignore_ascii_case(b"chunked") {
                        coded = true;
                    } else if coded || !coding.eq_ignore_ascii_case(b"identity") {
                        return Err(Fault::protocol("unknown transfer coding", value));
                    }
                }
            } else if name.eq_ignore_ascii_case(b"content-length") {
                for part in value.split(|&byte| byte == b',') {
                    let part = content_length(part.trim_ascii())?;
                    if length.replace(part).is_some_and(|earlier| earlier != part) {
                        return Err(Fault::protocol("contradicting Content-Length", value));
                    }
                }
            }
        }
        Ok(match length {
            _ if coded => Framing::Chunked(Chunks::default()),
            Some(length) => Framing::Length(length),
            None => Framing::UntilEnd,
        })
    }

    /// Moves the body's bytes from `data` to `body`; once the body is complete, returns how many are left.
    pub(super) fn receive(&mut self, data: &[u8], body: &mut Vec<u8>, limits: Limits) -> Result<Option<usize>, Fault> {
        let rest = match self {
            Framing::Length(left) => {
                let taken = data.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                body.extend_from_slice(&data[..taken]);
                *left -= taken as u64;
                (*left == 0).then(|| data.len() - taken)
            }
            Framing::Chunked(chunks) => chunks.receive(data, body, limits)?,
            Framing::UntilEnd => {
                body.extend_from_slice(data);
                None
            }
        };
        if body.len() as u64 > limits.max_body_bytes {
            return Err(Fault::BodyTooLarge { limit: limits.max_body_bytes });
        }
        Ok(rest)
    }
}

/// Digits only: `+5`, `0x5`, `1_0` and the empty text, which number parsers tend to accept, are errors.
fn content_length(text: &[u8]) -> Result<u64, Fault> {
    std::str::from_utf8(text)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Fault::protocol("invalid Content-Length", text))
}

/// Decodes a chunked body: RFC 9112, section 7.1.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// What is expected next.
    expected: Expected,
    /// The part of a line whose end has not arrived yet.
    line: Vec<u8>,
    /// Whether the lines end with a line feed alone, as the first one does; those of the trailers may, then.
    pub(super) ends_bare: Option<bool>,
    /// Bytes of trailers seen.
    trailers: usize,
}

/// What is expected next in a chunked body.
#[derive(Debug, Default)]
enum Expected {
    /// A line with a chunk's size.
    #[default]
    Size,
    /// This many more bytes of a chunk.
    Data(u64),
    /// The line end after a chunk.
    DataEnd,
    /// A trailer field, or the empty line that ends the body.
    Trailer,
}

impl Chunks {
    fn receive(&mut self, mut data: &[u8], body: &mut Vec<u8>, limits: Limits) -> Result<Option<usize>, Fault> {
        loop {
            if let Expected::Data(left) = &mut self.expected {
                let taken = data.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                body.extend_from_slice(&data[..taken]);
                data = &data[taken..];
                *left -= taken as u64;
                if *left > 0 {
                    return Ok(None);
                }
                self.expected = Expected::DataEnd;
            }
            let Some(end) = data.iter().position(|&byte| byte == b'\n') else {
                self.line.extend_from_slice(data);
                self.bound_line(limits)?;
                return Ok(None);
            };
            self.line.extend_from_slice(&data[..end]);
            data = &data[end + 1..];
            self.bound_line(limits)?;
            let line = std::mem::take(&mut self.line);
            // A bare line feed among others would hide that a chunk's size is wrong by one.
            let line = match (*self.ends_bare.get_or_insert(!line.ends_with(b"\r")), line.strip_suffix(b"\r")) {
                (false, None) => return Err(Fault::protocol("bare line feed in a chunked body after", &line)),
                (true, Some(trailer)) if matches!(self.expected, Expected::Trailer) => trailer,
                (true, _) => &line[..],
                (false, Some(line)) => line,
            };
            match self.expected {
                Expected::Size => {
                    let size = chunk_size(line).ok_or_else(|| Fault::protocol("invalid chunk size", line))?;
                    if body.len() as u64 + size > limits.max_body_bytes {
                        return Err(Fault::BodyTooLarge { limit: limits.max_body_bytes });
                    }
                    self.expected = if size == 0 { Expected::Trailer } else { Expected::Data(size) };
                }
                Expected::DataEnd if line.is_empty() => self.expected = Expected::Size,
                Expected::DataEnd => return Err(Fault::protocol("no line end behind a chunk, but", line)),
                Expected::Trailer if line.is_empty() => return Ok(Some(data.len())),
                Expected::Trailer if field(line).is_none() => return Err(Fault::protocol("invalid trailer", line)),
                Expected::Trailer => {
                    self.trailers += line.len();
                    if self.trailers > limits.max_header_bytes {
                        return Err(Fault::Protocol("too many trailers".to_owned()));
                    }
                }
                Expected::Data(_) => unreachable!("data is taken above"),
            }
        }
    }

    /// A line that never ends must not fill the memory.
    fn bound_line(&self, limits: Limits) -> Result<(), Fault> {
        let limit = if matches!(self.expected, Expected::Trailer) { limits.max_header_bytes } else { MAX_CHUNK_LINE };
        if self.line.len() > limit {
            return Err(Fault::protocol("overlong line in a chunked body", &self.line));
        }
        Ok(())
    }
}

/// The size before the extensions: hexadecimal digits only, at most 15, which keeps it within 64 bits.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, extensions) = line.split_at(digits);
    let blanks = extensions.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let extensions = &extensions[blanks..];
    if size.len() > 15 || !(extensions.is_empty() || extensions.starts_with(b";") && is_text(extensions)) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()
}
