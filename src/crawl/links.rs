//! The links of an HTML page, as a browser sees them.

use std::cell::RefCell;
use std::collections::HashSet;

use lol_html::{HtmlRewriter, MemorySettings, Settings, element, text};
use url::Url;

/// The most that the parser may remember, of unfinished tags and open elements. What comes after it is not read.
const MOST_MEMORY: usize = 64 << 20;

/// The URL that a link leads to, by the WHATWG URL standard, without its fragment; `None` if it cannot be fetched: it
/// has another scheme than `http` or `https`, or holds a user name, which would not be sent.
#[must_use]
pub fn join(base: &Url, reference: &str) -> Option<Url> {
    let mut url = base.join(reference).ok()?;
    let is_fetchable = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.port() != Some(0);
    is_fetchable.then(|| {
        url.set_fragment(None);
        url
    })
}

/// Where the links of a page lead, in their order, each once; `nofollow` says whether to leave out those that are marked
/// `rel="nofollow"`.
#[must_use]
pub fn of_html(html: &str, url: &Url, nofollow: bool) -> Vec<Url> {
    let found = Found { nofollow, base: RefCell::default(), references: RefCell::default() };
    found.read(html, false);
    let base = found.base.take().and_then(|base| url.join(&htmlize::unescape_attribute(&base)).ok());
    // The HTML standard allows no base of these schemes.
    let base = base.filter(|base| !matches!(base.scheme(), "data" | "javascript"));
    let base = base.as_ref().unwrap_or(url);
    let (mut written, mut seen) = (HashSet::new(), HashSet::new());
    let references = found.references.into_inner();
    references
        .iter()
        .filter(|reference| written.insert(reference.as_str()))
        .filter_map(|reference| join(base, &htmlize::unescape_attribute(reference.as_str())))
        .filter(|link| seen.insert(link.clone()))
        .collect()
}

/// What was found in a page.
struct Found {
    nofollow: bool,
    /// The `href` of the first `<base>` that has one.
    base: RefCell<Option<String>>,
    references: RefCell<Vec<String>>,
}

impl Found {
    /// Reads a page, or what is in one of its `<noscript>` elements.
    fn read(&self, html: &str, is_noscript: bool) {
        let mut noscript = String::new();
        let settings = Settings::new()
            .append_element_content_handler(element!("a[href], area[href]", |link| {
                let is_wanted = !(self.nofollow && link.get_attribute("rel").is_some_and(|rel| says_nofollow(&rel)));
                if is_wanted && let Some(reference) = link.get_attribute("href") {
                    self.references.borrow_mut().push(reference);
                }
                Ok(())
            }))
            .append_element_content_handler(element!("base[href]", |element| {
                let mut base = self.base.borrow_mut();
                if base.is_none() {
                    *base = element.get_attribute("href");
                }
                Ok(())
            }))
            // To a browser that runs scripts, and to this parser, it holds text; to a crawler, it holds a page's links.
            .append_element_content_handler(text!("noscript", |text| {
                noscript.push_str(text.as_str());
                if text.last_in_text_node() && !is_noscript {
                    self.read(&std::mem::take(&mut noscript), true);
                }
                Ok(())
            }))
            .with_strict(false)
            .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(MOST_MEMORY));
        let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
        // What was read before an error counts.
        let _ = rewriter.write(html.as_bytes()).and_then(|()| rewriter.end());
    }
}

fn says_nofollow(rel: &str) -> bool {
    rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("nofollow"))
}
