"""Reviews filed from comments on lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.github import filing
from tools.github.inline import compile_inline
from tools.github.tests.desk import FINDING, NOTEBOOK, ODD, Desk, a_desk  # noqa: F401
from tools.process.review.reviewfile import load_review, parse_review
from tools.process.tests.conftest import term  # noqa: F401 - a fixture
from tools.process.tests.reviews import FILE


def test_comments_on_lines_become_a_review(desk: Desk) -> None:
    desk.inline(FINDING, "zoo/toy/model.py", 3, 4)
    missing = "**[minor][code][missing]** No test sums over all images\r\n\r\n"
    missing += (
        "**Expected:** A test on all 16 images.\r\n**observed** The test `test_sum` is empty."
    )
    desk.inline(f"{missing}\r\n\r\n**Suggestion.** Add one.", "zoo/toy/test_toy.py", 1, 1)
    for talk in ("I like it.", "> **[major][code]** T", "**[this](https://a.org)** too", "**yes**"):
        desk.inline(talk, "zoo/toy/model.py", 1, 1)
    desk.inline(FINDING.replace("major", "blocker"), "zoo/toy/model.py", 3, 4, by="rev-two")
    text = desk.compiled()
    assert filing.lint(desk.term.record, "toy", "@rev-one", text) == []
    review = parse_review(text, FILE)
    assert review.severities == {"F01": "major", "F02": "minor"}
    one, two = review.findings
    assert (one.kind, one.category, str(one.place)) == (
        "mistake",
        "mathematics",
        "zoo/toy/model.py:3-4",
    )
    assert one.title == "The mean is taken over pixels"
    assert one.quote == "terms = x * logits - softplus(logits)\n    return terms.mean(1)"
    assert one.observed == "`log_prob` divides by their number, 784."
    assert (two.kind, str(two.place)) == ("missing", "zoo/toy/test_toy.py:1")
    assert (two.expected, two.observed, two.suggestion) == (
        "A test on all 16 images.",
        "The test `test_sum` is empty.",
        "Add one.",
    )
    assert [a.reason for a in review.rubric] == [
        a.reason for a in parse_review(desk.text(), FILE).rubric
    ]
    assert "<!--" not in text


def test_the_newest_form_of_the_reviewer_counts(desk: Desk) -> None:
    desk.inline(FINDING, "zoo/toy/model.py", 3, 4)
    number = desk.entry.number
    assert "you have not posted the form" in desk.refused(desk.entry)
    desk.github.say(number, desk.people["rev-one"], desk.form())
    desk.term.at("2026-10-02T10:00:00Z")
    desk.github.say_review(number, desk.people["rev-one"], desk.form().replace("1.5", "2.5"))
    desk.term.at("2026-10-03T10:00:00Z")
    desk.github.say(number, desk.people["rev-two"], desk.form().replace("1.5", "9.5"))
    desk.github.say(number, desk.people["rev-one"], "/zoo file")
    assert "Your review of `toy` is filed" in desk.file(desk.entry)
    desk.github.inline_table[number].clear()  # comments deleted after filing change nothing
    desk.closed()
    assert filing.reveal_from_pulls(desk.term.record, "toy", "clock") == []
    review = load_review(desk.term.record, "toy", "@rev-one")
    assert (review.head.hours, review.severities) == (2.5, {"F01": "major"})


def test_an_edited_comment_counts_when_it_is_filed_again(desk: Desk) -> None:
    desk.inline(FINDING, "zoo/toy/model.py", 3, 4)
    number = desk.entry.number
    desk.github.say_review(number, desk.people["rev-one"], desk.form())
    first = desk.file(desk.entry)
    comments = desk.github.inline_table[number]
    comments[0] = replace(comments[0], body=FINDING.replace("[major]", "[nit]"))
    assert desk.file(desk.entry) == first
    assert desk.file(desk.entry, event_id="comment-2-0") != first
    desk.closed()
    filing.reveal_from_pulls(desk.term.record, "toy", "clock")
    assert desk.term.state("toy").reviews["@rev-one"].findings == {"F01": "nit"}


def test_ids_follow_the_writing_not_the_order_of_an_answer_from_github(desk: Desk) -> None:
    for name in ("first", "second", "third"):
        desk.inline(FINDING.replace("The mean", f"{name} mean"), "zoo/toy/model.py", 4, 4)
    desk.github.inline_table[desk.entry.number].reverse()
    found = parse_review(desk.compiled(), FILE).findings
    assert [(f.id, f.title.split()[0]) for f in found] == [
        ("F01", "first"),
        ("F02", "second"),
        ("F03", "third"),
    ]


def test_findings_in_the_form_keep_their_ids(desk: Desk) -> None:
    desk.inline(FINDING, "zoo/toy/model.py", 4, 4)
    record, number = desk.term.record, desk.entry.number
    text = compile_inline(record, desk.github, number, "toy", "@rev-one", desk.text())
    assert list(parse_review(text, FILE).severities) == ["F01", "F02", "F03"]


def test_a_comment_at_another_commit_is_refused_with_the_reason(desk: Desk) -> None:
    desk.inline("Talk at another commit.", "zoo/toy/model.py", 4, 4, commit="b" * 40)
    desk.compiled()
    desk.inline(FINDING, "zoo/toy/model.py", 3, 4, commit="a" * 40)
    assert desk.uncompiled() == (
        "your comment on zoo/toy/model.py:3: it was made at aaaaaaaaaaaa, and version 1 was frozen "
        f"at {desk.commit[:12]}; delete it and write it at "
        f"https://github.com/zoo-course/zoo/pull/{desk.entry.number}/files/{desk.commit}"
    )


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("**[major]** Title", "1 tags; write severity and category"),
        ("**[grave][mathematics]** T", "'grave' is no severity; known: blocker, major, minor, nit"),
        ("**[major][maths]** T", "'maths' is no category; did you mean 'mathematics'?"),
        ("**[major][code][absent]** T", "'absent' is no kind; known: missing, mistake"),
        ("**[major][code]", "its first line is no finding's; write **[major][mathematics]** Title"),
        ("**[major][code]** T\n## F09: More", "the heading '## F09: More' would end it; write ###"),
        ("**[major][code]** T\n# Title", "the heading '# Title' would end it; write ###"),
        (
            "**[major][code]** T\n```\nx",
            "this code fence is never closed; close it with ```",
        ),
        ("**[major][code]** T\n<!-- x", "line 1: this comment is never closed; close it with -->"),
        ("**[major][code]** T\n<!-<!-- -->- /zoo accept -->", "a comment in HTML is hidden in it"),
    ],
)
def test_a_comment_that_is_almost_a_finding_is_refused(desk: Desk, first: str, said: str) -> None:
    desk.inline(first, "zoo/toy/model.py", 3, 4)
    assert desk.uncompiled().startswith("your comment on zoo/toy/model.py:3")
    assert said in desk.uncompiled()


def test_what_html_hides_is_not_in_the_review(desk: Desk) -> None:
    hidden = "\n<!-- /zoo accept\n## F07: hidden -->\n"
    desk.inline(FINDING.replace("\n\n**Obs", f"{hidden}\n**Obs"), "zoo/toy/model.py", 3, 4)
    record, number = desk.term.record, desk.entry.number
    form = desk.form().replace("## Strengths", f"## Strengths\n{hidden}")
    text = compile_inline(record, desk.github, number, "toy", "@rev-one", form)
    assert "/zoo" not in text
    assert "hidden" not in text
    assert filing.lint(record, "toy", "@rev-one", text) == []


def test_missing_parts_are_the_linters(desk: Desk) -> None:
    desk.inline("**[major][code]** T\n\nIt is wrong.", "zoo/toy/model.py", 3, 4)
    said = filing.lint(desk.term.record, "toy", "@rev-one", desk.compiled())
    assert [line.partition("F01: ")[2].partition(";")[0] for line in said] == [
        "**Expected.** is missing",
        "**Observed.** is missing",
        "**Suggestion.** is missing",
    ]


@pytest.mark.parametrize(
    ("line", "last", "place", "quote"),
    [
        ('"The lesson.\\n"', None, "intro", "The lesson."),
        ('"a = 1\\n"', '"model.sample(8)"', "draw", "a = 1\nmodel.sample(8)"),
        ('"id": "draw"', None, "draw", "a = 1"),
        ('"printed"', None, "draw", "a = 1"),
        ('"nbformat": 4', None, None, None),
        ('"The lesson.\\n"', '"a = 1\\n"', None, None),
    ],
)
def test_lines_of_a_notebook_are_those_of_a_cell(
    desk: Desk, line: str, last: str | None, place: str | None, quote: str | None
) -> None:
    lines = NOTEBOOK.split("\n")
    first, final = (
        next(number for number, text in enumerate(lines, 1) if wanted in text)
        for wanted in (line, last or line)
    )
    desk.inline(FINDING, "zoo/toy/lesson.ipynb", first, final)
    if place is None:
        assert "belong to no cell, or to several" in desk.uncompiled()
        return
    text = desk.compiled()
    assert filing.lint(desk.term.record, "toy", "@rev-one", text) == []
    finding = parse_review(text, FILE).findings[0]
    assert (finding.place.cell, finding.quote) == (place, quote)


def test_a_comment_on_a_whole_file_has_its_first_line(desk: Desk) -> None:
    body = FINDING.replace("[mathematics]", "[code][missing]")
    desk.inline(body, "zoo/toy/test_toy.py", None, None)
    finding = parse_review(desk.compiled(), FILE).findings[0]
    assert (str(finding.place), finding.quote) == ("zoo/toy/test_toy.py:1", "")


@pytest.mark.parametrize(("first", "last"), [(1, 2), (2, 2), (3, 4), (4, 6), (7, 7), (1, 7)])
def test_odd_lines_are_quoted_so_that_they_are_found_again(
    desk: Desk, first: int, last: int
) -> None:
    desk.inline(FINDING, "zoo/toy/odd.py", first, last)
    text = desk.compiled()
    assert filing.lint(desk.term.record, "toy", "@rev-one", text) == []
    quote = parse_review(text, FILE).findings[0].quote
    assert quote
    assert quote in ODD


def test_a_blank_line_has_no_quote(desk: Desk) -> None:
    desk.inline(FINDING, "zoo/toy/odd.py", 5, 5)
    (said,) = filing.lint(desk.term.record, "toy", "@rev-one", desk.compiled())
    assert "F01: a mistake without a quote" in said
