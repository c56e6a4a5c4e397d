//! A site to crawl: a graph of pages, each made when it is asked for, from the seed and its number alone.
//!
//! This is the only description of the graph. The server answers from it, and Python asks it what is true.
//!
//! The pages are numbered. Those from 1 on are the children of a page with a lower number: the first `chain` of them
//! one under the other, the others as a tree whose pages have `fan` children each. Every page has links to its children
//! and to others that are at most one level below it; so its level is its distance from the root. Beside the numbered
//! pages there is what the options add, none of which leads back into the graph except to the root.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use super::http;

/// What the names of all hosts end with.
const DOMAIN: &str = "site.test";
/// Links that lead to other sites; one has a name that ends like those of this site.
const ELSEWHERE: [&str; 2] = ["http://elsewhere.test/decoy/", "http://notsite.test/decoy/"];
/// Days from 1970-01-01 to that to which the root links.
const FIRST_DAY: u64 = 20_454;
/// Pages that redirect to one another.
const LOOP: u64 = 3;
/// Numbered pages that a sitemap tells of.
const PART: u64 = 1_000;
/// How many sitemaps an index may tell of.
const MAX_PARTS: u64 = 50_000;
/// How many requests to a host precede the burst of 503s.
const BEFORE_BURST: u64 = 20;
/// What the pages consist of, besides links.
const WORDS: [&str; 16] = [
    "a",
    "callback",
    "coroutine",
    "crawler",
    "descriptor",
    "event",
    "future",
    "generator",
    "host",
    "loop",
    "page",
    "request",
    "socket",
    "task",
    "thread",
    "waits",
];

/// What is chosen at random, each independently of the others.
#[derive(Clone, Copy)]
enum Choice {
    Host,
    HotHost,
    Query,
    Moved,
    Slow,
    Gone,
    Failing,
    Cut,
    Private,
    Targets,
    Writing,
}

/// A site: its shape, and what is wrong with it.
#[allow(clippy::struct_excessive_bools)] // each is an option that goes with all others
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// How many pages are numbered.
    pages: u64,
    /// How many links to such pages each of them has.
    links: u64,
    /// About how many bytes a page has.
    size: u64,
    hosts: u64,
    /// The share of the pages that the first host has, if they are not spread evenly.
    hot: Option<f64>,
    seed: u64,
    /// How many pages below the root have one child each.
    chain: u64,
    /// How many children the others have.
    fan: u64,
    /// Whether there is a calendar without end.
    calendar: bool,
    /// How many pages one page links to.
    wide: u64,
    /// Whether some pages are reached through a redirect only.
    redirects: bool,
    /// How much later some pages come.
    slow: Duration,
    /// Whether some links lead to errors, and to pages that are cut short.
    broken: bool,
    /// How many requests to each host are answered with 429.
    throttled: u64,
    /// The seconds that such an answer tells to wait.
    retry_after: u64,
    /// How many requests to each host, in a row, are answered with 503.
    unavailable: u64,
    /// Whether there is a robots.txt.
    robots: bool,
    /// The seconds that it tells to wait between requests.
    crawl_delay: Option<f64>,
    /// Whether there are sitemaps.
    sitemap: bool,
}

/// Something that the site answers with. A number is that of the page which links to it, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The page of this number.
    Page(u64),
    /// The old address of the page of this number.
    Moved(u64),
    /// A 404.
    Gone(u64),
    /// A 500.
    Failing(u64),
    /// A page that ends too early.
    Cut(u64),
    /// A page in the section that robots.txt closes, or in the part of it that it opens again.
    Private(u64),
    /// A day, as a number of days since 1970-01-01.
    Calendar(u64),
    /// The page with many links, or, from 1 on, one of those that it links to.
    Wide(u64),
    /// One of the pages that redirect to one another.
    Loop(u64),
    /// A redirect to another site.
    Away,
    /// A page that only a sitemap tells of, by its number.
    Orphan(u64),
    /// The robots.txt of this host.
    Robots(u64),
    /// The index of this host's sitemaps.
    Sitemap(u64),
    /// A sitemap of this host, by its number.
    Part { host: u64, number: u64 },
}

/// Where a link leads.
#[derive(Debug, Clone, Copy)]
enum Target {
    Here(Place),
    Elsewhere(&'static str),
}

/// A link of a page.
#[derive(Debug, Clone, Copy)]
struct Link {
    target: Target,
    nofollow: bool,
}

/// How a client has reached the site, which is how absolute links lead it further.
#[derive(Debug, Clone)]
struct Origin {
    /// `http` or `https`.
    scheme: &'static str,
    /// A colon and the port, if there is one.
    port: String,
}

/// What is true of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Its URL.
    pub url: String,
    /// The name of its host.
    pub host: String,
    /// The status that it has in the end.
    pub status: u16,
    /// How many links lead to it from the root; None if none do.
    pub depth: Option<u64>,
    /// Where it redirects to.
    pub location: Option<String>,
    /// Whether it ends too early.
    pub cut: bool,
    /// How much later than others it comes.
    pub delay: Duration,
}

/// A link, as a browser sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The URL, absolute, without a fragment.
    pub url: String,
    /// Whether it is marked `rel=nofollow`.
    pub nofollow: bool,
}

