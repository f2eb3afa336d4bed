"""Who owes what, in every stage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from tools.process.ledger.events import Proposed
from tools.process.ledger.state import Regrade, Review, Signature, StageName, Submission, Submitted
from tools.process.obligations import Obligation, obligations, time_is_up
from tools.process.rules.policy import Rules
from tools.process.rules.roster import Person, Roster

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
RULES = Rules(
    v1_due="2026-10-11T12:00:00Z",
    v2_due=None,
    reviewers=2,
    window_hours=168,
    revision_hours=168,
    sign_off_hours=168,
    grace_hours=24,
    regrade_hours=336,
)
PROPOSAL = Proposed("T", "1312.6114", "baseline", ["@dev-one", "@dev-two"], ["c"], "d", "laptop")
FROZEN = Submitted("a" * 40, NOON, "@dev-one", late=False)
ROSTER = Roster(
    {
        handle: Person(handle, "instructor" if "instructor" in handle else "developer")
        for handle in ("@dev-one", "@dev-two", "@instructor-one", "@instructor-two")
    }
)


def entry(stage: StageName, **data: object) -> Submission:
    """An entry in a stage."""
    return replace(Submission("vae", stage, proposal=PROPOSAL, rules=RULES), **data)


def reviews(**statuses: str) -> dict[str, Review]:
    """Reviews by @one and @two with these statuses; @one's findings are F01 and F02."""
    found = {"one": {"F01": "major", "F02": "nit"}, "two": {"F01": "minor"}}
    return {
        f"@{name}": Review(
            f"@{name}", NOON, status, findings=found[name] if status == "revealed" else {}
        )
        for name, status in statuses.items()
    }


def owed(state: Submission, now: datetime = NOON) -> list[tuple[str, str, str]]:
    """(who, what, command) of each obligation."""
    return [(item.who, item.what, item.command) for item in obligations(state, now)]


def test_every_stage_is_known() -> None:
    quiet = {"none", "declined", "published", "withdrawn", "missing"}
    silent = {stage for stage in get_args(StageName) if not owed(entry(stage, v1=FROZEN))}
    # With nobody assigned and nothing found, these stages wait for their reviewers' findings only.
    assert silent == quiet | {"reviews-closed"}


def test_a_proposal_waits_for_an_instructor() -> None:
    state = entry("proposed", rules=None)
    assert owed(state) == [("instructor", "approve or decline the proposal", "zoo approve vae")]
    (item,) = obligations(state, NOON)
    assert item.people(state, ROSTER) == ["@instructor-one", "@instructor-two"]
    assert (item.until, item.late, item.closes) == (None, False, None)


def test_a_team_owes_version_1_until_the_late_window_is_over() -> None:
    state, due = entry("approved"), NOON + 10 * DAY
    (item,) = obligations(state, due)
    assert item == Obligation(
        "vae", "team", "submit version 1", "zoo submit vae v1", due, False, due + DAY
    )
    assert item.people(state, ROSTER) == ["@dev-one", "@dev-two"]
    (item,) = obligations(state, due + DAY)
    assert (item.who, item.late) == ("team", True)
    over = due + DAY + SECOND
    assert owed(state, over) == [
        (
            "instructor",
            "close version 1, which did not come, or extend it",
            "zoo close vae v1",
        )
    ]
    assert [time_is_up(state, now) for now in (due + DAY, over)] == [False, True]


def test_an_extension_of_one_developer_is_the_teams() -> None:
    state = entry("approved", extensions={("@dev-two", "v1"): NOON + 20 * DAY})
    (item,) = obligations(state, NOON + 15 * DAY)
    assert (item.who, item.until, item.late) == ("team", NOON + 20 * DAY, False)


def test_without_a_date_nothing_is_late() -> None:
    state = entry("approved", rules=replace(RULES, v1_due=None))
    (item,) = obligations(state, NOON + 1000 * DAY)
    assert (item.who, item.until, item.late, item.closes) == ("team", None, False, None)


def test_reviewers_are_found_before_the_window_opens() -> None:
    assert owed(entry("v1-submitted", v1=FROZEN)) == [
        ("instructor", "assign 2 reviewers", "zoo assign")
    ]
    state = entry("v1-submitted", v1=FROZEN, reviews=reviews(one="assigned"))
    assert owed(state) == [
        ("instructor", "assign 1 reviewer", "zoo assign"),
        ("@one", "agree to review, or refuse", "zoo review agree vae"),
    ]
    assert obligations(state, NOON)[1].until is None


