"""The state of an entry in the process, as its ledger makes it, and the deadlines in force."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from tools.process.ledger.events import Proposed
from tools.process.rules.policy import Rules, moment

StageName = Literal[
    "none",
    "proposed",
    "declined",
    "approved",
    "v1-submitted",
    "in-review",
    "reviews-closed",
    "revising",
    "v2-submitted",
    "accepted",
    "published",
    "on-hold",
    "withdrawn",
    "missing",
]
ReviewStatus = Literal["assigned", "agreed", "filed", "revealed", "missing", "lost"]

# Stages in which the entry is under way: somebody owes something.
ACTIVE = ("approved", "v1-submitted", "in-review", "reviews-closed", "revising", "v2-submitted")
OVER = ("declined", "withdrawn")


@dataclass(frozen=True)
class Submitted:
    """A frozen version.

    Attributes:
        commit: the frozen commit.
        at: when.
        by: who submitted.
        late: whether it came after its deadline, within the grace period.
    """

    commit: str
    at: datetime
    by: str
    late: bool


@dataclass(frozen=True)
class Review:
    """One reviewer's part.

    Attributes:
        reviewer: handle.
        assigned_at: when the frozen version was in this reviewer's hands.
        status: assigned, agreed, filed (sealed), revealed, missing, or lost.
        filed_at: when the last sealed text was filed.
        late: whether that was after the deadline.
        sha256: of the sealed text.
        findings: severity by finding id, once revealed.
        verdict: once revealed.
        recommendation: once revealed.
    """

    reviewer: str
    assigned_at: datetime
    status: ReviewStatus = "assigned"
    filed_at: datetime | None = None
    late: bool = False
    sha256: str = ""
    findings: dict[str, str] = field(default_factory=dict)
    verdict: str = ""
    recommendation: str = ""


@dataclass(frozen=True)
class Signature:
    """A reviewer's sign-off of one finding."""

    outcome: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Addendum:
    """What was found after the acceptance: a mistake, or a further measurement."""

    text: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Regrade:
    """A request to look at a grade again."""

    asked_at: datetime
    answered_at: datetime | None = None


@dataclass(frozen=True)
class Submission:
    """Everything the ledger of one entry says; `machine.apply` alone makes new ones.

    Attributes:
        model: name of the entry.
        stage: where the entry stands.
        since: when it came there.
        proposal: what was proposed.
        rules: dates and quotas in force, from the approval on.
        v1: the frozen version 1.
        v2: the frozen version 2.
        reviews: by reviewer's handle, in the order of assignment; who refused is not among them.
        refused: handles of people who refused or were taken off.
        window_opened_at: when the last reviewer had version 1 in hand.
        closed_at: when reviews were closed.
        revealed_at: when the last filed review was opened, which is when revision began.
        answers: the developers' answer by finding key ("dev-two/F01").
        response_sha256: of the filed response.
        signatures: sign-offs by finding key.
        addenda: what was found after the acceptance.
        extensions: last moment by (handle, stage).
        paused: by how much holds moved each stage's deadline.
        held_since: when the hold began; None when not on hold.
        held_from: the stage before the hold.
        missing: versions that did not come.
        released_at: when grades went out.
        regrades: by handle.
        last_at: time of the last event.
        seen: ids of all events.
    """

    model: str
    stage: StageName = "none"
    since: datetime | None = None
    proposal: Proposed | None = None
    rules: Rules | None = None
    v1: Submitted | None = None
    v2: Submitted | None = None
    reviews: dict[str, Review] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    window_opened_at: datetime | None = None
    closed_at: datetime | None = None
    revealed_at: datetime | None = None
    answers: dict[str, str] = field(default_factory=dict)
    response_sha256: str = ""
    signatures: dict[str, Signature] = field(default_factory=dict)
    addenda: tuple[Addendum, ...] = ()
    extensions: dict[tuple[str, str], datetime] = field(default_factory=dict)
    paused: dict[str, timedelta] = field(default_factory=dict)
    held_since: datetime | None = None
    held_from: StageName = "none"
    missing: tuple[str, ...] = ()
    released_at: datetime | None = None
    regrades: dict[str, Regrade] = field(default_factory=dict)
    last_at: datetime | None = None
    seen: frozenset[str] = frozenset()

    @property
    def team(self) -> list[str]:
        """Handles of the developers."""
        return self.proposal.team if self.proposal else []

    @property
    def findings(self) -> dict[str, str]:
        """Severity by finding key, over all revealed reviews."""
        return {
            f"{review.reviewer.removeprefix('@')}/{name}": severity
            for review in self.reviews.values()
            for name, severity in review.findings.items()
        }

    @property
    def unanswered(self) -> list[str]:
        """Keys of findings that the developers have not answered."""
        return [key for key in self.findings if key not in self.answers]

    @property
    def unsigned(self) -> list[str]:
        """Keys of findings whose reviewer has not signed off."""
        return [key for key in self.findings if key not in self.signatures]

    @property
    def grace(self) -> timedelta:
        """How long after a deadline late work is still taken."""
        return timedelta(hours=self.rules.grace_hours if self.rules else 0)

    def due(self, stage: str, who: str | None = None) -> datetime | None:
        """The deadline of a stage ("v1", "review", "v2", "sign-off", "regrade"), holds included.

        For versions the latest extension of any team member counts, for reviews and sign-offs
        that of `who`. None where there is no date, or none yet.
        """
        if self.rules is None:
            return None
        base = self._base(stage)
        if base is None:
            return None
        base += self.paused.get(stage, timedelta(0))
        people = self.team if stage in ("v1", "v2") else [who]
        extended = [self.extensions[p, stage] for p in people if (p, stage) in self.extensions]
        return max([base, *extended])

    def _base(self, stage: str) -> datetime | None:
        """The deadline before holds and extensions."""
        rules = self.rules
        assert rules is not None
        if stage == "v1":
            return moment(rules.v1_due) if rules.v1_due else None
        if stage == "review":
            opened = self.window_opened_at
            return opened + timedelta(hours=rules.window_hours) if opened else None
        if stage == "v2":
            date = moment(rules.v2_due) if rules.v2_due else None
            least = self.revealed_at and self.revealed_at + timedelta(hours=rules.revision_hours)
            return max(filter(None, [date, least]), default=None)
        if stage == "sign-off":
            return self.v2.at + timedelta(hours=rules.sign_off_hours) if self.v2 else None
        if stage == "regrade":
            hours = timedelta(hours=rules.regrade_hours)
            return self.released_at + hours if self.released_at else None
        raise ValueError(f"no stage '{stage}'")

    def with_review(self, review: Review) -> Submission:
        """The same with one review replaced or added."""
        return replace(self, reviews={**self.reviews, review.reviewer: review})
