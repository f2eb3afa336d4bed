"""The course's rules: `reviews/policy.yaml`.

Dates are written in course time and become UTC here, once. An entry takes its dates and quotas with
it when its proposal is approved (`Rules`), so that a later edit never rewrites the past.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Deadlines:
    """Last minutes in course time, "2026-10-19 23:59"; null where there is no date."""

    proposal: str | None = None
    v1: str | None = None
    v2: str | None = None


@dataclass(frozen=True)
class ReviewPolicy:
    """Who reviews how much, for how long, after which practice; a recall of 0 asks for none."""

    reviewers_per_entry: int = 2
    reviews_per_person: int = 3
    window_hours: int = 168
    only_submitters: bool = True
    practice_recall: float = 0


@dataclass(frozen=True)
class GroupSize:
    """How many developers share an entry."""

    min: int = 1
    max: int = 3


@dataclass(frozen=True)
class LatePolicy:
    """Work after its deadline: accepted for some hours at a penalty, then closed."""

    grace_hours: int = 24
    penalty: float = 0.25


@dataclass(frozen=True)
class MutationPolicy:
    """The share of seeded faults that an entry's tests must notice; 0 asks for none."""

    required: float = 0.9


@dataclass(frozen=True)
class Weights:
    """Shares of the final grade; only their proportions count."""

    v1: float = 0.4
    v2: float = 0.3
    review: float = 0.3


@dataclass(frozen=True)
class ReviewWeights:
    """Shares of a review's grade; only their proportions count."""

    quality: float = 0.4
    recall: float = 0.3
    precision: float = 0.2
    timeliness: float = 0.1


@dataclass(frozen=True)
class Charge:
    """Percentage points that a valid finding of this severity costs."""

    developers: float
    reviewers: float


@dataclass(frozen=True)
class RubricItem:
    """One line of a rubric: what is asked and how many points it is worth."""

    id: str
    question: str
    points: float


@dataclass(frozen=True)
class Rubric:
    """What versions and reviews are judged by; reviewers answer the items of `v1`."""

    v1: list[RubricItem]
    v2: list[RubricItem]
    review: list[RubricItem]


@dataclass(frozen=True)
class Severities:
    """What each severity costs developers and the reviewers who missed it."""

    blocker: Charge
    major: Charge
    minor: Charge
    nit: Charge


@dataclass(frozen=True)
class Allowed:
    """A text that looks private and is not, and why."""

    text: str
    reason: str


@dataclass(frozen=True)
class Publication:
    """What becomes public, and where.

    Attributes:
        repository: "owner/name" on GitHub, or None.
        site: address of the published site, or None.
        reviews: whether reviews and responses are published word for word, or as their findings,
            answers and verdicts only.
        student_id: regular expression of the institution's student numbers, or None.
        allow: what the gate of `zoo publish release` lets pass.
    """

    repository: str | None = None
    site: str | None = None
    reviews: Literal["full", "summary"] = "full"
    student_id: str | None = None
    allow: list[Allowed] = field(default_factory=list)


@dataclass(frozen=True)
class Policy:
    """`reviews/policy.yaml`; see `templates/policy.yaml` for a commented example."""

    time_zone: str
    rubric: Rubric
    severities: Severities
    deadlines: Deadlines = field(default_factory=Deadlines)
    review: ReviewPolicy = field(default_factory=ReviewPolicy)
    group_size: GroupSize = field(default_factory=GroupSize)
    late: LatePolicy = field(default_factory=LatePolicy)
    weights: Weights = field(default_factory=Weights)
    review_weights: ReviewWeights = field(default_factory=ReviewWeights)
    revision_days: int = 7
    sign_off_days: int = 7
    regrade_days: int = 14
    submission_checks: Literal["full", "static"] = "full"
    mutation: MutationPolicy = field(default_factory=MutationPolicy)
    publication: Publication = field(default_factory=Publication)

    @property
    def zone(self) -> ZoneInfo:
        """The course's time zone."""
        return ZoneInfo(self.time_zone)

    def utc(self, local: str) -> datetime:
        """The end of a minute of course time, as UTC; the later one where the clock is set back."""
        naive = datetime.strptime(local, "%Y-%m-%d %H:%M") + timedelta(seconds=59)
        return naive.replace(tzinfo=self.zone, fold=1).astimezone(UTC)

    def rules(self) -> Rules:
        """What an entry takes with it at its approval."""

        def date(local: str | None) -> str | None:
            return stamp(self.utc(local)) if local else None

        return Rules(
            v1_due=date(self.deadlines.v1),
            v2_due=date(self.deadlines.v2),
            reviewers=self.review.reviewers_per_entry,
            window_hours=self.review.window_hours,
            revision_hours=24 * self.revision_days,
            sign_off_hours=24 * self.sign_off_days,
            grace_hours=self.late.grace_hours,
            regrade_hours=24 * self.regrade_days,
        )


@dataclass(frozen=True)
class Rules:
    """The dates and quotas of one entry; hours are elapsed hours, dates UTC or None for no date."""

    v1_due: str | None
    v2_due: str | None
    reviewers: int
    window_hours: int
    revision_hours: int
    sign_off_hours: int
    grace_hours: int
    regrade_hours: int


def stamp(moment: datetime) -> str:
    """A moment as the ledger writes it: UTC, whole seconds, "2026-10-19T21:59:59Z"."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Read what `stamp` wrote; ValueError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