/// A reply of the site.
#[derive(Debug)]
pub(super) struct Answer {
    /// The URL of the request.
    pub(super) url: String,
    /// The status, number and name.
    pub(super) status: &'static str,
    pub(super) content_type: &'static str,
    /// Further header fields, each with its line break.
    pub(super) fields: String,
    pub(super) body: String,
    /// Whether it ends in the middle of the body.
    pub(super) cut: bool,
    /// How much later it comes.
    pub(super) delay: Duration,
}

impl Answer {
    /// The number of the status.
    pub(super) fn code(&self) -> u16 {
        code(self.status)
    }
}

impl FromStr for Site {
    type Err = String;

    /// Reads a site as Python sends it: `name=value` in any order, times in nanoseconds unless a header shows them.
    fn from_str(text: &str) -> Result<Self, String> {
        let fields: HashMap<_, _> = text.split(' ').filter_map(|word| word.split_once('=')).collect();
        let number = |name: &str, default: u64| -> Result<u64, String> {
            let wrong = |_| format!("{name} takes a whole number");
            fields.get(name).map_or(Ok(default), |value| value.parse().map_err(wrong))
        };
        let real = |name: &str| -> Result<Option<f64>, String> {
            let wrong = |_| format!("{name} takes a number");
            fields.get(name).map(|value| value.parse().map_err(wrong)).transpose()
        };
        let flag = |name: &str| fields.get(name) == Some(&"1");
        let mut site = Self {
            pages: number("pages", 1000)?.max(1),
            links: number("links", 10)?.max(1),
            size: number("size", 2048)?,
            hosts: number("hosts", 1)?.max(1),
            hot: real("hot")?,
            seed: number("seed", 0)?,
            chain: 0,
            fan: 1,
            calendar: flag("calendar"),
            wide: number("wide", 0)?,
            redirects: flag("redirects"),
            slow: Duration::from_nanos(number("slow", 0)?),
            broken: flag("broken"),
            throttled: number("throttled", 0)?,
            retry_after: number("retry_after", 1)?,
            unavailable: number("unavailable", 0)?,
            robots: flag("robots"),
            crawl_delay: real("crawl_delay")?,
            sitemap: flag("sitemap"),
        };
        let depth = if fields.contains_key("depth") { Some(number("depth", 0)?) } else { None };
        (site.chain, site.fan) = shape(site.pages, site.links, depth)?;
        Ok(site)
    }
}

/// How long the chain is and how many children the other pages have, for the given depth.
fn shape(pages: u64, links: u64, depth: Option<u64>) -> Result<(u64, u64), String> {
    let usual = (links / 2).max(1);
    let Some(depth) = depth else { return Ok((0, usual)) };
    let (least, most) = (tree_level(pages - 1, links), pages - 1);
    if !(least..=most).contains(&depth) {
        return Err(format!("depth must be {least} to {most} for {pages} pages with {links} links each, not {depth}"));
    }
    let fan = (usual..=links).find(|&fan| tree_level(pages - 1, fan) <= depth).unwrap_or(links);
    // A page more in the chain makes the whole one level deeper, or leaves it as deep.
    let (mut low, mut high) = (0, depth);
    while low < high {
        let middle = u64::midpoint(low, high);
        if middle + tree_level(pages - 1 - middle, fan) < depth { low = middle + 1 } else { high = middle }
    }
    Ok((low, fan))
}

/// The level of a page in a tree without a chain.
fn tree_level(number: u64, fan: u64) -> u64 {
    if fan == 1 {
        return number;
    }
    let (mut level, mut first, mut width) = (0, 0_u64, 1_u64);
    while number >= first.saturating_add(width) {
        (level, first, width) = (level + 1, first.saturating_add(width), width.saturating_mul(fan));
    }
    level
}

/// The number of the first page of a level in a tree without a chain, or more than any.
fn first_of_level(level: u64, fan: u64) -> u64 {
    if fan == 1 {
        return level;
    }
    let (mut first, mut width) = (0_u64, 1_u64);
    for _ in 0..level.min(64) {
        (first, width) = (first.saturating_add(width), width.saturating_mul(fan));
    }
    first
}

