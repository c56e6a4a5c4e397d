"""Pages whose links are hard to find: what browsers read in one way, and many crawlers in another."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Where nobody listens, on the site's own host.
ELSEWHERE = "127.0.0.1:9"

#: The page with links that no client follows.
UNFETCHABLE = "unfetchable"

#: Each is the whole page, but for what goes around all: see ``page``.
BODIES = {
    # --- how an attribute is written
    "unquoted": "<a href=unquoted-1>x</a><a href=unquoted-2/>x</a><a href=unquoted-3 / class=b>x</a>",
    "quotes": """<a href='quotes-1'>x</a><a href="quotes-2'">x</a><a href='quotes-3"'>x</a><a href=quotes-4"'>x</a>""",
    "case": '<A HREF="case-1">x</A><a hReF=case-2>x</a><AREA href=case-3>',
    "blanks": '<a\n href\n =\t"\n blanks-1 \n">x</a><a href="blanks\n-\t2">x</a><a href = blanks-3 >x</a><a\fhref=blanks-4>x</a>',
    "slashes": "<a/href=slashes-1>x</a><a//href=slashes-2>x</a><a / href='slashes-3'/>x</a>",
    "no blank": '<a class="a"href="no-blank-1"title="b">x</a>',
    "empty": '<a href="">x</a><a href>x</a><a href= >x</a><a name="here">x</a>',
    "twice": '<a href="twice-1" href="twice-2">x</a><a HREF=twice-3 href=twice-4>x</a>',
    "names": '<a data-href="names-1">x</a><a xhref=names-2>x</a><a "href"=names-3>x</a><a =href=names-4 href=names-5>x</a>',
    "other tags": '<abbr href="other-1">x</abbr><link href="other-2"><b href="other-3">x</b><a-b href="other-4">x</a-b>',
    "greater": '<a title="a > b" href="greater-1">x</a><a title=\'>\' href=greater-2>x</a>',
    "nul": '<a href="nul-1\0">x</a><a\0 href="nul-2">x</a><a \0href="nul-3">x</a>',
    "returns": '<a\rhref="returns-1">x</a><a href="returns\r\n-2">x</a>',
    "unfinished": '<a href="unfinished-1">x</a><a href="unfinished-2',
    "unfinished tag": '<a href="unfinished-3">x</a><a href="unfinished-4" ',
    # --- entities
    "entities": '<a href="entities-1?a=1&amp;b=2">x</a><a href=entities-2?a=1&amp;b=2>x</a><a href="&#101;ntities-3">x</a>'
    '<a href="&#x65;ntities-4">x</a><a href="entities-5&colon;6">x</a><a href="&sol;entities-7">x</a>',
    "bare entities": '<a href="bare-1?a=1&copy=2">x</a><a href="bare-2?a=1&copy;=2">x</a><a href="bare-3?a&ampb=2">x</a>'
    '<a href="bare-4?a&amp">x</a><a href="bare-5?&lt">x</a><a href="bare-6?&notit;=1">x</a><a href="bare-7?&not;in=1">x</a>'
    '<a href="bare-8?a=1&b=2&region=3&sect=4&para">x</a>',
    "numbers": '<a href="numbers-1&#128;">x</a><a href="numbers-2&#0;">x</a><a href="numbers-3&#xD800;">x</a>'
    '<a href="numbers-4&#65">x</a><a href="numbers-5&#x110000;">x</a><a href="numbers-6&#99999999999;">x</a>'
    '<a href="numbers-7&#x;">x</a><a href="numbers-8&#;">x</a><a href="numbers-9&#13;">x</a>',
    "two letters": '<a href="two-1?&NotEqualTilde;">x</a><a href="two-2?&nbsp;">x</a><a href="two-3?&nbsp">x</a><a href="two-4&unknown;">x</a>',
    # --- what is no markup
    "comments": '<!-- <a href="comments-1">x</a> --><a href="comments-2">x</a><!--><a href="comments-3">x</a>--><!---><a href="comments-4">x</a>'
    '<!-- --!><a href="comments-5">x</a><!-- -- > <a href="comments-6">x</a> --><!----><a href="comments-7">x</a>',
    "nested comments": '<!-- <!-- --><a href="nested-1">x</a> --><!-- <!--> <a href="nested-2">x</a> -->',
    "conditional": '<!--[if IE]><a href="conditional-1">x</a><![endif]--><![if !IE]><a href="conditional-2">x</a><![endif]>',
    "bogus": '<? <a href="bogus-1">x</a> ?><! <a href="bogus-2">x</a>></ <a href="bogus-3">x</a>><![CDATA[ <a href="bogus-4">x</a> ]]>',
    "open comment": '<a href="open-1">x</a><!-- <a href="open-2">x</a>',
    "scripts": """<script>var a = '<a href="scripts-1">x</a>';</script><a href="scripts-2">x</a><script><!-- <a href="scripts-3">x</a>
        <script> </script> <a href="scripts-4">x</a> --> </script><a href="scripts-5">x</a>""",
    "script ends": '<script></scriptx><a href="ends-1">x</a></script ><a href="ends-2">x</a><script>"</SCRIPT\n>"<a href="ends-3">x</a>',
    "open script": '<a href="script-1">x</a><script> <a href="script-2">x</a>',
    "styles": '<style> <a href="styles-1">x</a> </style><a href="styles-2">x</a>',
    "areas of text": '<textarea><a href="text-1">x</a></textarea><xmp><a href="text-2">x</a></xmp><a href="text-3">x</a>',
    "title": '<title><a href="title-1">x</a></title><a href="title-2">x</a>',
    "frames": '<iframe><a href="frames-1">x</a></iframe><noframes><a href="frames-2">x</a></noframes><noembed><a href="frames-3">x</a></noembed><a href="frames-4">x</a>',
    "noscript": '<noscript><a href="noscript-1">x</a></noscript><a href="noscript-2">x</a>',
    "plaintext": '<a href="plain-1">x</a><plaintext><a href="plain-2">x</a>',
    "template": '<template><a href="template-1">x</a></template><a href="template-2">x</a>',
    # --- where it stands
    "vector": '<svg><a href="vector-1"><text>x</text></a><a xlink:href="vector-2"><text>x</text></a><title><a href="vector-3">x</a></title>'
    '<style><a href="vector-4">x</a></style></svg><a href="vector-5">x</a>',
    "vector data": '<svg><![CDATA[ <a href="data-1">x</a> ]]></svg><a href="data-2">x</a>',
    "mathematics": '<math><mi><a href="math-1">x</a></mi><a href="math-2">x</a></math><a href="math-3">x</a>',
    "selection": '<select><option><a href="select-1">x</a></option></select><a href="select-2">x</a>',
    "tables": '<table><a href="tables-1">x</a><tr><a href="tables-2">x</a><td><a href="tables-3">x</a></table>',
    "nested": '<a href="nested-a-1">x<a href="nested-a-2">y</a></a><p><a href="nested-a-3"><p>x<a href="nested-a-4">',
    "formatting": '<a href="formatting-1"><p>x</p><p>y</p><div>z</div>',
    "buttons": '<button><a href="buttons-1">x</a></button><object><a href="buttons-2">x</a></object><label><a href="buttons-3">x</a></label>',
    "maps": '<map name=m><area href="maps-1"><area href="maps-2" shape=rect></map><area href="maps-3">',
    "deep": "<div>" * 400 + '<a href="deep-1">x</a>',
    "after the end": '<a href="end-1">x</a></body></html><a href="end-2">x</a>',
    # --- the base
    "base": '<base href="/base/"><a href="base-1">x</a>',
    "late base": '<a href="late-1">x</a><base href="/late/">',
    "two bases": '<base target=_top><base href="/first/"><base href="/second/"><a href="two-bases-1">x</a>',
    "empty base": '<base href=""><base href="/second/"><a href="empty-base-1">x</a>',
    "other base": f'<base href="http://{ELSEWHERE}/other/"><a href="other-base-1">x</a>',
    "foreign base": '<base href="https://www.example.com/"><a href="foreign-1">x</a>',
    "base of data": '<base href="data:text/plain,x"><a href="base-of-data-1">x</a>',
    "base of script": '<base href="javascript:x"><a href="base-of-script-1">x</a>',
    "base of mail": '<base href="mailto:somebody@example.com"><a href="base-of-mail-1">x</a><a href="/base-of-mail-2">x</a>',
    "broken base": '<base href="http://["><base href="/second/"><a href="broken-base-1">x</a>',
    "base with entities": '<base href="/&#98;ase/?a&amp;b"><a href="base-with-1">x</a><a href="?x">x</a>',
    "base with a fragment": '<base href="/elsewhere.html#there"><a href="#here">x</a><a href="">x</a>',
    "blank base": '<base href=" \n/blank/\t"><a href="blank-base-1">x</a>',
    "base in a comment": '<!-- <base href="/commented/"> --><script>"<base href=/scripted/>"</script><a href="base-in-1">x</a>',
    "base in a vector": '<svg><base href="/vector/"></base></svg><a href="base-in-2">x</a>',
    "base in a template": '<template><base href="/template/"></template><a href="base-in-3">x</a>',
    # --- URLs
    "relative": '<a href=".">x</a><a href="..">x</a><a href="../../../relative-1">x</a><a href="./relative-2/../relative-3">x</a>'
    '<a href="?relative-4">x</a><a href="#relative-5">x</a><a href="relative-6#x">x</a><a href="relative-6#y">x</a><a href="relative-7?#">x</a>',
    "encoded dots": '<a href="a/%2e%2e/encoded-1">x</a><a href="%2E/encoded-2">x</a><a href=".%2e/encoded-3">x</a><a href="a%2F..%2Fencoded-4">x</a>',
    "backslashes": '<a href="\\backslashes-1">x</a><a href="a\\..\\backslashes-2">x</a><a href="?\\backslashes-3">x</a>',
    "schemes": '<a href="http:schemes-1">x</a><a href="http:/schemes-2">x</a><a href="HTTP:schemes-3">x</a><a href="https:schemes-4">x</a>'
    '<a href="javascript:void(0)">x</a><a href="mailto:a@example.com">x</a><a href="data:text/html,x">x</a><a href="tel:1">x</a>'
    '<a href="ftp://127.0.0.1/schemes-5">x</a><a href="about:blank">x</a><a href="schemes-6:7">x</a><a href="./schemes-8:9">x</a>'
    '<a href="file:///schemes-10">x</a><a href="view-source:http://127.0.0.1/">x</a><a href=":schemes-11">x</a>',
    "hosts": f'<a href="//{ELSEWHERE}/hosts-1">x</a><a href="http://127.1:9/hosts-2">x</a><a href="http://0x7f.0.0.1:9/hosts-3">x</a>'
    '<a href="http://2130706433:9/hosts-4">x</a><a href="http://LOCALHOST/hosts-5">x</a>'
    '<a href="http://127.0.0.1:99999/hosts-7">x</a><a href="http://">x</a><a href="//">x</a><a href="http://[::1]:9/hosts-10">x</a><a href="http://a b/">x</a><a href="http://１２７.0.0.1:9/hosts-11">x</a>'
    '<a href="http://@127.0.0.1:9/hosts-12">x</a><a href="http://127.0.0.1:/hosts-13">x</a><a href="http://127.0.0.1.:9/hosts-14">x</a>'
    '<a href="http://bücher.example/">x</a><a href="http:////127.0.0.1:9/hosts-15">x</a>',
    UNFETCHABLE: f'<a href="http://user@{ELSEWHERE}/1">x</a><a href="http://:password@{ELSEWHERE}/2">x</a><a href="http://127.0.0.1:0/3">x</a>',
    "signs": '<a href="signs 1">x</a><a href="signs-2%20">x</a><a href="signs-3%zz">x</a><a href="signs-4|^`{}">x</a><a href="signs-5\'">x</a>'
    '<a href="signs-6&quot;">x</a><a href="signs-7?\'&quot;<>|^`{}">x</a><a href="signs-8;a=b">x</a><a href="signs-9~!$()*+,">x</a><a href="%7Esigns-10">x</a>'
    '<a href="signs-11%">x</a><a href="signs-12?%">x</a><a href="signs-13?a b">x</a><a href="signs-14%00">x</a><a href="signs-15//a">x</a>',
    "letters": '<a href="lettérs-1">x</a><a href="letters-2?é">x</a><a href="字-3">x</a><a href="letters-4%C3%A9">x</a><a href="e\u0301-5">x</a><a href="\U0001f600-6">x</a>',
    "same": '<a href="same-1">x</a><a href="./same-1">x</a><a href="same-1#a">x</a><a href="same%2D1">x</a><a href="SAME-1">x</a>',
    "folders": '<a href="folder">x</a><a href="folder/">x</a><a href="folder?a=b">x</a><a href="/folder//">x</a><a href="//">x</a><a href="folder/index.html">x</a>',
    "types": '<a href="text.txt">x</a><a href="page.htm">x</a><a href="none">x</a><a href="PAGE.HTML">x</a><a href="strict.xhtml">x</a><a href="feed.xml">x</a>',
    "long": f'<a href="long-{"a" * 3000}">x</a>',
    "very long": f'<a href="#{"a" * 200_000}">x</a><a href="long-2">x</a>',
    "many": "".join(f'<a href="#{number}">x</a>' for number in range(20_000)) + '<a href="many-1">x</a>',
}

