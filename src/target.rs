//! A parsed URL, and the address that it leads to.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use url::{Position, Url};

use crate::error::Error;

/// A URL, parsed by the WHATWG's rules, for both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The name or the IP address, an IPv6 address without its brackets.
    pub host: Arc<str>,
    /// The TCP port.
    pub port: u16,
    /// The `Host` header's value: host and, unless it is the scheme's default, port.
    pub authority: Arc<str>,
    /// What to request: path and query.
    pub path: Arc<str>,
    /// Whether the scheme is `https`.
    pub is_secure: bool,
}

impl Location {
    /// Parses an `http` or `https` URL.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| Error::InvalidUrl(format!("{text:?} is no URL that can be fetched: {why}"));
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => invalid("it has no scheme; write http://host[:port]/path"),
            error => invalid(&error.to_string()),
        })?;
        let is_secure = match url.scheme() {
            "http" => false,
            "https" => true,
            scheme => {
                return Err(Error::UnsupportedProtocol(format!(
                    "{text:?} has the scheme {scheme:?}; allowed: \"http\", \"https\""
                )));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it holds a user name or password, which would not be sent"));
        }
        let host = url.host_str().ok_or_else(|| invalid("it has no host"))?;
        let port = url.port_or_known_default().filter(|&port| port != 0).ok_or_else(|| invalid("port 0"))?;
        Ok(Location {
            host: host.trim_start_matches('[').trim_end_matches(']').into(),
            port,
            authority: url[Position::BeforeHost..Position::AfterPort].into(),
            path: url[Position::BeforePath..Position::AfterQuery].into(),
            is_secure,
        })
    }

    /// The URL that `reference` in a reply for the URL `base` leads to, as a `Location` header has it.
    pub fn join(base: &str, reference: &str) -> Result<String, Error> {
        let joined = Url::parse(base).and_then(|base| base.join(reference));
        joined.map(String::from).map_err(|error| {
            Error::InvalidUrl(format!("the reply leads to {reference:?}, which is no URL that can be fetched: {error}"))
        })
    }
}

/// Parses many URLs. Those of one host, one after another, share its strings; and where nothing would be encoded or
/// resolved, only the first of them is parsed by the whole standard.
#[derive(Debug, Default)]
pub struct Parser {
    /// A scheme and an authority, as they were written, and what they mean, without a path.
    last: Option<(String, Location)>,
}

impl Parser {
    /// Does the same as `Location::parse`.
    pub fn parse(&mut self, text: &str) -> Result<Location, Error> {
        if let Some((written, location)) = &self.last
            && let Some(path) = text.strip_prefix(&written[..])
            && is_normal(path)
        {
            return Ok(Location { path: path.into(), ..location.clone() });
        }
        let location = Location::parse(text)?;
        self.last = scheme_and_authority(text).map(|written| {
            let origin = Location { path: "".into(), ..location.clone() };
            (written.to_owned(), origin)
        });
        Ok(location)
    }
}

/// The scheme and the authority, if they would mean the same before any other path.
fn scheme_and_authority(text: &str) -> Option<&str> {
    let begin = ["http://", "https://"].into_iter().find(|&scheme| text.starts_with(scheme))?.len();
    let end = begin + text[begin..].find('/')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte);
    (end > begin && text[begin..end].bytes().all(is_plain)).then_some(&text[..end])
}

/// Whether the path and query are as the standard would write them: nothing to encode, no dot segments, no fragment.
fn is_normal(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_~.?=&+,;:@!$()*".contains(&byte);
    path.starts_with('/') && path.bytes().all(is_plain) && !path.contains("/.")
}

/// One URL to fetch, its host already resolved: resolving is no part of any strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The `Host` header's value.
    pub authority: Arc<str>,
    /// Path and query.
    pub path: Arc<str>,
    /// Where to connect to: at least one address, the best first.
    pub addresses: Arc<[SocketAddr]>,
    /// The host that the certificate must be for, if the URL is `https`.
    pub tls_host: Option<Arc<str>>,
}

/// Whether the system may give this port to a client's socket.
#[must_use]
pub fn is_client_port(port: u16) -> bool {
    client_ports().contains(&port)
}

/// The ports that the system gives to clients' sockets; all if it does not say.
#[must_use]
pub fn client_ports() -> &'static RangeInclusive<u16> {
    static PORTS: OnceLock<RangeInclusive<u16>> = OnceLock::new();
    PORTS.get_or_init(|| {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let mut ends = range.split_whitespace().map_while(|end| end.parse().ok());
        ends.next().zip(ends.next()).map_or(0..=u16::MAX, |(first, last)| first..=last)
    })
}
