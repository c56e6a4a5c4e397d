//! robots.txt: the examples of RFC 9309, and what Google's matcher decides.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use aio_strategies::crawl::robots::{MAX_BYTES, Robots};

/// Asserts which paths `body` lets `agent` fetch.
#[track_caller]
fn assert_verdicts(body: &str, agent: &str, allowed: &[&str], disallowed: &[&str]) {
    let robots = Robots::parse(body.as_bytes(), agent);
    let wrong = |path: &&&str| robots.allows(path) != allowed.contains(path);
    let wrong: Vec<_> = allowed.iter().chain(disallowed).filter(wrong).collect();
    assert!(wrong.is_empty(), "{wrong:?} for {agent} by\n{body}");
}

/// The same, of a body whose only group is for the agent and has these rules.
#[track_caller]
fn assert_rules(rules: &str, allowed: &[&str], disallowed: &[&str]) {
    assert_verdicts(&format!("user-agent: bot\n{rules}"), "bot", allowed, disallowed);
}

#[test]
fn the_examples_of_the_rfc() {
    let simple = "
        User-Agent: *
        Disallow: *.gif$
        Disallow: /example/
        Allow: /publications/

        User-Agent: foobot
        Disallow:/
        Allow:/example/page.html
        Allow:/example/allowed.gif

        User-Agent: barbot
        User-Agent: bazbot
        Disallow: /example/page.html

        User-Agent: quxbot
    ";
    assert_verdicts(simple, "foobot", &["/example/page.html", "/example/allowed.gif"], &["/", "/example/x", "/x.gif"]);
    for agent in ["barbot", "bazbot"] {
        assert_verdicts(simple, agent, &["/", "/x.gif", "/example/"], &["/example/page.html"]);
    }
    assert_verdicts(simple, "quxbot", &["/", "/x.gif", "/example/page.html"], &[]);
    assert_verdicts(simple, "other", &["/", "/x.gif?", "/publications/"], &["/x.gif", "/example/page.html"]);

    let longest = "Allow: /example/page/\nDisallow: /example/page/disallowed.gif\n";
    assert_rules(longest, &["/example/page/", "/example/page/x"], &["/example/page/disallowed.gif"]);

    let merged = "user-agent: ExampleBot\ndisallow: /foo\ndisallow: /bar\n\nuser-agent: ExampleBot\ndisallow: /baz\n";
    assert_verdicts(merged, "ExampleBot/0.1 (https://example.com/bot.html)", &["/"], &["/foo", "/bar", "/baz"]);
}

#[test]
fn keys_may_be_misspelt_and_lack_the_colon() {
    for disallow in [
        "disallow: /x",
        "DISALLOW: /x",
        "dIsAlLoW:/x",
        "  disallow\t :\t /x  ",
        "disallow /x",
        "disallow \t /x",
        "disallowed: /x",
        "dissallow: /x",
        "dissalow: /x",
        "disalow: /x",
        "diasllow: /x",
        "disallaw: /x",
        "disallow: /x # comment",
        "disallow: /x#comment",
        "disallow: /x\0ignored",
    ] {
        assert_rules(disallow, &["/"], &["/x", "/xy"]);
    }
    for other in ["# disallow: /x", "dis allow: /x", "disallow", "disallow /x /y", ": /x", "foo: /x", "disalloww\u{e9}"]
    {
        assert_rules(other, &["/", "/x", "/xy"], &[]);
    }
    for agent in ["user-agent: bot", "USER-AGENT:bot", "user-agent bot", "useragent: bot", "user agent: bot"] {
        assert_verdicts(&format!("{agent}\ndisallow: /"), "bot", &[], &["/"]);
    }
    assert_verdicts("foo: bot\nbar: /\n", "bot", &["/x"], &[]);
}

