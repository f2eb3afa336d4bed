"""Adding up: the score of a version and of a review, and everybody's grade.

Version: 100 × points / most points − charges, not below 0; late, less the penalty.
Review: 100 × the weighted mean of quality (its rubric), recall (the share of the entry's valid
faults that it reported, by weight), precision (the share of its findings that are valid, by weight)
and timeliness (1 in time, 0 late) − charges for what no reviewer found, not below 0; late, less the
penalty. Where there was nothing to find, recall is 1; where nothing was reported, precision is 1.
Person: means over entries and over reviews, weighted together as far as they apply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from tools.process.grading.amounts import exact, plain
from tools.process.grading.charges import (
    Flaw,
    Loss,
    developer_charges,
    merge,
    missed_charges,
    precision_losses,
    recall_losses,
)
from tools.process.grading.lock import Question, counts, open_questions
from tools.process.grading.sheets import PARTS, Override, Sheet
from tools.process.ledger.events import Version
from tools.process.ledger.state import Review, Submission
from tools.process.rules.policy import Policy, RubricItem
from tools.process.rules.roster import Person, Roster
from zoo.core.errors import ZooError

HUNDRED = Fraction(100)


@dataclass(frozen=True)
class Part:
    """A score out of 100, or the reason why there is none.

    Attributes:
        status: "graded", "missing" (the work did not come: a state, not a number), "open"
            (something is still to be said), or "none" (nothing of the kind was asked for).
        score: as computed, exactly; None unless graded.
        why: what is missing or open.
        losses: what 100 lost on the way to the score, for a version or a review.
        how: the arithmetic of a mean.
        override: the instructor's own number, which counts instead.
    """

    status: Literal["graded", "missing", "open", "none"]
    score: Fraction | None = None
    why: str = ""
    losses: tuple[Loss, ...] = ()
    how: str = ""
    override: Override | None = None

    @property
    def value(self) -> Fraction | None:
        """The number that counts."""
        return exact(self.override.value) if self.override else self.score


@dataclass(frozen=True)
class EntryGrade:
    """The scores of an entry: of its versions, and of its reviews by handle of the reviewer."""

    model: str
    team: tuple[str, ...]
    v1: Part
    v2: Part
    reviews: dict[str, Part]
    questions: tuple[Question, ...]
    sheet: Sheet


@dataclass(frozen=True)
class PersonGrade:
    """Everything about one person's grade.

    Attributes:
        handle: whose.
        entries: the entries that this person developed.
        reviewed: the entries that this person was assigned.
        parts: "v1", "v2", "review" and "final".
        project: v1 and v2 taken together.
    """

    handle: str
    entries: tuple[EntryGrade, ...]
    reviewed: tuple[EntryGrade, ...]
    parts: dict[str, Part] = field(default_factory=dict)
    project: Part = field(default_factory=lambda: Part("none"))


def grade_entries(
    states: Mapping[str, Submission], sheets: Mapping[str, Sheet | None], policy: Policy
) -> dict[str, EntryGrade]:
    """The scores of every entry that is graded, in the order of their names."""
    return {
        model: grade_entry(states[model], sheets.get(model), policy)
        for model in sorted(states)
        if counts(states[model])
    }


def grade_entry(state: Submission, sheet: Sheet | None, policy: Policy) -> EntryGrade:
    """The scores of one entry."""
    try:
        questions = tuple(open_questions(state, sheet, policy))
        sheet = sheet or Sheet()
        flaws = merge(state, sheet)
    except ZooError as error:
        raise ZooError(f"{state.model}: {error}") from None
    withdrawn = state.stage == "withdrawn"  # its team has nothing to grade; its reviewers may
    parts = {
        version: _version(state, version, sheet, flaws, questions, policy)
        for version in ("v1", "v2")
    }
    reviews = {
        handle: _review(review, sheet, flaws, questions, policy)
        for handle, review in sorted(state.reviews.items())
        if review.status == "revealed" or not withdrawn
    }
    team = () if withdrawn else tuple(state.team)
    return EntryGrade(state.model, team, **parts, reviews=reviews, questions=questions, sheet=sheet)


def _waiting(name: str, questions: Sequence[Question]) -> Part | None:
    """An open part with the first of its questions, or None where there is no question."""
    texts = [question.text for question in questions if name in question.parts]
    more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
    return Part("open", why=texts[0] + more) if texts else None


def _version(
    state: Submission,
    version: Version,
    sheet: Sheet,
    flaws: Sequence[Flaw],
    questions: Sequence[Question],
    policy: Policy,
) -> Part:
    """max(0, 100 × points / most points − charges), less the penalty where it came late."""
    submitted = getattr(state, version)
    if state.stage == "withdrawn":
        return Part("none")
    if submitted is None and {version, "v1"} & set(state.missing):
        return Part("missing", why=f"{version} did not come")
    if waiting := _waiting(version, questions):
        return waiting
    items, points = getattr(policy.rubric, version), getattr(sheet.rubric, version)
    losses = rubric_losses(items, points, HUNDRED, "")
    losses += developer_charges(flaws, version, policy)
    return _finish(losses, submitted.late, policy)


def _review(
    review: Review,
    sheet: Sheet,
    flaws: Sequence[Flaw],
    questions: Sequence[Question],
    policy: Policy,
) -> Part:
    """Quality, recall, precision and timeliness, less what no reviewer found.

    Late, it loses all of timeliness and then, as all late work, the penalty.
    """
    if review.status in ("missing", "lost"):
        what = "was not filed" if review.status == "missing" else "was filed, but its text is lost"
        return Part("missing", why=f"the review by {review.reviewer} {what}")
    if waiting := _waiting(review.reviewer, questions):
        return waiting
    shares = _shares(policy)
    points = sheet.ratings[review.reviewer.removeprefix("@")].points
    losses = rubric_losses(policy.rubric.review, points, shares["quality"], "quality: ")
    losses += recall_losses(flaws, review.reviewer, policy, shares["recall"])
    losses += precision_losses(flaws, review.reviewer, policy, shares["precision"])
    if review.late and shares["timeliness"]:
        losses.append(Loss(shares["timeliness"], "timeliness: filed after the deadline"))
    return _finish(losses + missed_charges(flaws, policy), review.late, policy)


def _shares(policy: Policy) -> dict[str, Fraction]:
    """How many of a review's 100 points each of its qualities is worth."""
    names = ("quality", "recall", "precision", "timeliness")
    weights = {name: exact(getattr(policy.review_weights, name)) for name in names}
    total = sum(weights.values())
    if not total:
        raise ZooError("review_weights in reviews/policy.yaml are all 0: give one of them a weight")
    return {name: HUNDRED * weight / total for name, weight in weights.items()}


