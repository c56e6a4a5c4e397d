//! What came of one URL of a crawl.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::links;
use crate::attempt::Outcome;
use crate::error::Error;
use crate::exchange::{Fault, Reply, text};

/// What came of one URL of a crawl: a page, a redirect, or an error.
#[derive(Debug)]
pub struct Page {
    /// The crawl's number for its URL.
    pub number: u64,
    /// The URL.
    pub url: Url,
    /// Where it redirects to.
    pub next_url: Option<Url>,
    /// The page that led to it first.
    pub referrer: Option<Arc<str>>,
    /// How many links led to it.
    pub depth: u32,
    /// How many times it was fetched.
    pub tries: u32,
    /// The media type, in small letters; empty if there is none.
    pub content_type: String,
    /// Where its links lead, each once.
    pub links: Vec<Url>,
    /// How many of them, or of its redirect, were seen for the first time.
    pub new_links: usize,
    /// What is wrong, although there may be a reply.
    pub error: Option<Error>,
    /// The last exchange.
    pub outcome: Outcome,
}

/// The row of a page in the statistics.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The URL.
    pub url: Box<str>,
    /// Where it redirects to.
    pub next_url: Option<Box<str>>,
    /// The status of the reply.
    pub status: Option<u16>,
    /// Why there is none, or what is wrong with it.
    pub error: Option<Box<Error>>,
    /// Bytes of the body, decoded.
    pub size: usize,
    /// The media type.
    pub content_type: Box<str>,
    /// The name of the encoding of its text, if there is a reply.
    pub encoding: Option<Box<str>>,
    /// How many links it has.
    pub links: usize,
    /// How many of them, or of its redirect, were seen for the first time.
    pub new_links: usize,
    /// When its last exchange began, in ns of the monotonic clock; `None` of a row that an earlier crawl stored.
    #[serde(skip)]
    pub started: Option<u64>,
    /// From the start of that exchange to its end.
    #[serde(skip)]
    pub elapsed: Duration,
}

/// Where a reply leads.
#[derive(Debug, Default)]
pub struct Leads {
    /// Its redirect.
    pub next_url: Option<Url>,
    /// Its links.
    pub links: Vec<Url>,
    /// What is wrong with its redirect.
    pub error: Option<Error>,
}

/// Reads where the reply for `url` leads: of `most` redirects, `left` may follow.
#[must_use]
pub fn leads(reply: &Reply, url: &Url, content_type: &str, (left, most): (u32, u32), nofollow: bool) -> Leads {
    match redirect(reply, url) {
        Ok(Some(next)) if left == 0 => {
            let error = Error::TooManyRedirects(format!("more than {most} redirects, the last to {next}"));
            Leads { error: Some(error), ..Leads::default() }
        }
        Ok(Some(next)) => Leads { next_url: Some(next), ..Leads::default() },
        Err(error) => Leads { error: Some(error), ..Leads::default() },
        Ok(None) if reply.status == 200 && matches!(content_type, "text/html" | "application/xhtml+xml") => {
            let whole_type = text_type(reply);
            Leads { links: links::of_html(&text::decode(&reply.body, &whole_type), url, nofollow), ..Leads::default() }
        }
        Ok(None) => Leads::default(),
    }
}

/// The media type of a reply, in small letters.
#[must_use]
pub fn content_type(reply: &Reply) -> String {
    let value = joined(reply, b"content-type");
    value.split(';').next().unwrap_or_default().trim().to_lowercase()
}

/// The name of the encoding of a reply's text, in small letters.
fn encoding(reply: &Reply) -> Box<str> {
    text::encoding(&reply.body, &text_type(reply)).name().to_ascii_lowercase().into()
}

/// The `Content-Type` by which the text is decoded: the last one, as for `Response.text`.
fn text_type(reply: &Reply) -> String {
    reply.headers.values(b"content-type").last().map(latin1).unwrap_or_default()
}

/// The values of a header field, joined.
fn joined(reply: &Reply, name: &'static [u8]) -> String {
    let values: Vec<_> = reply.headers.values(name).map(latin1).collect();
    values.join(", ")
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// Where the reply redirects to: RFC 9110, section 15.4. `None` if nowhere, or nobody knows where.
pub fn redirect(reply: &Reply, url: &Url) -> Result<Option<Url>, Error> {
    let Some(reference) = reply.location() else { return Ok(None) };
    let reference = std::str::from_utf8(reference).map_or_else(|_| latin1(reference), str::to_owned);
    let leads = || format!("the reply leads to {reference:?}, which is no URL that can be fetched");
    let next =
        url.join(&reference).map_err(|error| Error::Response(Fault::Protocol(format!("{}: {error}", leads()))))?;
    if !matches!(next.scheme(), "http" | "https") {
        let scheme = next.scheme();
        return Err(Error::UnsupportedProtocol(format!(
            "{:?} has the scheme {scheme:?}; allowed: \"http\", \"https\"",
            next.as_str()
        )));
    }
    links::join(url, &reference).map(Some).ok_or_else(|| {
        Error::Response(Fault::Protocol(format!(
            "{}: it holds a user name or password, which would not be sent",
            leads()
        )))
    })
}

impl Page {
    /// The reply.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        self.outcome.result.as_ref().ok()
    }

    /// Bytes of the body, decoded.
    #[must_use]
    pub fn size(&self) -> usize {
        self.reply().map_or(0, |reply| reply.body.len())
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> Option<&Error> {
        self.error.as_ref().or(self.outcome.result.as_ref().err())
    }

    /// Its row in the statistics.
    #[must_use]
    pub fn row(&self) -> Row {
        Row {
            url: self.url.as_str().into(),
            next_url: self.next_url.as_ref().map(|url| url.as_str().into()),
            status: self.reply().map(|reply| reply.status),
            error: self.fault().map(|error| Box::new(error.clone())),
            size: self.size(),
            content_type: self.content_type.as_str().into(),
            encoding: self.reply().map(encoding),
            links: self.links.len(),
            new_links: self.new_links,
            started: self.outcome.started,
            elapsed: self.outcome.elapsed,
        }
    }
}
