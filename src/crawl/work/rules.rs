//! What hosts ask of a crawl: robots.txt, sitemaps, pauses.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use url::{Position, Url};

use super::{Crawl, State};
use crate::attempt::Outcome;
use crate::crawl::frontier::{Known, Purpose, Rules};
use crate::crawl::robots::Robots;
use crate::crawl::settings::Settings;
use crate::crawl::{links, page, politeness, sitemap};
use crate::error::Error;

/// How many redirects of a robots.txt are followed: RFC 9309, section 2.3.1.2.
const ROBOTS_REDIRECTS: u32 = 5;
/// How deep indexes of sitemaps may lead, and how many sitemaps a crawl reads.
const SITEMAP_DEPTH: u32 = 3;
const MOST_SITEMAPS: usize = 10_000;

impl Crawl {
    /// Asks for the addresses of a new host, and then for its rules.
    pub(super) fn meet(&self, state: &mut State, host: usize) {
        self.look_up(state, host);
        if self.settings.robots.is_some() {
            Self::ask_for_rules(state, host);
        } else if self.settings.sitemaps {
            let origin = &state.frontier.host(host).origin;
            if let Ok(url) = Url::parse(&format!("{origin}/sitemap.xml")) {
                self.add_sitemap(state, &url, 0);
            }
        }
    }

    pub(super) fn ask_for_rules(state: &mut State, host: usize) {
        state.frontier.host(host).robots = Rules::Asked;
        state.frontier.push_first(Known {
            host,
            path: "/robots.txt".into(),
            referrer: None,
            depth: 0,
            redirects: ROBOTS_REDIRECTS,
            tries: 0,
            purpose: Purpose::Robots,
            number: 0,
        });
    }

    /// Takes the reply to a request for robots.txt. If there is none, or an error, the host is closed.
    pub(super) fn take_rules(&self, state: &mut State, known: &Known, outcome: &Outcome, url: &str) {
        let Settings { delay, max_delay, .. } = self.settings;
        let reply = match &outcome.result {
            Ok(reply) if reply.status < 500 => reply,
            failed => {
                let host = state.frontier.host(known.host);
                let closed = || format!("the robots.txt of {} cannot be read: it may close it", host.origin);
                host.closed = Some(failed.clone().err().unwrap_or_else(|| Error::Disallowed(closed())));
                return state.frontier.settle(known.host);
            }
        };
        let next = Url::parse(url).ok().and_then(|url| page::redirect(reply, &url).ok().flatten());
        if next.is_some_and(|next| known.redirects > 0 && Self::leads_to_rules(state, known, &next)) {
            return;
        }
        let agent = self.settings.robots.as_deref().unwrap_or_default();
        let robots = if reply.status == 200 { Robots::parse(&reply.body, agent) } else { Robots::default() };
        let host = state.frontier.host(known.host);
        let wanted = robots.crawl_delay().unwrap_or_default();
        host.delay = wanted.max(delay);
        if wanted > max_delay {
            host.closed = Some(Error::Paused(too_long("Crawl-delay", wanted, max_delay)));
        } else if !host.delay.is_zero() {
            host.pause(Instant::now() + host.delay);
        }
        let base = Url::parse(url).ok().filter(|_| self.settings.sitemaps);
        let named = robots.sitemaps();
        let usual = [String::from("/sitemap.xml")];
        let sitemaps = if named.is_empty() { &usual } else { named };
        let sitemaps: Vec<_> =
            base.iter().flat_map(|base| sitemaps.iter().filter_map(|sitemap| links::join(base, sitemap))).collect();
        host.robots = Rules::Known(robots, Instant::now());
        for sitemap in &sitemaps {
            self.add_sitemap(state, sitemap, 0);
        }
        state.frontier.settle(known.host);
    }

    /// Follows the redirect of a robots.txt, if that leads to the same host; returns whether it does.
    fn leads_to_rules(state: &mut State, known: &Known, next: &Url) -> bool {
        if next[..Position::BeforePath] != *state.frontier.host(known.host).origin {
            return false;
        }
        let path = next[Position::BeforePath..Position::AfterQuery].into();
        state.frontier.push_first(Known { path, redirects: known.redirects - 1, tries: 0, ..known.clone() });
        true
    }

    /// Has a sitemap fetched, unless it was met before or is not wanted.
    pub(super) fn add_sitemap(&self, state: &mut State, url: &Url, depth: u32) {
        let is_wanted = self.settings.scope.has_host(url) && depth <= SITEMAP_DEPTH && state.sitemaps < MOST_SITEMAPS;
        if !is_wanted || !state.seen.add(("sitemap", url.as_str())) {
            return;
        }
        state.sitemaps += 1;
        let host = self.host_of(state, url);
        state.frontier.push_first(Known {
            host,
            path: url[Position::BeforePath..Position::AfterQuery].into(),
            referrer: None,
            depth,
            redirects: self.settings.max_redirect,
            tries: 0,
            purpose: Purpose::Sitemap,
            number: 0,
        });
    }

    /// Reads a sitemap, and adds its URLs.
    pub(super) fn read_sitemap(&self, known: &Known, base: &Url, outcome: &Outcome) {
        let reply = outcome.result.as_ref().ok();
        let next = reply.and_then(|reply| page::redirect(reply, base).ok().flatten());
        let found = reply.filter(|reply| reply.status == 200).map(|reply| {
            // On a thread of the pool, a panic would end the process.
            catch_unwind(|| sitemap::read(&reply.body)).unwrap_or_default()
        });
        let found = found.unwrap_or_default();
        let parsed = |urls: &[String]| urls.iter().filter_map(|url| links::join(base, url)).collect::<Vec<_>>();
        let (urls, sitemaps) = (parsed(&found.urls), parsed(&found.sitemaps));
        let referrer: Arc<str> = base.as_str().into();
        let mut state = self.lock();
        state.reading -= 1;
        if let Some(next) = next.filter(|_| known.redirects > 0) {
            self.add_sitemap(&mut state, &next, known.depth);
        }
        for sitemap in &sitemaps {
            self.add_sitemap(&mut state, sitemap, known.depth + 1);
        }
        for url in &urls {
            self.add(&mut state, url, Some(&referrer), 0, self.settings.max_redirect);
        }
        Self::wake(state, usize::MAX);
    }

    /// Leaves the host alone for as long as the reply asks.
    pub(super) fn heed(&self, state: &mut State, number: usize, outcome: &Outcome) {
        let now = Instant::now();
        let host = state.frontier.host(number);
        if !host.delay.is_zero() {
            host.pause(now + host.delay);
        }
        let Ok(reply) = &outcome.result else { return };
        let said = reply.headers.values(b"retry-after").next();
        let Some(pause) = politeness::pause(reply.status, said, host.strikes, SystemTime::now()) else {
            host.strikes = 0;
            return;
        };
        // Of several that were in flight together, the first counts.
        if host.paused_at.is_some_and(|at| now.checked_sub(outcome.elapsed).is_none_or(|began| began < at)) {
            return;
        }
        host.paused_at = Some(now);
        host.strikes += 1;
        if pause > self.settings.max_delay {
            host.closed = Some(Error::Paused(too_long("Retry-After", pause, self.settings.max_delay)));
        } else {
            host.pause(now + pause);
        }
    }
}

fn too_long(what: &str, wanted: Duration, most: Duration) -> String {
    format!("the host's {what} asks for a pause of {} s; max_delay is {} s", wanted.as_secs_f64(), most.as_secs_f64())
}
