//! The exchange without any I/O: whatever the pieces in which bytes come, the outcome is the same.

use aio_strategies::error::Error;
use aio_strategies::exchange::{Exchange, Fault, Header, Limits, Method, Options, Reply};
use aio_strategies::target::{Location, Parser};

fn exchange() -> Exchange {
    let limits = Limits { max_header_bytes: 1000, max_headers: 10, max_body_bytes: 1000 };
    Exchange::new("a.org:8080", "/x?y=z", &Options { limits, ..Options::default() })
}

/// Feeds the pieces, then the end of the stream, until the response is whole.
fn fed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Reply, Fault> {
    let mut exchange = exchange();
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()).chain([&b""[..]]) {
        if exchange.receive(piece)? {
            return Ok(exchange.into_reply());
        }
    }
    panic!("neither whole nor failed at the end of the stream")
}

/// The outcome of `bytes`, which must not depend on how they are cut: whole, at any one place, or into single bytes.
fn outcome(bytes: &[u8]) -> Result<Reply, Fault> {
    let whole = fed([bytes]);
    for at in 0..bytes.len() {
        let (left, right) = bytes.split_at(at);
        assert_same(&whole, &fed([left, right]), bytes);
    }
    assert_same(&whole, &fed(bytes.chunks(1)), bytes);
    whole
}

/// Errors may quote more or less of what came; their kind must be the same.
fn assert_same(whole: &Result<Reply, Fault>, cut: &Result<Reply, Fault>, bytes: &[u8]) {
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => assert_eq!(whole, cut),
        (Err(whole), Err(cut)) => assert_eq!(std::mem::discriminant(whole), std::mem::discriminant(cut), "{cut}"),
        _ => panic!("{:?}: {whole:?} or, cut, {cut:?}", String::from_utf8_lossy(bytes)),
    }
}

fn body(bytes: &[u8]) -> String {
    String::from_utf8(outcome(bytes).unwrap().body).unwrap()
}

#[test]
fn the_request_is_sent_in_as_many_pieces_as_the_socket_takes() {
    let mut exchange = exchange();
    let mut sent = Vec::new();
    while let Some(byte) = exchange.unsent().first() {
        sent.push(*byte);
        exchange.sent(1);
    }
    let request = String::from_utf8(sent).unwrap();
    assert!(request.starts_with("GET /x?y=z HTTP/1.1\r\nHost: a.org:8080\r\n"), "{request}");
    assert!(request.ends_with("\r\nConnection: close\r\n\r\n"), "{request}");
}

#[test]
fn the_callers_headers_replace_the_defaults_or_follow_them() {
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    let headers = vec![header("X-Y", "z"), header("host", "b.org")];
    let exchange = Exchange::new("a.org", "/", &Options { method: Method::Head, headers, ..Options::default() });
    let request = String::from_utf8_lossy(exchange.unsent());
    assert_eq!(
        request,
        "HEAD / HTTP/1.1\r\nhost: b.org\r\nUser-Agent: aio-strategies\r\nAccept: */*\r\nX-Y: z\r\nConnection: close\r\n\r\n"
    );
}

#[test]
fn the_response_to_head_ends_with_its_head() {
    for fields in ["Content-Length: 5000", "Content-Length: abc", "Transfer-Encoding: chunked", "A: b"] {
        let mut exchange = Exchange::new("a.org", "/", &Options { method: Method::Head, ..Options::default() });
        assert_eq!(exchange.receive(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes()), Ok(true));
        assert_eq!(exchange.into_reply().body, b"");
    }
}

#[test]
fn a_response_has_all_its_parts() {
    let reply = outcome(b"HTTP/1.0 404 Not Found\r\nA:  b \r\nContent-Length: 4\r\n\r\ngone").unwrap();
    assert_eq!((reply.status, reply.version, &reply.reason[..]), (404, 0, &b"Not Found"[..]));
    let fields: Vec<_> = reply.headers.iter().collect();
    assert_eq!(fields, [(&b"A"[..], &b"b"[..]), (b"Content-Length", b"4")]);
    assert_eq!(reply.body, b"gone");
}

#[test]
fn bodies_end_where_their_framing_says() {
    assert_eq!(body(b"HTTP/1.1 200 OK\r\n\r\nuntil the end"), "until the end");
    assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"), "ok");
    assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "");
    assert_eq!(body(b"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\nmore"), "");
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;x\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: t\r\n\r\n";
    assert_eq!(body(chunked), "abc0123456789");
    assert_eq!(body(b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\nHTTP/1.1 200 OK\n\nok"), "ok");
}

#[test]
fn every_cut_short_response_is_an_error() {
    for whole in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        outcome(whole).unwrap();
        for end in 0..whole.len() {
            let error = outcome(&whole[..end]).unwrap_err();
            assert!(matches!(error, Fault::Protocol(_) | Fault::IncompleteBody { .. }), "{end}: {error:?}");
        }
    }
}

