//! The crawl as the work of a strategy: it hands out URLs, takes replies, and makes pages of them.
//!
//! `rules` is what hosts ask of it, `stored` what it writes down, `handing_out` how its pages are taken.

mod handing_out;
mod rules;
mod stored;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use slab::Slab;
use url::{Position, Url};

use super::frontier::{Frontier, Known, Purpose, Rules};
use super::page::{self, Leads, Page, Row};
use super::parsers::Parsers;
use super::seen::Seen;
use super::settings::Settings;
use super::store::{Store, Waiting};
use crate::attempt::{Assignment, Outcome, Terms};
use crate::clock::monotonic_ns;
use crate::error::{Error, panic_text};
use crate::exchange::Fault;
use crate::target::Target;
use crate::tls;
use crate::work::{Exchanges, Job, Next, Sleepers, Slot, Work};

pub use handing_out::{Arrived, Totals};

/// The pause before the second try of a URL; before each later one, it is twice as long as before.
const WAIT_BEFORE_TRY: Duration = Duration::from_millis(100);
/// How long a robots.txt counts: RFC 9309, section 2.4.
const ROBOTS_LAST: Duration = Duration::from_secs(24 * 3600);

/// A crawl. Whoever feeds it with addresses takes its pages.
pub struct Crawl {
    me: Weak<Crawl>,
    settings: Settings,
    parsers: OnceLock<Mutex<Option<Parsers>>>,
    store: OnceLock<Store>,
    state: Mutex<State>,
    /// A page or a lookup has come, or the strategy has ended.
    changed: Condvar,
    /// Called then, too, if anybody watches.
    notify: Box<dyn Fn() + Send + Sync>,
}