impl Site {
    /// The names of its hosts.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        (0..self.hosts).map(host_name).collect()
    }

    /// What is true of this URL; None if the site has nothing there.
    #[must_use]
    pub fn page(&self, url: &str) -> Option<Page> {
        let (origin, place) = self.locate(url)?;
        Some(self.describe(place, &origin))
    }

    /// The links on the page of this URL, in their order.
    #[must_use]
    pub fn links(&self, url: &str) -> Vec<Reference> {
        let Some((origin, place)) = self.locate(url) else { return Vec::new() };
        let links = self.links_of(place).into_iter();
        links.map(|link| Reference { url: self.url_of(link.target, &origin), nofollow: link.nofollow }).collect()
    }

    /// Whether robots.txt lets every crawler fetch this URL.
    #[must_use]
    pub fn allows(&self, url: &str) -> bool {
        let Some((.., path)) = self.parse(url) else { return true };
        !self.robots || !path.starts_with("/private/") || path.starts_with("/private/open/")
    }

    /// The URLs of some of the numbered pages, those from `start` on, and of what hangs on them. The URL `root` says
    /// how a client reaches the site; None if it is none of the site's.
    #[must_use]
    pub fn urls_from(&self, root: &str, start: u64, count: u64) -> Option<Vec<String>> {
        let (origin, ..) = self.parse(root)?;
        let numbers = start..start.saturating_add(count).min(self.pages);
        Some(numbers.flat_map(|n| self.around(n)).map(|place| self.url_of(Target::Here(place), &origin)).collect())
    }

    /// The URLs of what hangs on no numbered page but the root: a finite number, so without the calendar.
    #[must_use]
    pub fn further_urls(&self, root: &str) -> Option<Vec<String>> {
        let (origin, ..) = self.parse(root)?;
        let wide = (0..=self.wide).map(Place::Wide);
        let redirects = (0..LOOP).map(Place::Loop).chain([Place::Away]);
        let orphans = (0..self.parts()).map(Place::Orphan);
        let places = wide.chain(redirects).chain(orphans).filter(|&place| self.exists(place));
        Some(places.map(|place| self.url_of(Target::Here(place), &origin)).collect())
    }

    /// The host of this name, as in a request, where a port may follow it.
    fn host(&self, authority: &str) -> Option<u64> {
        let name = authority.split_once(':').map_or(authority, |(name, _)| name).to_ascii_lowercase();
        let label = name.strip_suffix(DOMAIN)?.strip_suffix('.')?;
        if label.is_empty() || label.len() > 6 || !label.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        let number = label.bytes().fold(0, |number, byte| number * 26 + u64::from(byte - b'a') + 1) - 1;
        (number < self.hosts).then_some(number)
    }

    /// Takes a URL apart: how the site was reached, the host, and the path with the query.
    fn parse(&self, url: &str) -> Option<(Origin, u64, String)> {
        let url = url::Url::parse(url).ok()?;
        let scheme = match url.scheme() {
            "http" => "http",
            "https" => "https",
            _ => return None,
        };
        let host = self.host(url.host_str()?)?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
        Some((Origin { scheme, port }, host, path))
    }

    fn locate(&self, url: &str) -> Option<(Origin, Place)> {
        let (origin, host, path) = self.parse(url)?;
        Some((origin, self.find(host, &path)?))
    }

    /// A random number for a page.
    fn random(&self, choice: Choice, number: u64) -> u64 {
        http::mix(self.seed ^ ((choice as u64 + 1) << 40), number)
    }

    /// Whether a page is one of the chosen: `first` is, and of the others one in so many.
    fn is_chosen(&self, choice: Choice, number: u64, first: u64, of: u64) -> bool {
        number == first || self.random(choice, number).is_multiple_of(of)
    }

    /// Whether links to a page lead to its old address.
    fn is_moved(&self, number: u64) -> bool {
        self.redirects && number > 0 && self.is_chosen(Choice::Moved, number, 1, 16)
    }

    fn page_host(&self, number: u64) -> u64 {
        let random = self.random(Choice::Host, number);
        match self.hot {
            _ if number == 0 || self.hosts == 1 => 0,
            None => random % self.hosts,
            Some(share) if (self.random(Choice::HotHost, number) as f64) < share * 2_f64.powi(64) => 0,
            Some(_) => 1 + random % (self.hosts - 1),
        }
    }

    fn level(&self, number: u64) -> u64 {
        if number <= self.chain { number } else { self.chain + tree_level(number - self.chain, self.fan) }
    }

    fn parts(&self) -> u64 {
        self.pages.div_ceil(PART).min(MAX_PARTS)
    }

    /// Whether the options, and the choice of pages, provide for this place.
    fn exists(&self, place: Place) -> bool {
        match place {
            Place::Page(n) => n < self.pages,
            Place::Moved(n) => n < self.pages && self.is_moved(n),
            Place::Gone(n) => self.broken && n < self.pages && self.is_chosen(Choice::Gone, n, 0, 16),
            Place::Failing(n) => self.broken && n < self.pages && self.is_chosen(Choice::Failing, n, 0, 16),
            Place::Cut(n) => self.broken && n < self.pages && self.is_chosen(Choice::Cut, n, 0, 16),
            Place::Private(n) => self.robots && n < self.pages && self.is_chosen(Choice::Private, n, 0, 16),
            Place::Calendar(_) => self.calendar,
            Place::Wide(n) => self.wide > 0 && n <= self.wide,
            Place::Loop(n) => self.redirects && n < LOOP,
            Place::Away => self.redirects,
            Place::Orphan(n) => self.sitemap && n < self.parts(),
            Place::Robots(_) => self.robots,
            Place::Sitemap(_) => self.sitemap,
            Place::Part { number, .. } => self.sitemap && number < self.parts(),
        }
    }

    /// A numbered page, its old address, and what else only it leads to.
    fn around(&self, n: u64) -> impl Iterator<Item = Place> {
        let places =
            [Place::Page(n), Place::Moved(n), Place::Gone(n), Place::Failing(n), Place::Cut(n), Place::Private(n)];
        places.into_iter().filter(|&place| self.exists(place))
    }

    fn host_of(&self, place: Place) -> u64 {
        match place {
            Place::Page(n) | Place::Gone(n) | Place::Failing(n) | Place::Cut(n) | Place::Private(n) => {
                self.page_host(n)
            }
            Place::Moved(n) => (self.page_host(n) + 1) % self.hosts,
            Place::Calendar(_) | Place::Wide(_) | Place::Loop(_) | Place::Away => 0,
            Place::Orphan(n) => n % self.hosts,
            Place::Robots(host) | Place::Sitemap(host) | Place::Part { host, .. } => host,
        }
    }

    /// The path, with the query.
    fn path_of(&self, place: Place) -> String {
        match place {
            Place::Page(0) => "/".into(),
            Place::Page(n) if self.random(Choice::Query, n).is_multiple_of(4) => format!("/p/{n}?view=full&lang=en"),
            Place::Page(n) => format!("/p/{n}"),
            Place::Moved(n) => format!("/old/{n}"),
            Place::Gone(n) => format!("/gone/{n}"),
            Place::Failing(n) => format!("/failing/{n}"),
            Place::Cut(n) => format!("/cut/{n}"),
            Place::Private(n) => format!("/private/{}{n}", if n.is_multiple_of(2) { "" } else { "open/" }),
            Place::Calendar(day) => format!("/calendar/{}", date(day)),
            Place::Wide(0) => "/wide/".into(),
            Place::Wide(n) => format!("/wide/{n}"),
            Place::Loop(n) => format!("/loop/{n}"),
            Place::Away => "/away".into(),
            Place::Orphan(n) => format!("/orphan/{n}"),
            Place::Robots(_) => "/robots.txt".into(),
            Place::Sitemap(_) => "/sitemap.xml".into(),
            Place::Part { number, .. } => format!("/sitemap-{number}.xml"),
        }
    }

    /// What is at this path of a host.
    fn find(&self, host: u64, path: &str) -> Option<Place> {
        let tail = path.rsplit_once('/')?.1;
        let number = || {
            let digits = tail.split_once('?').map_or(tail, |(digits, _)| digits);
            digits.parse::<u64>().ok()
        };
        let place = match path {
            "/" => Place::Page(0),
            "/wide/" => Place::Wide(0),
            "/away" => Place::Away,
            "/robots.txt" => Place::Robots(host),
            "/sitemap.xml" => Place::Sitemap(host),
            _ => match path.strip_prefix('/')?.split('/').next()? {
                "p" => Place::Page(number()?),
                "old" => Place::Moved(number()?),
                "gone" => Place::Gone(number()?),
                "failing" => Place::Failing(number()?),
                "cut" => Place::Cut(number()?),
                "private" => Place::Private(number()?),
                "calendar" => Place::Calendar(day(tail)?),
                "wide" => Place::Wide(number()?),
                "loop" => Place::Loop(number()?),
                "orphan" => Place::Orphan(number()?),
                name => {
                    let number = name.strip_prefix("sitemap-")?.strip_suffix(".xml")?.parse().ok()?;
                    Place::Part { host, number }
                }
            },
        };
        // Each has one spelling and one host.
        let is_there = self.exists(place) && self.host_of(place) == host && self.path_of(place) == path;
        is_there.then_some(place)
    }

    fn url_of(&self, target: Target, origin: &Origin) -> String {
        match target {
            Target::Here(place) => format!("{}{}", origin.root(self.host_of(place)), self.path_of(place)),
            Target::Elsewhere(url) => url.into(),
        }
    }

    fn delay_of(&self, place: Place) -> Duration {
        match place {
            Place::Page(n) if n > 0 && self.is_chosen(Choice::Slow, n, 1, 32) => self.slow,
            _ => Duration::ZERO,
        }
    }

    fn describe(&self, place: Place, origin: &Origin) -> Page {
        let depth = match place {
            Place::Page(n) | Place::Moved(n) => Some(self.level(n)),
            Place::Gone(n) | Place::Failing(n) | Place::Cut(n) | Place::Private(n) => Some(self.level(n) + 1),
            Place::Calendar(day) => Some(day.abs_diff(FIRST_DAY) + 1),
            Place::Wide(0) | Place::Away | Place::Loop(_) => Some(1),
            Place::Wide(_) => Some(2),
            Place::Orphan(_) | Place::Robots(_) | Place::Sitemap(_) | Place::Part { .. } => None,
        };
        Page {
            url: self.url_of(Target::Here(place), origin),
            host: host_name(self.host_of(place)),
            status: code(status_of(place)),
            depth,
            location: location_of(place).map(|target| self.url_of(target, origin)),
            cut: matches!(place, Place::Cut(_)),
            delay: self.delay_of(place),
        }
    }

    fn links_of(&self, place: Place) -> Vec<Link> {
        let to = |place| Link { target: Target::Here(place), nofollow: false };
        match place {
            Place::Page(n) => self.links_of_page(n),
            Place::Wide(0) => std::iter::once(Place::Page(0)).chain((1..=self.wide).map(Place::Wide)).map(to).collect(),
            Place::Wide(_) | Place::Private(_) | Place::Orphan(_) => vec![to(Place::Page(0))],
            Place::Calendar(day) => {
                let days = [day.checked_sub(1), Some(day), day.checked_add(1)].into_iter().flatten();
                days.map(Place::Calendar).chain([Place::Page(0)]).map(to).collect()
            }
            _ => Vec::new(),
        }
    }

    fn links_of_page(&self, n: u64) -> Vec<Link> {
        let mut dice = Dice(self.random(Choice::Targets, n), 0);
        let address = |n| if self.is_moved(n) { Place::Moved(n) } else { Place::Page(n) };
        let to = |place, nofollow| Link { target: Target::Here(place), nofollow };
        let first_child = if n < self.chain { n + 1 } else { self.chain + self.fan * (n - self.chain) + 1 };
        let children = if n < self.chain { 1 } else { self.fan };
        let children = first_child.min(self.pages)..first_child.saturating_add(children).min(self.pages);
        // nothing deeper than the children: no page gets nearer to the root than its level says
        let next_level = self.level(n) + 2;
        let end = match next_level.checked_sub(self.chain) {
            Some(level) => self.chain.saturating_add(first_of_level(level, self.fan)),
            None => next_level,
        };
        let end = end.min(self.pages);
        let others = self.links.saturating_sub(children.end - children.start);
        let mut links: Vec<_> = children.map(|child| to(address(child), false)).collect();
        for _ in 0..others {
            let target = address(dice.below(end));
            links.push(to(target, dice.one_in(10)));
        }
        links.extend(
            self.around(n).skip(1).filter(|place| !matches!(place, Place::Moved(_))).map(|place| to(place, false)),
        );
        if n == 0 {
            let further = [Place::Calendar(FIRST_DAY), Place::Wide(0), Place::Loop(0), Place::Away];
            links.extend(further.into_iter().filter(|&place| self.exists(place)).map(|place| to(place, false)));
        }
        if n == 0 || dice.one_in(8) {
            links.extend(ELSEWHERE.map(|url| Link { target: Target::Elsewhere(url), nofollow: dice.one_in(4) }));
        }
        if dice.one_in(4) {
            links.push(links[dice.below(links.len() as u64) as usize]);
        }
        // in any order
        for i in (1..links.len()).rev() {
            links.swap(i, dice.below(i as u64 + 1) as usize);
        }
        links
    }

    /// The reply to a request for this path at a host, which has had `earlier` requests for pages.
    fn answer(&self, host: u64, path: &str, origin: &Origin, earlier: u64) -> Answer {
        let url = format!("{}{path}", origin.root(host));
        let page = |status, fields, body| Answer {
            url,
            status,
            content_type: "text/html; charset=utf-8",
            fields,
            body,
            cut: false,
            delay: Duration::ZERO,
        };
        let burst = self.throttled.max(BEFORE_BURST);
        if !is_meta(path) && earlier < self.throttled {
            let fields = format!("Retry-After: {}\r\n", self.retry_after);
            return page("429 Too Many Requests", fields, message("Too many requests"));
        }
        if !is_meta(path) && (burst..burst + self.unavailable).contains(&earlier) {
            return page("503 Service Unavailable", String::new(), message("Unavailable"));
        }
        let Some(place) = self.find(host, path) else {
            return page("404 Not Found", String::new(), message("Not found"));
        };
        let status = status_of(place);
        if let Some(target) = location_of(place) {
            let mut location = self.url_of(target, origin);
            if let Target::Here(target) = target
                && self.host_of(target) == host
                && path.len().is_multiple_of(2)
            {
                location = self.path_of(target);
            }
            return page(status, format!("Location: {location}\r\n"), message("Moved"));
        }
        let mut answer = page(status, String::new(), String::new());
        (answer.content_type, answer.body) = match place {
            Place::Gone(_) | Place::Failing(_) => (answer.content_type, message(&status[4..])),
            Place::Robots(host) => ("text/plain; charset=utf-8", self.robots_txt(host, origin)),
            Place::Sitemap(host) => ("application/xml", self.sitemap_index(host, origin)),
            Place::Part { host, number } => ("application/xml", self.sitemap_part(host, number, origin)),
            _ => (answer.content_type, self.html(place, origin)),
        };
        answer.cut = matches!(place, Place::Cut(_));
        answer.delay = self.delay_of(place);
        answer
    }

    fn robots_txt(&self, host: u64, origin: &Origin) -> String {
        // Only the first and the last group are for everyone.
        let mut text = String::from("# Robots of a generated site\nUser-agent: *\nDisallow: /private/\n\n");
        text.push_str("User-agent: nobody\nDisallow: /\n\nUser-Agent: *\nAllow: /private/open/\n");
        if let Some(delay) = self.crawl_delay {
            let _ = writeln!(text, "Crawl-delay: {delay}");
        }
        if self.sitemap {
            let _ = writeln!(text, "\nSitemap: {}/sitemap.xml", origin.root(host));
        }
        text
    }

    fn sitemap_index(&self, host: u64, origin: &Origin) -> String {
        let parts = (0..self.parts()).map(|number| Place::Part { host, number });
        self.sitemap_of("sitemapindex", "sitemap", parts, origin)
    }

    fn sitemap_part(&self, host: u64, number: u64, origin: &Origin) -> String {
        let pages = (number * PART..self.pages.min((number + 1) * PART)).map(Place::Page);
        let pages = pages.chain([Place::Orphan(number)]).filter(|&page| self.host_of(page) == host);
        self.sitemap_of("urlset", "url", pages, origin)
    }

    fn sitemap_of(&self, all: &str, one: &str, places: impl Iterator<Item = Place>, origin: &Origin) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(xml, "<{all} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">");
        for place in places {
            let url = self.url_of(Target::Here(place), origin).replace('&', "&amp;");
            let _ = writeln!(xml, "<{one}><loc>{url}</loc></{one}>");
        }
        let _ = writeln!(xml, "</{all}>");
        xml
    }

    /// A page's text, with its links written in all the ways that a browser understands, and others that it ignores.
    fn html(&self, place: Place, origin: &Origin) -> String {
        let (host, path) = (self.host_of(place), self.path_of(place));
        let dice = Dice(self.random(Choice::Writing, http::hash(&path)), 0);
        let mut page = Writing { html: String::with_capacity(self.size as usize + 1024), dice };
        let _ = writeln!(page.html, "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>");
        let title = format!("{} of {}", path.replace('&', "&amp;"), host_name(host));
        let _ = writeln!(page.html, "<title>{title}</title>");
        let folder = path.split_once('?').map_or(path.as_str(), |(path, _)| path);
        let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
        let base = match page.dice.below(8) {
            0 => Some((host, "/p/far/away".to_owned(), "/p/far/away/x.html".to_owned())),
            1 => {
                let other = (host + 1) % self.hosts;
                Some((other, "/other".to_owned(), format!("{}/other/", origin.root(other))))
            }
            _ => None,
        };
        if let Some((.., href)) = &base {
            // The first one with an href counts.
            let _ = writeln!(page.html, "<!-- <base href=/decoy/> --><base target=_top><base href=\"{href}\">");
            let _ = writeln!(page.html, "<base href=\"/decoy/\">");
        }
        let (base_host, folder) = base.as_ref().map_or((host, folder), |(host, folder, _)| (*host, folder));
        let _ = writeln!(page.html, "<link rel=stylesheet href=/decoy/style.css></head>\n<body><h1>{title}</h1>");
        for link in self.links_of(place) {
            let reference = match link.target {
                Target::Elsewhere(url) => url.to_owned(),
                Target::Here(target) => {
                    let host = self.host_of(target);
                    page.reference(host, &self.path_of(target), (host == base_host).then_some(folder), origin)
                }
            };
            page.link(&reference, link.nofollow);
            page.decoy();
        }
        page.pad(self.size as usize);
        page.html.push_str("</body></html>\n");
        page.html
    }
}