def rubric_losses(
    items: Sequence[RubricItem], points: Mapping[str, float | None], full: Fraction, prefix: str
) -> list[Loss]:
    """The part of `full` that is lost on a rubric, item by item."""
    total = sum((exact(item.points) for item in items), Fraction(0))
    losses = []
    for item in items:
        most, got = exact(item.points), exact(points[item.id] or 0)
        if got != most:
            how = f"{plain(full)} × ({plain(most)} − {plain(got)}) / {plain(total)}"
            what = f"{prefix}{item.id}, {plain(got)} of {plain(most)} points"
            losses.append(Loss(full * (most - got) / total, what, how))
    return losses


def _finish(losses: list[Loss], late: bool, policy: Policy) -> Part:
    """The score: never below 0, then the penalty for late work."""
    score = HUNDRED - sum((loss.points for loss in losses), Fraction(0))
    if score < 0:
        losses = [*losses, Loss(score, "given back: no score is below 0")]
        score = Fraction(0)
    if late and score:
        penalty = exact(policy.late.penalty)
        how = f"{plain(penalty)} × {plain(score)}"
        losses = [*losses, Loss(penalty * score, "late, within the grace period", how)]
        score -= penalty * score
    return Part("graded", score, losses=tuple(losses))


def graded_people(roster: Roster) -> list[Person]:
    """Who takes part and is no instructor, in the order of the handles."""
    people = [person for _, person in sorted(roster.people.items()) if person.active]
    return [person for person in people if person.role != "instructor"]


def grade_people(
    entries: Mapping[str, EntryGrade],
    roster: Roster,
    policy: Policy,
    overrides: Sequence[Override] = (),
) -> dict[str, PersonGrade]:
    """Everybody's grade by handle."""
    return {
        person.handle: _grade_person(
            person.handle,
            person.role == "developer",
            entries,
            policy,
            {item.part: item for item in overrides if item.who == person.handle},
        )
        for person in graded_people(roster)
    }


def _grade_person(
    handle: str,
    develops: bool,
    entries: Mapping[str, EntryGrade],
    policy: Policy,
    overrides: Mapping[str, Override],
) -> PersonGrade:
    """One person's parts: means over entries and reviews, then the weighted mean of those."""
    own = tuple(entry for entry in entries.values() if handle in entry.team)
    reviewed = tuple(entry for entry in entries.values() if handle in entry.reviews)
    parts: dict[str, Part] = {}
    for version in ("v1", "v2"):
        parts[version] = mean({entry.model: getattr(entry, version) for entry in own})
        if develops and not own:
            parts[version] = Part("missing", why="no entry that is graded")
    parts["review"] = mean({entry.model: entry.reviews[handle] for entry in reviewed})
    parts = {name: replace(part, override=overrides.get(name)) for name, part in parts.items()}
    weights = {name: exact(getattr(policy.weights, name)) for name in parts}
    final = weighted(parts, weights)
    parts["final"] = replace(final, override=overrides.get("final"))
    project = weighted({name: parts[name] for name in ("v1", "v2")}, weights)
    assert tuple(parts) == PARTS
    return PersonGrade(handle, own, reviewed, parts, project)


def mean(parts: Mapping[str, Part]) -> Part:
    """The plain mean; missing where one is missing, else open where one is open."""
    return weighted(parts, dict.fromkeys(parts, Fraction(1)))


def weighted(parts: Mapping[str, Part], weights: Mapping[str, Fraction]) -> Part:
    """The weighted mean of the parts that apply and have a weight."""
    used = {
        name: part
        for name, part in parts.items()
        if weights[name] and (part.override or part.status != "none")
    }
    for status in ("missing", "open"):
        names = [n for n, part in used.items() if part.value is None and part.status == status]
        if names:
            return Part(status, why="; ".join(f"{name}: {used[name].why}" for name in names))
    if not used:
        return Part("none")
    if len(used) == 1:
        return Part("graded", *(part.value for part in used.values()))
    total = sum((weights[name] for name in used), Fraction(0))
    score = sum((weights[name] * part.value for name, part in used.items()), Fraction(0)) / total
    terms = " + ".join(
        f"{plain(weights[name])} × {plain(part.value)}" for name, part in used.items()
    )
    return Part("graded", score, how=f"({terms}) / {plain(total)}")
