//! What can be wrong with a response.

use serde::{Deserialize, Serialize};

/// Why the received bytes are not an acceptable response. The messages are the same in the Python version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Fault {
    /// The bytes are not an HTTP response.
    #[error("{0}")]
    Protocol(String),
    /// The connection ended inside the body.
    #[error("the connection ended inside the body, after {received} bytes of it")]
    IncompleteBody {
        /// Bytes of the body received.
        received: u64,
    },
    /// The head exceeds a limit.
    #[error("the response's head has more than {limit}")]
    HeadersTooLarge {
        /// The limit, with its unit.
        limit: String,
    },
    /// The body exceeds the limit.
    #[error("the response's body has more than {limit} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The body is not encoded as its headers say.
    #[error("{0}")]
    Decoding(String),
}

impl Fault {
    /// A violation of HTTP by these bytes, of which it quotes the first hundred.
    pub(super) fn protocol(what: &str, bytes: &[u8]) -> Self {
        Fault::Protocol(format!("{what} {}", quoted(&bytes[..bytes.len().min(100)])))
    }
}

/// The bytes in quotation marks, with escapes for all but printable ASCII.
fn quoted(bytes: &[u8]) -> String {
    // An apostrophe needs no escape in these quotation marks.
    format!("\"{}\"", bytes.escape_ascii().to_string().replace("\\'", "'"))
}
