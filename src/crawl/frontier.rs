//! The URLs that were seen and not fetched yet, host by host: what may begin now, and what only later.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::{Position, Url};

use super::robots::Robots;
use crate::error::Error;

/// What a URL is fetched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is a page of the crawl.
    Page,
    /// The rules for crawlers of the host with this number: its own, unless a redirect led here.
    Robots(usize),
    /// It lists URLs of its host.
    Sitemap,
}

impl Purpose {
    /// Whether it is the rules of a host.
    #[must_use]
    pub fn is_robots(self) -> bool {
        matches!(self, Purpose::Robots(_))
    }
}

/// A URL of the frontier.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its host, by number.
    pub host: usize,
    /// Path and query.
    pub path: Box<str>,
    /// The page that led to it first; `None` for a root.
    pub referrer: Option<Arc<str>>,
    /// How many links led to it.
    pub depth: u32,
    /// How many redirects may follow.
    pub redirects: u32,
    /// How many times it was fetched.
    pub tries: u32,
    /// What for.
    pub purpose: Purpose,
    /// The crawl's number for it.
    pub number: u64,
}

/// A host, which is a scheme, a name and a port; and what is known of it.
#[derive(Debug)]
pub struct Host {
    /// The beginning of its URLs, such as `http://example.com:8080`.
    pub origin: Box<str>,
    /// Its name, or its IP address without brackets.
    pub name: Box<str>,
    /// Its TCP port.
    pub port: u16,
    /// The `Host` header's value.
    pub authority: Box<str>,
    /// Whether the scheme is `https`.
    pub is_secure: bool,
    /// Where to connect to, once that is known.
    pub addresses: Option<Arc<[SocketAddr]>>,
    /// How many times its addresses were asked for.
    pub lookups: u32,
    /// Its rules for crawlers.
    pub robots: Rules,
    /// Why nothing more is fetched from it.
    pub closed: Option<Error>,
    /// The pause from the end of an exchange to the beginning of the next.
    pub delay: Duration,
    /// It wants nothing before this.
    pub paused_until: Option<Instant>,
    /// When that was said last.
    pub paused_at: Option<Instant>,
    /// How many pauses without a length it has asked for, one after another.
    pub strikes: u32,
    /// How many exchanges are in flight.
    pub in_flight: usize,
    queue: VecDeque<Known>,
    /// Whether it stands among those that may be ready.
    is_ready: bool,
    /// When it is looked at again.
    alarm: Option<Instant>,
}

/// What is known of a host's robots.txt.
#[derive(Debug)]
pub enum Rules {
    /// Nothing: it has to be fetched first.
    Unknown,
    /// It is being fetched.
    Asked,
    /// These are its rules, of this instant.
    Known(Robots, Instant),
    /// Nobody asks for them.
    Ignored,
}

impl Host {
    fn of(url: &Url, asks_robots: bool, delay: Duration) -> Self {
        let name = url.host_str().unwrap_or_default();
        Host {
            origin: url[..Position::BeforePath].into(),
            name: name.trim_start_matches('[').trim_end_matches(']').into(),
            port: url.port_or_known_default().unwrap_or_default(),
            authority: url[Position::BeforeHost..Position::AfterPort].into(),
            is_secure: url.scheme() == "https",
            addresses: None,
            lookups: 0,
            robots: if asks_robots { Rules::Unknown } else { Rules::Ignored },
            closed: None,
            delay,
            paused_until: None,
            paused_at: None,
            strikes: 0,
            in_flight: 0,
            queue: VecDeque::new(),
            is_ready: false,
            alarm: None,
        }
    }

    /// Leaves it alone until this instant, at least.
    pub fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// How many exchanges it allows at once.
    fn most_in_flight(&self, limit: usize) -> usize {
        if self.delay.is_zero() { limit } else { 1 }
    }

    /// Whether the next of its queue is a page that has not been fetched before.
    fn has_new(&self) -> bool {
        self.queue.front().is_some_and(|next| next.tries == 0 && next.purpose == Purpose::Page)
    }

    /// Whether the next of its queue can begin, or be refused, apart from pauses.
    fn has_work(&self, limit: usize) -> bool {
        let Some(next) = self.queue.front() else { return false };
        if self.closed.is_some() {
            return true;
        }
        let knows_rules = next.purpose.is_robots() || matches!(self.robots, Rules::Known(..) | Rules::Ignored);
        self.addresses.is_some() && knows_rules && self.in_flight < self.most_in_flight(limit)
    }
}

/// A URL that is not to begin before an instant.
struct Later(Instant, Known);

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Later {}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.cmp(&self.0)
    }
}

/// The URLs that are to be fetched, by their hosts.
#[derive(Default)]
pub struct Frontier {
    hosts: Vec<Host>,
    by_origin: HashMap<Box<str>, usize>,
    /// Those that may have work, in turn.
    ready: VecDeque<usize>,
    /// When to look at a host again.
    alarms: BinaryHeap<Reverse<(Instant, usize)>>,
    /// What is tried again.
    later: BinaryHeap<Later>,
    /// How many URLs are in the queues.
    queued: usize,
    /// How many exchanges a host may have in flight.
    host_limit: usize,
}

