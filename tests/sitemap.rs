//! Sitemaps in all their formats, whole, broken and hostile.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use aio_strategies::crawl::sitemap::{MAX_BYTES, MAX_URLS, Sitemap, read};
use flate2::Compression;
use flate2::write::GzEncoder;

fn urls(body: impl AsRef<[u8]>) -> Vec<String> {
    let Sitemap { urls, sitemaps } = read(body.as_ref());
    assert!(sitemaps.is_empty(), "{sitemaps:?}");
    urls
}

fn urlset(locations: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{locations}</urlset>"
    )
}

fn gzip(body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.as_ref()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_urlset_has_pages_and_an_index_has_sitemaps() {
    let body = urlset(
        "\n<url><loc>http://a.org/</loc><lastmod>2005-01-01</lastmod><priority>0.8</priority></url>\n\
         <url>\n <changefreq>weekly</changefreq>\n <loc>\n  http://a.org/2\n </loc>\n</url><url><loc/></url><url/>",
    );
    assert_eq!(urls(&body), ["http://a.org/", "http://a.org/2"]);
    let index = "<sitemapindex><sitemap><loc>http://a.org/1.xml.gz</loc><lastmod>2004</lastmod></sitemap>\
                 <sitemap><loc>/2.xml</loc></sitemap></sitemapindex>";
    let sitemaps = vec!["http://a.org/1.xml.gz".into(), "/2.xml".into()];
    assert_eq!(read(index.as_bytes()), Sitemap { urls: vec![], sitemaps });
}

#[test]
fn feeds_have_the_links_of_their_entries() {
    let rss = "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel><title>x</title>\
               <link>http://a.org/</link><atom:link href=\"http://a.org/rss\" rel=\"self\"/><item>\
               <title>1</title><link>http://a.org/1</link><atom:link href=\"/self\"/><guid>http://a.org/guid</guid>\
               <enclosure url=\"http://a.org/1.mp3\"/></item><item><link><![CDATA[http://a.org/2?x&y]]></link></item>\
               </channel></rss>";
    assert_eq!(urls(rss), ["http://a.org/1", "http://a.org/2?x&y"]);
    let atom = "<feed xmlns=\"http://www.w3.org/2005/Atom\"><link href=\"http://a.org/\"/><entry>\
                <link rel=\"alternate\" href=\"http://a.org/1?x&amp;y\"/><link rel='edit' href='/edit'/><link/></entry>\
                <entry><source><link href=\"/source\"/></source><link href=' /2 '></link><link href=''/>\
                <content type=\"xhtml\"><div><a href=\"/a\"><link>/b</link></a></div></content></entry></feed>";
    assert_eq!(urls(atom), ["http://a.org/1?x&y", "/2"]);
}

#[test]
fn a_list_has_one_url_a_line() {
    let list = "\u{feff}\r\n http://a.org/1 \nhttps://a.org/2\r\n\r\nHTTP://a.org/3\rhttp://a.org/\u{e9}\n\
                # http://a.org/\nfile:///a\n/x\nhttp:/x\nhttp://a.org/4";
    let expected = ["http://a.org/1", "https://a.org/2", "HTTP://a.org/3", "http://a.org/\u{e9}", "http://a.org/4"];
    assert_eq!(urls(list), expected);
    for other in ["", " \r\n", "not a sitemap", "{\"urls\": [\"http://a.org/\"]}"] {
        assert_eq!(read(other.as_bytes()), Sitemap::default());
    }
}

#[test]
fn references_and_cdata_are_resolved() {
    for (written, meant) in [
        ("http://a.org/?x=1&amp;y=2", "http://a.org/?x=1&y=2"),
        ("http://a.org/&lt;&gt;&quot;&apos;", "http://a.org/<>\"'"),
        ("http://a.org/&#233;&#xE9;&#x1F600;", "http://a.org/\u{e9}\u{e9}\u{1f600}"),
        ("<![CDATA[http://a.org/?x&y]]>", "http://a.org/?x&y"),
        ("http://a<![CDATA[.org/&amp;]]>&amp;<!-- no -->z<?no?>", "http://a.org/&amp;&z"),
        // what many forget to escape
        ("http://a.org/?x=1&y=2&z", "http://a.org/?x=1&y=2&z"),
        ("http://a.org/?x=1&y=2;3&z=4;&amp;", "http://a.org/?x=1&y=2;3&z=4;&"),
        ("http://a.org/&", "http://a.org/&"),
        ("http://a.org/\u{e9}", "http://a.org/\u{e9}"),
    ] {
        assert_eq!(urls(urlset(&format!("<url><loc>{written}</loc></url>"))), [meant], "{written}");
    }
    // No URL can be made of these, nor of what is no text.
    for unknown in ["&unknown;", "&#0;", "&#xD800;", "&#x110000;", "&#99999999999;", "&#;", "<b>x</b>"] {
        let body = urlset(&format!("<url><loc>http://a.org/{unknown}</loc></url><url><loc>/next</loc></url>"));
        assert_eq!(urls(body), ["/next"], "{unknown}");
    }
}

#[test]
fn prefixes_are_understood_and_extensions_are_not_mistaken() {
    let prefixed = "<s:urlset xmlns:s='http://www.sitemaps.org/schemas/sitemap/0.9'><s:url><s:loc>/1</s:loc></s:url>\
                    </s:urlset>";
    assert_eq!(urls(prefixed), ["/1"]);
    let extended = urlset(
        "<url><loc>/1</loc><image:image><image:loc>/i.png</image:loc></image:image><x:loc>/x</x:loc>\
         <video:video><video:content_loc>/v</video:content_loc><loc>/v</loc></video:video>\
         <xhtml:link rel=\"alternate\" hreflang=\"de\" href=\"/de\"/></url><x:url><loc>/y</loc></x:url><loc>/z</loc>",
    );
    assert_eq!(urls(extended), ["/1"]);
    assert_eq!(urls("<html><head><link rel=alternate href=/x></head><body>http://a.org/</body></html>"), [""; 0]);
    assert_eq!(urls("<loc>/x</loc>"), [""; 0]);
}

#[test]
fn what_comes_before_a_fault_counts() {
    let good = "<urlset><url><loc>/1</loc></url><url><loc>/2</loc></url>";
    for fault in [
        "",
        "<url><loc>/3",
        "<url><loc>/3</url><url><loc>/4</loc></url></urlset>",
        "</url></urlset>",
        "<url><loc>/3</loc",
        "<",
        "<!-- ",
        "<![CDATA[",
        "<!x>",
        "<?x",
        "&",
    ] {
        assert_eq!(urls(format!("{good}{fault}")), ["/1", "/2"], "{fault}");
    }
    let compressed = gzip(urlset(&"<url><loc>http://a.org/</loc></url>".repeat(1000)));
    for cut in [0, 1, 2, 10, 30, compressed.len() / 2, compressed.len() - 9] {
        assert!(urls(&compressed[..cut]).len() <= 1000);
    }
    assert_eq!(urls(&compressed[..compressed.len() - 8]).len(), 1000);
    // What cannot be decoded spoils no more than itself.
    assert_eq!(
        urls(b"<urlset><url><x>\xff\xfe</x><loc>/\xe9</loc></url><url><loc>/2</loc></url>"),
        ["/\u{fffd}", "/2"]
    );
}

#[test]
fn gzip_is_told_by_its_first_bytes() {
    let body = urlset("<url><loc>http://a.org/</loc></url>");
    assert_eq!(urls(gzip(&body)), ["http://a.org/"]);
    assert_eq!(urls(gzip("http://a.org/1\nhttp://a.org/2\n")), ["http://a.org/1", "http://a.org/2"]);
    // of several members, and with something after them
    let (left, right) = body.split_at(body.len() / 2);
    assert_eq!(urls([gzip(left), gzip(right), b"\0\0".to_vec()].concat()), ["http://a.org/"]);
    assert_eq!(urls(b"\x1f\x8b"), [""; 0]);
}

#[test]
fn utf_16_is_told_by_its_byte_order_mark() {
    let text = format!("\u{feff}{}", urlset("<url><loc>http://a.org/\u{1f600}</loc></url>"));
    let little: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<_> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for body in [&little, &big, &gzip(&big)] {
        assert_eq!(urls(body), ["http://a.org/\u{1f600}"]);
    }
}

#[test]
fn the_limits_hold() {
    let url = |n: usize| format!("http://a.org/{n}\n");
    let list: String = (0..MAX_URLS + 5).map(url).collect();
    let elements: String = list.replace("http", "<url><loc>http").replace('\n', "</loc></url>");
    for body in [list.clone(), urlset(&elements)] {
        let urls = urls(body);
        assert_eq!((urls.len(), urls.last().unwrap().as_str()), (MAX_URLS, url(MAX_URLS - 1).trim()));
    }
    let index = urlset(&elements).replace("url>", "sitemap>");
    assert_eq!(read(index.as_bytes()).sitemaps.len(), MAX_URLS);

    // Of a URL that goes on beyond 50 MB, there is nothing.
    let more = gzip("x".repeat(MAX_BYTES / 10));
    assert_eq!(urls([gzip("http://a.org/1\nhttp://a.org/"), more.repeat(11)].concat()), ["http://a.org/1"]);
}

#[test]
fn hostile_sitemaps_cost_no_more_than_their_size() {
    let began = Instant::now();
    let mut bomb = String::from("<!DOCTYPE urlset [<!ENTITY a0 \"lol\">");
    for n in 1..20 {
        let references = format!("&a{};", n - 1).repeat(10);
        let _ = write!(bomb, "<!ENTITY a{n} \"{references}\">");
    }
    bomb += "<!ENTITY x SYSTEM \"file:///etc/passwd\">]><urlset><url><loc>&a19;</loc></url><url><loc>&x;</loc></url>\
             <url><loc>/1</loc></url></urlset>";
    assert_eq!(urls(bomb), ["/1"]);
    let repeatable = [
        "<a>",
        "<a/>",
        "<a ",
        "<a b='c' ",
        "&",
        "&amp;",
        "<!--",
        "<![CDATA[",
        "<!DOCTYPE a [",
        "<!ENTITY a 'b'>",
        "<?",
        "]",
        "-",
        "a",
    ];
    for repeated in repeatable {
        for begin in ["<urlset>", "<entry><link ", "<url><loc>", "<!DOCTYPE a [", "<!--", "<![CDATA["] {
            let body = begin.to_owned() + &repeated.repeat(300_000 / repeated.len());
            assert_eq!(read(body.as_bytes()), Sitemap::default());
        }
    }
    // far beyond what it takes, far below what it would take if the time were quadratic
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}
