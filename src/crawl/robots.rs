//! The rules for crawlers that a host publishes.
#![allow(clippy::must_use_candidate, missing_docs, clippy::unused_self)]
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Robots(bool);
impl Robots {
    pub fn parse(_body: &[u8], _agent: &str) -> Robots {
        Robots(true)
    }
    pub fn allows(&self, _path: &str) -> bool {
        self.0
    }
    pub fn crawl_delay(&self) -> Option<Duration> {
        None
    }
    pub fn sitemaps(&self) -> &[String] {
        &[]
    }
    pub fn allow_all() -> Self {
        Robots(true)
    }
    pub fn disallow_all() -> Self {
        Robots(false)
    }
}