def test_a_reviewer_agrees_and_files_within_the_window() -> None:
    state = entry("in-review", reviews=reviews(one="assigned", two="agreed"), window_opened_at=NOON)
    end = NOON + 7 * DAY
    assert owed(state) == [
        ("@one", "agree to review, or refuse", "zoo review agree vae"),
        ("@two", "write the review (zoo review start vae) and file it", "zoo review file vae"),
    ]
    assert {(item.until, item.closes) for item in obligations(state, NOON)} == {(end, end + DAY)}
    assert [item.late for item in obligations(state, end)] == [False, False]
    assert [item.late for item in obligations(state, end + SECOND)] == [True, True]
    assert owed(state, end + DAY + SECOND) == [
        ("instructor", "close the reviews", "zoo close vae review")
    ]
    longer = replace(state, extensions={("@two", "review"): end + 3 * DAY})
    assert owed(longer, end + 2 * DAY) == [
        ("@two", "write the review (zoo review start vae) and file it", "zoo review file vae")
    ]
    assert obligations(longer, end + 2 * DAY)[0].late is False
    assert not time_is_up(longer, end + 2 * DAY)


def test_reviews_close_early_when_all_are_in() -> None:
    state = entry("in-review", reviews=reviews(one="filed", two="filed"), window_opened_at=NOON)
    assert owed(state) == [("instructor", "close the reviews", "zoo close vae review")]
    assert time_is_up(state, NOON)


def test_reviews_stay_open_while_a_reviewer_is_lacking() -> None:
    state = entry("in-review", reviews=reviews(one="filed"), window_opened_at=NOON)
    assert owed(state) == [("instructor", "assign 1 reviewer", "zoo assign")]
    assert not time_is_up(state, NOON + 8 * DAY)
    assert time_is_up(state, NOON + 8 * DAY + SECOND)


def test_who_filed_reveals() -> None:
    state = entry("reviews-closed", reviews=reviews(one="revealed", two="filed"))
    assert owed(state) == [("@two", "reveal the sealed review", "zoo review reveal vae")]
    lost = entry("reviews-closed", reviews=reviews(one="lost", two="missing"))
    assert owed(lost) == []


def test_the_team_answers_then_submits_version_2() -> None:
    both = reviews(one="revealed", two="revealed")
    state = entry("revising", v1=FROZEN, reviews=both, revealed_at=NOON, answers={"two/F01": "x"})
    submit = ("team", "submit version 2", "zoo submit vae v2")
    assert owed(state) == [("team", "answer 2 findings", "zoo respond vae"), submit]
    assert {item.until for item in obligations(state, NOON)} == {NOON + 7 * DAY}
    answered = replace(state, answers=dict.fromkeys(state.findings, "fixed"))
    assert owed(answered) == [submit]
    over = NOON + 8 * DAY + SECOND
    assert owed(state, over) == [
        (
            "instructor",
            "close version 2, which did not come, or extend it",
            "zoo close vae v2",
        )
    ]
    assert time_is_up(state, over)


def test_reviewers_sign_off_and_the_instructor_accepts() -> None:
    both = reviews(one="revealed", two="revealed")
    signed = {"one/F01": Signature("verified", "", NOON)}
    state = entry("v2-submitted", v1=FROZEN, v2=FROZEN, reviews=both, signatures=signed)
    end = NOON + 7 * DAY
    assert owed(state, end) == [
        ("@one", "sign off 1 finding", "zoo verify-fix vae"),
        ("@two", "sign off 1 finding", "zoo verify-fix vae"),
    ]
    # Late sign-offs are not taken: the deadline is when it closes.
    assert {(item.until, item.closes) for item in obligations(state, end)} == {(end, end)}
    accept = [("instructor", "accept the entry", "zoo accept vae")]
    assert owed(state, end + SECOND) == accept
    assert (
        owed(replace(state, signatures=dict.fromkeys(state.findings, signed["one/F01"]))) == accept
    )
    longer = replace(state, extensions={("@two", "sign-off"): end + DAY})
    assert owed(longer, end + SECOND) == [("@two", "sign off 1 finding", "zoo verify-fix vae")]


def test_accepted_on_hold_and_regrades_wait_for_an_instructor() -> None:
    assert owed(entry("accepted")) == [("instructor", "publish the entry", "zoo publish entry vae")]
    held = entry("on-hold", held_since=NOON, held_from="approved")
    assert owed(held, NOON + 100 * DAY) == [("instructor", "end the hold", "zoo unhold vae")]
    asked = {"@dev-one": Regrade(NOON, NOON + DAY), "@one": Regrade(NOON)}
    assert owed(entry("published", regrades=asked)) == [
        (
            "instructor",
            "answer the regrade request of @one",
            "zoo regrade answer vae @one",
        )
    ]


@pytest.mark.parametrize("stage", ["none", "declined", "withdrawn", "missing", "published"])
def test_nobody_owes_anything_then(stage: StageName) -> None:
    state = entry(stage, v1=FROZEN, reviews=reviews(one="filed", two="assigned"))
    assert owed(state, NOON + 1000 * DAY) == []
