"""The table: every verb for every role in every stage, the page made from it, and the ledger."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest

from tools.github import verbs
from tools.github.acts import ACTS
from tools.github.authority import Asker, allowed, permitted
from tools.github.grammar import Verb, Who
from tools.github.port import User
from tools.github.verbs import VERBS, names, rows
from tools.process.ledger import events as ev
from tools.process.ledger.events import Proposed
from tools.process.ledger.machine import Rejection, apply
from tools.process.ledger.state import Review, ReviewStatus, StageName, Submission
from tools.process.rules.policy import Rules
from tools.process.rules.roster import Person
from tools.process.tests.walk import RULES, SHA, START, Walk
from zoo.core.errors import ZooError

PEOPLE: dict[str, Asker] = {
    "stranger": Asker(User(1, "stranger"), None),
    "other": Asker(User(2, "dev-three"), Person("@dev-three", "developer", 2)),
    "developer": Asker(User(3, "dev-one"), Person("@dev-one", "developer", 3)),
    "reviewer": Asker(User(4, "rev-one"), Person("@rev-one", "reviewer", 4)),
    "instructor": Asker(User(5, "instructor-one"), Person("@instructor-one", "instructor", 5)),
    "doubtful": Asker(User(5, "instructor-one"), Person("@instructor-one", "instructor", 5), "no"),
}
STAGES: tuple[StageName, ...] = get_args(StageName)
STATUSES: tuple[ReviewStatus, ...] = get_args(ReviewStatus)
PROPOSAL = Proposed("Toy", "1502.03509", "flow", ["@dev-one"], ["nll"], "digits", "laptop")


def state(stage: StageName, status: ReviewStatus = "assigned") -> Submission:
    """An entry in a stage, reviewed by @rev-one."""
    reviews = {"@rev-one": Review("@rev-one", START, status=status)}
    return Submission("toy", stage=stage, proposal=PROPOSAL, reviews=reviews)


def may(who: str, verb: str, at: Submission) -> bool:
    try:
        permitted(verb, PEOPLE[who], at)
    except ZooError:
        return False
    return True


@pytest.mark.parametrize("verb", names())
def test_every_verb_for_every_role_in_every_stage(verb: str) -> None:
    """Exactly what the table says, worked out from its rows in another way than the code's."""
    for who, stage, status in itertools.product(PEOPLE, STAGES, STATUSES):
        expected = any(
            ("anyone" in row.who or who in row.who)
            and stage in row.stages
            and (who != "reviewer" or not row.statuses or status in row.statuses)
            for row in rows(verb)
        )
        assert may(who, verb, state(stage, status)) is expected, (verb, who, stage, status)


def test_help_lists_what_is_permitted() -> None:
    for who, stage in itertools.product(PEOPLE, STAGES):
        at = state(stage)
        listed = {row.verb for row in allowed(PEOPLE[who], at)}
        assert listed == {verb for verb in names() if may(who, verb, at)}, (who, stage)


# What each act records, for the rows that record one event whose payload needs no files.
PAYLOADS: dict[str, ev.Payload] = {
    "submit": ev.Submitted("v1", "c1", 1, 0),
    "respond": ev.Answered(SHA, {}),
    "withdraw": ev.Withdrawn("r"),
    "agree": ev.ReviewAgreed(),
    "refuse": ev.ReviewRefused("r"),
    "file": ev.ReviewFiled(SHA),
    "verify": ev.SignedOff("rev-one/F01", "verified"),
    "approve": ev.Approved(asdict(RULES)),
    "decline_proposal": ev.ProposalDeclined("r"),
    "assign": ev.Assigned("@rev-one"),
    "reassign": ev.Unassigned("@rev-one", "r"),
    "extend": ev.Extended("@dev-one", "v1", "2027-01-01T00:00:00Z"),
    "hold": ev.Held("r"),
    "unhold": ev.Released(),
    "close": ev.ReviewsClosed(),
    "accept": ev.Accepted(),
    "publish": ev.Published(),
}
LOOKING = {"check", "scaffold", "lint", "reconcile", "status", "help"}


def test_every_row_has_its_act_and_its_event() -> None:
    assert {row.act for row in VERBS} == set(ACTS)
    assert set(ACTS) == set(PAYLOADS) | LOOKING


@pytest.mark.parametrize("row", VERBS, ids=lambda row: f"{row.verb}-{row.who[0]}")
def test_who_may_say_it_may_cause_its_event(row: Verb) -> None:
    if row.act in PAYLOADS:
        by = set(PAYLOADS[row.act].BY) - {"clock"}
        assert set(row.who) <= by


def walks() -> dict[str, Walk]:
    """An entry in each stage that the state machine leads to."""
    found = {"none": Walk()}
    found["proposed"] = Walk().does("@dev-one", _proposal())
    found["declined"] = Walk().does("@dev-one", _proposal())
    found["declined"].does("@instructor-one", ev.ProposalDeclined("r"))
    found["approved"] = Walk().approved()
    found["v1-submitted"] = Walk().submitted()
    found["in-review"] = Walk().in_review()
    found["revising"] = Walk().revising()
    found["v2-submitted"] = Walk().v2()
    found["accepted"] = Walk().accepted()
    found["published"] = Walk().accepted().does("@instructor-one", ev.Published())
    found["on-hold"] = Walk().approved().does("@instructor-one", ev.Held("r"))
    found["withdrawn"] = Walk().approved().does("@dev-one", ev.Withdrawn("r"))
    return found


def _proposal() -> Proposed:
    return Proposed("A toy", "1312.6114", "baseline", ["@dev-one", "@dev-two"], ["x"], "d", "c")


@pytest.mark.parametrize("stage", walks())
def test_no_stage_that_the_table_leaves_out_would_be_taken_by_the_ledger(stage: str) -> None:
    """The table is no stricter than the state machine, so that nothing possible is refused."""
    walk = walks()[stage]
    assert walk.state.stage == stage
    for act, payload in PAYLOADS.items():
        mine = [row for row in VERBS if row.act == act]
        if any(stage in row.stages for row in mine):
            continue
        who = {"developer": "@dev-one", "reviewer": "@rev-one", "instructor": "@instructor-one"}
        event = walk.event(who[mine[0].who[0]], mine[0].who[0], payload)
        assert isinstance(apply(walk.state, event, walk.now), Rejection), (act, stage)


def test_the_rows_of_a_verb_are_written_alike() -> None:
    """The parser reads a command before it knows who says it."""
    for verb in names():
        first, *others = rows(verb)
        assert all((one.arguments, one.reason) == (first.arguments, first.reason) for one in others)
        taken = [(role, stage) for row in rows(verb) for role in row.who for stage in row.stages]
        assert len(taken) == len(set(taken))  # no two rows for one moment


def test_roles_are_known() -> None:
    assert {role for row in VERBS for role in row.who} == set(get_args(Who))
    assert isinstance(RULES, Rules)


def test_the_page_is_current() -> None:
    fix = "python -m tools.github.verbs"
    assert verbs.PAGE.read_text(encoding="utf-8") == verbs.page(), fix


def test_the_page_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "PAGE", tmp_path / "COMMANDS.md")
    verbs.main()
    text = (tmp_path / "COMMANDS.md").read_text(encoding="utf-8")
    assert all(f"`{row.usage}`" in text for row in VERBS)
