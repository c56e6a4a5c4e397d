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
}
