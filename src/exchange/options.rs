//! What a caller may ask of an exchange.

use serde::{Deserialize, Serialize};

use super::fields::Header;
use super::limits::Limits;

/// What to ask the server for, and how large the response may be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Options {
    /// The request's method.
    pub method: Method,
    /// The caller's header fields: they replace the defaults of the same name, or follow them.
    pub headers: Vec<Header>,
    /// The limits on the response's size.
    pub limits: Limits,
    /// Whether to ask for a connection that further exchanges can use.
    pub keep_alive: bool,
    /// Whether a response that leads elsewhere is followed: nobody needs its body then.
    pub follow_redirects: bool,
}

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Method {
    /// The whole response.
    #[default]
    Get,
    /// Its head only.
    Head,
}

impl Method {
    /// The name in a request.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
        }
    }
}
