"""A small driver of the state machine for tests: events at a clock that the test moves."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from tools.process.ledger import events as ev
from tools.process.ledger.machine import Rejection, apply
from tools.process.ledger.state import Submission
from tools.process.rules.policy import Rules

START = datetime(2026, 10, 1, 12, tzinfo=UTC)
TEAM = ["@dev-one", "@dev-two"]
TEACHER = "@instructor-one"
SHA = "a" * 64
RULES = Rules(
    v1_due="2026-10-10T12:00:00Z",
    v2_due="2026-10-20T12:00:00Z",
    reviewers=2,
    window_hours=168,
    revision_hours=72,
    sign_off_hours=48,
    grace_hours=24,
    regrade_hours=336,
)
PROPOSAL = ev.Proposed(
    title="A toy",
    paper="1312.6114",
    family="baseline",
    team=TEAM,
    claims=["nll"],
    dataset="digits",
    compute="laptop",
)


class Walk:
    """A submission under way.

    Attributes:
        state: the present one.
        now: the present moment.
    """

    def __init__(self) -> None:
        self.state, self.now, self.count = Submission("toy"), START, 0

    def event(self, actor: str, role: str, payload: ev.Payload) -> ev.Event:
        """The event, with a new id."""
        self.count += 1
        return ev.Event(f"e{self.count}", "toy", self.now, actor, role, "", payload)

    def does(self, actor: str, payload: ev.Payload, role: str | None = None) -> Walk:
        """Apply an event that must fit."""
        after = apply(self.state, self.event(actor, role or payload.BY[0], payload), self.now)
        assert not isinstance(after, Rejection), str(after)
        self.state = after
        return self

    def refused(self, actor: str, payload: ev.Payload, role: str | None = None) -> str:
        """Apply an event that must not fit; its rule and fix."""
        after = apply(self.state, self.event(actor, role or payload.BY[0], payload), self.now)
        assert isinstance(after, Rejection), f"applied: {payload}"
        return str(after)

    def wait(self, **length: float) -> Walk:
        """Let time pass: hours=…, days=…."""
        self.now += timedelta(**length)
        return self

    def approved(self, rules: Rules = RULES) -> Walk:
        """A proposal was made and approved."""
        self.does("@dev-one", PROPOSAL)
        return self.does(TEACHER, ev.Approved(dataclasses.asdict(rules)))

    def submitted(self, rules: Rules = RULES) -> Walk:
        """Version 1 is in."""
        return self.approved(rules).does("@dev-one", ev.Submitted("v1", "c1", 14, 0))

    def in_review(self, rules: Rules = RULES) -> Walk:
        """Both reviewers have it in hand."""
        self.submitted(rules)
        for who in ("@rev-one", "@rev-two"):
            self.does(TEACHER, ev.Assigned(who))
        return self

    def revising(self, first: dict[str, str] | None = None) -> Walk:
        """Both reviews are open; the first has a major and a minor finding."""
        self.in_review()
        for who in ("@rev-one", "@rev-two"):
            self.does(who, ev.ReviewFiled(SHA))
        self.does(TEACHER, ev.ReviewsClosed())
        self.reveal("@rev-one", {"F01": "major", "F02": "minor"} if first is None else first)
        return self.reveal("@rev-two", {})

    def reveal(self, who: str, found: dict[str, str]) -> Walk:
        """Open a filed review."""
        return self.does(who, ev.ReviewRevealed(who, SHA, found, "partial", "minor-revision"))

    def v2(self) -> Walk:
        """Version 2 is in, with every finding answered."""
        self.revising()
        answers = {"rev-one/F01": "fixed", "rev-one/F02": "disputed"}
        self.does("@dev-two", ev.Answered(SHA, answers))
        return self.does("@dev-two", ev.Submitted("v2", "c2", 14, 0))

    def accepted(self) -> Walk:
        """Signed off and accepted."""
        self.v2()
        self.does("@rev-one", ev.SignedOff("rev-one/F01", "verified"))
        self.does("@rev-one", ev.SignedOff("rev-one/F02", "not-fixed", "still there"))
        return self.does(TEACHER, ev.Accepted())
