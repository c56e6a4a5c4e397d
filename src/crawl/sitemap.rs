//! Sitemaps: the URLs in them, whatever their format.
//!
//! That may be XML (a `urlset` or a `sitemapindex` of sitemaps.org, RSS or Atom) or a list, one URL a line; each of them
//! in UTF-8, or with a byte order mark in UTF-16, and perhaps compressed by gzip. It is read as a stream, up to the
//! first fault: what comes before that counts.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{CoderResult, Decoder, UTF_8};
use flate2::bufread::MultiGzDecoder;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::QName;
use quick_xml::{Reader, XmlVersion, escape};

/// How many bytes are read, uncompressed, give or take a buffer: as many as sitemaps.org allows.
pub const MAX_BYTES: usize = 50 << 20;

/// How many URLs are taken: as many as sitemaps.org allows.
pub const MAX_URLS: usize = 50_000;

/// How deep elements may be nested; in sitemaps, that is three.
const MAX_DEPTH: usize = 100;

/// What a sitemap has, in its order; nothing says that it is URLs, or that they are absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sitemap {
    /// Pages.
    pub urls: Vec<String>,
    /// Further sitemaps.
    pub sitemaps: Vec<String>,
}

impl Sitemap {
    fn is_full(&self) -> bool {
        self.urls.len() + self.sitemaps.len() >= MAX_URLS
    }
}

/// Reads the body of a sitemap.
#[must_use]
pub fn read(body: &[u8]) -> Sitemap {
    let bytes: Box<dyn BufRead + '_> = if body.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::new(MultiGzDecoder::new(body)))
    } else {
        Box::new(body)
    };
    let mut text = BufReader::new(Decoded { bytes, decoder: Some(UTF_8.new_decoder()), left: MAX_BYTES });
    let mut sitemap = Sitemap::default();
    match first_of(&mut text) {
        Some(b'<') => read_xml(text, &mut sitemap),
        Some(_) => read_list(text, &mut sitemap),
        None => {}
    }
    sitemap
}

/// The text of a sitemap, in UTF-8; U+FFFD stands for what cannot be decoded.
struct Decoded<R> {
    bytes: R,
    /// None at the end. It looks for a byte order mark.
    decoder: Option<Decoder>,
    /// How many bytes are still allowed.
    left: usize,
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, text: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            // Unlike an end, this does not complete a last line.
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        while let Some(decoder) = &mut self.decoder {
            let bytes = self.bytes.fill_buf()?;
            let is_end = bytes.is_empty();
            let (result, taken, made, _) = decoder.decode_to_utf8(bytes, text, is_end);
            self.bytes.consume(taken);
            if is_end && result == CoderResult::InputEmpty {
                self.decoder = None;
            }
            if made > 0 {
                self.left = self.left.saturating_sub(made);
                return Ok(made);
            }
        }
        Ok(0)
    }
}

/// Skips white space and returns what follows it.
fn first_of(text: &mut impl BufRead) -> Option<u8> {
    loop {
        let bytes = text.fill_buf().ok()?;
        let is_end = bytes.is_empty();
        let spaces = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let first = bytes.get(spaces).copied();
        text.consume(spaces);
        if first.is_some() || is_end {
            return first;
        }
    }
}

fn read_list(text: impl BufRead, sitemap: &mut Sitemap) {
    for line in text.lines().map_while(Result::ok) {
        for url in line.split('\r').map(str::trim).filter(|line| is_absolute(line)) {
            if sitemap.is_full() {
                return;
            }
            sitemap.urls.push(url.to_owned());
        }
    }
}

/// Whether it looks like a URL; anything can come instead of a list.
fn is_absolute(line: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|&scheme| line.get(..scheme.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme)))
}

fn read_xml(text: impl BufRead, sitemap: &mut Sitemap) {
    let mut reader = Reader::from_reader(text);
    // Many forget to write &amp; in URLs.
    reader.config_mut().allow_dangling_amp = true;
    reader.config_mut().expand_empty_elements = true;
    // The names of the elements that are open.
    let mut open: Vec<String> = Vec::new();
    // The URL that the current element has as its text, as far as it is read.
    let mut url: Option<String> = None;
    let mut buffer = Vec::new();
    while !sitemap.is_full() {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(element)) => {
                let link = open.last().map_or(Link::None, |parent| Link::of(QName(parent), &element));
                if link == Link::Attribute {
                    sitemap.urls.extend(href(&element));
                }
                url = (link == Link::Text).then(String::new);
                open.push(element.name().as_ref().to_owned());
                if open.len() > MAX_DEPTH {
                    return;
                }
            }
            Ok(Event::End(_)) => {
                open.pop();
                let Some(url) = url.take().filter(|url| !url.trim().is_empty()) else { continue };
                let is_sitemap = open.last().is_some_and(|parent| QName(parent).local_name().as_ref() == "sitemap");
                let list = if is_sitemap { &mut sitemap.sitemaps } else { &mut sitemap.urls };
                list.push(url.trim().to_owned());
            }
            Ok(Event::Text(text)) => append(&mut url, Some(&text)),
            Ok(Event::CData(text)) => append(&mut url, Some(&text)),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(character)) => append(&mut url, Some(character.encode_utf8(&mut [0; 4]))),
                // That is a query with a semicolon somewhere.
                Ok(None) if reference.contains('=') => append(&mut url, Some(&format!("&{};", &*reference))),
                Ok(None) => append(&mut url, escape::resolve_predefined_entity(&reference)),
                Err(_) => url = None,
            },
            Ok(Event::Eof) | Err(_) => return,
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Empty(_)) => {}
        }
    }
}

/// Appends to the URL, if there is one; None is what only a document type could tell, which is not read.
fn append(url: &mut Option<String>, text: Option<&str>) {
    *url = url.take().zip(text).map(|(url, text)| url + text);
}

/// Where an element has a URL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    None,
    Text,
    Attribute,
}

impl Link {
    fn of(parent: QName, element: &BytesStart) -> Self {
        let ((parent, space), (name, own_space)) = (parent.decompose(), element.name().decompose());
        // An extension, such as the <image:loc> of an <image:image>, may use the same names.
        if space != own_space {
            return Link::None;
        }
        match (parent.as_ref(), name.as_ref()) {
            ("url" | "sitemap", "loc") | ("item", "link") => Link::Text,
            ("entry", "link") => Link::Attribute,
            _ => Link::None,
        }
    }
}

/// Where an Atom link leads, if it is to the entry itself.
fn href(link: &BytesStart) -> Option<String> {
    let attribute =
        |name| link.try_get_attribute(name).ok()?.map(|value| value.normalized_value(XmlVersion::Implicit1_0));
    let is_own = attribute("rel").is_none_or(|rel| rel.is_ok_and(|rel| rel == "alternate"));
    attribute("href")?.ok().filter(|href| is_own && !href.trim().is_empty()).map(|href| href.trim().to_owned())
}
