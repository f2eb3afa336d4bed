"""A problem as arrays; rows are reviewers and columns entries, both in the order of their names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.process.assignment.problem import AVOIDED, KNOWN, WANTED, Problem, obstacles

TIE = 1 << 20  # tie-breaking costs lie in [0, TIE)

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Tables:
    """What remains to be decided once filed reviews are set aside: R reviewers, E entries.

    Attributes:
        handles: of the reviewers, sorted.
        names: of the entries, sorted.
        quota: (E,) reviewers still to be found.
        base: (R,) reviews that are set already.
        capacity: (R,) reviews a person can take on top of these.
        allowed: (R, E) whether a pair may be.
        existing: (R, E) allowed pairs of the plan in force.
        score: (R, E) preference points.
        tie: (R, E) cost by which the seed draws among equal plans.
        teams: by entry, the rows of its developers.
        develops: by reviewer, the columns of their own entries.
        bars: why a pair (handle, entry) must not be.
    """

    handles: list[str]
    names: list[str]
    quota: Integers
    base: Integers
    capacity: Integers
    allowed: Flags
    existing: Flags
    score: Integers
    tie: Integers
    teams: list[list[int]]
    develops: list[list[int]]
    bars: dict[tuple[str, str], str]

    def reciprocal(self, row: int, column: int) -> list[tuple[int, int]]:
        """The pairs that must not be beside this one, because two teams would review each other."""
        return [(mate, own) for own in self.develops[row] for mate in self.teams[column]]


def tabulate(problem: Problem, seed: int) -> Tables:
    """The arrays of a problem; the order in which it lists people and entries leaves no trace."""
    reviewers = sorted(problem.reviewers, key=lambda reviewer: reviewer.handle)
    entries = sorted(problem.entries, key=lambda entry: entry.name)
    handles, names = [r.handle for r in reviewers], [e.name for e in entries]
    row = {handle: i for i, handle in enumerate(handles)}
    column = {name: j for j, name in enumerate(names)}
    assert len(row) == len(reviewers), "two reviewers have one handle"
    assert len(column) == len(entries), "two entries have one name"

    teams = [sorted(row[handle] for handle in set(e.team) if handle in row) for e in entries]
    develops: list[list[int]] = [[] for _ in reviewers]
    for j, team in enumerate(teams):
        for i in team:
            develops[i].append(j)

    filed = np.zeros((len(handles), len(names)), dtype=bool)
    filed[_index(problem.filed, row, column)] = True
    base = np.array([r.load for r in reviewers], dtype=np.int64) + filed.sum(1)
    capacity = np.array([0 if r.barred else r.capacity for r in reviewers], dtype=np.int64) - base
    quota = np.array([e.quota for e in entries], dtype=np.int64) - filed.sum(0)

    bars = obstacles(problem)
    allowed = ~filed
    allowed[_index(bars, row, column)] = False
    allowed[capacity <= 0] = False
    existing = np.zeros_like(filed)
    existing[_index(problem.existing, row, column)] = True

    score = np.zeros(filed.shape, dtype=np.int64)
    families = np.array([entry.family for entry in entries])
    for i, person in enumerate(reviewers):
        score[i, [column[name] for name in set(person.wants) & column.keys()]] += WANTED
        score[i, [column[name] for name in set(person.avoids) & column.keys()]] += AVOIDED
        if person.families:
            score[i, np.isin(families, person.families)] += KNOWN
    return Tables(
        handles=handles,
        names=names,
        quota=np.maximum(quota, 0),
        base=base,
        capacity=np.clip(capacity, 0, allowed.sum(1)),
        allowed=allowed,
        existing=existing & allowed,
        score=score,
        tie=_tie(handles, names, seed),
        teams=teams,
        develops=develops,
        bars=bars,
    )


def _index(
    pairs: object, row: dict[str, int], column: dict[str, int]
) -> tuple[list[int], list[int]]:
    """Rows and columns of pairs; people and entries outside the problem have none."""
    known = [(row[h], column[n]) for h, n in pairs if h in row and n in column]  # type: ignore[attr-defined]
    return [i for i, _ in known], [j for _, j in known]


def _tie(handles: list[str], names: list[str], seed: int) -> Integers:
    """(R, E) pseudo-random costs in [0, TIE) that depend on seed, handle and name alone."""

    def words(texts: list[str]) -> NDArray[np.uint64]:
        digests = [hashlib.sha256(f"{seed} {text}".encode()).digest()[:8] for text in texts]
        return np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)

    mixed = words(handles)[:, None] ^ (words(names) * np.uint64(0x9E3779B97F4A7C15))[None, :]
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return (mixed >> np.uint64(44)).astype(np.int64)
