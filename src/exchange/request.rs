//! Writing the request.

use super::options::Options;

/// A request.
pub(super) fn write(authority: &str, path: &str, options: &Options) -> Vec<u8> {
    let defaults = [("Host", authority), ("User-Agent", "aio-strategies"), ("Accept", "*/*")];
    let is_default = |name: &[u8]| defaults.iter().any(|(default, _)| name.eq_ignore_ascii_case(default.as_bytes()));
    let mut request = Vec::with_capacity(128 + authority.len() + path.len());
    request.extend_from_slice(options.method.name().as_bytes());
    request.push(b' ');
    request.extend_from_slice(path.as_bytes());
    request.extend_from_slice(b" HTTP/1.1\r\n");
    let mut field = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            request.extend_from_slice(part);
        }
    };
    for (name, value) in defaults {
        let mut given =
            options.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name.as_bytes())).peekable();
        if given.peek().is_none() {
            field(name.as_bytes(), value.as_bytes());
        }
        for header in given {
            field(&header.name, &header.value);
        }
    }
    for header in options.headers.iter().filter(|header| !is_default(&header.name)) {
        field(&header.name, &header.value);
    }
    field(b"Connection", if options.keep_alive { b"keep-alive" } else { b"close" });
    request.extend_from_slice(b"\r\n");
    request
}