/// Whether this is the path of robots.txt or a sitemap, if there are any: such requests are not counted as the others.
fn is_meta(path: &str) -> bool {
    path == "/robots.txt" || path.starts_with("/sitemap")
}

/// The number at the beginning of a status.
fn code(status: &str) -> u16 {
    status[..3].parse().unwrap_or(0)
}

/// The status, number and name, of a place.
fn status_of(place: Place) -> &'static str {
    match place {
        Place::Moved(n) => {
            ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
                [(n % 5) as usize]
        }
        Place::Loop(_) | Place::Away => "302 Found",
        Place::Gone(_) => "404 Not Found",
        Place::Failing(_) => "500 Internal Server Error",
        _ => "200 OK",
    }
}

/// Where a place redirects to.
fn location_of(place: Place) -> Option<Target> {
    match place {
        Place::Moved(n) => Some(Target::Here(Place::Page(n))),
        Place::Loop(n) => Some(Target::Here(Place::Loop((n + 1) % LOOP))),
        Place::Away => Some(Target::Elsewhere(ELSEWHERE[0])),
        _ => None,
    }
}

/// A page without links.
fn message(text: &str) -> String {
    format!("<!DOCTYPE html><title>{text}</title><p>{text}.\n")
}

/// The name of a host: `a.site.test`, …, `z.site.test`, `aa.site.test`, ….
fn host_name(mut number: u64) -> String {
    let mut label = Vec::new();
    loop {
        label.push(b'a' + (number % 26) as u8);
        if number < 26 {
            break;
        }
        number = number / 26 - 1;
    }
    label.iter().rev().map(|&letter| char::from(letter)).chain(".".chars()).chain(DOMAIN.chars()).collect()
}

