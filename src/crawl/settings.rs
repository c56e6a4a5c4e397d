//! What a crawl is to do.

use std::path::PathBuf;
use std::time::Duration;

use super::scope::Scope;

/// What a crawl is to do.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a question that the caller answers
pub struct Settings {
    /// Which URLs belong to it.
    pub scope: Scope,
    /// How many redirects may follow one another.
    pub max_redirect: u32,
    /// How many times a URL is fetched, at most.
    pub max_tries: u32,
    /// How many fetches may be in flight.
    pub max_tasks: usize,
    /// How many of them to one host.
    pub max_tasks_per_host: usize,
    /// How many URLs are fetched, at most.
    pub max_pages: Option<usize>,
    /// How many URLs of one folder are fetched, at most: of those that differ after the last slash of the path.
    pub max_pages_per_folder: Option<usize>,
    /// How many links away from a root to go.
    pub max_depth: Option<u32>,
    /// The pause between two fetches from one host.
    pub delay: Duration,
    /// The longest pause that a host may ask for.
    pub max_delay: Duration,
    /// The name by which robots.txt knows this crawler, if it asks for that.
    pub robots: Option<String>,
    /// Whether to begin with the URLs of the hosts' sitemaps, too.
    pub sitemaps: bool,
    /// Whether to leave out links that say `nofollow`.
    pub nofollow: bool,
    /// Whether somebody takes the pages.
    pub hands_out: bool,
    /// Whether to keep a row for each page; if somebody takes the pages, only for those that earlier crawls have done.
    pub keeps_rows: bool,
    /// The folder in which the crawl keeps what it needs to go on after it was killed.
    pub folder: Option<PathBuf>,
}
