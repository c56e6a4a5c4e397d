//! What must hold whatever the bytes. The targets of `cargo fuzz` call these functions, and so does `tests/fuzz.rs`.

use aio_strategies::crawl::robots::Robots;
use aio_strategies::crawl::sitemap::{MAX_URLS, read as read_sitemap};
use aio_strategies::exchange::{Exchange, Fault, Limits, Method, Options, Reply, decoding as decode, text as as_text};
use aio_strategies::lab::request_at;
use aio_strategies::target::{Location, Parser};

const LIMITS: Limits = Limits { max_header_bytes: 500, max_headers: 10, max_body_bytes: 2000 };

/// A reply has the same outcome in whatever pieces it comes. The first byte says how it is cut.
pub(crate) fn exchange(data: &[u8]) {
    let Some((&cut, reply)) = data.split_first() else { return };
    let method = if cut & 1 == 0 { Method::Get } else { Method::Head };
    let whole = fed(method, [reply]);
    let cut = usize::from(cut / 2);
    let (left, right) = reply.split_at(cut.min(reply.len()));
    for other in [fed(method, [left, right]), fed(method, reply.chunks(cut.max(1)))] {
        match (&whole, other) {
            (Ok(whole), Ok(other)) => assert_eq!(*whole, other),
            // Errors quote as much as had come.
            (Err(whole), Err(other)) => assert_eq!(std::mem::discriminant(whole), std::mem::discriminant(&other)),
            (whole, other) => panic!("{whole:?} whole, {other:?} in pieces"),
        }
    }
}

/// What is accepted as headers is within the limits, clean, and read alike when written anew.
pub(crate) fn headers(data: &[u8]) {
    let head = |fields: &[u8]| [b"HTTP/1.1 200 OK\r\n", fields, b"\r\n\r\n"].concat();
    let Ok(reply) = fed(Method::Head, [&head(data)[..]]) else { return };
    assert!(reply.headers.len() <= LIMITS.max_headers);
    let mut anew = Vec::new();
    for (name, value) in reply.headers.iter() {
        assert!(!name.is_empty() && name.iter().all(u8::is_ascii_graphic) && !name.contains(&b':'));
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        anew.extend([name, b": ", value, b"\r\n"].concat());
    }
    let anew = fed(Method::Head, [&head(anew.strip_suffix(b"\r\n").unwrap_or(&anew))[..]]);
    // Each field has a blank now, which may be more bytes than are allowed.
    if !matches!(anew, Err(Fault::HeadersTooLarge { .. })) && !reply.headers.is_empty() {
        assert!(anew.unwrap().headers.iter().eq(reply.headers.iter()));
    }
}

/// A chunked body that is accepted is within the limit; one that is made of any bytes gives those bytes.
pub(crate) fn chunked(data: &[u8]) {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    if let Ok(reply) = fed(Method::Get, [HEAD, data]) {
        assert!(reply.body.len() as u64 <= LIMITS.max_body_bytes);
    }
    let mut reply = HEAD.to_vec();
    for chunk in data.chunks(data.first().map_or(1, |&size| usize::from(size) + 1)) {
        reply.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        reply.extend(chunk);
        reply.extend(b"\r\n");
    }
    reply.extend(b"0\r\n\r\n");
    match fed(Method::Get, [&reply[..]]) {
        Ok(reply) => assert_eq!(reply.body, data),
        Err(fault) => assert_eq!(fault, Fault::BodyTooLarge { limit: LIMITS.max_body_bytes }),
    }
}

/// Decoding keeps to the limit. The first byte says what to decode.
pub(crate) fn decoding(data: &[u8]) {
    const ENCODINGS: [&[u8]; 6] = [b"gzip", b"deflate", b"br", b"zstd", b"gzip, deflate", b"deflate, br, zstd"];
    let Some((&choice, body)) = data.split_first() else { return };
    let encoding = ENCODINGS[usize::from(choice) % ENCODINGS.len()];
    match decode::decode(body.to_vec(), [encoding], 100_000) {
        Ok(decoded) => assert!(decoded.len() <= 100_000),
        Err(fault) => assert!(matches!(fault, Fault::Decoding(_) | Fault::BodyTooLarge { limit: 100_000 })),
    }
}