impl Frontier {
    /// An empty one.
    #[must_use]
    pub fn new(host_limit: usize) -> Self {
        Frontier { host_limit, ..Self::default() }
    }

    /// How many URLs wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queued + self.later.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All hosts.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// A host, by its number.
    pub fn host(&mut self, number: usize) -> &mut Host {
        &mut self.hosts[number]
    }

    /// The number of the URL's host, which may be new.
    pub fn host_of(&mut self, url: &Url, asks_robots: bool, delay: Duration) -> usize {
        if let Some(&number) = self.by_origin.get(&url[..Position::BeforePath]) {
            return number;
        }
        let host = Host::of(url, asks_robots, delay);
        self.by_origin.insert(host.origin.clone(), self.hosts.len());
        self.hosts.push(host);
        self.hosts.len() - 1
    }

    /// The whole URL.
    #[must_use]
    pub fn url(&self, known: &Known) -> String {
        [&self.hosts[known.host].origin, &*known.path].concat()
    }

    /// Puts a URL at the end of its host's queue.
    pub fn push(&mut self, known: Known) {
        let number = known.host;
        self.hosts[number].queue.push_back(known);
        self.queued += 1;
        self.settle(number);
    }

    /// Puts a URL before all others of its host, except that the rules for crawlers come first.
    pub fn push_first(&mut self, known: Known) {
        let number = known.host;
        let queue = &mut self.hosts[number].queue;
        let is_next = queue.front().is_none_or(|next| !next.purpose.is_robots());
        queue.insert(usize::from(!is_next), known);
        self.queued += 1;
        self.settle(number);
    }

    /// Puts a URL back until an instant.
    pub fn push_later(&mut self, known: Known, until: Instant) {
        self.later.push(Later(until, known));
    }

    /// Records that something about a host has changed.
    pub fn settle(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        if !host.is_ready && host.has_work(self.host_limit) {
            host.is_ready = true;
            self.ready.push_back(number);
        }
    }

    /// Takes a URL that may begin now, or is refused by its host: preferably of this host, as long as that has no more
    /// than its share of `waiters`; `begins_new` says whether it may be one that has not been fetched before.
    pub fn take(&mut self, preferred: Option<usize>, waiters: usize, begins_new: bool, now: Instant) -> Option<Known> {
        while self.later.peek().is_some_and(|later| later.0 <= now) {
            if let Some(Later(_, known)) = self.later.pop() {
                self.push_first(known);
            }
        }
        while self.alarms.peek().is_some_and(|alarm| alarm.0.0 <= now) {
            if let Some(Reverse((_, number))) = self.alarms.pop() {
                self.hosts[number].alarm = None;
                self.settle(number);
            }
        }
        if let Some(number) = preferred
            && (begins_new || !self.hosts[number].has_new())
        {
            let share = waiters.div_ceil(self.ready.len().max(1));
            if self.hosts[number].in_flight < share && self.may_begin(number, now) {
                return self.take_of(number);
            }
        }
        for _ in 0..self.ready.len() {
            let number = self.ready.pop_front()?;
            if !begins_new && self.hosts[number].has_new() {
                self.ready.push_back(number);
                continue;
            }
            self.hosts[number].is_ready = false;
            if self.may_begin(number, now) {
                let known = self.take_of(number);
                self.settle(number);
                return known;
            }
        }
        None
    }

    /// Whether any host may have something to begin.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Forgets what was never fetched.
    pub fn forget_new(&mut self) {
        for host in &mut self.hosts {
            let before = host.queue.len();
            host.queue.retain(|known| known.tries > 0);
            self.queued -= before - host.queue.len();
        }
    }

    /// When to look for more, if nothing else happens before.
    #[must_use]
    pub fn next_instant(&self) -> Option<Instant> {
        let alarm = self.alarms.peek().map(|alarm| alarm.0.0);
        let later = self.later.peek().map(|later| later.0);
        alarm.into_iter().chain(later).min()
    }

    /// Whether the host's next URL may begin; if only the time has not come, an alarm is set.
    fn may_begin(&mut self, number: usize, now: Instant) -> bool {
        let host = &mut self.hosts[number];
        if !host.has_work(self.host_limit) {
            return false;
        }
        if host.closed.is_some() {
            return true;
        }
        match host.paused_until {
            Some(until) if until > now => {
                if host.alarm.is_none_or(|alarm| alarm > until) {
                    host.alarm = Some(until);
                    self.alarms.push(Reverse((until, number)));
                }
                false
            }
            _ => true,
        }
    }

    fn take_of(&mut self, number: usize) -> Option<Known> {
        let known = self.hosts[number].queue.pop_front();
        self.queued -= usize::from(known.is_some());
        known
    }
}