#: What is served as it is.
FILES = {
    "bare.html": b'<a href="bare-a">x</a>',
    "nothing.html": b"",
    "noise.html": bytes(range(256)) * 8 + b'<a href="noise-1">x</a>',
    "frameset.html": b'<html><frameset><frame src="frameset-1"><a href="frameset-2">x</a></frameset></html>',
    "no-meta.html": '<title>x</title><a href="no-meta-é">x</a>'.encode(),
    "mark.html": '\ufeff<meta charset="iso-8859-1"><a href="mark-é">x</a>'.encode(),
    "latin.html": '<meta charset="iso-8859-1"><a href="latin-é">x</a><a href="latin-2?é">x</a>'.encode("latin-1"),
    "windows.html": '<meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><a href="windows-€">x</a>'.encode(
        "cp1252"
    ),
    "cyrillic.html": '<meta charset=koi8-r><a href="страница">x</a>'.encode("koi8-r"),
    "japanese.html": '<meta charset="Shift_JIS"><a href="日本">x</a><a href="表-2">x</a>'.encode("shift_jis"),
    "chinese.html": '<meta charset="gb2312"><a href="中文">x</a>'.encode("gb18030"),
    "wide.html": '\ufeff<a href="wide-é">x</a>'.encode("utf-16-le"),
    "wide-big.html": '\ufeff<a href="wide-big-é">x</a>'.encode("utf-16-be"),
    "wide-said.html": '<meta charset="utf-16"><a href="wide-said-é">x</a>'.encode(),
    "late-meta.html": b"<!-- " + b"x" * 900 + b' --><meta charset="iso-8859-1"><a href="late-meta-\xe9">x</a>',
    "folder/index.html": b'<a href="in-folder">x</a><a href="../">x</a>',
    "text.txt": b'<a href="in-text">x</a>',
    "page.htm": b'<a href="in-htm">x</a>',
    "none": b'<a href="in-none">x</a>',
    "PAGE.HTML": b'<a href="in-capitals">x</a>',
    "feed.xml": b'<feed><a href="in-feed">x</a></feed>',
    "strict.xhtml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x.js"/></head>'
    b'<body><a href="in-xhtml?a&amp;b">x</a><![CDATA[ <a href="in-data">x</a> ]]></body></html>',
}


@contextlib.contextmanager
def hostile_markup() -> Iterator[Path]:
    """Write the pages into a folder that lasts as long as the context."""
    with tempfile.TemporaryDirectory(prefix="hostile-markup-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's worker runs as another user when this runs as root
        pages = {f"{title.replace(' ', '-')}.html": page(body) for title, body in BODIES.items()} | FILES
        for path, content in pages.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "index.html").write_bytes(page("".join(f'<p><a href="{path}">{path}</a></p>\n' for path in pages)))
        yield folder


def page(body: str) -> bytes:
    return f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head>\n<body>{body}</body></html>\n'.encode()