#[test]
fn a_group_lasts_until_an_agent_follows_a_rule() {
    let body = "
        allow: /foo/bar/

        user-agent: FooBot
        disallow: /
        allow: /x/
        user-agent: BarBot
        disallow: /
        allow: /y/


        allow: /w/
        user-agent: BazBot

        user-agent: FooBot
        allow: /z/
        disallow: /
    ";
    assert_verdicts(body, "FooBot", &["/x/b", "/z/d"], &["/y/c", "/foo/bar/"]);
    assert_verdicts(body, "BarBot", &["/y/c", "/w/a"], &["/z/d", "/foo/bar/"]);
    assert_verdicts(body, "BazBot", &["/z/d"], &["/foo/bar/"]);
    for other in ["Sitemap: https://foo.bar/sitemap", "Unknown: unknown", "Crawl-delay: 1", ""] {
        let body = format!("User-agent: BarBot\n{other}\nUser-agent: *\nDisallow: /\n");
        assert_verdicts(&body, "FooBot", &[], &["/"]);
        assert_verdicts(&body, "BarBot", &[], &["/"]);
    }
    // A rule without a pattern is a rule.
    assert_verdicts("User-agent: a\nDisallow:\nUser-agent: b\nDisallow: /\n", "a", &["/"], &[]);
}

#[test]
fn the_group_is_that_of_the_product_token_or_else_that_for_all() {
    let body = "User-Agent: FoO bAr\nAllow: /x/\nDisallow: /\n";
    for agent in ["Foo", "foo", "FOO", "foo/1.0", "Foo Bar", "foo/1.0 (+https://foo.bar)"] {
        assert_verdicts(body, agent, &["/x/y"], &["/a/b"]);
    }
    for agent in ["", "Fo", "FooBar", "Foo-Bar", "Foo_Bar", "Bar", "1Foo", " Foo"] {
        assert_verdicts(body, agent, &["/x/y", "/a/b"], &[]);
    }
    let body = "user-agent: *\nallow: /\nuser-agent: FooBot\ndisallow: /\n";
    assert_verdicts(body, "FooBot", &[], &["/x/y"]);
    assert_verdicts(body, "BarBot", &["/x/y"], &[]);
    let body = "user-agent: FooBot\ndisallow: /x\nuser-agent: *\ndisallow: /y\nuser-agent: * v2\ndisallow: /z\n";
    assert_verdicts(body, "FooBot", &["/y", "/z"], &["/x"]);
    assert_verdicts(body, "BarBot", &["/x"], &["/y", "/z"]);
    // Neither is a group for all.
    for agent in ["*foo", "", "1"] {
        assert_verdicts(&format!("user-agent: {agent}\ndisallow: /\n"), "", &["/"], &[]);
    }
    // A rule for an agent and for all is for the agent.
    assert_verdicts("user-agent: *\nuser-agent: a\ndisallow: /\n", "a", &[], &["/"]);
    assert_verdicts("user-agent: *\nuser-agent: a\ndisallow: /\n", "b", &[], &["/"]);
    assert_verdicts("user-agent: *\ndisallow: /\nuser-agent: a\n", "a", &["/"], &[]);
}

#[test]
fn the_longest_match_decides_and_allow_wins_a_tie() {
    assert_rules("disallow: /x/page.html\nallow: /x/\n", &["/x/", "/y"], &["/x/page.html"]);
    assert_rules("allow: /x/page.html\ndisallow: /x/\n", &["/x/page.html", "/y"], &["/x/"]);
    assert_rules("disallow:\nallow:\n", &["/", "/x"], &[]);
    assert_rules("disallow: /\nallow: /\n", &["/", "/x"], &[]);
    assert_rules("disallow: /x\nallow: /x/\n", &["/x/"], &["/x"]);
    assert_rules("disallow: /x/page.html\nallow: /x/page.html\n", &["/x/page.html"], &[]);
    assert_rules("allow: /page\ndisallow: /*.html\n", &["/page"], &["/page.html"]);
    assert_rules("allow: /x/page.\ndisallow: /*.html\n", &["/x/page.html"], &["/x/y.html"]);
    assert_rules("allow: /p\ndisallow: /\n", &["/page"], &["/"]);
    assert_rules("allow: /folder\ndisallow: /folder\n", &["/folder/page"], &[]);
    assert_rules("allow: /page\ndisallow: /*.htm\n", &[], &["/page.htm"]);
    assert_rules("allow: /$\ndisallow: /\n", &["/"], &["/page.html"]);
    assert_rules("disallow: /x\n", &["/X"], &["/x"]);
    assert_rules("disallow: /X\n", &["/x"], &["/X"]);
}

