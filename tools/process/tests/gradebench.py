"""An entry to grade, built by hand, and a policy with round sums."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

from tools.process.grading.grades import EntryGrade, Part, grade_entry
from tools.process.grading.sheets import Adjudication, OwnFinding, Rating, Sheet, VersionPoints
from tools.process.ledger.events import Proposed
from tools.process.ledger.state import Review, Signature, Submission, Submitted
from tools.process.rules.policy import Charge, Policy, Rubric, RubricItem, Severities
from tools.process.rules.roster import Person, Roster

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
POLICY = Policy(
    time_zone="Europe/Zurich",
    rubric=Rubric(
        v1=[RubricItem("mathematics", "Right?", 60), RubricItem("tests", "Exact?", 40)],
        v2=[RubricItem("answers", "All?", 20)],
        review=[RubricItem("care", "Careful?", 6), RubricItem("tone", "Kind?", 4)],
    ),
    severities=Severities(Charge(30, 20), Charge(10, 8), Charge(3, 2), Charge(0, 0)),
)
ROSTER = Roster(
    {
        person.handle: person
        for person in (
            Person("@instructor-one", "instructor"),
            Person("@dev-one", "developer", team="a"),
            Person("@dev-two", "developer"),
            Person("@rev-one", "reviewer"),
            Person("@rev-two", "reviewer"),
        )
    }
)
VALID, INVALID = Adjudication("valid"), Adjudication("invalid")
FULL = Rating({"care": 6, "tone": 4})


def review(who: str, late: bool = False, **findings: str) -> Review:
    """A revealed review with its findings, F01="major"."""
    return Review(who, NOON, "revealed", NOON, late, "0" * 64, findings, "partial", "accept")


def entry(*reviews: Review, team: tuple[str, ...] = ("@dev-one",), **changes) -> Submission:
    """An accepted entry `vae` with these reviews and nothing late."""
    frozen = Submitted("0" * 40, NOON, team[0], late=False)
    proposal = Proposed("VAE", "1312.6114", "latent-variable", [*team], ["nll"], "mnist", "a day")
    by_handle = {item.reviewer: item for item in reviews}
    state = Submission(
        "vae", "accepted", proposal=proposal, v1=frozen, v2=frozen, reviews=by_handle
    )
    return replace(state, **changes)


def late(state: Submission, version: str) -> Submission:
    """The same with a version that came late."""
    return replace(state, **{version: replace(getattr(state, version), late=True)})


def signed(**outcomes: str) -> dict[str, Signature]:
    """Sign-offs by key, written rev_one__F01="partial"."""
    return {
        key.replace("__", "/").replace("_", "-"): Signature(outcome, "because", NOON)
        for key, outcome in outcomes.items()
    }


def sheet(
    own: tuple[OwnFinding, ...] = (),
    v1: tuple[float | None, float | None] = (60, 40),
    v2: float | None = 20,
    ratings: dict[str, Rating] | None = None,
    **words: Adjudication,
) -> Sheet:
    """A sheet with full points; adjudications are written rev_one__F01=VALID."""
    keys = {key.replace("__", "/").replace("_", "-"): word for key, word in words.items()}
    points = VersionPoints(dict(zip(("mathematics", "tests"), v1, strict=True)), {"answers": v2})
    given = {"rev-one": FULL, "rev-two": FULL} if ratings is None else ratings
    return Sheet(points, list(own), keys, given)


def mine(name: str, severity: str = "major", version: str = "v1", outcome: str | None = "verified"):
    """A finding of the instructor's."""
    seen = None if version == "v2" else outcome
    return OwnFinding(name, f"Fault {name}", severity, "zoo/vae/model.py:4", version, outcome=seen)


def graded(state: Submission, page: Sheet | None, policy: Policy = POLICY) -> EntryGrade:
    """The scores of an entry."""
    return grade_entry(state, page, policy)


def lost(part: Part) -> list[tuple[str, Fraction]]:
    """(finding or cause, points) of every loss."""
    return [(loss.finding or loss.what.split(",")[0], loss.points) for loss in part.losses]
