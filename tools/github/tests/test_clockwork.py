"""Runs of the clock, missed and doubled: who is reminded of what, and what is closed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tools.github.clockwork import Report, close_over
from tools.github.tests.world import MARK, World
from tools.process import clock
from tools.process.ledger import events as ev
from tools.process.review.sealing import seal
from tools.process.rules.policy import stamp
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term
from tools.process.tests.revision import review, revise, submitted


@pytest.fixture
def world(term: Term) -> World:
    return World(term)


# Reminders


def test_every_reminder_of_a_deadline_once(world: World) -> None:
    world.approved()
    number = world.pull()
    times = {
        "2026-10-16T21:59:58Z": [],
        "2026-10-16T21:59:59Z": ["before-3d"],
        "2026-10-18T21:59:58Z": [],
        "2026-10-18T21:59:59Z": ["before-1d"],
        "2026-10-19T21:59:58Z": [],
        "2026-10-19T21:59:59Z": ["on"],
        "2026-10-20T09:59:58Z": [],
        "2026-10-20T09:59:59Z": ["after"],
        "2026-10-20T21:59:59Z": [],
    }
    expected: list[str] = []
    for at, kinds in times.items():
        expected += [f"vae v1 team 2026-10-19 {kind}" for kind in kinds]
        for _ in range(2):
            assert world.strike(at).faults == []
            assert world.marks(number) == expected


def test_a_missed_run_sends_only_the_newest(world: World) -> None:
    world.approved()
    number = world.pull()
    world.strike("2026-10-19T12:00:00Z")
    world.strike("2026-10-20T12:00:00Z")
    assert world.marks(number) == [
        "vae v1 team 2026-10-19 before-1d",
        "vae v1 team 2026-10-19 after",
    ]


def test_an_instructor_of_an_earlier_term_is_not_mentioned(world: World) -> None:
    path = world.term.root / "reviews/roster.yaml"
    text = path.read_text()
    line = next(one for one in text.splitlines() if "@instructor-one" in one)
    former = line.replace("@instructor-one", "@instructor-two").replace("}", ", active: false}")
    path.write_text(text + re.sub("github_id: [0-9]+", "github_id: 901", former) + "\n")
    world.submitted()
    number = world.pull()
    world.strike("2026-10-08T22:00:00Z")
    said = "\n".join(world.github.said(number))
    assert "For @instructor-one to know;" in said
    assert "instructor-two" not in said


def test_what_reminders_say(world: World) -> None:
    world.submitted()
    number = world.pull()
    world.term.happens("vae", "@rev-two", ev.ReviewAgreed())
    world.strike("2026-10-07T10:00:00Z")
    world.strike("2026-10-08T10:00:00Z")
    world.strike("2026-10-08T22:00:00Z")
    due, closes = "Thu 8 Oct 2026 12:00 CEST (10:00 UTC)", "Fri 9 Oct 2026 12:00 CEST (10:00 UTC)"
    late = f"Late work is taken until {closes}."
    reminders = [body for body in world.github.said(number) if MARK.match(body)]
    assert reminders[::2] == [
        "<!-- zoo:reminder vae review @rev-one 2026-10-08 before-1d -->\n"
        f"@rev-one, for `vae`: please agree to review, or refuse, due {due}. {late} "
        "Write `/zoo accept` or `/zoo decline -- reason`.\n",
        "<!-- zoo:reminder vae review @rev-one 2026-10-08 on -->\n"
        f"@rev-one, for `vae`: due now, {due}: agree to review, or refuse. {late} "
        "Write `/zoo accept` or `/zoo decline -- reason`.\n",
        "<!-- zoo:reminder vae review @rev-one 2026-10-08 after -->\n"
        f"@rev-one, for `vae`: was due {due} and is not there: agree to review, or refuse. "
        f"{late} Write `/zoo accept` or `/zoo decline -- reason`.\n\n"
        "For @instructor-one to know; more time is given with `/zoo extend`.\n",
    ]
    assert all("@rev-two, for" in body and "`/zoo file`" in body for body in reminders[1::2])


def test_who_has_done_it_is_left_in_peace(world: World) -> None:
    world.submitted()
    number = world.pull()
    world.term.happens("vae", "@rev-two", ev.ReviewFiled("b" * 64))
    world.strike("2026-10-07T10:00:00Z")
    assert world.marks(number) == ["vae review @rev-one 2026-10-08 before-1d"]


def test_more_time_means_reminders_of_the_new_date(world: World) -> None:
    world.submitted()
    number = world.pull()
    world.strike("2026-10-07T10:00:00Z")
    more = ev.Extended("@rev-one", "review", "2026-10-10T10:00:00Z")
    world.term.happens("vae", "@instructor-one", more)
    world.strike("2026-10-07T12:00:00Z")
    assert world.marks(number) == [
        "vae review @rev-one 2026-10-08 before-1d",
        "vae review @rev-two 2026-10-08 before-1d",
        "vae review @rev-one 2026-10-10 before-3d",
    ]


def test_a_hold_is_silent(world: World) -> None:
    world.approved()
    number = world.pull()
    world.term.happens("vae", "@instructor-one", ev.Held("ill"))
    world.strike("2026-10-19T12:00:00Z")
    assert world.marks(number) == []


def test_two_tasks_with_one_deadline_are_one_reminder(revised: World) -> None:
    number = revised.pull("zoo/toy/model.py")
    revised.strike("2026-11-15T22:59:59Z")
    assert revised.marks(number) == ["toy v2 team 2026-11-16 before-1d"]
    (said,) = [body for body in revised.github.said(number) if MARK.match(body)]
    assert "please answer 3 findings and submit version 2, due" in said
    assert "Write `/zoo respond` or `/zoo submit v2`." in said


def test_the_last_call_where_late_work_is_not_taken(revised: World) -> None:
    submitted(revised.term)
    number = revised.pull("zoo/toy/model.py")
    for at, sent in (("18T10:00:00Z", 1), ("19T06:59:59Z", 1), ("19T07:00:00Z", 2)):
        revised.strike(f"2026-10-{at}")
        assert len(revised.marks(number)) == sent
    revised.strike("2026-10-19T10:00:00Z")
    revised.strike("2026-10-20T10:00:00Z")
    assert revised.marks(number) == [
        "toy sign-off @rev-one 2026-10-19 before-1d",
        "toy sign-off @rev-one 2026-10-19 on",
    ]
    assert "After that nothing is taken." in revised.github.said(number)[0]


@pytest.fixture
def revised(world: World) -> World:
    """The toy entry of the other tests, under revision."""
    revise(world.term)
    return world


def test_only_the_account_of_the_roster_is_notified(world: World) -> None:
    """A login that somebody else has taken over, or that is gone, is shown as code."""
    world.approved()
    number = world.pull()
    world.github.rename("dev-two", "dev-new")
    world.github.rename("instructor-one", "away")
    world.github.add_user("dev-two", user_id=99)
    world.strike("2026-10-20T12:00:00Z")
    (said,) = [body for body in world.github.said(number) if MARK.match(body)]
    assert "@dev-one, `@dev-two`, for `vae`: was due" in said
    assert "For `@instructor-one` to know" in said


def test_a_reminder_by_somebody_else_does_not_count(world: World) -> None:
    world.approved()
    number = world.pull()
    mark = "<!-- zoo:reminder vae v1 team 2026-10-19 before-1d -->"
    world.github.say(number, world.github.users["dev-one"], mark)
    world.strike("2026-10-19T12:00:00Z")
    assert world.marks(number) == ["vae v1 team 2026-10-19 before-1d"]


def test_a_quiet_run_costs_few_calls(world: World) -> None:
    world.approved()
    world.pull()
    world.strike("2026-10-02T12:00:00Z")
    calls = len(world.github.calls)
    report = world.strike("2026-10-02T12:30:00Z")
    assert report == Report()
    assert world.github.calls[calls:] == [
        *("issues", "pull", "changed_files"),
        *("comments", "me"),
        *("me", "issues"),
    ]


def test_one_fault_keeps_nothing_else_from_being_done(world: World) -> None:
    world.approved("made", "1502.03509")
    world.approved()
    first, second = world.pull("zoo/made/model.py"), world.pull()
    world.github.fail(method="create_comment")
    report = world.strike("2026-10-19T12:00:00Z")
    assert report.faults == ["made: reminded: GitHub answered 502"]
    assert len(world.marks(first)) == 0
    assert len(world.marks(second)) == 1
    assert world.strike("2026-10-19T12:30:00Z").faults == []
    assert len(world.marks(first)) == len(world.marks(second)) == 1


def test_a_lost_answer_sends_no_second_reminder(world: World) -> None:
    world.approved()
    number = world.pull()
    world.github.fail(method="create_comment", done=True)
    assert world.strike("2026-10-19T12:00:00Z").faults == ["vae: reminded: GitHub answered 502"]
    assert world.strike("2026-10-19T12:30:00Z").faults == []
    assert len(world.marks(number)) == 1


# News


def test_a_team_is_told_once_that_reviews_are_open(revised: World) -> None:
    number = revised.pull("zoo/toy/model.py")
    opened = revised.term.state("toy").revealed_at
    assert opened is not None
    for _ in range(2):
        assert revised.strike(stamp(opened + timedelta(hours=1))).faults == []
    told = [one for one in revised.github.said(number) if one.startswith("<!-- zoo:opened toy -->")]
    due = "Mon 16 Nov 2026 23:59 CET (22:59 UTC)"
    assert told == [
        "<!-- zoo:opened toy -->\n@dev-one, @dev-two, for `toy`: the reviews are open, with 3 "
        f"findings; next is version 2, due {due}. Write `/zoo respond`, then `/zoo submit v2`.\n"
    ]


def test_old_news_is_none(revised: World) -> None:
    number = revised.pull("zoo/toy/model.py")
    opened = revised.term.state("toy").revealed_at
    assert opened is not None
    revised.strike(stamp(opened + timedelta(days=1)))
    assert not any("zoo:opened" in one for one in revised.github.said(number))


# What is over


def test_a_version_is_closed_once(world: World) -> None:
    world.approved()
    record = world.term.record
    world.term.at("2026-10-20T22:59:59Z")  # an hour after late work: its comments are answered
    assert close_over(record, clock.now()) == []
    world.term.at("2026-10-20T23:00:00Z")
    assert close_over(record, clock.now()) == ["vae"]
    assert close_over(record, clock.now()) == []
    event = record.events("vae")[-1]
    assert (event.id, event.actor) == ("clock-vae-v1-2026-10-20T21:59", "clock")
    assert event.payload == ev.DeclaredMissing("v1")
    assert world.term.git("status", "--porcelain") == ""


def test_a_version_is_closed_again_after_more_time(world: World) -> None:
    world.approved()
    world.term.at("2026-10-20T23:00:00Z")
    close_over(world.term.record, clock.now())
    more = ev.Extended("@dev-one", "v1", "2026-10-22T12:00:00Z")
    world.term.happens("vae", "@instructor-one", more)
    world.term.at("2026-10-23T13:00:01Z")
    assert close_over(world.term.record, clock.now()) == ["vae"]
    assert world.term.state("vae").stage == "missing"


def test_reviews_are_closed_and_opened(world: World) -> None:
    world.submitted()
    record = world.term.record
    text = review("a" * 40).replace("toy", "vae").encode()
    world.term.happens("vae", "@rev-one", ev.ReviewFiled(seal(record, "vae", "@rev-one", text)))
    world.term.at("2026-10-09T11:00:01Z")
    assert close_over(record, clock.now()) == ["vae"]
    state = record.state("vae")
    assert state.stage == "revising"
    assert state.reviews["@rev-two"].status == "missing"
    assert (record.folder("vae") / "v1" / "rev-one.md").read_bytes() == text
    assert world.term.git("status", "--porcelain") == ""
