"""The status comment: what it says, and that it is written once and edited only when it must be."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest

from tools.github.sticky import COMMANDS, status_text, update_status
from tools.github.tests.fake import FakeGitHub
from tools.github.verbs import names
from tools.process import clock
from tools.process.ledger import events as ev
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import revising as revising
from tools.process.tests.conftest import term as term
from tools.process.tests.revision import submitted

SPANS = re.compile(r"`[^`]*`")


def text(term: Term, model: str = "toy") -> str:
    return status_text(term.state(model), term.record.policy, clock.now())


def in_review(term: Term) -> Term:
    """One reviewer has agreed, the other has filed."""
    team, sha = ["@dev-one", "@dev-two"], "a" * 40
    proposal = ev.Proposed(
        "Toys | @everyone #1", "1502.03509", "flow", team, ["nll"], "digits", "laptop"
    )
    term.happens("toy", "@dev-one", proposal)
    term.happens("toy", "@instructor-one", ev.Approved(asdict(term.record.policy.rules())))
    term.happens("toy", "@dev-one", ev.Submitted("v1", sha, 9, 0))
    term.happens("toy", "@instructor-one", ev.Assigned("@rev-one"), ev.Assigned("@rev-two"))
    term.happens("toy", "@rev-one", ev.ReviewAgreed())
    term.happens("toy", "@rev-two", ev.ReviewFiled("b" * 64))
    return term


def test_the_text_of_an_entry_in_review(term: Term) -> None:
    assert text(in_review(term)).splitlines() == [
        "<!-- zoo:status toy -->",
        "### `toy`: in-review",
        "",
        "Toys &#124; &#64;&#8203;everyone &#35;&#8203;1, by `@dev-one`, `@dev-two`.",
        "",
        "- **Stage**: in-review, since Thu 1 Oct 2026 12:00 CEST (10:00 UTC)",
        "- **Version 1**: `aaaaaaaaaaaa`, Thu 1 Oct 2026 12:00 CEST (10:00 UTC)",
        "- **Reviews**: 1 of 2 filed, until Thu 8 Oct 2026 12:00 CEST (10:00 UTC)",
        "- **Version 2**: due Mon 16 Nov 2026 23:59 CET (22:59 UTC)",
        "",
        "| who | owes | until | write |",
        "|---|---|---|---|",
        "| `@rev-one` | write the review &#40;/zoo scaffold&#41; and file it "
        "| Thu 8 Oct 2026 12:00 CEST (10:00 UTC) | `/zoo scaffold` or `/zoo file` |",
        "",
        "`/zoo help` says what you can do here now.",
    ]


def test_late_work(term: Term) -> None:
    in_review(term).at("2026-10-08T10:00:01Z")
    assert "| **late**, due Thu 8 Oct 2026 12:00 CEST (10:00 UTC); closes Fri 9 Oct" in text(term)


def test_findings_are_counted_and_reviews_linked(revising: Term) -> None:
    said = text(revising)
    assert "- **Findings**: 3, 0 answered, 0 signed off" in said
    assert "1 of 2 filed; [`rev-one`](../blob/HEAD/reviews/toy/v1/rev-one.md)\n" in said
    assert "| `@dev-one`, `@dev-two` | answer 3 findings |" in said
    assert "| `/zoo submit v2` |" in said
    submitted(revising)
    revising.happens("toy", "@rev-one", ev.SignedOff("rev-one/F01", "verified"))
    said = text(revising)
    assert "- **Findings**: 3, 3 answered, 1 signed off" in said
    assert "| `@rev-one` | sign off 2 findings |" in said


def test_sealed_reviews_are_not_told(term: Term) -> None:
    said = text(in_review(term))
    assert "rev-two" not in said
    assert "b" * 12 not in said
    assert "inding" not in said


def test_grades_are_not_told(revising: Term) -> None:
    revising.happens("toy", "@dev-one", ev.Withdrawn("no time"))
    before = text(revising)
    revising.happens("toy", "@instructor-one", ev.GradesReleased())
    revising.happens("toy", "@dev-two", ev.RegradeAsked())
    assert text(revising) == before
    assert "owes" not in before


def test_nobody_is_notified(revising: Term) -> None:
    said = text(revising)
    assert said.count("@") == 6
    assert "@" not in SPANS.sub("", said)


def test_the_text_does_not_run_with_the_clock(term: Term) -> None:
    said = text(in_review(term))
    assert text(term.at("2026-10-08T10:00:00Z")) == said
    assert text(term.at("2026-10-08T10:00:01Z")) != said


def test_every_command_is_one_of_the_bot() -> None:
    verbs = {line.split()[1] for lines in COMMANDS.values() for line in lines}
    assert verbs <= set(names())


@pytest.mark.parametrize(
    ("stage", "command"),
    [("proposed", "`/zoo approve` or `/zoo decline -- reason`"), ("on-hold", "`/zoo unhold`")],
)
def test_what_to_write(term: Term, stage: str, command: str) -> None:
    term.propose("vae", "@dev-one")
    if stage == "on-hold":
        term.happens("vae", "@instructor-one", ev.Held("ill"))
    assert text(term, "vae").splitlines()[-3].endswith(f"| {command} |")


def test_what_only_a_terminal_does(term: Term) -> None:
    in_review(term).at("2026-10-12T10:00:00Z").happens("toy", "clock", ev.ReviewsClosed())
    assert "| `@rev-two` | reveal the sealed review |  | `zoo review reveal toy` |" in text(term)


# The comment


@pytest.fixture
def github(term: Term) -> FakeGitHub:
    """Issue 1 is that of an entry in review."""
    github = FakeGitHub()
    github.add_issue(github.add_user("someone"), "toy")
    in_review(term)
    return github


def update(github: FakeGitHub, term: Term) -> tuple[bool, list[str], list[str]]:
    """Whether anything was done, the calls, and the writes among them."""
    calls, writes = len(github.calls), len(github.writes)
    done = update_status(github, 1, term.state("toy"), term.record.policy, clock.now())
    return done, github.calls[calls:], [write.method for write in github.writes[writes:]]


def test_it_is_written_once(github: FakeGitHub, term: Term) -> None:
    assert update(github, term) == (True, ["comments", "me", "create_comment"], ["create_comment"])
    assert update(github, term) == (False, ["comments", "me"], [])
    assert github.said(1) == [text(term)]


def test_it_is_edited_in_place(github: FakeGitHub, term: Term) -> None:
    update(github, term)
    github.say(1, github.users["someone"], "thanks")
    term.at("2026-10-09T09:00:00Z")
    assert update(github, term) == (True, ["comments", "me", "update_comment"], ["update_comment"])
    assert update(github, term)[0] is False
    assert github.said(1) == [text(term)]


def test_line_ends_do_not_matter(github: FakeGitHub, term: Term) -> None:
    github.say(1, github.bot, text(term).replace("\n", "\r\n").rstrip())
    assert update(github, term)[0] is False


def test_nobody_elses_comment_is_taken_for_it(github: FakeGitHub, term: Term) -> None:
    """Neither a copy by somebody else, nor by another bot of the same name, nor a quote of it."""
    copy = github.say(1, github.users["someone"], text(term))
    other = github.add_user("other[bot]", is_bot=True)
    github.say(1, other, text(term))
    github.say(1, github.bot, f"You said:\n> {text(term)}")
    assert update(github, term)[0] is True
    assert github.said(1)[1:] == [text(term)]
    assert github.comment_table[copy.id] == copy


def test_it_comes_again_when_it_was_deleted(github: FakeGitHub, term: Term) -> None:
    update(github, term)
    github.delete(max(github.comment_table))
    update(github, term)
    assert github.said(1) == [text(term)]