/// The date of a day (Howard Hinnant's `civil_from_days`).
fn date(day: u64) -> String {
    let shifted = day + 719_468; // days from 0000-03-01
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{date:02}", year + era * 400 + u64::from(month <= 2))
}

/// The day of a date, from 1970 on; one that is no date gives a day with another date, or None.
fn day(date: &str) -> Option<u64> {
    let mut fields = date.splitn(3, '-').map(|digits| digits.parse::<u64>().ok().filter(|&number| number < 1_000_000));
    let (year, month, date) = (fields.next()??, fields.next()??, fields.next()??);
    if year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let in_year = (153 * month + 2) / 5 + date;
    let in_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + in_year;
    (year / 400 * 146_097 + in_era).checked_sub(719_469)
}

impl Origin {
    /// How a request reached the site that had this `Host` field.
    fn of(authority: &str, https: bool) -> Self {
        let port = authority.split_once(':').map_or("", |(_, port)| port);
        let port = if port.is_empty() { String::new() } else { format!(":{port}") };
        Self { scheme: if https { "https" } else { "http" }, port }
    }

    /// A host's URL without a path.
    fn root(&self, host: u64) -> String {
        format!("{}://{}{}", self.scheme, host_name(host), self.port)
    }
}

/// Numbers that look random.
struct Dice(u64, u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.1 += 1;
        ((u128::from(http::mix(self.0, self.1)) * u128::from(end)) >> 64) as u64
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// A page as it is being written.
struct Writing {
    html: String,
    dice: Dice,
}

impl Writing {
    /// A reference to a path of a host; `folder` is that of the base, if that is on the same host.
    fn reference(&mut self, host: u64, path: &str, folder: Option<&str>, origin: &Origin) -> String {
        let (scheme, root) = (origin.scheme, origin.root(host));
        let style = self.dice.below(10);
        let mut reference = match (style, folder) {
            (0, _) => {
                let (_, authority) = root.split_at(scheme.len());
                format!("{}{}{path}", scheme.to_uppercase(), authority.to_uppercase())
            }
            (1, _) | (6.., None) => format!("{root}{path}"),
            (2, _) | (.., None) => format!("{}{path}", &root[scheme.len() + 1..]),
            (3, _) => path.to_owned(),
            (4, _) => format!("/up/..{path}"),
            (5, _) => format!("/.{path}"),
            (6, Some(folder)) => format!("./{}", relative(folder, path)),
            (_, Some(folder)) => relative(folder, path),
        };
        if self.dice.one_in(4) {
            let _ = write!(reference, "#part-{}", self.dice.below(100));
        }
        reference
    }

    /// A link to it, somehow.
    fn link(&mut self, reference: &str, nofollow: bool) {
        let mut value = match self.dice.below(3) {
            0 => reference.to_owned(),
            _ => reference.replace('&', "&amp;"),
        };
        if self.dice.one_in(6) {
            value = value.replacen('/', ["&#47;", "&#x2F;", "&sol;"][self.dice.below(3) as usize], 1);
        }
        let value = match self.dice.below(5) {
            0 => value,
            1 => format!("'{value}'"),
            2 => format!("\" {value}\n\""),
            _ => format!("\"{value}\""),
        };
        let rel = if nofollow { " rel=\"noopener NoFollow\"" } else { "" };
        let word = self.word();
        let _ = match self.dice.below(6) {
            0 => writeln!(self.html, "<map name=m><area alt=x href={value} shape=default{rel}></map>"),
            1 => writeln!(self.html, "<p>{word} <A CLASS=x HREF={value} ID=y{rel}>{word}</A>"),
            2 => writeln!(self.html, "<p>{word} <a\n  data-href=/decoy/data{rel}\n  href = {value}\n>{word}</a>"),
            _ => writeln!(self.html, "<p>{word} <a href={value} class='x'{rel}>{word}</a>"),
        };
    }

    /// Now and then something that looks like a link.
    fn decoy(&mut self) {
        self.html.push_str(match self.dice.below(20) {
            0 => "<!-- <a href=\"/decoy/comment\">x</a> -->\n",
            1 => "<script>const link = '<a href=\"/decoy/script\">x</a>';</script>\n",
            2 => "<style>/* <a href=\"/decoy/style\">x</a> */</style>\n",
            3 => "<a name=\"/decoy/name\">x</a> <img src=\"/decoy/image.png\" alt=\"\">\n",
            4 => "<a href=\"mailto:decoy@site.test\">x</a> <a href=\"javascript:void(0)\">x</a>\n",
            5 => "<p>&lt;a href=\"/decoy/text\"&gt; http://a.site.test/decoy/text\n",
            _ => "",
        });
    }

    /// Text up to about this size of the page.
    fn pad(&mut self, size: usize) {
        while self.html.len() + 16 < size {
            self.html.push_str("<p>");
            for _ in 0..12 {
                let word = self.word();
                self.html.push_str(word);
                self.html.push(' ');
            }
            self.html.push('\n');
        }
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.dice.below(WORDS.len() as u64) as usize]
    }
}

