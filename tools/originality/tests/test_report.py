"""The report shows passages side by side and lets nothing in them act."""

from __future__ import annotations

import json
from pathlib import Path

import html5lib
import pytest

from tools.originality.compare import Comparison, Coverage
from tools.originality.index import opened
from tools.originality.passages import Excerpt, Passage
from tools.originality.report import (
    Match,
    Report,
    as_html,
    as_json,
    as_markdown,
    as_text,
    make_report,
)
from tools.originality.sources import Document, Piece, Skipped
from tools.originality.tests.corpus import models
from tools.originality.tests.disguises import disguised
from tools.publish.tests.browsing import chromium

MADE = models()["made"]
HOSTILE = '<script>alert(1)</script>\x1b[31m"```'


def _report(team: str = "@dev-two", name: str = "copy", more: str = "", before: str = "") -> Report:
    copied = before + disguised(MADE, "reordered", 3) + f"\nwords = {HOSTILE!r}\n"
    documents = [
        Document("made", "1502.03509", frozenset({"@dev-one"}), [Piece("zoo/made/model.py", MADE)]),
        Document(
            name, "1502.03509", frozenset({team, more} - {""}), [Piece("zoo/x/model.py", copied)]
        ),
    ]
    with opened() as index:
        for document in documents:
            index.add(document)
        comparison = Comparison(index)
        skipped = [Skipped("refs/a.py", HOSTILE)]
        return make_report(comparison, list(comparison.documents), skipped, "today")


def test_a_pair_with_its_passages() -> None:
    (match,) = _report().matches
    assert {match.first, match.second} == {"made", "copy"}
    assert match.longest >= 5
    best = match.passages[0]
    for side, source in ((best.first, best.first.lines), (best.second, best.second.lines)):
        assert side.marked <= set(range(side.start, side.start + len(source)))
    where = {side.place: side for side in (best.first, best.second)}["zoo/made/model.py"]
    assert list(where.lines) == MADE.splitlines()[where.start - 1 :][: len(where.lines)]


def test_every_form_has_the_pair_and_the_reasons() -> None:
    report = _report()
    for text in (as_text(report), as_markdown(report), as_html(report)):
        assert "made" in text
        assert "copy" in text
        assert "1 pair has a file of which 20 % or more stands in the other" in text
    assert json.loads(as_json(report))["matches"][0]["first"] in ("made", "copy")


def test_nothing_in_it_acts() -> None:
    page = as_html(_report(name="<img src=x onerror=alert(1)>"))
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    assert not list(tree.iter("script"))
    assert not list(tree.iter("img"))
    assert "default-src 'none'" in page
    markdown = as_markdown(_report(name="![x](http://example.org/x)"))
    assert "![x](" not in markdown
    assert "\x1b" not in as_text(_report())


def test_a_page_keeps_the_lines_of_the_code() -> None:
    page = as_html(_report())
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    shown = ["".join(pre.itertext()) for pre in tree.iter("pre")]
    best = _report().matches[0].passages[0].first
    wanted = [f"{number:4d} {text}" for number, text, _ in best.numbered()]
    assert shown[0].splitlines() == wanted


def test_one_team_is_named_apart() -> None:
    report = _report(team="@dev-one")
    assert report.matches == []
    assert len(report.same_team) == 1
    assert "of zoo/" in report.same_team[0]
    assert "both by @dev-one" in report.same_team[0]
    assert report.verdict == (
        "No file has 20 % in common with another team's. Pairs within a team: 1. "
        "Not compared, and said why below: 1."
    )


def test_what_was_not_compared_is_in_the_verdict() -> None:
    with opened() as index:
        index.add(Document("made", "1502.03509", pieces=[Piece("zoo/made/model.py", MADE)]))
        numbers = list(index.documents())
        said = make_report(Comparison(index), numbers, [Skipped("a.py", "why")], "today").verdict
        none = make_report(Comparison(index), numbers, [], "today").verdict
    assert said.endswith("common with another's. Not compared, and said why below: 1.")
    assert none.startswith("Nothing to look at")


def test_a_member_in_common_is_no_excuse() -> None:
    report = _report(team="@dev-one", more="@dev-two")
    assert len(report.matches) == 1
    assert report.same_team == []


def test_a_form_feed_ends_no_line() -> None:
    plain, fed = (
        _report().matches[0],
        _report(before="x = '\x0b\x1c\x85\u2028'  # \x0c\n").matches[0],
    )
    for one, other in zip(plain.passages, fed.passages, strict=True):
        assert (one.first.lines, one.second.lines) == (other.first.lines, other.second.lines)


def test_no_sign_reaches_a_terminal_that_it_would_obey() -> None:
    lines = ("\tx = '\x1b]0;title\x07'", "y = '\u202e'", "z = '·'")
    shown = Excerpt("a.py", "f", 1, lines, frozenset())
    wanted = ["\tx = '\ufffd]0;title\ufffd'", "y = '\ufffd'", "z = '·'"]
    assert [text for _, text, _ in shown.numbered()] == wanted
    report = _report_on(shown)
    for text in (as_text(report), as_markdown(report), as_html(report), as_json(report)):
        assert "\x1b" not in text
        assert "\u202e" not in text


@pytest.mark.parametrize("width", [1300, 400])
def test_a_page_is_as_wide_as_its_window(tmp_path: Path, width: int) -> None:
    long = "folder/with_a_long_name" * 6
    (tmp_path / "report.html").write_text(
        as_html(_report_on(Excerpt(f"{long}.py", long, 1, (f"x = '{long}'",), frozenset({1}))))
    )
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto((tmp_path / "report.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width


def _report_on(excerpt: Excerpt) -> Report:
    """A report with one passage, the same on both sides."""
    side = Coverage(1.0, excerpt.place, 1.0, 9)
    passage = Passage(excerpt, excerpt, 9, 3)
    match = Match(excerpt.place, "b", 1.0, side, side, 3, [passage], 0)
    return Report("today", "", [match], "", [excerpt.place], [], [excerpt.place])
