//! Reading a response's head: RFC 9112, sections 4 and 5.

use std::ops::Range;

use super::fault::Fault;
use super::fields::Fields;
use super::response::Reply;

/// The place after the first empty line at or after `from`; lines may end with a bare line feed.
pub(super) fn end(head: &[u8], from: usize) -> Option<usize> {
    (from..head.len()).filter(|&at| head[at] == b'\n').find_map(|at| match head.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    })
}

/// Reads a complete head, in which it joins folded lines.
pub(super) fn parse(mut head: Vec<u8>, max_headers: usize) -> Result<Reply, Fault> {
    let after_first_line = head.iter().position(|&byte| byte == b'\n').map_or(head.len(), |at| at + 1);
    let (line, lines) = head.split_at_mut(after_first_line);
    let line = without_line_end(line);
    let (version, status, reason) = status_line(line).ok_or_else(|| malformed("status line", line))?;
    // Its encoding is unknown unless it is ASCII; nobody needs it.
    let reason = if reason.is_ascii() { reason.to_vec() } else { Vec::new() };
    unfold(lines);
    let mut places = Vec::with_capacity(8);
    let mut begin = after_first_line;
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        let (text, end) = (without_line_end(line), begin + line.len());
        if text.is_empty() {
            break;
        }
        let (name, value) = field(text).ok_or_else(|| malformed("header", text))?;
        let place = [name.start, name.end, value.start, value.end].map(|at| u32::try_from(begin + at).ok());
        let [Some(name), Some(name_end), Some(value), Some(value_end)] = place else {
            return Err(Fault::HeadersTooLarge { limit: format!("{} bytes", u32::MAX) });
        };
        places.push([name, name_end, value, value_end]);
        begin = end;
    }
    if places.len() > max_headers {
        return Err(Fault::HeadersTooLarge { limit: format!("{max_headers} fields") });
    }
    Ok(Reply { status, version, reason, headers: Fields::new(head, places), body: Vec::new() })
}

/// Whether the connection stays open after this response, as far as its head says: RFC 9112, section 9.3.
pub(super) fn is_persistent(reply: &Reply) -> bool {
    let values = |name: &'static [u8]| {
        reply.headers.values(name).flat_map(|value| value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
    };
    let asks_for = |option: &[u8]| values(b"connection").any(|value| value.eq_ignore_ascii_case(option));
    let codings = values(b"transfer-encoding").count();
    let is_coded = codings > 0;
    // Where the head contradicts itself, nobody knows where the next response begins.
    let contradicts_itself = match reply.status {
        204 => is_coded || values(b"content-length").any(|length| length != b"0"),
        _ => codings > 1 || is_coded && (reply.version == 0 || values(b"content-length").next().is_some()),
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

/// Where in the line of a header or trailer field the name is, and where the value, without the space around it.
pub(super) fn field(line: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) || !is_text(value) {
        return None;
    }
    let begin = line.len() - value.trim_ascii_start().len();
    Some((0..colon, begin..begin + value.trim_ascii().len()))
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