/// The reference to a path from a folder of the same host.
fn relative(folder: &str, path: &str) -> String {
    let mut folders: Vec<_> = folder.split('/').skip(1).collect();
    let mut rest = &path[1..];
    while let (Some(first), Some((name, below))) = (folders.first(), rest.split_once('/')) {
        if *first != name {
            break;
        }
        (folders, rest) = (folders.split_off(1), below);
    }
    let up = "../".repeat(folders.len());
    if up.is_empty() && rest.is_empty() { "./".into() } else { format!("{up}{rest}") }
}

/// A site as one entrance of a lab serves it.
#[derive(Debug, Clone)]
pub(super) struct Served {
    site: Site,
    https: bool,
    /// The time of the first request since the start or a reset, which the counts begin with.
    origin: u64,
    /// How many requests for pages each host has had.
    requests: Vec<u64>,
}

impl Served {
    pub(super) fn new(site: &Site, https: bool) -> Self {
        Self { site: site.clone(), https, origin: 0, requests: vec![0; site.hosts as usize] }
    }

    /// The reply to a request; None if that is for none of the site's hosts. The first one came at `origin`.
    pub(super) fn answer(&mut self, authority: &str, path: &str, origin: u64) -> Option<Answer> {
        let host = self.site.host(authority)?;
        if self.origin != origin {
            self.origin = origin;
            self.requests.fill(0);
        }
        let requests = &mut self.requests[host as usize];
        let answer = self.site.answer(host, path, &Origin::of(authority, self.https), *requests);
        *requests += u64::from(!is_meta(path));
        Some(answer)
    }
}