struct State {
    /// Those for the origins of the roots, and those for others.
    terms: [Arc<Terms>; 2],
    exchanges: Exchanges,
    frontier: Frontier,
    seen: Seen,
    /// How many URLs of each folder were seen, if that is limited.
    folders: HashMap<Box<str>, usize>,
    in_flight: Slab<Known>,
    /// How many replies are being read.
    reading: usize,
    /// How many URLs were fetched, or are being fetched.
    begun: usize,
    /// The first number that no URL has.
    next_number: u64,
    /// The URLs from this number on wait in the store only.
    stored_from: Option<u64>,
    /// Whether some of them are on their way into the frontier.
    is_refilling: bool,
    /// With a store: how many URLs were begun and are not recorded as done. Killed now, the crawl would fetch them again.
    unrecorded: usize,
    /// With a store: the rows of those that were handed out and are not acknowledged.
    unacknowledged: VecDeque<(u64, Row)>,
    /// How many sitemaps were met.
    sitemaps: usize,
    /// How many hosts' addresses are being looked up.
    looking_up: usize,
    arrived: Arrived,
    /// Bytes of the bodies that wait to be taken.
    waiting_bytes: usize,
    rows: VecDeque<Row>,
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

impl Crawl {
    /// A crawl that begins with `roots`; of the terms, the second are for other origins than theirs. `notify` is called,
    /// by any thread, when something has arrived and it is watched.
    pub fn new(
        settings: Settings,
        terms: [Terms; 2],
        roots: &[Url],
        notify: impl Fn() + Send + Sync + 'static,
    ) -> Result<Arc<Self>, Error> {
        let crawl = Arc::new_cyclic(|me| Crawl {
            me: Weak::clone(me),
            parsers: OnceLock::new(),
            store: OnceLock::new(),
            state: Mutex::new(State::new(terms.map(Arc::new), settings.max_tasks_per_host)),
            changed: Condvar::new(),
            notify: Box::new(notify),
            settings,
        });
        if let Some(folder) = &crawl.settings.folder {
            let mut state = crawl.lock();
            let database = Store::open(folder, |stored| crawl.restore(&mut state, stored))?;
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

    /// Says whom to trust over https, before the addresses of the first such host.
    pub fn trust(&self, client: &tls::Client) {
        let mut state = self.lock();
        for terms in &mut state.terms {
            *terms = Arc::new(Terms { tls: Some(client.clone()), ..Terms::clone(terms) });
        }
    }

    /// Takes the addresses of a host, or why it has none.
    pub fn resolved(&self, host: usize, addresses: Result<Arc<[SocketAddr]>, Error>) {
        let mut state = self.lock();
        state.looking_up -= 1;
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

    /// Puts a URL into the frontier, unless it was seen before or is not wanted; returns whether it was put.
    fn add(&self, state: &mut State, url: &Url, referrer: Option<&Arc<str>>, depth: u32, redirects: u32) -> bool {
        if state.seen.has(url.as_str()) || !self.wants(url, depth) || !self.fits_in_folder(state, url) {
            return false;
        }
        state.seen.add(url.as_str());
        let number = state.next_number;
        state.next_number += 1;
        if let Some(store) = self.store.get() {
            let (url, referrer) = (url.to_string(), referrer.map(ToString::to_string));
            store.add(number, Waiting { url, referrer, depth, redirects });
        }
        if self.has_enough(state) {
            return true; // it is known, but not fetched
        }
        if self.leaves_to_store(state, number) {
            return true;
        }
        self.push(state, number, url, referrer.cloned(), (depth, redirects));
        true
    }

    /// Whether the URL is one to fetch, so many links away from a root.
    fn wants(&self, url: &Url, depth: u32) -> bool {
        self.settings.max_depth.is_none_or(|most| depth <= most) && self.settings.scope.has(url)
    }

    /// Counts a new URL of its folder; returns whether so many are wanted.
    fn fits_in_folder(&self, state: &mut State, url: &Url) -> bool {
        let Some(most) = self.settings.max_pages_per_folder else { return true };
        let path = &url[..Position::AfterPath];
        let folder = &path[..=path.rfind('/').unwrap_or(0)];
        let count = state.folders.entry(folder.into()).or_default();
        let fits = *count < most;
        *count += usize::from(fits);
        fits
    }

    /// Whether as many URLs as are wanted were fetched, or are being fetched.
    fn has_enough(&self, state: &State) -> bool {
        self.settings.max_pages.is_some_and(|most| state.begun >= most)
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

    /// The number of the URL's host, whose rules are asked for if they are not known.
    fn host_of(&self, state: &mut State, url: &Url) -> usize {
        let hosts = state.frontier.hosts().len();
        let host = self.host_without_rules(state, url);
        if host == hosts || matches!(state.frontier.host(host).robots, Rules::Unknown) {
            self.meet(state, host);
        }
        host
    }

    /// The number of the URL's host. If it is new, its addresses are asked for.
    fn host_without_rules(&self, state: &mut State, url: &Url) -> usize {
        let hosts = state.frontier.hosts().len();
        let host = state.frontier.host_of(url, self.settings.robots.is_some(), self.settings.delay);
        if host == hosts {
            self.look_up(state, host);
        }
        host
    }

    fn look_up(&self, state: &mut State, host: usize) {
        let known = state.frontier.host(host);
        let lookup = (host, known.name.clone(), known.port, known.is_secure);
        state.looking_up += 1;
        state.arrived.lookups.push(lookup);
        self.announce(state);
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
                (None, Rules::Known(robots, _)) if !known.purpose.is_robots() && !robots.allows(&known.path) => {
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
                if self.has_enough(state) {
                    state.frontier.forget_new();
                    state.stored_from = None;
                }
            }
            known.tries += 1;
            let host = state.frontier.host(known.host);
            host.in_flight += 1;
            let target = Target {
                authority: host.authority.as_ref().into(),
                path: (*known.path).into(),
                addresses: host.addresses.clone()?,
                tls_host: host.is_secure.then(|| host.name.as_ref().into()),
            };
            let is_elsewhere = !self.settings.scope.has_root_at(&host.origin);
            let mut terms = Arc::clone(&state.terms[usize::from(is_elsewhere)]);
            if known.purpose.is_robots() && terms.options.limits.max_body_bytes < rules::LEAST_RULES {
                Arc::make_mut(&mut terms).options.limits.max_body_bytes = rules::LEAST_RULES;
            }
            let number = known.host;
            let ticket = state.in_flight.insert(known);
            state.frontier.settle(number);
            let assignment = Assignment { ticket, target: Arc::new(target), terms };
            return Some(Job { assignment, due: None });
        }
    }

    /// Makes a page of a URL that is not fetched.
    fn refuse(&self, state: &mut State, known: Known, error: Error) {
        if let Purpose::Robots(of) = known.purpose {
            let url = state.frontier.url(&known);
            return self.take_rules(state, &known, of, &Err(error), &url);
        }
        if known.purpose != Purpose::Page {
            return;
        }
        if let Ok(url) = Url::parse(&state.frontier.url(&known)) {
            state.unrecorded += usize::from(known.tries == 0 && self.store.get().is_some());
            let outcome = Outcome { started: Some(monotonic_ns()), ..Outcome::lost(0, error) };
            let page = page_of(url, known, outcome, String::new(), Leads::default(), 0);
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

    /// Whether there is nothing left to do.
    fn is_over(state: &State) -> bool {
        let is_idle = state.exchanges.are_none() && state.reading == 0 && state.looking_up == 0;
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
        state.frontier.settle(number);
        if let Purpose::Robots(of) = known.purpose {
            self.take_rules(&mut state, &known, of, &outcome.result, &url);
            Self::wake(state, usize::MAX);
            return;
        }
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
    fn new(terms: [Arc<Terms>; 2], host_limit: usize) -> Self {
        State {
            terms,
            exchanges: Exchanges::default(),
            frontier: Frontier::new(host_limit),
            seen: Seen::default(),
            folders: HashMap::default(),
            in_flight: Slab::new(),
            reading: 0,
            begun: 0,
            next_number: 0,
            stored_from: None,
            is_refilling: false,
            unrecorded: 0,
            unacknowledged: VecDeque::new(),
            sitemaps: 0,
            looking_up: 0,
            arrived: Arrived::default(),
            waiting_bytes: 0,
            rows: VecDeque::new(),
            totals: Totals::default(),
            sleepers: Sleepers::default(),
            timekeeper: None,
            failed: None,
            ended: None,
            watched: false,
        }
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

/// Whether another try may go better: after failures of the network, a reply that ends too early, 429 and 5xx.
fn may_be_tried_again(outcome: &Outcome) -> bool {
    match &outcome.result {
        Ok(reply) => reply.status == 429 || reply.status >= 500,
        Err(Error::Response(Fault::IncompleteBody { .. })) => true,
        Err(Error::Response(_)) => outcome.bytes_received == 0,
        Err(error) => matches!(error, Error::Network { .. } | Error::Timeout { .. } | Error::Tls { .. }),
    }
}
