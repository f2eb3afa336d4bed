"""Reviews filed from pull requests: by file, and from comments on lines."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

import pytest

from tools.github import filing
from tools.github.inline import compile_inline
from tools.github.port import ChangedFile, Pull, User
from tools.github.tests.fake import FakeGitHub
from tools.process.git import file_at, git
from tools.process.ledger import events as ev
from tools.process.review.reviewfile import load_review, parse_review
from tools.process.tests.conftest import Term, term  # noqa: F401 - a fixture
from tools.process.tests.reviews import COMMIT, FILE, FROZEN, REVIEW, assign
from zoo.core.errors import ZooError

NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "id": "intro", "source": ["# Toy\n", "The lesson.\n"]},
            {"cell_type": "code", "id": "draw", "source": ["a = 1\n", "model.sample(8)"]},
        ],
        "nbformat": 4,
    },
    indent=1,
)
ODD = (
    """\
x = "a: #b" # ```
```
---
\ty = 'é\u2028' \\ \U0001f600

<!-- {{x}} --> ## F09: no
"""
    + "w" * 20_000
    + "\n"
)
FINDING = """\
**[major][mathematics]** The mean is taken over pixels

**Expected.** Equation 3 of the paper sums over all pixels.

**Observed.** `log_prob` divides by their number, 784.

**Suggestion.** Write `sum(1)`.
"""


@dataclass
class Desk:
    """A term under review, its repository on GitHub, and the people there."""

    term: Term
    github: FakeGitHub
    people: dict[str, User]
    entry: Pull

    @property
    def commit(self) -> str:
        """Where version 1 was frozen."""
        return self.term.state("toy").v1.commit

    def text(self, by: str = "@rev-one") -> str:
        """A complete review."""
        text = REVIEW.replace(COMMIT, self.commit).replace("@rev-one", by)
        return text.replace("### tests: 2\n\nI planted", "I planted")

    def form(self) -> str:
        """The review without findings."""
        return self.text().partition("## F01")[0]

    def adds(self, changes: dict[str, str | None], by: str = "rev-one") -> Pull:
        """A pull request."""
        return self.github.add_pull(self.people[by], changes)

    def file(self, pull: Pull, by: str = "@rev-one", event_id: str = "comment-1-0") -> str:
        """What the bot answers to /zoo file; the pull request is as it is now."""
        now = self.github.pull_table[pull.number]
        return filing.file_review(self.term.record, self.github, now, by, event_id)

    def refused(self, pull: Pull, by: str = "@rev-one") -> str:
        """The refusal; nothing was recorded."""
        before = (self.term.root / "reviews/toy/events.jsonl").read_bytes()
        with pytest.raises(ZooError) as error:
            self.file(pull, by)
        assert (self.term.root / "reviews/toy/events.jsonl").read_bytes() == before
        assert "\n" not in str(error.value)
        return str(error.value)

    def inline(self, body: str, path: str, first: int | None, last: int | None, **more) -> int:
        """@rev-one comments on lines of the entry; its id."""
        author = self.people[more.pop("by", "rev-one")]
        number = self.entry.number
        said = self.github.say_inline(number, author, body, path, first, last)
        self.github.inline_table[number][-1] = replace(said, **{"commit": self.commit, **more})
        return said.id

    def compiled(self) -> str:
        """The file that the comments on the entry make."""
        number = self.entry.number
        record = self.term.record
        return compile_inline(record, self.github, number, "toy", "@rev-one", self.form())

    def uncompiled(self) -> str:
        """Why they make none."""
        with pytest.raises(ZooError) as error:
            self.compiled()
        assert "\n" not in str(error.value)
        return str(error.value)

    def closed(self) -> None:
        """Reviews are closed: @rev-two has not come."""
        self.term.at("2026-10-20T12:00:00Z")
        self.term.happens("toy", "clock", ev.ReviewsClosed())


@pytest.fixture
def desk(term: Term) -> Desk:  # noqa: F811
    """Version 1 of toy is under review by @rev-one and @rev-two."""
    ids = {"dev-one": 11, "rev-one": 21, "rev-two": 22, "instructor-one": 1}
    roster = (term.root / "reviews/roster.yaml").read_text()
    for name, number in ids.items():
        roster = roster.replace(f'"@{name}", role', f'"@{name}", github_id: {number}, role')
    term.write("reviews/roster.yaml", roster)
    term.write("zoo/toy/lesson.ipynb", NOTEBOOK)
    term.write("zoo/toy/odd.py", ODD)
    assign(term)
    github = FakeGitHub()
    people = {name: github.add_user(name, user_id=number) for name, number in ids.items()}
    people["stranger"] = github.add_user("stranger")
    files = {**FROZEN, "zoo/toy/lesson.ipynb": NOTEBOOK}
    mine = {path: text for path, text in files.items() if path.startswith("zoo/toy/")}
    entry = github.add_pull(people["dev-one"], mine)
    return Desk(term, github, people, entry)


# ---------------------------------------------------------------------------------- as a file


def test_a_review_is_filed_from_a_file_sealed_and_opened_when_reviews_close(desk: Desk) -> None:
    text = desk.text()
    pull = desk.adds({FILE: text})
    digest = hashlib.sha256(text.encode()).hexdigest()
    said = desk.file(pull)
    assert said.startswith(f"Your review of `toy` is filed; sha256 `{digest}`.")
    assert "can be read by whoever sees this pull request" in said
    review = desk.term.state("toy").reviews["@rev-one"]
    assert (review.status, review.sha256) == ("filed", digest)
    assert desk.term.record.events("toy")[-1].id == "comment-1-0"
    assert desk.term.git("status", "--porcelain") == ""
    assert not (desk.term.root / FILE).exists()
    assert filing.merge_revealed(desk.term.record, desk.github) == []  # still sealed
    desk.closed()
    assert filing.reveal_from_pulls(desk.term.record, "toy", "clock") == []
    assert file_at(desk.term.root, "HEAD", FILE) == text.encode()
    assert load_review(desk.term.record, "toy", "@rev-one").severities == {
        "F01": "major",
        "F02": "minor",
    }
    assert filing.merge_revealed(desk.term.record, desk.github) == [pull.number]
    assert desk.github.pull_table[pull.number].merged
    assert desk.github.said(pull.number) == []


def test_the_same_delivery_again_changes_nothing_though_the_text_is_another(desk: Desk) -> None:
    pull = desk.adds({FILE: desk.text()})
    said = desk.file(pull)
    before = desk.term.git("rev-parse", "HEAD")
    desk.github.push(pull.head_branch, {FILE: desk.text().replace("1.5", "2.5")})
    assert desk.file(pull) == said
    assert desk.term.git("rev-parse", "HEAD") == before
    again = desk.file(pull, event_id="comment-2-0")
    assert again != said
    assert len([e for e in desk.term.record.events("toy") if e.payload.TYPE == "review-filed"]) == 2


def test_what_was_changed_after_filing_is_not_merged(desk: Desk) -> None:
    pull = desk.adds({FILE: desk.text()})
    desk.file(pull)
    desk.github.push(pull.head_branch, {FILE: desk.text().replace("1.5", "2.5")})
    desk.closed()
    filing.reveal_from_pulls(desk.term.record, "toy", "clock")
    assert filing.merge_revealed(desk.term.record, desk.github) == [pull.number]
    assert (desk.term.root / FILE).read_text() == desk.text()
    now = desk.github.pull_table[pull.number]
    assert (now.is_open, now.merged) == (False, False)
    assert "the text that was filed" in desk.github.said(pull.number)[0]
    assert filing.merge_revealed(desk.term.record, desk.github) == []


def test_a_merge_that_github_refuses_ends_as_a_closed_pull_request(desk: Desk) -> None:
    pull = desk.adds({FILE: desk.text()})
    desk.file(pull)
    desk.closed()
    filing.reveal_from_pulls(desk.term.record, "toy", "clock")
    desk.github.fail(method="merge", status=405)
    assert filing.merge_revealed(desk.term.record, desk.github) == [pull.number]
    assert not desk.github.pull_table[pull.number].is_open


def test_a_text_that_is_not_in_this_clone_stays_sealed(desk: Desk) -> None:
    desk.file(desk.adds({FILE: desk.text()}))
    git(desk.term.root, "pack-refs", "--all")
    for ref in desk.term.git("for-each-ref", "--format=%(refname)", "refs/zoo").split():
        desk.term.git("update-ref", "-d", ref)
    desk.closed()
    assert filing.reveal_from_pulls(desk.term.record, "toy", "clock") == ["@rev-one"]
    assert desk.term.state("toy").reviews["@rev-one"].status == "filed"


@pytest.mark.parametrize(
    ("changes", "by", "rule"),
    [
        ({FILE: "x", "zoo/toy/model.py": "x"}, "rev-one", "this pull request changes 2 files"),
        ({FILE: "x", "reviews/policy.yaml": "x"}, "rev-one", "this pull request changes 2 files"),
        ({"reviews/toy/v1/rev-two.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/toy/v1/Rev-One.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/other/v1/rev-one.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/toy/v1/a/rev-one.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/../v1/rev-one.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/toy/v1/rev-one.md\n@all": "x"}, "rev-one", "is not the file of your review"),
        ({FILE: "x"}, "rev-two", "this pull request is not by @rev-one"),
        ({FILE: "x"}, "stranger", "this pull request is not by @rev-one"),
        ({FILE: "x" * (2**20 + 1)}, "rev-one", "has 1048577 bytes: the limit is 1048576"),
        ({"reviews/roster.yaml": "x"}, "rev-one", "this pull request is that of no entry"),
        ({FILE: "no review"}, "rev-one", "line 1: the file does not begin with YAML"),
    ],
)
def test_another_pull_request_is_refused(
    desk: Desk, changes: dict[str, str | None], by: str, rule: str
) -> None:
    assert rule in desk.refused(desk.adds(changes, by))


def test_nobody_without_a_number_in_the_roster_files(desk: Desk) -> None:
    roster = (desk.term.root / "reviews/roster.yaml").read_text()
    desk.term.write("reviews/roster.yaml", roster.replace("github_id: 21, ", ""))
    assert "is not by @rev-one" in desk.refused(desk.adds({FILE: desk.text()}))
    desk.github.say(desk.entry.number, desk.people["rev-one"], desk.form())
    assert "you have not posted the form" in desk.refused(desk.entry)


def test_who_is_not_assigned_or_too_late_is_refused(desk: Desk) -> None:
    dev = desk.adds({"reviews/toy/v1/dev-one.md": desk.text("@dev-one")}, "dev-one")
    assert "@dev-one is not assigned to toy" in desk.refused(dev, "@dev-one")
    pull = desk.adds({FILE: desk.text()})
    desk.term.at("2026-10-12T10:00:00Z")
    assert "the time for late work is over" in desk.refused(pull)
    desk.closed()
    assert "the reviews of toy are closed: yours is missing" in desk.refused(pull)


def test_a_late_review_is_said_to_be_late(desk: Desk) -> None:
    desk.term.at("2026-10-08T11:00:00Z")
    assert "is filed, late: the penalty" in desk.file(desk.adds({FILE: desk.text()}))


@pytest.mark.parametrize("status", ["removed", "renamed", "changed", "copied"])
def test_a_file_is_added_or_modified(
    desk: Desk, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = desk.adds({FILE: desk.text()})
    listed = [ChangedFile(FILE, status)]
    monkeypatch.setattr(desk.github, "changed_files", lambda *_: listed)
    assert f"{FILE} is {status}: add it" in desk.refused(pull)


def test_a_link_is_refused_though_github_shows_what_it_points_to(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = desk.adds({FILE: desk.text()})
    link = hashlib.sha1(b"blob 9\0other.txt").hexdigest()
    monkeypatch.setattr(
        desk.github, "changed_files", lambda *_: [ChangedFile(FILE, "added", blob=link)]
    )
    assert "not as a link or a submodule" in desk.refused(pull)
    monkeypatch.setattr(desk.github, "file_text", lambda *_: None)
    assert "not as a link or a submodule" in desk.refused(pull)


def test_a_file_that_lacks_something_names_the_first_and_counts_the_rest(desk: Desk) -> None:
    text = desk.text().replace("terms.mean(1)", "terms.median(1)")
    text = text.replace("entry: toy", "entry: made")
    said = desk.refused(desk.adds({FILE: text}))
    assert said == (
        "your review was not filed: line 2: this is a review of 'made', not toy; "
        "write entry: toy (and 1 more: /zoo lint)"
    )
    assert filing.lint(desk.term.record, "toy", "@rev-one", text) == [
        "line 2: this is a review of 'made', not toy; write entry: toy",
        "line 34: F01: the quote is not found at zoo/toy/model.py:3-4; "
        "copy it exactly from the frozen version",
    ]
    assert filing.lint(desk.term.record, "toy", "@rev-one", desk.text()) == []


# -------------------------------------------------------------------------------- the scaffold


def test_the_scaffold_comes_back_as_the_form_however_it_is_posted(desk: Desk) -> None:
    said = filing.scaffold(desk.term.record, "toy", "@rev-one")
    assert "can read your review before the others are in" in said
    assert f"frozen at `{desk.commit}`" in said
    assert "due Thu 8 Oct 2026 12:00 CEST" in said
    assert "`reviews/toy/v1/rev-one.md`" in said
    assert "@" not in said.partition("````markdown")[0]
    form = said.partition("````markdown\n")[2].rpartition("````")[0]
    posts = (
        said,
        form,
        f"/zoo file\n\n{form}",
        f"{form}\n\n/zoo file\n",
        form.replace("\n", "\r\n"),
    )
    for post in posts:
        comment = desk.github.say(desk.entry.number, desk.people["rev-one"], post)
        assert filing._form_in(comment).rstrip() == form.rstrip()
        assert len(filing.lint(desk.term.record, "toy", "@rev-one", form)) > 5


def test_a_form_cannot_be_closed_early_by_the_policy(desk: Desk) -> None:
    policy = (desk.term.root / "reviews/policy.yaml").read_text()
    asked = policy.replace("Is the mathematics that of the paper?", "`````` right?")
    desk.term.write("reviews/policy.yaml", asked)
    assert "```````markdown\n" in filing.scaffold(desk.term.record, "toy", "@rev-one")


@pytest.mark.parametrize("body", ["", "talk", "````\ntalk\n````", "/zoo file", "```\n---\n```"])
def test_other_posts_are_no_forms(desk: Desk, body: str) -> None:
    desk.github.say(desk.entry.number, desk.people["rev-one"], body)
    assert "you have not posted the form" in desk.refused(desk.entry)


# ------------------------------------------------------------------------------- as comments


def test_comments_on_lines_become_a_review(desk: Desk) -> None:
    desk.inline(FINDING, "zoo/toy/model.py", 3, 4)
    missing = "**[minor][code][missing]** No test sums over all images\r\n\r\n"
    missing += (
        "**Expected:** A test on all 16 images.\r\n**observed** The test `test_sum` is empty."
    )
    desk.inline(f"{missing}\r\n\r\n**Suggestion.** Add one.", "zoo/toy/test_toy.py", 1, 1)
    desk.inline("I like this line.", "zoo/toy/model.py", 1, 1)
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
