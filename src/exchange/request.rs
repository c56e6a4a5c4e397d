//! Writing the request.

use crate::job::Target;

/// A GET request for one response on a connection of its own.
pub(super) fn get(target: &Target) -> Vec<u8> {
    [
        b"GET ",
        target.path.as_bytes(),
        b" HTTP/1.1\r\nHost: ",
        target.authority.as_bytes(),
        b"\r\nUser-Agent: aio-strategies\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    ]
    .concat()
}
