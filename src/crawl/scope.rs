//! Which URLs belong to a crawl.

use std::collections::HashSet;
use std::net::IpAddr;

use fancy_regex::Regex;
use url::{Position, Url};

/// Which URLs belong to a crawl.
#[derive(Debug)]
pub struct Scope {
    /// The names of the roots' hosts; or, if sites matter, of their sites.
    names: HashSet<Box<str>>,
    /// The roots' schemes, hosts and ports.
    origins: HashSet<Box<str>>,
    strict: bool,
    include: Option<Regex>,
    exclude: Option<Regex>,
}

impl Scope {
    /// The hosts of the roots if it is `strict`, else their sites; of these, what `include` is found in, and `exclude`
    /// is not. The error says why one of these is no regular expression.
    pub fn new(roots: &[Url], strict: bool, include: Option<&str>, exclude: Option<&str>) -> Result<Self, String> {
        let names = roots.iter().filter_map(Url::host_str).map(|name| if strict { name } else { site(name) });
        let regex = |name: &str, pattern: Option<&str>| {
            let compiled = pattern.map(Regex::new).transpose();
            compiled.map_err(|error| format!("{name}={:?}: {error}", pattern.unwrap_or_default()))
        };
        Ok(Scope {
            names: names.map(Into::into).collect(),
            origins: roots.iter().map(|root| root[..Position::BeforePath].into()).collect(),
            strict,
            include: regex("include", include)?,
            exclude: regex("exclude", exclude)?,
        })
    }

    /// Whether the URL is to be fetched.
    #[must_use]
    pub fn has(&self, url: &Url) -> bool {
        // A pattern that takes too long to look for counts as one that keeps the URL out.
        self.has_host(url)
            && self.include.as_ref().is_none_or(|include| include.is_match(url.as_str()).unwrap_or(false))
            && !self.exclude.as_ref().is_some_and(|exclude| exclude.is_match(url.as_str()).unwrap_or(true))
    }

    /// Whether requests may go to the URL's host.
    #[must_use]
    pub fn has_host(&self, url: &Url) -> bool {
        let name = url.host_str().unwrap_or_default();
        self.names.contains(if self.strict { name } else { site(name) })
    }

    /// Whether a root has this scheme, host and port, such as `http://example.com:8080`.
    #[must_use]
    pub fn has_root_at(&self, origin: &str) -> bool {
        self.origins.contains(origin)
    }
}

/// The site of a host: the name that somebody has registered below a public suffix, such as `example.co.uk`; an IP
/// address, or a name that is itself such a suffix, as it is.
#[must_use]
pub fn site(name: &str) -> &str {
    if name.starts_with('[') || name.parse::<IpAddr>().is_ok() { name } else { psl::domain_str(name).unwrap_or(name) }
}