#[test]
fn limits_hold_before_the_memory_is_spent() {
    let header = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'x'; 1000]].concat();
    assert!(matches!(outcome(&header), Err(Fault::HeadersTooLarge { .. })));
    let length = b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n";
    assert!(matches!(outcome(length), Err(Fault::BodyTooLarge { limit: 1000 })));
    let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n";
    assert!(matches!(outcome(chunk), Err(Fault::BodyTooLarge { limit: 1000 })));
    let headers = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"A: b\r\n".repeat(11), b"\r\n".to_vec()].concat();
    assert!(matches!(outcome(&headers), Err(Fault::HeadersTooLarge { .. })));
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 1001]].concat();
    assert!(matches!(outcome(&endless), Err(Fault::BodyTooLarge { limit: 1000 })));
}

#[test]
fn folded_headers_are_joined() {
    let reply = outcome(b"HTTP/1.1 200 OK\r\nA: b\r\n\tc\nB: d\n e\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(reply.headers.values(b"a").collect::<Vec<_>>(), [b"b  \tc"]);
    assert_eq!(reply.headers.values(b"b").collect::<Vec<_>>(), [b"d  e"]);
}

#[test]
fn what_follows_the_status_line_is_not_part_of_it() {
    let error = outcome(b"HTTP/1.1 200 OK\r\n Content-Length: 2\r\n\r\nok").unwrap_err();
    assert_eq!(error.to_string(), "the response's head is malformed: invalid header \" Content-Length: 2\"");
}

#[test]
fn encodings_are_undone_and_bounded() {
    // two members of gzip, both "hello" stored as it is
    let member = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x05\0\xfa\xffhello\x86\xa6\x10\x36\x05\0\0\0";
    let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
    assert_eq!(body(&[head, &member[..], member].concat()), "hellohello");
    assert!(matches!(outcome(&[head, &member[..20]].concat()), Err(Fault::Decoding(_))));
    // a frame of zstd with one block that repeats a byte 4,096 times
    let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n\r\n";
    let bomb = [&head[..], b"\x28\xb5\x2f\xfd\0\x58\x03\x80\0x"].concat();
    assert!(matches!(outcome(&bomb), Err(Fault::BodyTooLarge { limit: 1000 })));
}

#[test]
fn urls_of_one_host_mean_the_same_one_after_another() {
    let urls = [
        "http://a.org/",
        "http://a.org/b?c=d",
        "http://a.org/a/../b",
        "http://a.org/%7e/\u{fc}?'#d",
        "http://a.org\\b",
        "http://a.org?",
        "http://a.org/?",
        "http://a.org:80/",
        "http://a.org:80/.well-known",
        "http://a.org:8080/",
        "http://a.orgs/",
        "http:\\\\b.org://a.org/c",
        "http:////a.org/",
        "https://a.org/",
        "https://a.org/b//c",
        "http://[::1]/",
        "http://[::1]/b",
        "http://user@a.org/",
        "ftp://a.org/",
    ];
    for first in urls {
        let mut parser = Parser::default();
        for url in [first].into_iter().chain(urls) {
            assert_eq!(parser.parse(url).ok(), Location::parse(url).ok(), "{url} after {first}");
        }
    }
}

#[test]
fn urls_follow_the_whatwg() {
    let location = Location::parse("HTTP://Bücher.example:80/a b?c#d").unwrap();
    assert_eq!((&*location.host, location.port), ("xn--bcher-kva.example", 80));
    assert_eq!((&*location.authority, &*location.path), ("xn--bcher-kva.example", "/a%20b?c"));
    let location = Location::parse("http://[::1]:8080").unwrap();
    assert_eq!((&*location.host, &*location.authority), ("::1", "[::1]:8080"));
    assert_eq!(Location::parse("http://127.1/").unwrap().host.as_ref(), "127.0.0.1");
    assert!(Location::parse("https://a/").is_ok_and(|location| location.is_secure && location.port == 443));
    for wrong in ["", "a/b", "http://", "http://a:0/", "http://a:99999/", "http://user@a/", "http://[::1"] {
        assert!(matches!(Location::parse(wrong), Err(Error::InvalidUrl(_))), "{wrong}");
    }
}
