//! robots.txt: RFC 9309, decided as Google's open-source matcher decides.
//!
//! Where the two differ, the matcher counts, as it is what the authors of such files test them with. It compares
//! patterns and paths as they are percent-encoded: `%61` is not `a`, and `:` is not `%3A`; only what is not ASCII is
//! encoded first, and the digits of encodings are made upper case. It takes some misspelt keys, keys with something
//! appended, and a blank for the colon. `Allow: /x/index.html` allows `/x/` too.
//!
//! It goes beyond the matcher in four things. `/robots.txt` is always allowed, as the RFC says. Paths are normalised like
//! patterns, which the matcher leaves to its caller. The agent is reduced to its product token. `Crawl-delay` is read;
//! like any key that the matcher does not know, it does not end the list of agents that a group is for.

// what slices call takes a reference
#![allow(clippy::trivially_copy_pass_by_ref)]

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::time::Duration;

/// How many bytes are read, and the rest of the line that ends after them. The RFC asks for no less.
pub const MAX_BYTES: usize = 500 << 10;

/// How many bytes of a line are read: as many as Google's matcher reads.
const MAX_LINE_BYTES: usize = 8 * 2083 - 1;

/// What the robots.txt of a host tells one crawler; by default, nothing: it may fetch everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Robots {
    /// The rules; of those that match a path, the first decides.
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
    sitemaps: Vec<String>,
}

impl Robots {
    /// Reads the body of a robots.txt for the crawler with this `User-Agent`, of which the product token counts: what
    /// precedes the first character that is not a letter, `-` or `_`.
    ///
    /// All groups for the agent count, or, if there are none, all those for `*`.
    #[must_use]
    pub fn parse(body: &[u8], agent: &str) -> Self {
        let agent = product_token(agent.as_bytes());
        let end = body.iter().skip(MAX_BYTES).position(is_line_end).map_or(body.len(), |at| MAX_BYTES + at);
        // Some files begin with a part of a byte order mark.
        let mark = body.iter().zip(b"\xef\xbb\xbf").take_while(|(byte, mark)| byte == mark).count();
        let (mut own, mut everyone) = (Group::default(), Group::default());
        let mut sitemaps = Vec::new();
        // Whether the next agent begins another group.
        let mut has_rules = false;
        for (key, value) in body[mark..end].split(is_line_end).filter_map(directive) {
            let group = [&mut own, &mut everyone].into_iter().find(|group| group.is_open);
            match (key, group) {
                (Key::UserAgent, _) => {
                    if has_rules {
                        (own.is_open, everyone.is_open, has_rules) = (false, false, false);
                    }
                    if value.strip_prefix(b"*").is_some_and(|after| after.first().is_none_or(is_space)) {
                        everyone.is_open = true;
                    } else if !agent.is_empty() && product_token(value).eq_ignore_ascii_case(agent) {
                        (own.is_open, own.is_named) = (true, true);
                    }
                }
                (Key::Allow | Key::Disallow, Some(group)) => {
                    has_rules = true;
                    group.add(key == Key::Allow, normalized(value));
                }
                (Key::CrawlDelay, Some(group)) => group.crawl_delay = group.crawl_delay.or_else(|| seconds(value)),
                (Key::Sitemap, _) => sitemaps.push(String::from_utf8_lossy(value).trim().to_owned()),
                _ => {}
            }
        }
        let Group { mut rules, crawl_delay, .. } = if own.is_named { own } else { everyone };
        sitemaps.retain(|sitemap| !sitemap.is_empty());
        rules.sort_by_key(|rule| (Reverse(rule.pattern.len()), !rule.allows));
        Self { rules, crawl_delay, sitemaps }
    }

    /// Whether the crawler may fetch what is at this path, which begins with `/` and may have a query.
    ///
    /// The longest pattern that matches decides; of two, that of `Allow`. For each rule, the time is linear in the
    /// lengths of its pattern and of the path, however many wildcards there are.
    #[must_use]
    pub fn allows(&self, path_and_query: &str) -> bool {
        let path = normalized(path_and_query.as_bytes());
        path == "/robots.txt" || self.rules.iter().find(|rule| rule.matches(&path)).is_none_or(|rule| rule.allows)
    }

    /// How long to wait between two requests, if the file says so: any time that a [`Duration`] can hold.
    #[must_use]
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// The sitemaps that the file names, for whatever agent; nothing says that they are URLs.
    #[must_use]
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }
}

