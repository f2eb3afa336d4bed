"""The look over a finished site: every fault is planted once, and found at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.publish.site.inspect import GALLERY_LIMIT, inspect

POLICY = "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'"
PAGE = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>A page</title>
<link rel="stylesheet" href="../assets/site.css">
<script defer src="../assets/theme.js"></script>
</head>
<body>
<h1 id="one">One</h1>
<h2 id="two words">Two</h2>
<p><a href="#one">here</a> <a href="../index.html#main">there</a> <a href="https://arxiv.org">web</a></p>
<img src="../assets/picture.png" alt="" loading="lazy">
<p>END</p>
</body>
</html>
""".replace("two words", "two")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site without a fault: a front page, a page below it, their files."""
    for name, text in {
        "entries/vae.html": PAGE,
        "index.html": PAGE.replace("../", "").replace("One</h1>", 'One</h1><p id="main">x</p>'),
        "assets/site.css": "/* url(gone.png) */\nbody { background: url(picture.png); }\n",
        "assets/theme.js": "",
        "assets/picture.png": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def planted(site: Path, new: str, old: str = "<p>END</p>") -> list[str]:
    """What is found with a text replaced on the page of an entry."""
    path = site / "entries/vae.html"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return inspect(site)


def test_a_site_without_a_fault_is_left_alone(site):
    assert inspect(site) == []


@pytest.mark.parametrize(
    ("markup", "fault"),
    [
        ('<a href="gone.html">x</a>', "no file entries/gone.html"),
        ('<a href="#gone">x</a>', "no #gone in entries/vae.html"),
        ('<a href="../index.html#gone">x</a>', "no #gone in index.html"),
        ('<a href="../entries/">x</a>', "a folder, which does not open from disk: ../entries/"),
        (
            '<a href="/index.html">x</a>',
            "an address that holds at the root of a server only: /index.html",
        ),
        ('<a href="../../x.html">x</a>', "an address that leaves the site: ../../x.html"),
        ('<a href="javascript:alert(1)">x</a>', "a link that may not be: javascript:alert(1)"),
        ('<a href="data:text/html,x">x</a>', "a link to data: data:text/html,x"),
        ('<p id="one">x</p>', "the id one is already in line 11"),
        ('<p id="a b">x</p>', "the id 'a b' is empty or has a space"),
        ('<img src="../assets/picture.png">', "an image without alt: ../assets/picture.png"),
        (
            '<img src="https://example.org/x.png" alt="">',
            "loaded from another server: https://example.org/x.png",
        ),
        (
            '<img src="../assets/picture.png" srcset="//example.org/x.png 2x" alt="">',
            "loaded from another server: //example.org/x.png",
        ),
        (
            '<svg><image href="http://example.org/x.png"/></svg>',
            "loaded from another server: http://example.org/x.png",
        ),
        ("<script>alert(1)</script>", "a script in the page: the policy refuses it"),
        ('<p style="color: red">x</p>', "a style attribute on <p>: the policy refuses it"),
        ('<p onclick="x()">x</p>', "a handler onclick on <p>: the policy refuses it"),
        ('<form action="x.html"></form>', "<form action> sends something elsewhere"),
        ("<h4>x</h4>", "h4 after h2: a level is skipped"),
        ("<h1>x</h1>", "a second h1"),
    ],
)
def test_a_fault_is_found_at_its_line(site, markup, fault):
    assert planted(site, markup) == [f"entries/vae.html:15: {fault}"]


def test_a_style_sheet_in_the_page_is_found(site):
    found = planted(site, "<title>A page</title><style>p { }</style>", "<title>A page</title>")
    assert found == ["entries/vae.html:6: a style sheet in the page: the policy refuses it"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (' lang="en"', "", "no lang on <html>"),
        ("<title>A page</title>", "<title> </title>", "no title"),
        ('<h1 id="one">One</h1>', '<h2 id="one">One</h2>', "no h1"),
        (
            "default-src 'none'",
            "default-src *",
            "the content-security policy does not begin with default-src 'none'",
        ),
        ("'self' data:", "'self' https:", "the content-security policy allows https:"),
        (
            "script-src 'self'",
            "script-src 'unsafe-inline'",
            "the content-security policy allows unsafe-inline",
        ),
    ],
)
def test_what_a_page_must_have_is_missed(site, old, new, fault):
    assert f"entries/vae.html:1: {fault}" in planted(site, new, old)


def test_a_page_without_a_policy_is_found(site):
    line = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    assert planted(site, "", line) == ["entries/vae.html:1: no content-security policy"]


@pytest.mark.parametrize(
    ("markup", "word"),
    [
        ("<p><div>x</div></p>", "end tag (p)"),
        ("<b><i>x</b></i>", "(b)"),
        ('<p class="a" class="b">x</p>', "Dropped duplicate attribute"),
        ("<table><p>x</p></table>", "(p)"),
        ("<div>x", "(body)"),
        ("<p>a &foo; b</p>", "Named entity expected"),
    ],
)
def test_html_that_does_not_parse_cleanly_is_found(site, markup, word):
    found = planted(site, markup)
    assert found
    assert all(line.startswith("entries/vae.html:1") for line in found)
    assert any("no valid HTML" in line and word in line for line in found)


def test_style_sheets_load_nothing_from_elsewhere(site):
    with (site / "assets/site.css").open("a") as file:
        file.write("@import 'https://example.org/x.css';\nb { background: url(gone.png) }\n")
        file.write("i { background: url(data:image/png;base64,AA) }\n")
    assert inspect(site) == [
        "assets/site.css:3: loaded from another server: https://example.org/x.css",
        "assets/site.css:4: no file assets/gone.png",
    ]


def test_a_heavy_front_page_is_found_and_lazy_pictures_are_not_counted(site):
    picture = site / "assets/picture.png"
    picture.write_bytes(bytes(GALLERY_LIMIT))
    assert inspect(site) == []
    front = site / "index.html"
    front.write_text(front.read_text().replace(' loading="lazy"', ""))
    weight = "1.00 MB before its lazy pictures, at most 1 MB"
    assert inspect(site) == [f"index.html:1: the page weighs {weight}"]


def test_a_page_that_did_not_change_is_not_read_again(site):
    kept: dict[tuple[bytes, ...], bytes] = {}
    made = []

    def cached(kind, parts, make):
        if tuple(parts) not in kept:
            made.append(kind)
            kept[tuple(parts)] = make()
        return kept[tuple(parts)]

    assert inspect(site, cached) == inspect(site, cached) == []
    assert len(made) == 2
    path = site / "entries/vae.html"
    path.write_text(path.read_text().replace("END", '<a href="#gone">x</a>'))
    assert inspect(site, cached) == ["entries/vae.html:15: no #gone in entries/vae.html"]
    assert len(made) == 3
