//! How large a response may be.

use serde::{Deserialize, Serialize};

/// How much of a response is accepted before it counts as an error. The Python versions have the same figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of status line and headers; also the bytes of a chunked body's trailers.
    pub max_header_bytes: usize,
    /// Header fields.
    pub max_headers: usize,
    /// Bytes of body, both as it is received and after decoding.
    pub max_body_bytes: u64,
}

/// Interim (1xx) responses before the real one.
pub(super) const MAX_INTERIM: usize = 32;

/// Bytes of one chunk's size line, extensions included.
pub(super) const MAX_CHUNK_LINE: usize = 1024;

/// Bytes of a followed redirect's body: reading more would cost more than a new connection.
pub(super) const MAX_SKIPPED: u64 = 64 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Limits { max_header_bytes: 64 * 1024, max_headers: 128, max_body_bytes: 256 * 1024 * 1024 }
    }
}
