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
use crate::exchange::Reply;

/// How many redirects of a robots.txt are followed: RFC 9309, section 2.3.1.2.
const ROBOTS_REDIRECTS: u32 = 5;
/// How many bytes it may have at least, whatever the limit for pages is: section 2.5.
pub(super) const LEAST_RULES: u64 = 500 << 10;
/// How deep indexes of sitemaps may lead, and how many sitemaps a crawl reads.
const SITEMAP_DEPTH: u32 = 3;
const MOST_SITEMAPS: usize = 10_000;

impl Crawl {
    /// Asks for the rules of a host; or for its sitemap, if nobody asks for rules.
    pub(super) fn meet(&self, state: &mut State, host: usize) {
        if self.settings.robots.is_some() {
            Self::ask_for_rules(state, host);
        } else if self.settings.sitemaps {
            let origin = &state.frontier.host(host).origin;
            if let Ok(url) = Url::parse(&format!("{origin}/sitemap.xml")) {
                self.add_sitemap(state, &url, 0, self.settings.max_redirect);
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
            purpose: Purpose::Robots(host),
            number: 0,
        });
    }

    /// Takes what came of a request for the robots.txt of host `of`. If that cannot be read, the host is closed.
    pub(super) fn take_rules(
        &self,
        state: &mut State,
        known: &Known,
        of: usize,
        result: &Result<Reply, Error>,
        url: &str,
    ) {
        let Settings { delay, max_delay, .. } = self.settings;
        let reply = match result {
            Ok(reply) if reply.status < 500 => reply,
            failed => {
                let host = state.frontier.host(of);
                let unread = |why: &str| format!("the robots.txt of {} cannot be read{why}", host.origin);
                host.closed = Some(match failed {
                    Ok(_) => Error::Disallowed(unread(": it may close it")),
                    Err(Error::Response(fault)) => Error::Disallowed(unread(&format!(", and may close it: {fault}"))),
                    Err(error) => error.clone(),
                });
                return state.frontier.settle(of);
            }
        };
        let next = Url::parse(url).ok().and_then(|url| page::redirect(reply, &url).ok().flatten());
        if let Some(next) = next.filter(|next| known.redirects > 0 && self.settings.scope.has_host(next)) {
            return self.follow_rules(state, known, &next);
        }
        let agent = self.settings.robots.as_deref().unwrap_or_default();
        let is_there = (200..300).contains(&reply.status);
        let robots = if is_there { Robots::parse(&reply.body, agent) } else { Robots::default() };
        let host = state.frontier.host(of);
        let wanted = robots.crawl_delay().unwrap_or_default();
        host.delay = wanted.max(delay);
        if wanted > max_delay {
            host.closed = Some(Error::Paused(too_long("Crawl-delay", wanted, max_delay)));
        } else if !host.delay.is_zero() {
            host.pause(Instant::now() + host.delay);
        }
        let base = Url::parse(&format!("{}/robots.txt", host.origin)).ok().filter(|_| self.settings.sitemaps);
        let named = robots.sitemaps();
        let usual = [String::from("/sitemap.xml")];
        let sitemaps = if named.is_empty() { &usual } else { named };
        let sitemaps: Vec<_> =
            base.iter().flat_map(|base| sitemaps.iter().filter_map(|sitemap| links::join(base, sitemap))).collect();
        host.robots = Rules::Known(robots, Instant::now());
        for sitemap in &sitemaps {
            self.add_sitemap(state, sitemap, 0, self.settings.max_redirect);
        }
        state.frontier.settle(of);
    }

    /// Follows the redirect of a robots.txt, maybe to another scheme, port or host: RFC 9309, section 2.3.1.2.
    fn follow_rules(&self, state: &mut State, known: &Known, next: &Url) {
        let host = self.host_without_rules(state, next);
        let path = next[Position::BeforePath..Position::AfterQuery].into();
        state.frontier.push_first(Known { host, path, redirects: known.redirects - 1, tries: 0, ..known.clone() });
    }

    /// Has a sitemap fetched, unless it was met before or is not wanted.
    pub(super) fn add_sitemap(&self, state: &mut State, url: &Url, depth: u32, redirects: u32) {
        let is_wanted = self.settings.scope.has_host(url) && depth <= SITEMAP_DEPTH && state.sitemaps < MOST_SITEMAPS;
        if !is_wanted || self.has_enough(state) || !state.seen.add(("sitemap", url.as_str())) {
            return;
        }
        state.sitemaps += 1;
        let host = self.host_of(state, url);
        state.frontier.push_first(Known {
            host,
            path: url[Position::BeforePath..Position::AfterQuery].into(),
            referrer: None,
            depth,
            redirects,
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
            self.add_sitemap(&mut state, &next, known.depth, known.redirects - 1);
        }
        for sitemap in &sitemaps {
            self.add_sitemap(&mut state, sitemap, known.depth + 1, self.settings.max_redirect);
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
        // Of several that were in flight together, only the first counts as one more.
        let is_first =
            host.paused_at.is_none_or(|at| now.checked_sub(outcome.elapsed).is_some_and(|began| began >= at));
        let strikes = if is_first { host.strikes } else { host.strikes.saturating_sub(1) };
        let Some(pause) = politeness::pause(reply.status, said, strikes, SystemTime::now()) else {
            host.strikes = 0;
            return;
        };
        if is_first {
            host.paused_at = Some(now);
            host.strikes += 1;
        }
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
