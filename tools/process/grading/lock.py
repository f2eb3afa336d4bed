"""What is still open before grades can be released: the one list that the lock and grades share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.process.grading.charges import Flaw, merge
from tools.process.grading.sheets import Sheet
from tools.process.ledger.state import Submission
from tools.process.rules.policy import Policy, RubricItem

RELEASABLE = ("accepted", "published", "missing", "withdrawn")


@dataclass(frozen=True)
class Question:
    """Something that somebody still has to say.

    Attributes:
        parts: whose grade waits for it: "v1", "v2", or reviewers' handles.
        text: one line.
    """

    parts: frozenset[str]
    text: str


def counts(state: Submission) -> bool:
    """Whether an entry is graded: it was approved; if withdrawn, for the reviews it got."""
    if state.stage == "withdrawn":
        return any(review.status == "revealed" for review in state.reviews.values())
    return state.stage not in ("none", "proposed", "declined")


def open_questions(state: Submission, sheet: Sheet | None, policy: Policy) -> list[Question]:
    """Everything that is still open about an entry, in the order of the process."""
    withdrawn = state.stage == "withdrawn"
    questions = [] if withdrawn else [*_unfinished(state)]
    judged = [handle for handle, review in state.reviews.items() if review.status == "revealed"]
    versions = [v for v in ("v1", "v2") if getattr(state, v) and not withdrawn]
    if not (versions or judged):
        return questions
    if sheet is None:
        text = "there is no grading sheet: run zoo grade --prepare"
        return [*questions, Question(frozenset([*versions, *judged]), text)]
    for version in versions:
        items, points = getattr(policy.rubric, version), getattr(sheet.rubric, version)
        for text in _ungraded(items, points):
            questions.append(Question(frozenset([version]), f"{version}: {text}"))
    questions += _findings(merge(state, sheet), [*versions, *judged])
    for handle in sorted(judged):
        rating = sheet.ratings.get(handle.removeprefix("@"))
        for text in _ungraded(policy.rubric.review, rating.points if rating else {}):
            questions.append(Question(frozenset([handle]), f"review by {handle}: {text}"))
    return questions


def _unfinished(state: Submission) -> Iterator[Question]:
    """Versions and reviews that are still under way."""
    for version in ("v1", "v2"):
        if getattr(state, version) is None and not {version, "v1"} & set(state.missing):
            text = f"{version} is neither submitted nor declared missing"
            yield Question(frozenset([version]), text)
    for handle, review in sorted(state.reviews.items()):
        if review.status not in ("revealed", "missing", "lost"):
            text = f"the review by {handle} is {review.status}: close and reveal the reviews"
            yield Question(frozenset([handle]), text)
    if state.stage == "on-hold":
        yield Question(frozenset(), f"on hold: run zoo unhold {state.model}")
    if state.stage == "v2-submitted":
        yield Question(frozenset(), f"not accepted: run zoo accept {state.model}")


def _ungraded(items: Sequence[RubricItem], points: dict[str, float | None]) -> Iterator[str]:
    """Rubric items without points."""
    for item in items:
        if points.get(item.id) is None:
            yield f"'{item.id}' has no points yet"


def _findings(flaws: Sequence[Flaw], parts: list[str]) -> Iterator[Question]:
    """Flaws without a verdict, and valid flaws of v1 of which nobody knows what became in v2."""
    for flaw in flaws:
        if flaw.valid is None:
            yield Question(frozenset(parts), f"{flaw.key} is not adjudicated")
        elif flaw.valid and flaw.version == "v1" and "v2" in parts and flaw.outcome is None:
            text = f"{flaw.key} has no outcome in v2 (signed off by nobody, or not alike)"
            yield Question(frozenset(["v2"]), f"{text}: write its 'outcome'")
