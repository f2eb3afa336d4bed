"""Who owes what until when, and what to type: everything a status board or a reminder says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from tools.process.ledger.state import Review, Submission
from tools.process.rules.roster import Roster

TEAM, INSTRUCTOR = "team", "instructor"


@dataclass(frozen=True)
class Obligation:
    """Something that an entry waits for.

    Attributes:
        model: name of the entry.
        who: handle of a person, "team", or "instructor" (any of them).
        what: what is to be done, in a few words.
        command: the command line that does it; empty where there is none.
        until: the deadline; None where there is no date.
        late: whether the deadline has passed.
        closes: when late work is no longer taken; None where nothing closes.
    """

    model: str
    who: str
    what: str
    command: str
    until: datetime | None = None
    late: bool = False
    closes: datetime | None = None

    def people(self, state: Submission, roster: Roster) -> list[str]:
        """Handles of those who can discharge it."""
        if self.who == TEAM:
            return state.team
        if self.who == INSTRUCTOR:
            people = roster.people.values()
            return [person.handle for person in people if person.role == "instructor"]
        return [self.who]


def obligations(state: Submission, now: datetime) -> list[Obligation]:
    """What the entry waits for, in the order in which it should be done."""
    owed = _BY_STAGE.get(state.stage, _nothing)
    return [*owed(state, now), *_regrades(state)]


def closes(state: Submission, stage: str, who: str | None = None) -> datetime | None:
    """When work of a stage is no longer taken: late work is, but late sign-offs are not."""
    due = state.due(stage, who)
    return due + state.grace if due and stage != "sign-off" else due


def closed(state: Submission, stage: str, now: datetime, who: str | None = None) -> bool:
    """Whether work of a stage is no longer taken."""
    end = closes(state, stage, who)
    return end is not None and now > end


def reviews_over(state: Submission, now: datetime) -> bool:
    """Whether reviews can be closed: all are in, or nobody may file one any more."""
    full = state.rules is not None and len(state.reviews) >= state.rules.reviewers
    owing = [review for review in state.reviews.values() if review.status != "filed"]
    return (full or closed(state, "review", now)) and all(
        closed(state, "review", now, review.reviewer) for review in owing
    )


def sign_offs_over(state: Submission, now: datetime) -> bool:
    """Whether the entry can be accepted: all is signed off, or the time for it is over."""
    return all(closed(state, "sign-off", now, who) for who in _by_reviewer(state.unsigned))


def time_is_up(state: Submission, now: datetime) -> bool:
    """Whether the clock can close the stage: what was waited for is there, or cannot come."""
    if state.stage == "in-review":
        return reviews_over(state, now)
    version = {"approved": "v1", "revising": "v2"}.get(state.stage)
    return version is not None and closed(state, version, now)


def _nothing(state: Submission, now: datetime) -> Iterator[Obligation]:
    yield from ()


def _dated(
    state: Submission, who: str, what: str, command: str, stage: str, now: datetime
) -> Obligation:
    """An obligation with the deadline of a stage."""
    person = None if who == TEAM else who
    until = state.due(stage, person)
    late = until is not None and now > until
    return Obligation(state.model, who, what, command, until, late, closes(state, stage, person))


def _proposed(state: Submission, now: datetime) -> Iterator[Obligation]:
    command = f"zoo approve {state.model}"
    yield Obligation(state.model, INSTRUCTOR, "approve or decline the proposal", command)


def _approved(state: Submission, now: datetime) -> Iterator[Obligation]:
    yield _version(state, "v1", now)


def _version(state: Submission, version: str, now: datetime) -> Obligation:
    """The team's submission, or what is left to the instructor when that is over."""
    number, model = version[1], state.model
    if closed(state, version, now):
        what = f"close version {number}, which did not come, or extend it"
        return Obligation(model, INSTRUCTOR, what, f"zoo close {model} {version}")
    what = f"submit version {number}"
    return _dated(state, TEAM, what, f"zoo submit {model} {version}", version, now)


def _reviewing(state: Submission, now: datetime) -> Iterator[Obligation]:
    """Before the window opens and in it: reviewers to find, to agree, to file; then to close."""
    wanted = (state.rules.reviewers if state.rules else 0) - len(state.reviews)
    if wanted > 0:
        what = f"assign {_count(wanted, 'reviewer')}"
        yield Obligation(state.model, INSTRUCTOR, what, "zoo assign")
    for review in state.reviews.values():
        if review.status != "filed" and not closed(state, "review", now, review.reviewer):
            yield _review(state, review, now)
    if reviews_over(state, now):  # never before the window opens
        command = f"zoo close {state.model} review"
        yield Obligation(state.model, INSTRUCTOR, "close the reviews", command)


def _review(state: Submission, review: Review, now: datetime) -> Obligation:
    """The next step of a reviewer who has not filed yet."""
    if review.status == "assigned":
        what, verb = "agree to review, or refuse", "agree"
    else:
        # Whether the draft is begun is in its author's clone, not in the ledger.
        what, verb = f"write the review (zoo review start {state.model}) and file it", "file"
    command = f"zoo review {verb} {state.model}"
    return _dated(state, review.reviewer, what, command, "review", now)


def _reviews_closed(state: Submission, now: datetime) -> Iterator[Obligation]:
    for review in state.reviews.values():
        if review.status == "filed":
            command = f"zoo review reveal {state.model}"
            yield Obligation(state.model, review.reviewer, "reveal the sealed review", command)


def _revising(state: Submission, now: datetime) -> Iterator[Obligation]:
    if state.unanswered and not closed(state, "v2", now):
        what = f"answer {_count(len(state.unanswered), 'finding')}"
        yield _dated(state, TEAM, what, f"zoo respond {state.model}", "v2", now)
    yield _version(state, "v2", now)


def _v2_submitted(state: Submission, now: datetime) -> Iterator[Obligation]:
    for reviewer, keys in _by_reviewer(state.unsigned).items():
        if not closed(state, "sign-off", now, reviewer):
            what = f"sign off {_count(len(keys), 'finding')}"
            yield _dated(state, reviewer, what, f"zoo verify-fix {state.model}", "sign-off", now)
    if sign_offs_over(state, now):
        yield Obligation(state.model, INSTRUCTOR, "accept the entry", f"zoo accept {state.model}")


def _accepted(state: Submission, now: datetime) -> Iterator[Obligation]:
    command = f"zoo publish entry {state.model}"
    yield Obligation(state.model, INSTRUCTOR, "publish the entry", command)


def _on_hold(state: Submission, now: datetime) -> Iterator[Obligation]:
    command = f"zoo unhold {state.model}"
    yield Obligation(state.model, INSTRUCTOR, "end the hold", command)


def _regrades(state: Submission) -> Iterator[Obligation]:
    for handle, regrade in state.regrades.items():
        if regrade.answered_at is None:
            command = f"zoo regrade answer {state.model} {handle}"
            what = f"answer the regrade request of {handle}"
            yield Obligation(state.model, INSTRUCTOR, what, command)


def _by_reviewer(keys: list[str]) -> dict[str, list[str]]:
    """Finding keys by the handle of the reviewer in them."""
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault("@" + key.partition("/")[0], []).append(key)
    return found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number > 1 else "")


_BY_STAGE: dict[str, Callable[[Submission, datetime], Iterator[Obligation]]] = {
    "proposed": _proposed,
    "approved": _approved,
    "v1-submitted": _reviewing,
    "in-review": _reviewing,
    "reviews-closed": _reviews_closed,
    "revising": _revising,
    "v2-submitted": _v2_submitted,
    "accepted": _accepted,
    "on-hold": _on_hold,
}
