//! Everything that can go wrong, as one enum; `py` maps each case to its Python class.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exchange::Fault;
use crate::shortage::{is_shortage, remedy};

/// What an exchange is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Making the connection.
    Connect,
    /// Agreeing on the keys of TLS.
    Handshake,
    /// Sending the request.
    Write,
    /// Receiving the response.
    Read,
}

impl Phase {
    /// What is being done, for a message.
    fn doing(self) -> &'static str {
        match self {
            Phase::Connect => "connecting",
            Phase::Handshake => "the TLS handshake",
            Phase::Write => "sending the request",
            Phase::Read => "reading the response",
        }
    }

    /// What is not there if it lasts too long.
    fn lacking(self) -> &'static str {
        match self {
            Phase::Connect => "no connection",
            Phase::Handshake => "no TLS handshake",
            Phase::Write | Phase::Read => "no whole response",
        }
    }

    /// The name that users see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Phase::Connect => "connect",
            Phase::Handshake => "handshake",
            Phase::Write => "write",
            Phase::Read => "read",
        }
    }
}

/// Why a URL has no response, or a call no result. The messages are the same in the Python versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Error {
    /// The text is not a URL.
    #[error("{0}")]
    InvalidUrl(String),
    /// The URL's scheme is not one that can be fetched.
    #[error("{0}")]
    UnsupportedProtocol(String),
    /// The deadline of the whole exchange passed.
    #[error("{} within {} s", .phase.lacking(), .limit.as_secs_f64())]
    Timeout {
        /// The phase in which it passed.
        phase: Phase,
        /// The time allowed.
        limit: Duration,
    },
    /// The operating system reported an error.
    #[error("{} failed: {text}{}", .phase.doing(), remedy_of(*.phase, *.errno))]
    Network {
        /// What was being done.
        phase: Phase,
        /// The system's number for the error.
        errno: Option<i32>,
        /// The system's words for it.
        text: String,
    },
    /// TLS failed, mostly because the server's certificate cannot be trusted.
    #[error("{} failed: {reason}", .phase.doing())]
    Tls {
        /// What was being done.
        phase: Phase,
        /// What is wrong.
        reason: String,
    },
    /// The host has no address.
    #[error("{text}")]
    Resolution {
        /// The system's number for the error.
        errno: Option<i32>,
        /// The system's words for it.
        text: String,
    },
    /// More redirects than allowed.
    #[error("{0}")]
    TooManyRedirects(String),
    /// The host's robots.txt closes the URL to crawlers.
    #[error("{0}")]
    Disallowed(String),
    /// The host asks for a longer pause than allowed.
    #[error("{0}")]
    Paused(String),
    /// The received bytes are not an acceptable response.
    #[error(transparent)]
    Response(#[from] Fault),
    /// The caller has cancelled the call.
    #[error("cancelled")]
    Cancelled,
    /// This machine has not what the strategy waits with, or does not allow it.
    #[error("{0}")]
    Unavailable(String),
    /// A defect of this package, or of the machine it runs on.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// An error that the operating system reported during `phase`.
    #[must_use]
    pub fn network(phase: Phase, error: &io::Error) -> Self {
        Error::Network { phase, errno: error.raw_os_error(), text: system_text(error) }
    }

    /// An error that means that this machine does not have what a strategy waits with, or does not allow it.
    #[must_use]
    pub fn unavailable(why: &str, error: &io::Error) -> Self {
        Error::Unavailable(format!("{why}: {}", system_text(error)))
    }

    /// An error that the operating system reported outside any exchange, such as too few descriptors for the loop.
    #[must_use]
    pub fn internal(doing: &str, error: &io::Error) -> Self {
        Error::Internal(format!("{doing}: {}", system_text(error)))
    }
}

/// What a user can do about it, if this machine has too little of something to connect.
fn remedy_of(phase: Phase, errno: Option<i32>) -> String {
    let shortage = errno.filter(|&errno| phase == Phase::Connect && is_shortage(errno));
    shortage.and_then(remedy).map_or_else(String::new, |words| format!(": {words}"))
}

/// The error as Python's `str(OSError)` words it.
fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(errno) => {
            let words = text.strip_suffix(&format!(" (os error {errno})")).unwrap_or(&text);
            format!("[Errno {errno}] {words}")
        }
        None => text,
    }
}

/// The message of a panic.
#[must_use]
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a defect of aio_strategies, please report it: {}", text.unwrap_or("panic"))
}