/// The name that a certificate has for all hosts.
pub(super) fn certificate_name() -> String {
    format!("*.{DOMAIN}")
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, VecDeque};

    use crate::crawl::{robots::Robots, sitemap};

    use super::*;

    fn site(text: &str) -> Site {
        text.parse().unwrap()
    }

    /// The distance of each of the site's URLs from the root.
    fn walk(site: &Site) -> HashMap<String, u64> {
        let root = "http://a.site.test/".to_owned();
        let mut found = HashMap::from([(root.clone(), 0)]);
        let mut queue = VecDeque::from([root]);
        while let Some(url) = queue.pop_front() {
            let depth = found[&url];
            let page = site.page(&url).unwrap();
            let location = page.location.map(|url| Reference { url, nofollow: false });
            let step = u64::from(location.is_none());
            for Reference { url, .. } in site.links(&url).into_iter().chain(location) {
                if site.page(&url).is_some() && !found.contains_key(&url) {
                    found.insert(url.clone(), depth + step);
                    if step == 0 { queue.push_front(url) } else { queue.push_back(url) }
                }
            }
        }
        found
    }

    #[test]
    fn every_page_is_as_far_from_the_root_as_its_depth_says() {
        for options in
            ["pages=1", "pages=300", "pages=300 links=1", "pages=300 links=4 depth=9 seed=3", "pages=500 depth=3"]
        {
            let site = site(&format!("{options} hosts=3 redirects=1 broken=1 robots=1 wide=7"));
            let root = "http://a.site.test/";
            let urls = site.urls_from(root, 0, u64::MAX).unwrap().into_iter().chain(site.further_urls(root).unwrap());
            let told: HashMap<_, _> = urls.map(|url| (url.clone(), site.page(&url).unwrap().depth.unwrap())).collect();
            let found = walk(&site);
            assert_eq!(told, found, "{options}");
            let deepest = site.level(site.pages - 1);
            assert!(!options.contains("depth=9") || deepest == 9, "{deepest}");
            assert!(!options.contains("depth=3") || deepest == 3, "{deepest}");
        }
    }

    #[test]
    fn a_depth_is_met_or_refused() {
        for depth in 3..999 {
            let site = site(&format!("pages=1000 links=10 depth={depth}"));
            assert_eq!(site.level(999), depth);
        }
        for wrong in ["pages=1000 depth=2", "pages=1000 depth=1000", "pages=x", "hot=x"] {
            assert!(wrong.parse::<Site>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_have_names() {
        let site = site("hosts=1000");
        for (number, name) in (0..).zip(site.hosts()) {
            assert_eq!(site.host(&format!("{}:80", name.to_uppercase())), Some(number));
        }
        assert_eq!(
            [0, 25, 26, 27, 701, 702].map(|n| host_name(n).replace(".site.test", "")),
            ["a", "z", "aa", "ab", "zz", "aaa"]
        );
        for wrong in ["site.test", ".site.test", "a.b.site.test", "asite.test", "alm.site.test", "127.0.0.1", ""] {
            assert_eq!(site.host(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_crawler_reads_robots_txt_and_the_sitemaps_as_they_are_meant() {
        let site = site("pages=2500 hosts=3 redirects=1 broken=1 robots=1 crawl_delay=0.5 sitemap=1");
        let root = "http://a.site.test/";
        let get = |url: &str| {
            let (origin, host, path) = site.parse(url).unwrap();
            site.answer(host, &path, &origin, 0).body.into_bytes()
        };
        let urls: Vec<_> = site.urls_from(root, 0, u64::MAX).unwrap();
        let all: Vec<_> = urls.into_iter().chain(site.further_urls(root).unwrap()).collect();
        let mut told = Vec::new();
        for host in site.hosts() {
            let root = format!("http://{host}");
            let robots = Robots::parse(&get(&format!("{root}/robots.txt")), "aio-strategies");
            assert_eq!(robots.crawl_delay(), Some(Duration::from_millis(500)));
            for url in &all {
                let (.., path) = site.parse(url).unwrap();
                assert_eq!(robots.allows(&path), site.allows(url), "{url}");
            }
            assert_eq!(robots.sitemaps(), [format!("{root}/sitemap.xml")]);
            let index = sitemap::read(&get(&robots.sitemaps()[0]));
            assert_eq!((index.sitemaps.len(), index.urls.len()), (3, 0));
            told.extend(index.sitemaps.iter().flat_map(|part| sitemap::read(&get(part)).urls));
        }
        assert!(all.iter().any(|url| !site.allows(url)) && told.iter().any(|url| url.contains('&')));
        let origin = site.parse(root).unwrap().0;
        let numbered = (0..2500).map(Place::Page).chain((0..3).map(Place::Orphan));
        let mut expected: Vec<_> = numbered.map(|place| site.url_of(Target::Here(place), &origin)).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected);
    }

    #[test]
    fn days_have_dates() {
        assert_eq!([0, 59, 11_016, FIRST_DAY].map(date), ["1970-01-01", "1970-03-01", "2000-02-29", "2026-01-01"]);
        for number in 0..100_000 {
            assert_eq!(day(&date(number)), Some(number));
        }
        let calendar = site("calendar=1");
        for wrong in ["2026-02-29", "2026-2-1", "2026-13-01", "1969-12-31", "2026-01", "x"] {
            assert_eq!(calendar.page(&format!("http://a.site.test/calendar/{wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn references_are_relative_to_a_folder() {
        for (folder, path, expected) in [
            ("", "/", "./"),
            ("", "/p/1", "p/1"),
            ("/p", "/p/1?x=1", "1?x=1"),
            ("/p", "/wide/", "../wide/"),
            ("/p", "/", "../"),
            ("/wide", "/wide/", "./"),
            ("/p/far/away", "/p/1", "../../1"),
        ] {
            assert_eq!(relative(folder, path), expected);
        }
    }

    #[test]
    fn each_address_has_one_spelling_and_one_host() {
        let site = site("pages=300 hosts=2");
        let root = "http://a.site.test/";
        for url in site.urls_from(root, 0, 300).unwrap() {
            assert_eq!(site.page(&url).unwrap().url, url);
            let (a, b) = ("//a.site.test", "//b.site.test");
            let other = if url.contains(a) { url.replace(a, b) } else { url.replace(b, a) };
            assert_eq!(site.page(&other), None);
        }
        for wrong in ["p/0", "p/01", "p/300", "p/+1", "p/", "p", "old/1", "gone/0", "wide/", "robots.txt", "x/y/z"] {
            assert_eq!(site.page(&format!("{root}{wrong}")), None, "{wrong}");
        }
    }
}
