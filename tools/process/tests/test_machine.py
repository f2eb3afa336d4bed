"""Every transition and every refusal of the state machine."""

import dataclasses
from datetime import timedelta

import pytest

from tools.process.ledger import events as ev
from tools.process.ledger.machine import TRANSITIONS, Rejection, apply
from tools.process.ledger.state import Submission
from tools.process.rules.policy import moment, stamp
from tools.process.tests.walk import PROPOSAL, RULES, SHA, START, TEACHER, TEAM, Walk


def rules(**changes):
    return dataclasses.asdict(dataclasses.replace(RULES, **changes))


def test_the_whole_way():
    walk = Walk()
    stages = []
    for step in ("approved", "submitted", "in_review", "revising", "v2", "accepted"):
        stages.append(getattr(Walk(), step)().state.stage)
    assert stages == [
        "approved",
        "v1-submitted",
        "in-review",
        "revising",
        "v2-submitted",
        "accepted",
    ]
    walk.accepted().does(TEACHER, ev.Published())
    assert walk.state.stage == "published"
    assert walk.state.findings == {"rev-one/F01": "major", "rev-one/F02": "minor"}
    assert walk.state.signatures["rev-one/F02"].outcome == "not-fixed"


def test_every_event_has_a_transition():
    assert set(TRANSITIONS) == set(ev.PAYLOADS.values())


def test_a_repeated_delivery_changes_nothing():
    walk = Walk()
    event = walk.event("@dev-one", "developer", PROPOSAL)
    once = apply(walk.state, event, walk.now)
    assert apply(once, event, walk.now) is once


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "vae"}, "the event is for vae"),
        ({"at": START + timedelta(hours=1)}, "in the future"),
        ({"at": START - timedelta(hours=1)}, "clock moved back"),
        ({"role": "reviewer"}, "'submitted' is not for a reviewer"),
        ({"actor": "@rev-one"}, "@rev-one is not a developer of toy"),
    ],
)
def test_what_every_event_must_fulfil(change, says):
    walk = Walk().approved()
    event = walk.event("@dev-one", "developer", ev.Submitted("v1", "c1", 14, 0))
    after = apply(walk.state, dataclasses.replace(event, **change), walk.now)
    assert isinstance(after, Rejection)
    assert says in str(after)


def test_proposals():
    walk = Walk()
    assert "not in the proposed team" in walk.refused("@dev-three", PROPOSAL)
    nothing = dataclasses.replace(PROPOSAL, claims=[])
    assert "at least one claim" in walk.refused("@dev-one", nothing)
    twice = dataclasses.replace(PROPOSAL, team=["@dev-one", "@dev-one"])
    assert "everybody once" in walk.refused("@dev-one", twice)
    walk.does("@dev-one", PROPOSAL)
    assert "proposed already" in walk.refused("@dev-one", PROPOSAL)
    own = walk.refused("@dev-one", ev.Approved(rules()), role="instructor")
    assert "nobody approves their own" in own
    walk.does(TEACHER, ev.ProposalDeclined("taken"))
    assert walk.state.stage == "declined"
    assert walk.does("@dev-one", PROPOSAL).state.stage == "proposed"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"window_hours": 100}, "at least 168"),
        ({"reviewers": 0}, "at least one reviewer"),
        ({"grace_hours": -1}, "no whole number"),
        ({"grace_hours": True}, "no whole number"),
        ({"v1_due": "tomorrow"}, "no UTC time"),
        ({"more": 1}, "not complete"),
    ],
)
def test_rules_are_sensible(change, says):
    walk = Walk().does("@dev-one", PROPOSAL)
    assert says in walk.refused(TEACHER, ev.Approved({**rules(), **change}))


def test_version_1_on_time_late_and_closed():
    due = moment(RULES.v1_due)
    one = ev.Submitted("v1", "c1", 14, 0)
    for moved, late in ((timedelta(0), False), (timedelta(seconds=1), True), (timedelta(1), True)):
        walk = Walk().approved()
        walk.now = due + moved
        assert walk.does("@dev-one", one).state.v1.late is late
    walk = Walk().approved()
    walk.now = due + timedelta(days=1, seconds=1)
    assert "late work is over" in walk.refused("@dev-one", one)
    assert "this needs revising" in walk.refused("@dev-one", ev.Submitted("v2", "c1", 14, 0))


def test_failing_checks_do_not_pass():
    says = Walk().approved().refused("@dev-one", ev.Submitted("v1", "c1", 12, 2))
    assert "2 failing checks" in says


