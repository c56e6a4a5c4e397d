//! Reading a response's head: RFC 9112, sections 4 and 5.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::response::Reply;

/// A header field. Those received are as they came, except that folded lines are joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The name, in the sender's spelling.
    pub name: Vec<u8>,
    /// The value, without the space around it.
    pub value: Vec<u8>,
}

/// The place after the first empty line at or after `from`; lines may end with a bare line feed.
pub(super) fn end(head: &[u8], from: usize) -> Option<usize> {
    (from..head.len()).filter(|&at| head[at] == b'\n').find_map(|at| match head.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    })
}

/// Reads a complete head, in which it joins folded lines.
pub(super) fn parse(head: &mut [u8], max_headers: usize) -> Result<Reply, Fault> {
    let after_first_line = head.iter().position(|&byte| byte == b'\n').map_or(head.len(), |at| at + 1);
    let (line, fields) = head.split_at_mut(after_first_line);
    let line = without_line_end(line);
    let (version, status, reason) = status_line(line).ok_or_else(|| malformed("status line", line))?;
    unfold(fields);
    let headers = fields
        .split_inclusive(|&byte| byte == b'\n')
        .map(without_line_end)
        .take_while(|line| !line.is_empty())
        .map(|line| match field(line) {
            Some((name, value)) => Ok(Header { name: name.to_vec(), value: value.trim_ascii().to_vec() }),
            None => Err(malformed("header", line)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if headers.len() > max_headers {
        return Err(Fault::HeadersTooLarge { limit: format!("{max_headers} fields") });
    }
    // Its encoding is unknown unless it is ASCII; nobody needs it.
    let reason = if reason.is_ascii() { reason.to_vec() } else { Vec::new() };
    Ok(Reply { status, version, reason, headers, body: Vec::new() })
}

/// Whether the connection stays open after this response, as far as its head says: RFC 9112, section 9.3.
pub(super) fn is_persistent(reply: &Reply) -> bool {
    let values = |name: &'static [u8]| {
        let named = reply.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.flat_map(|header| header.value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
    };
    let asks_for = |option: &[u8]| values(b"connection").any(|value| value.eq_ignore_ascii_case(option));
    let is_coded = values(b"transfer-encoding").next().is_some();
    // Where the head contradicts itself, nobody knows where the next response begins.
    let contradicts_itself = match reply.status {
        204 => is_coded || values(b"content-length").any(|length| length != b"0"),
        _ => is_coded && (reply.version == 0 || values(b"content-length").next().is_some()),
    };
    !contradicts_itself && !asks_for(b"close") && (reply.version == 1 || asks_for(b"keep-alive"))
}

/// Version, status and reason.
fn status_line(line: &[u8]) -> Option<(u8, u16, &[u8])> {
    let (&[version @ (b'0' | b'1'), b' ', hundreds @ b'1'..=b'9', tens, ones], rest) =
        line.strip_prefix(b"HTTP/1.")?.split_first_chunk()?
    else {
        return None;
    };
    let status = [hundreds, tens, ones]
        .into_iter()
        .try_fold(0, |status, digit| digit.is_ascii_digit().then(|| 10 * status + u16::from(digit - b'0')))?;
    let reason = if rest.is_empty() { rest } else { rest.strip_prefix(b" ")? };
    is_text(reason).then_some((version - b'0', status, reason))
}

/// Name and value of a header or trailer field.
pub(super) fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    (!name.is_empty() && name.iter().all(|&byte| is_token(byte)) && is_text(value)).then_some((name, value))
}

/// Whether the byte may be part of a name: RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether the bytes may be a value, a reason or a chunk's extensions: no control characters but tabs.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// The line without its end, CR LF or LF.
fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Blanks the line ends before folded lines: RFC 9112, section 5.2. The first line has none to continue.
fn unfold(fields: &mut [u8]) {
    for at in 1..fields.len() {
        if matches!(fields[at], b' ' | b'\t') && fields[at - 1] == b'\n' {
            fields[at - 1] = b' ';
            if at >= 2 && fields[at - 2] == b'\r' {
                fields[at - 2] = b' ';
            }
        }
    }
}

fn malformed(what: &str, line: &[u8]) -> Fault {
    Fault::protocol(&format!("the response's head is malformed: invalid {what}"), line)
}