#[test]
fn patterns_match_what_begins_with_them() {
    let with = |pattern: &str| format!("disallow: /\nallow: {pattern}\n");
    let fish = ["/fish", "/fish.html", "/fish/salmon.html", "/fishheads", "/fishheads/y.html", "/fish.html?id=x"];
    for pattern in ["/fish", "/fish*"] {
        assert_rules(&with(pattern), &fish, &["/bar", "/Fish.asp", "/catfish", "/?id=fish"]);
    }
    assert_rules(
        &with("/fish/"),
        &["/fish/", "/fish/salmon", "/fish/?salmon", "/fish/salmon.html", "/fish/?id=x"],
        &["/bar", "/fish", "/fish.html", "/Fish/Salmon.html"],
    );
    assert_rules(
        &with("/*.php"),
        &["/a.php", "/b/a.php", "/b/a.php?x", "//b/any.php.file.html", "/a.php/", "/index?f=a.php/"],
        &["/bar", "/php/", "/index?php", "/windows.PHP"],
    );
    assert_rules(
        &with("/*.php$"),
        &["/a.php", "/b/a.php", "/a.php.php"],
        &["/bar", "/a.php?x", "/a.php/", "/a.php5", "/php/", "/a?php", "/aaaphpaaa", "//windows.PHP"],
    );
    assert_rules(&with("/fish*.php"), &["/fish.php", "/fishheads/catfish.php?x"], &["/bar", "/Fish.PHP"]);
    assert_rules("disallow: /foo/bar/quz\nallow: /foo/*/qux\n", &["/foo/quz", "/foo//quz"], &["/foo/bar/quz"]);
    assert_rules("disallow: /foo/bar$\n", &["/foo/bar/", "/foo/bar/qux"], &["/foo/bar"]);
    assert_rules("disallow: /foo/quz#qux\nallow: /\n", &["/foo/bar"], &["/foo/quz", "/foo/quz/x"]);
    assert_rules("disallow: foo\ndisallow: $\n", &["/", "/foo"], &[]);
    assert_rules("disallow: *\n", &[], &["/", "/foo"]);
}

/// The definition, as it stands: slow, but plain.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => true,
        b"$" => path.is_empty(),
        [b'*', pattern @ ..] => (0..=path.len()).any(|skipped| matches(pattern, &path[skipped..])),
        [byte, pattern @ ..] => path.split_first().is_some_and(|(first, path)| first == byte && matches(pattern, path)),
    }
}

/// All texts of up to `length` of these characters.
fn texts(characters: &[char], length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut begin = 0;
    for _ in 0..length {
        let end = all.len();
        for text in begin..end {
            all.extend(characters.iter().map(|&character| format!("{}{character}", all[text])).collect::<Vec<_>>());
        }
        begin = end;
    }
    all
}

#[test]
fn every_short_pattern_matches_as_defined() {
    let paths: Vec<_> = texts(&['a', 'b', '$'], 4).into_iter().map(|path| format!("/{path}")).collect();
    for pattern in texts(&['/', 'a', '*', '$'], 6) {
        let robots = Robots::parse(format!("user-agent: *\ndisallow: {pattern}").as_bytes(), "bot");
        for path in &paths {
            let expected = !pattern.is_empty() && matches(pattern.as_bytes(), path.as_bytes());
            assert_eq!(!robots.allows(path), expected, "{pattern} {path}");
        }
    }
}