def test_an_extension_moves_the_date_of_one_team():
    walk = Walk().approved()
    until = stamp(moment(RULES.v1_due) + timedelta(days=5))
    walk.does(TEACHER, ev.Extended("@dev-two", "v1", until))
    walk.now = moment(until)
    assert walk.does("@dev-one", ev.Submitted("v1", "c1", 14, 0)).state.v1.late is False
    assert "is past" in walk.refused(TEACHER, ev.Extended("@dev-one", "v2", until))
    assert "no UTC time" in walk.refused(TEACHER, ev.Extended("@dev-one", "v2", "soon"))
    later = stamp(walk.now + timedelta(days=1))
    assert "not in the team" in walk.refused(TEACHER, ev.Extended("@rev-one", "v2", later))
    assert "reviews no toy" in walk.refused(TEACHER, ev.Extended("@dev-one", "review", later))


def test_missing_version_and_its_return():
    walk = Walk().approved()
    assert "can still come" in walk.refused(TEACHER, ev.DeclaredMissing("v1"))
    walk.now = moment(RULES.v1_due) + timedelta(hours=24)
    assert "can still come" in walk.refused("clock", ev.DeclaredMissing("v1"), role="clock")
    walk.wait(seconds=1).does("clock", ev.DeclaredMissing("v1"), role="clock")
    assert (walk.state.stage, walk.state.missing) == ("missing", ("v1",))
    walk.does(TEACHER, ev.Extended("@dev-one", "v1", stamp(walk.now + timedelta(days=1))))
    assert (walk.state.stage, walk.state.missing) == ("approved", ())
    undated = Walk().approved(dataclasses.replace(RULES, v1_due=None)).wait(days=99)
    assert "no deadline" in undated.refused(TEACHER, ev.DeclaredMissing("v1"))


def test_assignment_and_the_window():
    walk = Walk().submitted()
    assert "is a developer" in walk.refused(TEACHER, ev.Assigned("@dev-two"))
    walk.does(TEACHER, ev.Assigned("@rev-one"))
    assert walk.state.stage == "v1-submitted"
    assert "already" in walk.refused(TEACHER, ev.Assigned("@rev-one"))
    walk.wait(hours=30).does(TEACHER, ev.Assigned("@rev-two"))
    # Seven full days from when the last reviewer had it.
    assert walk.state.due("review", "@rev-one") == walk.now + timedelta(days=7)
    assert "has its 2 reviewers" in walk.refused(TEACHER, ev.Assigned("@rev-three"))
    walk.does("@rev-one", ev.ReviewAgreed())
    assert "agreed already" in walk.refused("@rev-one", ev.ReviewAgreed())
    walk.wait(hours=50).does("@rev-two", ev.ReviewRefused("conflict"))
    assert "reviews no toy" in walk.refused("@rev-two", ev.ReviewFiled(SHA))
    walk.does(TEACHER, ev.Assigned("@rev-three"))
    assert walk.state.due("review", "@rev-one") == walk.now + timedelta(days=7)
    walk.does(TEACHER, ev.Unassigned("@rev-three", "ill"))
    assert walk.state.refused == ("@rev-two", "@rev-three")


def test_filing_late_closed_and_taking_off():
    walk = Walk().in_review()
    due = walk.state.due("review", "@rev-one")
    walk.does("@rev-one", ev.ReviewFiled(SHA))
    assert "not taken away" in walk.refused(TEACHER, ev.Unassigned("@rev-one", "no"))
    walk.now = due + timedelta(hours=24)
    assert walk.does("@rev-two", ev.ReviewFiled(SHA)).state.reviews["@rev-two"].late
    walk.wait(seconds=1)
    assert "late work is over" in walk.refused("@rev-two", ev.ReviewFiled(SHA))


def test_closing_waits_for_reviews_that_can_still_come():
    walk = Walk().in_review()
    walk.does("@rev-one", ev.ReviewFiled(SHA))
    end = walk.state.due("review", "@rev-two") + timedelta(hours=24)
    walk.now = end
    assert "1 review can still come" in walk.refused(TEACHER, ev.ReviewsClosed())
    walk.wait(seconds=1).does("clock", ev.ReviewsClosed(), role="clock")
    assert walk.state.reviews["@rev-two"].status == "missing"
    assert walk.state.stage == "reviews-closed"


def test_a_window_with_no_review_at_all_leads_to_revision():
    walk = Walk().in_review().wait(days=8, seconds=1).does(TEACHER, ev.ReviewsClosed())
    assert walk.state.stage == "revising"
    assert {r.status for r in walk.state.reviews.values()} == {"missing"}


