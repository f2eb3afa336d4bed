"""What an assignment is asked: people, entries, and pairs that must, may or must not be."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field

# Preference points of a pair.
WANTED, KNOWN, AVOIDED = 3, 1, -3


@dataclass(frozen=True)
class Reviewer:
    """Somebody who may review.

    Attributes:
        handle: "@handle".
        capacity: how many reviews this person does in all.
        load: reviews of entries outside this problem; they count towards capacity and balance.
        wants: entries this person would like to review.
        avoids: entries this person would rather not review.
        families: families of models this person knows.
        barred: why this person takes no review, as in "has not submitted"; empty if they may.
    """

    handle: str
    capacity: int
    load: int = 0
    wants: tuple[str, ...] = ()
    avoids: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    barred: str = ""


@dataclass(frozen=True)
class Entry:
    """An entry that needs `quota` reviewers, those of filed reviews included."""

    name: str
    team: tuple[str, ...]
    family: str
    quota: int


@dataclass(frozen=True)
class Problem:
    """All that an assignment depends on, beside the seed; pairs are (handle, entry).

    Attributes:
        reviewers: in any order.
        entries: in any order.
        forbidden: why a pair must not be, as in "has a conflict of interest with @dev-two"; that
            nobody reviews their own team's entry need not be said.
        existing: pairs of the plan in force, kept where they can be.
        filed: pairs whose review is filed; they stay, whatever else holds.
    """

    reviewers: tuple[Reviewer, ...]
    entries: tuple[Entry, ...]
    forbidden: dict[tuple[str, str], str] = field(default_factory=dict)
    existing: frozenset[tuple[str, str]] = frozenset()
    filed: frozenset[tuple[str, str]] = frozenset()


def points(reviewer: Reviewer, entry: Entry) -> int:
    """Preference points of a pair."""
    wanted, avoided = entry.name in reviewer.wants, entry.name in reviewer.avoids
    return WANTED * wanted + AVOIDED * avoided + KNOWN * (entry.family in reviewer.families)


def input_sha256(problem: Problem) -> str:
    """The sha256 of everything in the problem; the order of people and entries is no part of it."""
    document = {
        "reviewers": sorted(_canonical(reviewer) for reviewer in problem.reviewers),
        "entries": sorted(_canonical(entry) for entry in problem.entries),
        "forbidden": sorted([*pair, why] for pair, why in problem.forbidden.items()),
        "existing": sorted(problem.existing),
        "filed": sorted(problem.filed),
    }
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()


def _canonical(part: Reviewer | Entry) -> list[object]:
    """A reviewer or entry as a list whose first item is its name."""
    values = dataclasses.astuple(part)
    return [sorted(value) if isinstance(value, tuple) else value for value in values]


def obstacles(problem: Problem) -> dict[tuple[str, str], str]:
    """Why a pair must not be: team, filed reviews the other way round, and what was declared.

    Barred people have no pair here: their obstacle is that of the person, for every entry.
    """
    entries = {entry.name: entry for entry in problem.entries}
    develops: dict[str, list[str]] = {}
    for entry in problem.entries:
        for handle in entry.team:
            develops.setdefault(handle, []).append(entry.name)
    found = {}
    for handle, name in sorted(problem.filed):
        for own in develops.get(handle, []):
            for other in entries[name].team:
                found[other, own] = f"is reviewed by {handle}, who develops {own}"
    found |= problem.forbidden
    for handle, names in develops.items():
        for name in names:
            others = [mate for mate in entries[name].team if mate != handle]
            found[handle, name] = "is in its team" if others else "develops it"
    return found


def obstacle(problem: Problem, handle: str, entry: str) -> str | None:
    """Why one pair must not be added to the pairs that exist; None if it may."""
    reviewer = next(person for person in problem.reviewers if person.handle == handle)
    taken = problem.existing | problem.filed
    if (handle, entry) in taken:
        return "reviews it already"
    if reviewer.barred:
        return reviewer.barred
    settled = dataclasses.replace(problem, filed=taken)  # here every pair that exists stays
    found = obstacles(settled).get((handle, entry))
    if found:
        return found
    loads = Counter(person for person, _ in taken)
    if loads[handle] + reviewer.load >= reviewer.capacity:
        return f"has {loads[handle] + reviewer.load} of at most {reviewer.capacity} reviews already"
    return None