#[test]
fn encodings_are_normalised_but_not_undone() {
    let with = |pattern: &str| format!("disallow: /\nallow: {pattern}\n");
    let url = "/foo/bar?qux=taz&baz=http://foo.bar?tar&par";
    assert_rules(&with(url), &[url], &["/foo/bar?qux=taz&baz=http%3A%2F%2Ffoo.bar?tar&par"]);
    for pattern in ["/foo/bar/\u{30c4}", "/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"] {
        assert_rules(
            &with(pattern),
            &["/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84", "/foo/bar/\u{30c4}"],
            &["/foo/bar/%C3%83"],
        );
    }
    assert_rules(&with("/foo/bar/%62%61%7A"), &["/foo/bar/%62%61%7A", "/foo/bar/%62%61%7a"], &["/foo/bar/baz"]);
    assert_rules(&with("/a-%2A"), &["/a-%2A", "/a-%2a"], &["/a-*", "/a-x"]);
    assert_rules(&with("/a%24"), &["/a%24"], &["/a$", "/a"]);
    assert_rules(&with("/100%"), &["/100%", "/100%zz", "/100%2"], &["/100"]);
    // The length of a pattern is that of its encoding.
    assert_rules("disallow: /\u{e9}*\nallow: /????\n", &["/????"], &["/\u{e9}"]);
    let latin = Robots::parse(b"user-agent: *\ndisallow: /caf\xe9\n", "bot");
    assert!(!latin.allows("/caf%E9") && latin.allows("/caf%C3%A9"));
}

#[test]
fn an_index_that_is_allowed_allows_its_directory() {
    for index in ["index.html", "index.htm"] {
        let rules = format!("allow: /slash/{index}\ndisallow: /\n");
        assert_rules(&rules, &["/slash/", &format!("/slash/{index}")], &["/slash/x", "/slash/index.ht", "/"]);
    }
    assert_rules("disallow: /slash/index.html\n", &["/slash/"], &["/slash/index.html"]);
    assert_rules("allow: /slash/index.asp\ndisallow: /\n", &[], &["/slash/"]);
}

#[test]
fn robots_txt_itself_is_allowed() {
    assert_rules("disallow: /\n", &["/robots.txt"], &["/robots.txt?", "/x/robots.txt"]);
    assert!(Robots::parse(b"User-agent: *\nDisallow: /", "bot").allows("/robots.txt"));
}

#[test]
fn lines_end_with_any_line_end() {
    let lines = ["user-agent: foo", "allow: /some/path", "user-agent: bar", "", "", "disallow: /"];
    for end in ["\n", "\r\n", "\r", "\n\r", "\r\r\n"] {
        let body = lines.join(end);
        assert_verdicts(&body, "bar", &[], &["/some/path", "/"]);
        assert_verdicts(&(body + end), "foo", &["/some/path", "/"], &[]);
    }
}

#[test]
fn a_byte_order_mark_is_skipped_at_the_beginning_only() {
    let rules = b"user-agent: *\ndisallow: /x\n";
    let disallows = |mark: &[u8]| !Robots::parse(&[mark, rules].concat(), "bot").allows("/x");
    assert!(disallows(b"\xef\xbb\xbf") && disallows(b"\xef\xbb") && disallows(b"\xef"));
    assert!(!disallows(b"\xef\x11\xbf") && !disallows(b"\xbb\xbf") && !disallows(b"\xef\xbb\xbf\xef\xbb\xbf"));
    assert_verdicts("user-agent: *\n\u{feff}disallow: /x\n", "bot", &["/x"], &[]);
}

#[test]
fn a_long_line_is_cut_as_google_cuts_it() {
    let kept = 8 * 2083 - 1 - "disallow: ".len();
    let path = format!("/{}", "a".repeat(kept - 1));
    assert_rules(&format!("disallow: {path}/more\n"), &[&path[1..], "/a"], &[&path, &format!("{path}/other")]);
}

