"""From the record to a problem of assignment, and from its plan to events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tools.practice.results import practice_bar, practised
from tools.process.assignment.plan import Plan
from tools.process.assignment.problem import Entry, Problem, Reviewer, obstacle
from tools.process.ledger.events import Assigned, Payload, Unassigned
from tools.process.ledger.reviewing import UNSEALED
from tools.process.ledger.state import OVER, Submission
from tools.process.record import Record
from tools.process.rules.roster import Bid, Person
from zoo.core.errors import ZooError

OPEN = ("v1-submitted", "in-review")  # stages in which an entry can get reviewers

Forbidden = dict[tuple[str, str], str]


def problem_of(record: Record) -> Problem:
    """Everything that the next assignment depends on, from ledgers, policy, roster and bids."""
    states = record.states()
    open_entries = {model: state for model, state in states.items() if state.stage in OPEN}
    under_way = {model: state for model, state in states.items() if state.stage not in OVER}
    elsewhere = {m: state for m, state in under_way.items() if m not in open_entries}
    people = [person for person in record.roster.people.values() if person.role != "instructor"]
    known = {person.handle for person in people}
    seasoned = {who for state in states.values() for who in state.reviews}
    strangers = {who for state in open_entries.values() for who in state.reviews} - known
    pairs = {
        (review.reviewer, model): review.status in UNSEALED
        for model, state in open_entries.items()
        for review in state.reviews.values()
    }
    return Problem(
        reviewers=(
            *(_reviewer(record, person, under_way, elsewhere, seasoned) for person in people),
            *(Reviewer(who, 0, barred="does not review, by the roster") for who in strangers),
        ),
        entries=tuple(_entry(model, state) for model, state in open_entries.items()),
        forbidden=_forbidden(record, people, open_entries, elsewhere),
        existing=frozenset(pair for pair, movable in pairs.items() if movable),
        filed=frozenset(pair for pair, movable in pairs.items() if not movable),
    )


def _entry(model: str, state: Submission) -> Entry:
    assert state.proposal is not None
    assert state.rules is not None
    return Entry(model, tuple(state.team), state.proposal.family, state.rules.reviewers)


def _reviewer(
    record: Record,
    person: Person,
    under_way: Mapping[str, Submission],
    elsewhere: Mapping[str, Submission],
    seasoned: set[str],
) -> Reviewer:
    """A person of the roster; who owes a version 1 or practice is barred by the policy.

    The seasoned, who review something or have done so, are not sent back to practice.
    """
    policy, bid = record.policy.review, record.bids.get(person.handle.lower(), Bid())
    submitted = any(s.v1 and person.handle in s.team for s in under_way.values())
    idle = policy.only_submitters and person.role == "developer" and not submitted
    ready = person.handle in seasoned or practised(record, person.handle)
    barred = "" if ready else practice_bar(record)
    if idle:
        barred = "has submitted no version 1"
    if not person.active:
        barred = "is not active in this term"
    return Reviewer(
        handle=person.handle,
        capacity=policy.reviews_per_person,
        load=sum(person.handle in state.reviews for state in elsewhere.values()),
        wants=tuple(bid.wants),
        avoids=tuple(bid.avoids),
        families=tuple(bid.families),
        barred=barred,
    )


def _forbidden(
    record: Record,
    people: list[Person],
    open_entries: Mapping[str, Submission],
    elsewhere: Mapping[str, Submission],
) -> Forbidden:
    """Refusals, conflicts in either direction, team mates, and reviews the other way round."""
    found: Forbidden = {}
    for model, state in open_entries.items():
        for own in state.team:
            for there in elsewhere.values():
                if own in there.reviews:
                    why = f"is reviewed by {own}, who develops {model}"
                    found |= {(peer, model): why for peer in there.team}
        for person in people:
            why = _declared(record, person, state)
            if why and person.handle not in state.team:
                found[person.handle, model] = why
    return found


def _declared(record: Record, person: Person, state: Submission) -> str | None:
    """Why somebody must not review an entry, by the roster and by what they said."""
    if person.handle in state.refused:
        return "refused it or was taken off"
    declared = {handle.lower() for handle in person.conflicts}
    for developer in state.team:
        other = record.roster.people.get(developer.lower())
        theirs = {handle.lower() for handle in other.conflicts} if other else set()
        if developer.lower() in declared or person.handle.lower() in theirs:
            return f"has a conflict of interest with {developer}"
        if other and person.team and other.team == person.team:
            return f"is in the team of {developer}"
    return None


def changes(plan: Plan) -> Iterator[tuple[str, Payload]]:
    """The events (entry, payload) that turn the assignment in force into a plan.

    Who leaves goes first, so that no entry ever has too many reviewers.
    """
    for (handle, entry), reason in plan.dropped.items():
        yield entry, Unassigned(handle, reason)
    for pair in plan.pairs:
        if pair.status == "new":
            yield pair.entry, Assigned(pair.reviewer, plan.input_sha256, plan.seed)


def by_hand(record: Record, model: str, handle: str) -> Assigned:
    """The event of one reviewer chosen by hand; ZooError says which rule forbids it."""
    state, person = record.state(model), record.roster.find(handle)
    if state.stage not in OPEN:
        raise ZooError(f"{model} is {state.stage}: reviewers are assigned to a frozen version 1")
    if person.role == "instructor":
        raise ZooError(f"{person.handle} is an instructor: reviewers are the others of the roster")
    why = obstacle(problem_of(record), person.handle, model)
    if why:
        raise ZooError(f"{person.handle} cannot review {model}: {person.handle} {why}")
    return Assigned(person.handle)
