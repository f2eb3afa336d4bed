"""What can happen to an entry: one frozen dataclass per event."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

Version = Literal["v1", "v2"]
Stage = Literal["v1", "review", "v2", "sign-off"]
ROLES = ("developer", "reviewer", "instructor", "clock")


@dataclass(frozen=True)
class Payload:
    """Base of all events; `TYPE` is its name in the ledger, `BY` the roles that may cause it."""

    TYPE: ClassVar[str]
    BY: ClassVar[tuple[str, ...]]


@dataclass(frozen=True)
class Proposed(Payload):
    """A team wants to reproduce a paper."""

    TYPE = "proposed"
    BY = ("developer",)
    title: str
    paper: str
    family: str
    team: list[str]
    claims: list[str]
    dataset: str
    compute: str


@dataclass(frozen=True)
class Approved(Payload):
    """The proposal stands, with its dates and quotas (`policy.Rules`)."""

    TYPE = "approved"
    BY = ("instructor",)
    rules: dict[str, Any]


@dataclass(frozen=True)
class ProposalDeclined(Payload):
    """The proposal does not stand; paper and name are free again."""

    TYPE = "proposal-declined"
    BY = ("instructor",)
    reason: str


@dataclass(frozen=True)
class RulesChanged(Payload):
    """An edited policy was taken into a running entry."""

    TYPE = "rules-changed"
    BY = ("instructor",)
    rules: dict[str, Any]


@dataclass(frozen=True)
class Submitted(Payload):
    """A version was frozen at a commit, with what its checks said."""

    TYPE = "submitted"
    BY = ("developer",)
    version: Version
    frozen: str
    checks_passed: int
    checks_failed: int


@dataclass(frozen=True)
class Assigned(Payload):
    """A reviewer has the frozen version in hand; `plan` and `seed` tell which assignment."""

    TYPE = "assigned"
    BY = ("instructor",)
    reviewer: str
    plan: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Unassigned(Payload):
    """A reviewer dropped out or was replaced."""

    TYPE = "unassigned"
    BY = ("instructor",)
    reviewer: str
    reason: str


@dataclass(frozen=True)
class ReviewAgreed(Payload):
    """The reviewer takes the review on."""

    TYPE = "review-agreed"
    BY = ("reviewer",)


@dataclass(frozen=True)
class ReviewRefused(Payload):
    """The reviewer cannot take the review on, for a conflict of interest for example."""

    TYPE = "review-refused"
    BY = ("reviewer",)
    reason: str


@dataclass(frozen=True)
class ReviewFiled(Payload):
    """A review was filed sealed: only its sha256 is public until reviews are closed."""

    TYPE = "review-filed"
    BY = ("reviewer",)
    sha256: str


@dataclass(frozen=True)
class ReviewsClosed(Payload):
    """All reviews are in, or the window is over; who has not filed is missing."""

    TYPE = "reviews-closed"
    BY = ("instructor", "clock")


@dataclass(frozen=True)
class ReviewRevealed(Payload):
    """The text of a filed review was opened and has the recorded sha256.

    Attributes:
        reviewer: whose review it is.
        sha256: of the file.
        findings: severity by finding id, {"F01": "major"}.
        verdict: whether the claims are reproduced.
        recommendation: what the reviewer advises.
    """

    TYPE = "review-revealed"
    BY = ("reviewer", "instructor", "clock")
    reviewer: str
    sha256: str
    findings: dict[str, str]
    verdict: str
    recommendation: str


@dataclass(frozen=True)
class ReviewLost(Payload):
    """Nobody can produce the text of a filed review; it counts as missing."""

    TYPE = "review-lost"
    BY = ("instructor",)
    reviewer: str
    reason: str


@dataclass(frozen=True)
class Answered(Payload):
    """The developers' answers, {"dev-two/F01": "fixed"}, and the sha256 of their response file."""

    TYPE = "answered"
    BY = ("developer",)
    sha256: str
    answers: dict[str, str]


@dataclass(frozen=True)
class SignedOff(Payload):
    """A reviewer says what became of one of their findings in version 2."""

    TYPE = "signed-off"
    BY = ("reviewer",)
    finding: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True)
class Accepted(Payload):
    """The entry has passed review."""

    TYPE = "accepted"
    BY = ("instructor",)


@dataclass(frozen=True)
class Published(Payload):
    """The entry is part of the published zoo."""

    TYPE = "published"
    BY = ("instructor",)


@dataclass(frozen=True)
class Addendum(Payload):
    """A mistake or a measurement, found after the acceptance; the entry stays as it is."""

    TYPE = "addendum"
    BY = ("developer", "instructor")
    text: str


@dataclass(frozen=True)
class Held(Payload):
    """Everything stops; clocks stand still."""

    TYPE = "held"
    BY = ("instructor",)
    reason: str


@dataclass(frozen=True)
class Released(Payload):
    """The hold is over; deadlines move by its length."""

    TYPE = "released"
    BY = ("instructor",)


@dataclass(frozen=True)
class Withdrawn(Payload):
    """The team gives up; reviewers are free."""

    TYPE = "withdrawn"
    BY = ("developer", "instructor")
    reason: str


@dataclass(frozen=True)
class Extended(Payload):
    """One person has more time for one stage; the reason stays with the instructor."""

    TYPE = "extended"
    BY = ("instructor",)
    who: str
    stage: Stage
    until: str


@dataclass(frozen=True)
class DeclaredMissing(Payload):
    """A version did not come, and its late window is over."""

    TYPE = "declared-missing"
    BY = ("instructor", "clock")
    version: Version


@dataclass(frozen=True)
class GradesReleased(Payload):
    """Grades went out; how they came about stays private."""

    TYPE = "grades-released"
    BY = ("instructor",)


@dataclass(frozen=True)
class RegradeAsked(Payload):
    """A developer or reviewer asks to look again; the reasons go to the instructor."""

    TYPE = "regrade-asked"
    BY = ("developer", "reviewer")


@dataclass(frozen=True)
class RegradeAnswered(Payload):
    """The instructor has looked again."""

    TYPE = "regrade-answered"
    BY = ("instructor",)
    who: str


PAYLOADS: dict[str, type[Payload]] = {cls.TYPE: cls for cls in Payload.__subclasses__()}


@dataclass(frozen=True)
class Event:
    """Something that happened to an entry.

    Attributes:
        id: unique; a second event with the same id is the same event delivered twice.
        model: name of the entry.
        at: when it was recorded, UTC.
        actor: handle of who caused it, or "clock".
        role: in what role: developer, reviewer, instructor or clock.
        commit: the repository's commit when it was recorded.
        payload: what happened.
    """

    id: str
    model: str
    at: datetime
    actor: str
    role: str
    commit: str
    payload: Payload = field(repr=True)