def test_closing_needs_the_quota_of_reviewers():
    walk = Walk().in_review().does("@rev-two", ev.ReviewRefused("ill"))
    walk.does("@rev-one", ev.ReviewFiled(SHA))
    assert "lacks a reviewer" in walk.refused(TEACHER, ev.ReviewsClosed())


def test_revealing_needs_the_filed_text():
    walk = Walk().in_review()
    for who in ("@rev-one", "@rev-two"):
        walk.does(who, ev.ReviewFiled(SHA))
    text = ev.ReviewRevealed("@rev-one", SHA, {"F01": "major"}, "partial", "accept")
    assert "this needs reviews-closed" in walk.refused("@rev-one", text)
    walk.does(TEACHER, ev.ReviewsClosed())
    for change, says in (
        ({"sha256": "b" * 64}, "not the one that was filed"),
        ({"findings": {"1": "major"}}, "no finding id"),
        ({"findings": {"F01": "huge"}}, "unknown severity"),
        ({"verdict": "fine"}, "unknown verdict"),
        ({"recommendation": "fine"}, "unknown recommendation"),
        ({"reviewer": "@rev-two"}, "another's review"),
    ):
        assert says in walk.refused("@rev-one", dataclasses.replace(text, **change))
    walk.does("@rev-one", text)
    assert "is revealed" in walk.refused("@rev-one", text)
    walk.does(TEACHER, ev.ReviewLost("@rev-two", "disk died"))
    assert walk.state.stage == "revising"
    assert walk.state.reviews["@rev-two"].status == "lost"


def test_version_2_needs_all_answers_and_a_new_commit():
    walk = Walk().revising()
    two = ev.Submitted("v2", "c2", 14, 0)
    assert "2 findings without an answer: rev-one/F01" in walk.refused("@dev-one", two)
    assert "no finding x/F01" in walk.refused("@dev-one", ev.Answered(SHA, {"x/F01": "fixed"}))
    odd = ev.Answered(SHA, {"rev-one/F01": "maybe"})
    assert "is no answer" in walk.refused("@dev-one", odd)
    answers = {"rev-one/F01": "fixed", "rev-one/F02": "wont-fix"}
    walk.does("@dev-one", ev.Answered(SHA, answers))
    same = ev.Submitted("v2", "c1", 14, 0)
    assert "same commit" in walk.refused("@dev-one", same)
    assert walk.does("@dev-one", two).state.stage == "v2-submitted"


def test_nothing_found_may_leave_the_commit_as_it_was():
    walk = Walk().revising(first={})
    assert walk.does("@dev-one", ev.Submitted("v2", "c1", 14, 0)).state.v2.commit == "c1"


def test_revision_has_its_least_time():
    walk = Walk().revising()
    assert walk.state.due("v2") == moment(RULES.v2_due)
    late = dataclasses.replace(RULES, v2_due=stamp(START))
    walk.does(TEACHER, ev.RulesChanged(dataclasses.asdict(late)))
    assert walk.state.due("v2") == walk.now + timedelta(hours=72)


def test_sign_off_is_for_the_findings_own_reviewer():
    walk = Walk().v2()
    one = ev.SignedOff("rev-one/F01", "verified")
    assert "not @rev-two's finding" in walk.refused("@rev-two", one)
    assert "no finding" in walk.refused("@rev-one", ev.SignedOff("rev-one/F09", "verified"))
    assert "no outcome" in walk.refused("@rev-one", ev.SignedOff("rev-one/F01", "good"))
    assert "needs a reason" in walk.refused("@rev-one", ev.SignedOff("rev-one/F01", "partial"))
    assert "2 findings without" in walk.refused(TEACHER, ev.Accepted())
    walk.wait(hours=48).does("@rev-one", one)
    assert "1 finding without" in walk.refused(TEACHER, ev.Accepted())
    walk.wait(seconds=1)
    assert "sign-off was due" in walk.refused("@rev-one", one)
    assert "their own entry" in walk.refused("@dev-one", ev.Accepted(), role="instructor")
    assert walk.does(TEACHER, ev.Accepted()).state.stage == "accepted"


