//! A crawl: a [`Work`](crate::work::Work) that grows while it is done, as pages lead to further pages.
//!
//! `work` is the crawl itself: it hands out URLs, takes replies, and hands out pages, as the `settings` say. `frontier`
//! holds the URLs that were not fetched yet, host by host, `seen` what was met at all; `scope` says which belong to the
//! crawl; `politeness` when a host wants to be left alone, `robots` what it closes to crawlers. `store` keeps what a
//! crawl needs to go on after it was killed. `page` says what came of a URL, `links` and `sitemap` where it leads;
//! `parsers` are the threads that find out.

pub mod frontier;
pub mod links;
pub mod page;
mod parsers;
pub mod politeness;
pub mod robots;
pub mod scope;
mod seen;
mod settings;
pub mod sitemap;
mod store;
pub mod work;

pub use settings::Settings;
pub use work::{Arrived, Crawl, Totals};
