//! Writing the request.

/// A GET request for one response on a connection of its own.
pub(super) fn get(authority: &str, path: &str) -> Vec<u8> {
    [
        b"GET ",
        path.as_bytes(),
        b" HTTP/1.1\r\nHost: ",
        authority.as_bytes(),
        b"\r\nUser-Agent: aio-strategies\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    ]
    .concat()
}