def test_an_addendum_stands_beside_what_was_accepted():
    slip = ev.Addendum("README.md: 2, not 3")
    assert "this needs accepted or published" in Walk().v2().refused("@dev-one", slip)
    walk = Walk().accepted().does("@dev-two", slip)
    assert "is on record" in walk.refused(TEACHER, slip, role="instructor")
    assert "says nothing" in walk.refused("@dev-one", ev.Addendum(" "))
    assert "not a developer of toy" in walk.refused("@rev-one", ev.Addendum("x"))
    assert "not for a reviewer" in walk.refused("@rev-one", ev.Addendum("x"), role="reviewer")
    walk.does(TEACHER, ev.Published()).wait(days=400)
    walk.does(TEACHER, ev.Addendum("and another"), role="instructor")
    assert walk.state.stage == "published"
    assert [(e.text, e.by) for e in walk.state.addenda] == [
        ("README.md: 2, not 3", "@dev-two"),
        ("and another", TEACHER),
    ]
    assert walk.state.addenda[1].at == walk.now


def test_a_hold_stops_the_clocks():
    walk = Walk().in_review().wait(days=1)
    before = walk.state.due("review", "@rev-one")
    walk.does(TEACHER, ev.Held("the data set is down"))
    assert "on hold" in walk.refused("@rev-one", ev.ReviewFiled(SHA))
    walk.wait(days=3).does(TEACHER, ev.Released())
    assert walk.state.due("review", "@rev-one") == before + timedelta(days=3)
    assert walk.state.due("v2") == moment(RULES.v2_due) + timedelta(days=3)
    assert walk.state.stage == "in-review"
    assert "this needs on-hold" in walk.refused(TEACHER, ev.Released())


def test_a_hold_before_the_window_does_not_lengthen_it():
    walk = Walk().submitted().does(TEACHER, ev.Held("x")).wait(days=3).does(TEACHER, ev.Released())
    for who in ("@rev-one", "@rev-two"):
        walk.does(TEACHER, ev.Assigned(who))
    assert walk.state.due("review", "@rev-one") == walk.now + timedelta(days=7)


def test_a_hold_moves_extensions_with_it():
    walk = Walk().approved()
    until = moment(RULES.v1_due) + timedelta(days=5)
    walk.does(TEACHER, ev.Extended("@dev-one", "v1", stamp(until)))
    walk.does(TEACHER, ev.Held("x")).wait(days=2).does(TEACHER, ev.Released())
    assert walk.state.due("v1") == until + timedelta(days=2)


def test_a_smaller_quota_opens_the_window():
    walk = Walk().submitted().does(TEACHER, ev.Assigned("@rev-one"))
    walk.wait(hours=5).does(TEACHER, ev.RulesChanged(rules(reviewers=1)))
    assert (walk.state.stage, walk.state.window_opened_at) == ("in-review", walk.now)
    accepted = Walk().accepted()
    assert "its rules stand" in accepted.refused(TEACHER, ev.RulesChanged(rules()))


def test_withdrawal_ends_everything():
    walk = Walk().in_review().does("@dev-two", ev.Withdrawn("no time"))
    assert walk.state.stage == "withdrawn"
    assert "toy is withdrawn" in walk.refused("@rev-one", ev.ReviewFiled(SHA))
    assert "proposed already" in walk.refused("@dev-one", PROPOSAL)  # its version 1 is frozen
    early = Walk().does("@dev-one", PROPOSAL).does("@dev-one", ev.Withdrawn("no"))
    assert early.does("@dev-one", PROPOSAL).state.stage == "proposed"


def test_regrades():
    walk = Walk().accepted()
    assert "no grade has been released" in walk.refused("@dev-one", ev.RegradeAsked())
    walk.does(TEACHER, ev.GradesReleased())
    walk.does("@dev-one", ev.RegradeAsked()).does("@rev-one", ev.RegradeAsked(), role="reviewer")
    assert "asked already" in walk.refused("@dev-one", ev.RegradeAsked())
    assert "has no grade here" in walk.refused("@dev-three", ev.RegradeAsked())
    walk.does(TEACHER, ev.RegradeAnswered("@dev-one"))
    assert "waits for no answer" in walk.refused(TEACHER, ev.RegradeAnswered("@dev-one"))
    walk.wait(days=14).does(TEACHER, ev.GradesReleased())  # a correction opens no new window
    walk.does("@dev-one", ev.RegradeAsked())
    walk.does(TEACHER, ev.RegradeAnswered("@dev-one")).wait(seconds=1)
    assert "could be asked until" in walk.refused("@dev-one", ev.RegradeAsked())


def test_a_stage_that_does_not_fit_is_named():
    assert "toy is not proposed yet: this needs proposed" in Walk().refused(
        TEACHER, ev.Approved(rules())
    )
    assert Submission("toy").team == []
    assert Walk().approved().state.team == TEAM
