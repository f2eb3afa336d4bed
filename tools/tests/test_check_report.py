"""The report's four faces, and that text of strangers stays text in each."""

from __future__ import annotations

import json
import re

import click
import pytest
from markdown_it import MarkdownIt

from tools.checks import Finding, Report, Result, Status
from tools.checks.findings import one_line
from tools.checks.render import COMMENT_LIMIT, RENDERERS, escape

REPORT = Report(
    (
        Result("vae", "layout", Status.PASS),
        Result(
            "vae",
            "docs",
            Status.FAIL,
            (Finding("zoo/vae/a,b:c.py", "50 % of it\nis @here #1 | <b>x</b>", "do: this", 7),),
        ),
        Result("vae", "tests", Status.SKIP, note="waits for syntax"),
    )
)


def test_text() -> None:
    assert click.unstyle(RENDERERS["text"](REPORT)) == (
        "vae\n"
        "  ✔ layout\n"
        "  ✖ docs\n"
        "      zoo/vae/a,b:c.py:7: 50 % of it is @here #1 | <b>x</b>\n"
        "        → do: this\n"
        "  – tests        waits for syntax\n"
        "1 passed, 1 failed, 1 skipped\n"
    )


def test_annotations_escape_what_separates() -> None:
    assert RENDERERS["github"](REPORT) == (
        "::error file=zoo/vae/a%2Cb%3Ac.py,line=7,title=zoo check%3A docs"
        "::50 %25 of it is @here #1 | <b>x</b> → do: this\n"
    )


def test_json() -> None:
    data = json.loads(RENDERERS["json"](REPORT))
    assert data["ok"] is False
    assert [result["status"] for result in data["results"]] == ["pass", "fail", "skip"]
    assert data["results"][1]["findings"][0]["line"] == 7


def test_markdown_is_a_table_and_a_list() -> None:
    page = MarkdownIt("commonmark").enable("table").render(RENDERERS["markdown"](REPORT))
    assert page.count("<tr>") == 2
    assert page.count("<li>") == 1
    assert "50 % of it is" in page


HOSTILE = (
    "</code><script>alert(1)</script>",
    "<!-- -->",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "https://evil.example www.evil.example a@evil.example",
    "`code` **bold** _it_ ~~gone~~ | cell | $x$",
    "* item",
    "1. item",
    "# head",
    "@octocat @org/team #1 GH-1",
    "&lt;b&gt; \\<b>",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_hostile_text_as_text(text: str) -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False})
    page = parser.render("- " + escape(text))
    content = re.sub(r"</?(ul|li)>|\n", "", page)
    assert "<" not in content  # no markup of any kind came out of it
    shown = content.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
    assert shown.replace("&amp;", "&").replace("\u200b", "") == text
    assert not re.search(r"@\w|#\d", content)  # no mention and no reference


def test_a_long_report_fits_a_comment() -> None:
    findings = tuple(Finding("a.py", "x" * 250, "y" * 250, n) for n in range(500))
    page = RENDERERS["markdown"](Report((Result("vae", "docs", Status.FAIL, findings),)))
    assert len(page) <= COMMENT_LIMIT + 200
    assert re.search(r"and \d+ more lines: run `zoo check`\n$", page)


def test_a_message_is_one_printable_line() -> None:
    assert one_line("a\n\tb\x1b[31m\u202ec\x00 ##[error]x") == "a b[31mc ## [error]x"
    assert len(one_line("x" * 1000)) == 300


def test_nothing_to_check_is_no_failure() -> None:
    assert Report(()).ok
    assert RENDERERS["text"](Report(())).endswith("nothing to check\x1b[0m\n")
