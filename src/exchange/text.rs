//! Turning a body into text, as browsers do: by the encoding that its byte order mark, its `Content-Type` or, for HTML,
//! a `<meta>` element names; else by UTF-8.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// How far browsers look for a `<meta>` element.
const PRESCANNED: usize = 1024;

/// The text of a body with this `Content-Type` (empty if there is none); U+FFFD stands for what cannot be decoded.
#[must_use]
pub fn decode<'a>(body: &'a [u8], content_type: &str) -> Cow<'a, str> {
    encoding(body, content_type).decode_with_bom_removal(body).0
}

/// The encoding of a body with this `Content-Type`.
#[must_use]
pub fn encoding(body: &[u8], content_type: &str) -> &'static Encoding {
    // A byte order mark overrides everything else.
    if let Some((encoding, _)) = Encoding::for_bom(body) {
        return encoding;
    }
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let is_html = ["", "text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html));
    parts
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim_end().eq_ignore_ascii_case("charset"))
        .and_then(|(_, value)| Encoding::for_label(value.trim().trim_matches(['"', '\'']).as_bytes()))
        .or_else(|| if is_html { declared(&body[..body.len().min(PRESCANNED)]) } else { None })
        .unwrap_or(UTF_8)
}

/// The encoding that a `<meta>` element names. The HTML standard calls this "prescan a byte stream".
fn declared(mut html: &[u8]) -> Option<&'static Encoding> {
    loop {
        html = from(html, b"<")?;
        if html.starts_with(b"<!--") {
            // The shortest comment is <!-->.
            html = from(&html[2..], b"-->")?;
            continue;
        }
        let name = html[1..].strip_prefix(b"/").unwrap_or(&html[1..]);
        if name.first().is_some_and(u8::is_ascii_alphabetic) {
            let end = name.iter().position(|byte| matches!(byte, b'>' | b'/') || byte.is_ascii_whitespace())?;
            let is_meta = html[1..=end].eq_ignore_ascii_case(b"meta");
            let mut attributes = Attributes { rest: &name[end..] };
            if is_meta && let Some(encoding) = encoding_of(&mut attributes) {
                return Some(encoding);
            }
            // Quoted values may have a > of their own.
            attributes.by_ref().for_each(drop);
            html = attributes.rest;
        } else if matches!(html.get(1), Some(b'!' | b'/' | b'?')) {
            html = from(html, b">")?;
        } else {
            html = &html[1..];
        }
    }
}

/// What follows, beginning with `what`.
fn from<'a>(html: &'a [u8], what: &[u8]) -> Option<&'a [u8]> {
    html.windows(what.len()).position(|window| window == what).map(|at| &html[at..])
}

/// The encoding that the attributes of a `<meta>` element name.
fn encoding_of(attributes: &mut Attributes<'_>) -> Option<&'static Encoding> {
    let (mut charset, mut content, mut is_content_type) = (None, None, None);
    for (name, value) in attributes.by_ref() {
        // The first attribute of a name counts.
        match &name.to_ascii_lowercase()[..] {
            b"charset" => _ = charset.get_or_insert(value),
            b"content" => _ = content.get_or_insert(value),
            b"http-equiv" => _ = is_content_type.get_or_insert(value.eq_ignore_ascii_case(b"content-type")),
            _ => {}
        }
    }
    // The tag must have an end.
    attributes.rest.first()?;
    let label = charset.or_else(|| content.filter(|_| is_content_type == Some(true)).and_then(charset_in))?;
    let encoding = Encoding::for_label(label)?;
    // The element could not be read in these encodings.
    Some(if encoding == UTF_16BE || encoding == UTF_16LE {
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    })
}

/// The charset in the `content` of a `<meta http-equiv>`.
fn charset_in(content: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"charset";
    let at = content.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    let after = content[at + NAME.len()..].trim_ascii_start();
    let Some(value) = after.strip_prefix(b"=").map(<[u8]>::trim_ascii_start) else { return charset_in(after) };
    match value {
        [quote @ (b'"' | b'\''), value @ ..] => value.iter().position(|byte| byte == quote).map(|end| &value[..end]),
        _ => value.split(|byte| *byte == b';' || byte.is_ascii_whitespace()).next(),
    }
}

/// The attributes of a tag, name and value. At its end, `rest` begins with `>`, or is empty.
struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Takes what comes before the first byte that is an end.
    fn until(&mut self, is_end: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| is_end(byte)).unwrap_or(self.rest.len());
        let (before, rest) = self.rest.split_at(end);
        self.rest = rest;
        before
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.until(|byte| byte != b'/' && !byte.is_ascii_whitespace());
        if matches!(self.rest, [] | [b'>', ..]) {
            return None;
        }
        let begin = self.rest;
        // An = may begin a name.
        self.rest = &begin[1..];
        let length = 1 + self.until(|byte| matches!(byte, b'=' | b'>' | b'/') || byte.is_ascii_whitespace()).len();
        let name = &begin[..length];
        let Some(value) = self.rest.trim_ascii_start().strip_prefix(b"=") else { return Some((name, b"")) };
        self.rest = value.trim_ascii_start();
        if let [quote @ (b'"' | b'\''), value @ ..] = self.rest {
            self.rest = value;
            let value = self.until(|byte| byte == *quote);
            self.rest = self.rest.get(1..).unwrap_or_default();
            return Some((name, value));
        }
        Some((name, self.until(|byte| byte == b'>' || byte.is_ascii_whitespace())))
    }
}