#[test]
fn what_comes_after_500_kib_is_ignored() {
    let mut body = String::from("user-agent: *\n");
    while body.len() < MAX_BYTES - 4 {
        body.push_str("#\n");
    }
    body.push_str("disallow: /inside\ndisallow: /outside\n");
    assert_verdicts(&body, "bot", &["/", "/ins", "/outside"], &["/inside"]);
}

#[test]
fn crawl_delays_are_those_that_make_sense() {
    let delay = |value: &str| {
        Robots::parse(format!("user-agent: *\ncrawl-delay: {value}\ndisallow: /x").as_bytes(), "bot").crawl_delay()
    };
    for (value, seconds) in
        [("0", 0.0), ("-0", 0.0), ("1", 1.0), ("0.25", 0.25), (".5 # s", 0.5), ("1e9", 1e9), ("+2.", 2.0)]
    {
        assert_eq!(delay(value), Some(Duration::from_secs_f64(seconds)), "{value}");
    }
    for wrong in
        ["", "-1", "-0.001", "nan", "inf", "-inf", "infinity", "1e30", "1e400", "1,5", "5s", "x", "1 2", "\u{663}"]
    {
        assert_eq!(delay(wrong), None, "{wrong}");
    }
    // As that of rules, the group is the agent's, or else that for all.
    let body = b"user-agent: *\nCrawl-Delay 9\n\nuser-agent: a\ndisallow: /\ncrawl-delay: -1\ncrawl-delay: 2\n\n\
        user-agent: a\ncrawl-delay: 3\nuser-agent: b\n";
    assert_eq!(Robots::parse(body, "a").crawl_delay(), Some(Duration::from_secs(2)));
    assert_eq!(Robots::parse(body, "b").crawl_delay(), None);
    assert_eq!(Robots::parse(body, "c").crawl_delay(), Some(Duration::from_secs(9)));
    assert_eq!(Robots::parse(b"crawl-delay: 1", "a").crawl_delay(), None);
}

#[test]
fn sitemaps_may_stand_anywhere() {
    let body = b"sitemap: http://foo.bar/1.xml\nuser-agent: foo\nSITEMAP:http://foo.bar/2.xml # old\nallow: /\n\
        site-map: \xc2\xa0/3.xml\nsitemap:\nsitemaps: http://foo.bar/\xff\nuser-agent: bar\nsitemap http://foo.bar/4.xml";
    let robots = Robots::parse(body, "baz");
    // The colon that ends the key of the last is the first one.
    let expected =
        ["http://foo.bar/1.xml", "http://foo.bar/2.xml", "/3.xml", "http://foo.bar/\u{fffd}", "//foo.bar/4.xml"];
    assert_eq!(robots.sitemaps(), expected);
}

#[test]
fn what_is_no_robots_txt_allows_all() {
    assert_eq!(Robots::parse(b"", "bot"), Robots::default());
    assert_eq!(Robots::parse(b"<!DOCTYPE html><html><body>Not found: /</body></html>", "bot"), Robots::default());
}

#[test]
fn hostile_patterns_take_no_time() {
    let began = Instant::now();
    let path = format!("/{}", "a".repeat(8_000));
    // Each of the first has an exponential number of ways to fail; the others are many.
    for hostile in [format!("/{}b", "*a".repeat(8_000)), format!("/{}$", "a*".repeat(8_000)), "*".repeat(16_000) + "b"]
    {
        assert_eq!(
            Robots::parse(format!("user-agent: *\ndisallow: {hostile}").as_bytes(), "bot").allows(&path),
            !hostile.ends_with('$')
        );
    }
    let mut body = String::from("user-agent: *\n");
    while body.len() < MAX_BYTES {
        let _ = writeln!(body, "disallow: /*a*aab{}", body.len());
    }
    let robots = Robots::parse(body.as_bytes(), "bot");
    assert!(robots.allows(&path));
    // Hours if not for the bound; well below a second with optimisation.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}
