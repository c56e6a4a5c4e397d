//! The crawl as the work of a strategy: it hands out URLs, takes replies, and hands out pages.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use slab::Slab;
use url::{Position, Url};

use super::frontier::{Frontier, Known, Purpose, Rules};
use super::links;
use super::page::{self, Leads, Page, Row};
use super::parsers::Parsers;
use super::politeness;
use super::robots::Robots;
use super::scope::Scope;
use super::sitemap;
use super::store::{Event, Restore, Store, Waiting};
use crate::attempt::{Assignment, Outcome, Terms};
use crate::cancellation::{Cancellation, TICK};
use crate::error::{Error, panic_text};
use crate::target::Target;
use crate::tls;
use crate::work::{Exchanges, Job, Next, Sleepers, Slot, Work};

/// The pause before the second try of a URL; before each later one, it is twice as long as before.
const WAIT_BEFORE_TRY: Duration = Duration::from_millis(100);
/// How many redirects of a robots.txt are followed: RFC 9309, section 2.3.1.2.
const ROBOTS_REDIRECTS: u32 = 5;
/// How long a robots.txt counts: RFC 9309, section 2.4.
const ROBOTS_LAST: Duration = Duration::from_secs(24 * 3600);
/// How deep indexes of sitemaps may lead, and how many sitemaps a crawl reads.
const SITEMAP_DEPTH: u32 = 3;
const MOST_SITEMAPS: usize = 10_000;
/// How many pages wait to be taken, at most, and bytes of their bodies; apart from what is in flight.
const MOST_PAGES: usize = 1000;
const MOST_BYTES: usize = 64 << 20;
/// How many bytes of bodies are taken at a time, more or less.
const TAKEN_BYTES: usize = 4 << 20;
/// How many URLs wait in memory, at most, if there is a store for the others; and how many are read from it at a time.
const MOST_WAITING: usize = 100_000;
const READ_AT_ONCE: usize = MOST_WAITING / 2;

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

/// How a crawl stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// URLs that are done.
    pub pages: usize,
    /// Those of them that failed.
    pub errors: usize,
    /// URLs that wait.
    pub queued: usize,
    /// Fetches in flight.
    pub in_flight: usize,
    /// Hosts that were met.
    pub hosts: usize,
    /// Bytes of all bodies.
    pub bytes: u64,
}

/// What has arrived.
#[derive(Debug, Default)]
pub struct Arrived {
    /// The pages that are done.
    pub pages: VecDeque<Page>,
    /// The hosts whose addresses are wanted: number, name, port, and whether it is `https`.
    pub lookups: Vec<(usize, Box<str>, u16, bool)>,
}

/// A crawl. Whoever feeds it with addresses takes its pages.
pub struct Crawl {
    me: Weak<Crawl>,
    settings: Settings,
    fingerprints: RandomState,
    parsers: OnceLock<Mutex<Option<Parsers>>>,
    store: OnceLock<Store>,
    state: Mutex<State>,
    /// A page or a lookup has come, or the strategy has ended.
    changed: Condvar,
    /// Called then, too, if anybody watches.
    notify: Box<dyn Fn() + Send + Sync>,
}

struct State {
    terms: Arc<Terms>,
    exchanges: Exchanges,
    frontier: Frontier,
    /// The fingerprints of all URLs that were seen.
    seen: HashSet<u64, BuildHasherDefault<AsItIs>>,
    /// How many URLs of each folder were seen, if that is limited.
    folders: HashMap<u64, usize, BuildHasherDefault<AsItIs>>,
    in_flight: Slab<Known>,
    /// How many replies are being read.
    reading: usize,
    /// How many URLs were fetched, or are being fetched.
    begun: usize,
    /// The first number that no URL has.
    next_number: u64,
    /// The URLs from this number on wait in the store only.
    stored_from: Option<u64>,
    /// Whether some of them are being read.
    is_reading: bool,
    /// With a store: how many URLs were begun and are not recorded as done. Killed now, the crawl would fetch them again.
    unrecorded: usize,
    /// With a store: the rows of those that were handed out and are not acknowledged.
    unacknowledged: VecDeque<(u64, Row)>,
    /// How many sitemaps were met.
    sitemaps: usize,
    /// How many hosts' addresses have been asked for.
    looked_up: usize,
    arrived: Arrived,
    /// Bytes of the bodies that wait to be taken.
    waiting_bytes: usize,
    rows: Vec<Row>,
    totals: Totals,
    sleepers: Sleepers,
    /// The sleeper that looks at the clock, for all: its number, and when it wakes.
    timekeeper: Option<(u64, Instant)>,
    /// The store cannot be written.
    failed: Option<Error>,
    ended: Option<Result<(), Error>>,
    /// Notifications are wanted.
    watched: bool,
}

