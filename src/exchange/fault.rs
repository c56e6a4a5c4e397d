//! What can be wrong with a response.

use serde::{Deserialize, Serialize};

/// Why bytes that came are no response that can be taken. The texts are the same in the Python version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Fault {
    /// The bytes are no HTTP response.
    #[error("{0}")]
    Protocol(String),
    /// The connection ended inside the body.
    #[error("the connection ended inside the body, after {received} bytes of it")]
    IncompleteBody {
        /// Bytes of the body that had come.
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