/// An `Allow` or a `Disallow`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// What paths begin with. `*` stands for anything; `$` is the end, if it is the last character.
    pattern: String,
    allows: bool,
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        let (pattern, is_whole) =
            self.pattern.strip_suffix('$').map_or((&*self.pattern, false), |pattern| (pattern, true));
        let Some((first, pieces)) = pattern.split_once('*') else {
            return if is_whole { path == pattern } else { path.starts_with(pattern) };
        };
        let Some(mut path) = path.strip_prefix(first) else { return false };
        let (pieces, last) = pieces.rsplit_once('*').unwrap_or(("", pieces));
        for piece in pieces.split('*') {
            // The first place of all leaves the most for the next pieces, so there is no need to try others.
            let Some(at) = path.find(piece) else { return false };
            path = &path[at + piece.len()..];
        }
        if is_whole { path.ends_with(last) } else { path.contains(last) }
    }
}

/// All the groups for an agent, as one.
#[derive(Default)]
struct Group {
    /// Whether a line names the agent; there may be no rules for it.
    is_named: bool,
    /// Whether the lines being read are for it.
    is_open: bool,
    rules: Vec<Rule>,
    /// The first that is valid.
    crawl_delay: Option<Duration>,
}

impl Group {
    fn add(&mut self, allows: bool, pattern: String) {
        if let Some(slash) = pattern.rfind('/')
            && allows
            && pattern[slash..].starts_with("/index.htm")
        {
            self.rules.push(Rule { pattern: format!("{}$", &pattern[..=slash]), allows });
        }
        if !pattern.is_empty() {
            self.rules.push(Rule { pattern, allows });
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    UserAgent,
    Allow,
    Disallow,
    Sitemap,
    CrawlDelay,
}

/// What each key begins with, in any case.
const KEYS: [(&str, Key); 14] = [
    ("user-agent", Key::UserAgent),
    ("useragent", Key::UserAgent),
    ("user agent", Key::UserAgent),
    ("allow", Key::Allow),
    ("disallow", Key::Disallow),
    ("dissallow", Key::Disallow),
    ("dissalow", Key::Disallow),
    ("disalow", Key::Disallow),
    ("diasllow", Key::Disallow),
    ("disallaw", Key::Disallow),
    ("sitemap", Key::Sitemap),
    ("site-map", Key::Sitemap),
    ("crawl-delay", Key::CrawlDelay),
    ("crawl delay", Key::CrawlDelay),
];

/// The key and the value of a line, if it has a key that is known.
fn directive(line: &[u8]) -> Option<(Key, &[u8])> {
    let line = &line[..line.len().min(MAX_LINE_BYTES)];
    let end = line.iter().position(|byte| matches!(byte, b'#' | 0)).unwrap_or(line.len());
    let line = trim(&line[..end]);
    let colon = line.iter().position(|&byte| byte == b':');
    // Without a colon, a blank will do, if there are two words.
    let at = colon.or_else(|| {
        let at = line.iter().position(is_blank)?;
        (!line[at..].iter().skip_while(|byte| is_blank(byte)).any(is_blank)).then_some(at)
    })?;
    let (name, value) = (trim(&line[..at]), trim(&line[at + 1..]));
    let is_key = |key: &str| name.get(..key.len()).is_some_and(|name| name.eq_ignore_ascii_case(key.as_bytes()));
    KEYS.iter().find(|(key, _)| is_key(key)).map(|&(_, key)| (key, value))
}

/// A path or a pattern, percent-encoded where it is not ASCII, and with the digits of encodings in upper case.
fn normalized(mut path: &[u8]) -> String {
    let mut normalized = String::with_capacity(path.len());
    while let [byte, rest @ ..] = path {
        path = rest;
        if let (b'%', [high, low, rest @ ..]) = (byte, rest)
            && high.is_ascii_hexdigit()
            && low.is_ascii_hexdigit()
        {
            normalized.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()].map(char::from));
            path = rest;
        } else if byte.is_ascii() {
            normalized.push(char::from(*byte));
        } else {
            let _ = write!(normalized, "%{byte:02X}");
        }
    }
    normalized
}

/// What names an agent at the beginning of a `User-Agent`.
fn product_token(agent: &[u8]) -> &[u8] {
    let is_other = |byte: &u8| !(byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'));
    &agent[..agent.iter().position(is_other).unwrap_or(agent.len())]
}

/// A number of seconds, if it is one, and not negative.
fn seconds(value: &[u8]) -> Option<Duration> {
    Duration::try_from_secs_f64(str::from_utf8(value).ok()?.parse().ok()?).ok()
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Whether C calls it a space, which includes the vertical tab.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn trim(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(0, |last| last + 1);
    let begin = text[..end].iter().position(|byte| !is_space(byte)).unwrap_or(end);
    &text[begin..end]
}