/// Any body has a text. The first line is its `Content-Type`.
pub(crate) fn text(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == b'\n');
    let content_type = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let body = parts.next().unwrap_or_default();
    let text = as_text::decode(body, &content_type);
    assert!(text.len() <= 3 * body.len() + 3);
}

/// A URL that is accepted makes a clean request, and is read alike when written anew.
pub(crate) fn url(data: &[u8]) {
    let Ok(location) = Location::parse(&String::from_utf8_lossy(data)) else { return };
    assert!(location.port != 0 && !location.host.is_empty() && location.path.starts_with('/'));
    let clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(clean(&location.authority) && clean(&location.path), "{location:?}");
    let scheme = if location.is_secure { "https" } else { "http" };
    let anew = Location::parse(&format!("{scheme}://{}{}", location.authority, location.path)).unwrap();
    assert_eq!((&anew.authority, &anew.path), (&location.authority, &location.path));
    // After another URL of the same host, it means the same.
    let text = String::from_utf8_lossy(data);
    for other in [&text[..], "http://a.org/"] {
        let mut parser = Parser::default();
        let _ = parser.parse(other);
        assert_eq!(parser.parse(&text).ok().as_ref(), Some(&location));
        assert_eq!(parser.parse(&text).ok().as_ref(), Some(&location));
    }
    let mut parser = Parser::default();
    let _ = parser.parse("http://a.org/");
    let path = format!("http://a.org{text}");
    assert_eq!(parser.parse(&path).ok(), Location::parse(&path).ok());
}

/// The lab reads a request alike, whatever follows it.
pub(crate) fn lab_request(data: &[u8]) {
    if let Some((length, status)) = request_at(data) {
        assert!(length <= data.len() && [200, 400, 405, 431].contains(&status));
        if status == 200 {
            assert_eq!(request_at(&data[..length]), Some((length, status)));
        }
    }
}

/// A robots.txt has the same meaning with any line ends, and a path in any spelling. The first line is the path.
pub(crate) fn robots(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == b'\n');
    let path = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let body = parts.next().unwrap_or_default();
    let robots = Robots::parse(body, "bot");
    let anew = body.split(|&byte| byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    assert_eq!(Robots::parse(&anew, "bot"), robots);
    let escaped = |byte: u8| if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02x}") };
    assert_eq!(robots.allows(&path.bytes().map(escaped).collect::<String>()), robots.allows(&path));
    assert!(robots.allows("/robots.txt"));
}

/// What a sitemap has is within the limit, clean, and read alike when written anew.
pub(crate) fn sitemap(data: &[u8]) {
    let sitemap = read_sitemap(data);
    assert!(sitemap.urls.len() + sitemap.sitemaps.len() <= MAX_URLS);
    assert!(sitemap.urls.iter().chain(&sitemap.sitemaps).all(|url| !url.is_empty() && url.trim() == url));
    let write = |urls: &[String], name: &str| {
        let escaped = urls.iter().map(|url| url.replace('&', "&amp;").replace('<', "&lt;"));
        escaped.map(|url| format!("<{name}><loc>{url}</loc></{name}>")).collect::<Vec<_>>().concat()
    };
    let anew = format!("<x>{}{}</x>", write(&sitemap.urls, "url"), write(&sitemap.sitemaps, "sitemap"));
    assert_eq!(read_sitemap(anew.as_bytes()), sitemap);
}

/// Feeds the pieces, and then the end of the stream, until the response is whole.
fn fed<'a>(method: Method, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Reply, Fault> {
    let options = Options { method, limits: LIMITS, keep_alive: true, follow_redirects: true, ..Options::default() };
    let mut exchange = Exchange::new("a.org", "/", &options);
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()).chain([&b""[..]]) {
        if exchange.receive(piece)? {
            return Ok(exchange.into_reply());
        }
    }
    panic!("neither whole nor failed at the end of the stream")
}