/// A hasher for what is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("fingerprints are numbers");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl Crawl {
    /// A crawl that begins with `roots`; `notify` is called, by any thread, when something has arrived and it is watched.
    pub fn new(
        settings: Settings,
        terms: Terms,
        roots: &[Url],
        notify: impl Fn() + Send + Sync + 'static,
    ) -> Result<Arc<Self>, Error> {
        let crawl = Arc::new_cyclic(|me| Crawl {
            me: Weak::clone(me),
            fingerprints: RandomState::new(),
            parsers: OnceLock::new(),
            store: OnceLock::new(),
            state: Mutex::new(State::new(Arc::new(terms), settings.max_tasks_per_host)),
            changed: Condvar::new(),
            notify: Box::new(notify),
            settings,
        });
        if let Some(folder) = &crawl.settings.folder {
            let mut state = crawl.lock();
            let database = Store::open(folder, &mut Restoring { crawl: &crawl, state: &mut state })?;
            let me = Weak::clone(&crawl.me);
            let report = move |event| me.upgrade().map_or((), |crawl| crawl.take_event(event));
            let _ = crawl.store.set(Store::start(database, report)?);
        }
        let mut state = crawl.lock();
        for root in roots {
            crawl.add(&mut state, root, None, 0, crawl.settings.max_redirect);
        }
        drop(state);
        Ok(crawl)
    }

    /// Records that the oldest `count` of the pages that were handed out are done.
    pub fn acknowledge(&self, count: usize) {
        let mut state = self.lock();
        if let Some(store) = self.store.get() {
            let count = count.min(state.unacknowledged.len());
            for (number, row) in state.unacknowledged.drain(..count) {
                store.finish(number, row);
            }
        }
    }

    /// Says whom to trust over https, before the addresses of the first such host.
    pub fn trust(&self, client: &tls::Client) {
        let mut state = self.lock();
        state.terms = Arc::new(Terms { tls: Some(client.clone()), ..Terms::clone(&state.terms) });
    }

    /// Takes the addresses of a host, or why it has none.
    pub fn resolved(&self, host: usize, addresses: Result<Arc<[SocketAddr]>, Error>) {
        let mut state = self.lock();
        state.looked_up -= 1;
        let known = state.frontier.host(host);
        known.lookups += 1;
        match addresses {
            Ok(addresses) => known.addresses = Some(addresses),
            Err(_) if known.lookups < self.settings.max_tries => {
                self.look_up(&mut state, host);
            }
            Err(error) => known.closed = Some(error),
        }
        state.frontier.settle(host);
        Self::wake(state, usize::MAX);
    }

    /// Records how the strategy has ended, after what it fetched has been read.
    pub fn end(&self, how: Result<(), Error>) {
        let parsers =
            self.parsers.get().and_then(|parsers| parsers.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(parsers) = parsers {
            parsers.end();
        }
        let mut state = self.lock();
        let failed = state.failed.take();
        state.ended = Some(failed.map_or(how, Err));
        drop(state);
        self.changed.notify_all();
        (self.notify)();
    }

    /// Writes what is not written yet, and closes the store.
    pub fn close(&self) {
        if let Some(store) = self.store.get() {
            store.close();
        }
    }

    /// How the strategy has ended, once it has and all pages are taken.
    #[must_use]
    pub fn ended(&self) -> Option<Result<(), Error>> {
        let state = self.lock();
        if state.arrived.pages.is_empty() { state.ended.clone() } else { None }
    }

    /// Asks for notifications: of what has arrived before, too.
    pub fn watch(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.watched, true) && state.has_arrived() {
            (self.notify)();
        }
    }

    /// What has arrived; if that is much, only some of it.
    #[must_use]
    pub fn take(&self) -> Arrived {
        let mut state = self.lock();
        let was_full = state.is_full();
        let lookups = std::mem::take(&mut state.arrived.lookups);
        let (mut pages, mut bytes) = (VecDeque::new(), 0);
        while bytes < TAKEN_BYTES
            && let Some(page) = state.arrived.pages.pop_front()
        {
            bytes += page.size();
            pages.push_back(page);
        }
        state.waiting_bytes -= bytes;
        if state.watched && !state.arrived.pages.is_empty() {
            (self.notify)();
        }
        if was_full && !state.is_full() {
            Self::wake(state, usize::MAX);
        }
        Arrived { pages, lookups }
    }

    /// The same, but waits until there is anything, or the strategy has ended; or until then.
    pub fn wait(&self, cancellation: &Cancellation, until: Option<Instant>) -> Result<Arrived, Error> {
        let mut state = self.lock();
        while !state.has_arrived() && state.ended.is_none() && until.is_none_or(|until| Instant::now() < until) {
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
            if !state.has_arrived() {
                drop(state);
                cancellation.check()?;
                state = self.lock();
            }
        }
        drop(state);
        Ok(self.take())
    }

    /// How it stands.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let state = self.lock();
        Totals {
            queued: state.frontier.len(),
            in_flight: state.in_flight.len(),
            hosts: state.frontier.hosts().len(),
            ..state.totals
        }
    }

    /// The rows of the pages from this one on.
    #[must_use]
    pub fn rows_from(&self, start: usize) -> Vec<Row> {
        self.lock().rows.get(start..).unwrap_or_default().to_vec()
    }

    /// The errno that kept it from having all its waiters in flight.
    #[must_use]
    pub fn shortage(&self) -> Option<i32> {
        self.lock().exchanges.shortage()
    }

    /// Puts a URL into the frontier, unless it was seen before or is not wanted; returns whether it was put.
    fn add(&self, state: &mut State, url: &Url, referrer: Option<&Arc<str>>, depth: u32, redirects: u32) -> bool {
        let Settings { max_depth, ref scope, .. } = self.settings;
        if max_depth.is_some_and(|most| depth > most) {
            return false;
        }
        let fingerprint = self.fingerprints.hash_one(url.as_str());
        if state.seen.contains(&fingerprint) || !scope.has(url) {
            return false;
        }
        if let Some(most) = self.settings.max_pages_per_folder {
            let path = &url[..Position::AfterPath];
            let folder = &path[..=path.rfind('/').unwrap_or(0)];
            let count = state.folders.entry(self.fingerprints.hash_one(folder)).or_default();
            if *count >= most {
                return false;
            }
            *count += 1;
        }
        state.seen.insert(fingerprint);
        let number = state.next_number;
        state.next_number += 1;
        if let Some(store) = self.store.get() {
            let (url, referrer) = (url.to_string(), referrer.map(ToString::to_string));
            store.add(number, Waiting { url, referrer, depth, redirects });
        }
        if self.settings.max_pages.is_some_and(|most| state.begun >= most) {
            return true; // it is known, but not fetched
        }
        let is_stored = self.store.get().is_some();
        if is_stored && (state.stored_from.is_some() || state.frontier.len() >= MOST_WAITING) {
            state.stored_from.get_or_insert(number);
            return true;
        }
        self.push(state, number, url, referrer.cloned(), (depth, redirects));
        true
    }

    /// Puts a URL into the frontier.
    fn push(
        &self,
        state: &mut State,
        number: u64,
        url: &Url,
        referrer: Option<Arc<str>>,
        (depth, redirects): (u32, u32),
    ) {
        let host = self.host_of(state, url);
        let path = url[Position::BeforePath..Position::AfterQuery].into();
        let purpose = Purpose::Page;
        state.frontier.push(Known { host, path, referrer, depth, redirects, tries: 0, purpose, number });
    }

    /// Puts a URL from the store into the frontier.
    fn push_stored(&self, state: &mut State, number: u64, waiting: Waiting) {
        let Waiting { url, referrer, depth, redirects } = waiting;
        if let Ok(url) = Url::parse(&url) {
            self.push(state, number, &url, referrer.map(Into::into), (depth, redirects));
        }
    }

    /// Takes what the store has done.
    fn take_event(&self, event: Event) {
        let mut state = self.lock();
        match event {
            Event::Written(done) => state.unrecorded -= done,
            Event::Read(urls) => {
                state.is_reading = false;
                if state.stored_from.is_some() {
                    let next = urls.last().map(|(number, _)| number + 1).or(state.stored_from);
                    state.stored_from = next.filter(|&next| next < state.next_number);
                    for (number, waiting) in urls {
                        self.push_stored(&mut state, number, waiting);
                    }
                }
            }
            Event::Failed(error) => state.failed = Some(error),
        }
        Self::wake(state, usize::MAX);
    }

    /// Has URLs read from the store, if few are left.
    fn refill(&self, state: &mut State) {
        if let (Some(from), Some(store)) = (state.stored_from, self.store.get())
            && !state.is_reading
            && state.frontier.len() < MOST_WAITING - READ_AT_ONCE
        {
            state.is_reading = true;
            store.read(from, READ_AT_ONCE);
        }
    }

    /// Asks for the addresses of a new host, and then for its rules.
    fn meet(&self, state: &mut State, host: usize) {
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

    /// Has a sitemap fetched, unless it was met before or is not wanted.
    fn add_sitemap(&self, state: &mut State, url: &Url, depth: u32) {
        let fingerprint = self.fingerprints.hash_one(("sitemap", url.as_str()));
        let is_wanted = self.settings.scope.has_host(url) && depth <= SITEMAP_DEPTH && state.sitemaps < MOST_SITEMAPS;
        if !is_wanted || !state.seen.insert(fingerprint) {
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

    /// The number of the URL's host.
    fn host_of(&self, state: &mut State, url: &Url) -> usize {
        let hosts = state.frontier.hosts().len();
        let host = state.frontier.host_of(url, self.settings.robots.is_some(), self.settings.delay);
        if host == hosts {
            self.meet(state, host);
        }
        host
    }

    fn look_up(&self, state: &mut State, host: usize) {
        let known = state.frontier.host(host);
        let lookup = (host, known.name.clone(), known.port, known.is_secure);
        state.looked_up += 1;
        state.arrived.lookups.push(lookup);
        self.changed.notify_one();
        if state.watched {
            (self.notify)();
        }
    }

    fn ask_for_rules(state: &mut State, host: usize) {
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

    /// Takes a URL that may begin. Those that their hosts refuse become pages with an error.
    fn take_job(&self, state: &mut State, preferred: Option<usize>) -> Option<Job> {
        if state.is_full() {
            return None;
        }
        self.refill(state);
        let waiters = self.settings.max_tasks;
        let now = Instant::now();
        loop {
            let begins_new = state.unrecorded < waiters;
            let mut known = state.frontier.take(preferred, waiters, begins_new, now)?;
            let host = state.frontier.host(known.host);
            let refused = match (&host.closed, &host.robots) {
                (Some(error), _) => Some(error.clone()),
                (None, Rules::Known(_, at)) if now.duration_since(*at) > ROBOTS_LAST => {
                    let number = known.host;
                    state.frontier.push_first(known);
                    Self::ask_for_rules(state, number);
                    continue;
                }
                (None, Rules::Known(robots, _)) if known.purpose != Purpose::Robots && !robots.allows(&known.path) => {
                    Some(Error::Disallowed(format!("the robots.txt of {} closes it to crawlers", host.origin)))
                }
                _ => None,
            };
            if let Some(error) = refused {
                self.refuse(state, known, error);
                continue;
            }
            if known.purpose == Purpose::Page && known.tries == 0 {
                state.begun += 1;
                state.unrecorded += usize::from(self.store.get().is_some());
                if self.settings.max_pages == Some(state.begun) {
                    state.frontier.forget_new();
                    state.stored_from = None;
                }
            }
            known.tries += 1;
            let host = state.frontier.host(known.host);
            host.in_flight += 1;
            let target = Target {
                authority: host.authority.to_string(),
                path: known.path.to_string(),
                addresses: host.addresses.clone()?,
                tls_host: host.is_secure.then(|| host.name.to_string()),
            };
            let number = known.host;
            let ticket = state.in_flight.insert(known);
            state.frontier.settle(number);
            let assignment = Assignment { ticket, target: Arc::new(target), terms: Arc::clone(&state.terms) };
            return Some(Job { assignment, due: None });
        }
    }

    /// Makes a page of a URL that is not fetched.
    fn refuse(&self, state: &mut State, known: Known, error: Error) {
        if known.purpose != Purpose::Page {
            return;
        }
        if let Ok(url) = Url::parse(&state.frontier.url(&known)) {
            state.unrecorded += usize::from(known.tries == 0 && self.store.get().is_some());
            let page = page_of(url, known, Outcome::lost(0, error), String::new(), Leads::default(), 0);
            self.deliver(state, page);
        }
    }

    /// Has a reply read, by another thread if there is one with time for it.
    fn read(&self, known: Known, url: String, outcome: Outcome, reading: usize) {
        let parsers = self.parsers.get_or_init(|| Mutex::new(Parsers::start()));
        let parsers = parsers.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*parsers, self.me.upgrade()) {
            // If they are behind, whoever fetches helps: then no more comes in than can be read.
            (Some(parsers), Some(me)) if reading <= 4 * parsers.count() => {
                parsers.spawn(move || me.digest(known, &url, outcome));
            }
            _ => {
                drop(parsers);
                self.digest(known, &url, outcome);
            }
        }
    }

    /// Reads a sitemap, and adds its URLs.
    fn read_sitemap(&self, known: &Known, base: &Url, outcome: &Outcome) {
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

    /// Reads a reply, and adds what it leads to.
    fn digest(&self, known: Known, url: &str, outcome: Outcome) {
        let Ok(url) = Url::parse(url) else { unreachable!("the frontier holds URLs that were parsed") };
        if known.purpose == Purpose::Sitemap {
            return self.read_sitemap(&known, &url, &outcome);
        }
        let Settings { max_redirect, nofollow, .. } = self.settings;
        let reply = outcome.result.as_ref();
        let content_type = reply.map(page::content_type).unwrap_or_default();
        // On a thread of the pool, a panic would end the process.
        let leads = catch_unwind(AssertUnwindSafe(|| {
            reply.map(|reply| page::leads(reply, &url, &content_type, (known.redirects, max_redirect), nofollow))
        }));
        let leads = leads.map_or_else(
            |panic| Leads { error: Some(Error::Internal(panic_text(&*panic))), ..Leads::default() },
            Result::unwrap_or_default,
        );
        let referrer: Arc<str> = url.as_str().into();
        let mut state = self.lock();
        state.reading -= 1;
        let before = state.frontier.len();
        let mut new = 0;
        if let Some(next) = &leads.next_url {
            let redirects = known.redirects.saturating_sub(1);
            new += usize::from(self.add(&mut state, next, Some(&referrer), known.depth, redirects));
        }
        for link in &leads.links {
            new += usize::from(self.add(&mut state, link, Some(&referrer), known.depth + 1, max_redirect));
        }
        self.deliver(&mut state, page_of(url, known, outcome, content_type, leads, new));
        let added = state.frontier.len() - before;
        let is_over = Self::is_over(&state);
        Self::wake(state, if is_over { usize::MAX } else { added });
    }

    /// Hands out a page.
    fn deliver(&self, state: &mut State, page: Page) {
        state.totals.pages += 1;
        state.totals.errors += usize::from(page.fault().is_some());
        let size = page.size();
        state.totals.bytes += size as u64;
        if self.settings.keeps_rows && !self.settings.hands_out {
            state.rows.push(page.row());
        }
        match self.store.get() {
            Some(_) if self.settings.hands_out => state.unacknowledged.push_back((page.number, page.row())),
            Some(store) => store.finish(page.number, page.row()),
            None => {}
        }
        if self.settings.hands_out {
            let first = !state.has_arrived();
            state.waiting_bytes += size;
            state.arrived.pages.push_back(page);
            if first {
                self.changed.notify_one();
                if state.watched {
                    (self.notify)();
                }
            }
        }
    }

    /// Takes the reply to a request for robots.txt, and returns where it leads, if that is in scope.
    fn take_rules(&self, state: &mut State, known: &Known, outcome: &Outcome, url: &str) {
        let agent = self.settings.robots.as_deref().unwrap_or_default();
        let robots = match &outcome.result {
            Ok(reply) => match Url::parse(url).ok().and_then(|url| page::redirect(reply, &url).ok().flatten()) {
                Some(next) if known.redirects > 0 && Self::leads_to_rules(state, known, &next) => return,
                None if reply.status == 200 => Robots::parse(&reply.body, agent),
                None if reply.status >= 500 => {
                    let host = state.frontier.host(known.host);
                    let error =
                        format!("the robots.txt of {} has status {}: it may close it", host.origin, reply.status);
                    host.closed = Some(Error::Disallowed(error));
                    Robots::disallow_all()
                }
                None => Robots::allow_all(),
                Some(_) => Robots::allow_all(),
            },
            Err(error) => {
                state.frontier.host(known.host).closed = Some(error.clone());
                Robots::disallow_all()
            }
        };
        let Settings { delay, max_delay, .. } = self.settings;
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

    /// Leaves the host alone for as long as the reply asks.
    fn heed(&self, state: &mut State, number: usize, outcome: &Outcome) {
        let now = Instant::now();
        let host = state.frontier.host(number);
        if !host.delay.is_zero() {
            host.pause(now + host.delay);
        }
        let Ok(reply) = &outcome.result else { return };
        let Some(pause) = politeness::pause(reply, host.strikes, SystemTime::now()) else {
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

    /// Whether there is nothing left to do.
    fn is_over(state: &State) -> bool {
        let is_idle = state.exchanges.are_none() && state.reading == 0 && state.looked_up == 0;
        is_idle && state.frontier.is_empty() && state.stored_from.is_none() || state.failed.is_some()
    }

    /// Wakes up to `count` of those that sleep.
    fn wake(mut state: MutexGuard<'_, State>, count: usize) {
        let wakers: Vec<Waker> = state.sleepers.take(count);
        drop(state);
        for waker in wakers {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what a store holds.
struct Restoring<'a> {
    crawl: &'a Crawl,
    state: &'a mut State,
}

impl Restoring<'_> {
    /// Notes a URL that was seen before.
    fn note(&mut self, number: u64, url: &str) {
        self.state.seen.insert(self.crawl.fingerprints.hash_one(url));
        self.state.next_number = self.state.next_number.max(number + 1);
    }
}

impl Restore for Restoring<'_> {
    fn waiting(&mut self, number: u64, url: Waiting) {
        self.note(number, &url.url);
        if self.state.stored_from.is_none() && self.state.frontier.len() >= MOST_WAITING {
            self.state.stored_from = Some(number);
        } else if self.state.stored_from.is_none() {
            self.crawl.push_stored(self.state, number, url);
        }
    }

    fn done(&mut self, number: u64, row: Row) {
        self.note(number, &row.url);
        self.state.begun += 1;
        if self.crawl.settings.keeps_rows {
            self.state.rows.push(row);
        }
    }
}

impl Work for Crawl {
    fn waiters(&self) -> usize {
        self.settings.max_tasks
    }

    fn next(&self, slot: &mut Slot) -> Next {
        let mut state = self.lock();
        let slept = state.sleepers.remove(slot);
        if state.timekeeper.is_some_and(|(number, _)| Some(number) == slept) {
            state.timekeeper = None;
        }
        let mut exchanges = std::mem::take(&mut state.exchanges);
        let preferred = slot.host;
        let next = exchanges.next(slot, || self.take_job(&mut state, preferred));
        state.exchanges = exchanges;
        match next {
            Some(next) => {
                if let Next::Begin(assignment) = &next {
                    slot.host = state.in_flight.get(assignment.ticket).map(|known| known.host);
                }
                // This waiter is busy now, or has ended: another must see to what remains.
                let others = state.frontier.has_ready() || state.needs_timekeeper() || matches!(next, Next::End);
                Self::wake(state, usize::from(others));
                next
            }
            None if Self::is_over(&state) => {
                Self::wake(state, usize::MAX);
                Next::End
            }
            None => {
                let number = state.sleepers.add(slot);
                let until = state.frontier.next_instant().filter(|_| state.needs_timekeeper());
                state.timekeeper = until.map(|until| (number, until)).or(state.timekeeper);
                Next::Wait(until)
            }
        }
    }

    fn put(&self, slot: &mut Slot, outcome: Outcome) {
        let mut state = self.lock();
        let Some(outcome) = state.exchanges.put(slot, outcome) else { return };
        let known = state.in_flight.remove(outcome.ticket);
        let number = known.host;
        let host = state.frontier.host(number);
        host.in_flight -= 1;
        self.heed(&mut state, number, &outcome);
        let is_closed = state.frontier.host(number).closed.is_some();
        if known.tries < self.settings.max_tries && !is_closed && may_be_tried_again(&outcome) {
            let pause = WAIT_BEFORE_TRY.saturating_mul(1 << (known.tries - 1).min(16));
            state.frontier.push_later(known, Instant::now() + pause);
            state.frontier.settle(number);
            return;
        }
        let url = state.frontier.url(&known);
        if known.purpose == Purpose::Robots {
            self.take_rules(&mut state, &known, &outcome, &url);
            Self::wake(state, usize::MAX);
            return;
        }
        state.frontier.settle(number);
        state.reading += 1;
        let reading = state.reading;
        drop(state);
        self.read(known, url, outcome, reading);
    }

    fn fewer_waiters(&self, why: &io::Error) {
        self.lock().exchanges.fewer_waiters(why);
    }
}

impl State {
    fn new(terms: Arc<Terms>, host_limit: usize) -> Self {
        State {
            terms,
            exchanges: Exchanges::default(),
            frontier: Frontier::new(host_limit),
            seen: HashSet::default(),
            folders: HashMap::default(),
            in_flight: Slab::new(),
            reading: 0,
            begun: 0,
            next_number: 0,
            stored_from: None,
            is_reading: false,
            unrecorded: 0,
            unacknowledged: VecDeque::new(),
            sitemaps: 0,
            looked_up: 0,
            arrived: Arrived::default(),
            waiting_bytes: 0,
            rows: Vec::new(),
            totals: Totals::default(),
            sleepers: Sleepers::default(),
            timekeeper: None,
            failed: None,
            ended: None,
            watched: false,
        }
    }

    fn has_arrived(&self) -> bool {
        !self.arrived.pages.is_empty() || !self.arrived.lookups.is_empty()
    }

    /// Whether whoever takes the pages is behind.
    fn is_full(&self) -> bool {
        self.arrived.pages.len() >= MOST_PAGES || self.waiting_bytes >= MOST_BYTES
    }

    /// Whether something will be due before a sleeper looks at the clock.
    fn needs_timekeeper(&self) -> bool {
        let due = self.frontier.next_instant();
        due.is_some_and(|due| self.timekeeper.is_none_or(|(_, until)| due < until))
    }
}

fn page_of(url: Url, known: Known, outcome: Outcome, content_type: String, leads: Leads, new_links: usize) -> Page {
    Page {
        number: known.number,
        url,
        next_url: leads.next_url,
        referrer: known.referrer,
        depth: known.depth,
        tries: known.tries,
        content_type,
        links: leads.links,
        new_links,
        error: leads.error,
        outcome,
    }
}

/// Whether another try may go better: after failures of the network, 429 and 5xx.
fn may_be_tried_again(outcome: &Outcome) -> bool {
    match &outcome.result {
        Ok(reply) => reply.status == 429 || reply.status >= 500,
        Err(error) => matches!(error, Error::Network { .. } | Error::Timeout { .. } | Error::Tls { .. }),
    }
}

fn too_long(what: &str, wanted: Duration, most: Duration) -> String {
    format!("the host's {what} asks for a pause of {} s; max_delay is {} s", wanted.as_secs_f64(), most.as_secs_f64())
}
