"""The plan: its pairs with their reasons, how good it is, and how good any plan could be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from tools.process.assignment.problem import Problem, input_sha256, obstacles
from zoo.core.errors import ZooError


class Objective(NamedTuple):
    """What a plan is judged by, the most important first.

    Attributes:
        kept: existing pairs that stay; more is better.
        squares: sum of squared loads; less is better.
        preference: preference points of all pairs but those of filed reviews; more is better.
    """

    kept: int
    squares: int
    preference: int


@dataclass(frozen=True)
class Pair:
    """A reviewer for an entry.

    Attributes:
        reviewer: handle.
        entry: name.
        status: "filed" (the review is there), "kept" (was in the plan before), or "new".
        why: "wanted", "knows the family", "would rather not", or "drawn".
    """

    reviewer: str
    entry: str
    status: str
    why: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Who reviews what.

    Attributes:
        pairs: by entry, then handle.
        dropped: why by (handle, entry) for pairs that existed and are no more.
        loads: reviews of everybody who may review, those elsewhere included.
        objective: of this plan.
        bound: no plan is better than this.
        seed: what drew among equal plans.
        input_sha256: of the problem.
    """

    pairs: tuple[Pair, ...]
    dropped: dict[tuple[str, str], str]
    loads: dict[str, int]
    objective: Objective
    bound: Objective
    seed: int
    input_sha256: str

    @property
    def gap(self) -> Objective:
        """How far the plan may be from the best; all zero is a proof that it is the best."""
        ours, best = self.objective, self.bound
        return Objective(
            best.kept - ours.kept,
            ours.squares - best.squares,
            best.preference - ours.preference,
        )


def assign(problem: Problem, seed: int = 0) -> Plan:
    """The best plan for a problem.

    Raises:
        ZooError: there is no plan; the message names the constraint and the people.
    """
    from tools.process.assignment import infeasible
    from tools.process.assignment.solver import solve
    from tools.process.assignment.tables import tabulate

    tables = tabulate(problem, seed)
    found = solve(tables)
    pairs = [divmod(int(number), len(tables.names)) for number in found.chosen]
    if len(found.open):
        raise ZooError(infeasible.explain(problem, tables, pairs, found))
    chosen = {(tables.handles[i], tables.names[j]) for i, j in pairs}
    loads = Counter(handle for handle, _ in chosen | problem.filed)
    total = {r.handle: loads[r.handle] + r.load for r in problem.reviewers}
    objective = Objective(
        kept=sum(bool(tables.existing[pair]) for pair in pairs),
        squares=sum(load**2 for load in total.values()),
        preference=sum(int(tables.score[pair]) for pair in pairs),
    )
    return Plan(
        pairs=_explained(problem, chosen),
        dropped=_dropped(problem, chosen),
        loads={
            person.handle: total[person.handle]
            for person in sorted(problem.reviewers, key=lambda person: person.handle)
            if not person.barred or total[person.handle]
        },
        objective=objective,
        bound=Objective(found.kept, found.squares, found.preference),
        seed=seed,
        input_sha256=input_sha256(problem),
    )


def _explained(problem: Problem, chosen: set[tuple[str, str]]) -> tuple[Pair, ...]:
    """All pairs with their status and reasons."""
    people = {person.handle: person for person in problem.reviewers}
    family = {entry.name: entry.family for entry in problem.entries}
    pairs = []
    for handle, name in sorted(chosen | problem.filed, key=lambda pair: (pair[1], pair[0])):
        if name not in family:
            continue
        status = "new"
        if (handle, name) in problem.existing:
            status = "kept"
        if (handle, name) in problem.filed:
            status = "filed"
        person = people.get(handle)
        why = []
        if person and name in person.wants:
            why.append("wanted")
        if person and family[name] in person.families:
            why.append("knows the family")
        if person and name in person.avoids:
            why.append("would rather not")
        pairs.append(Pair(handle, name, status, tuple(why) or ("drawn",)))
    return tuple(pairs)


def _dropped(problem: Problem, chosen: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Why existing pairs are no more."""
    bars = obstacles(problem)
    barred = {person.handle: person.barred for person in problem.reviewers if person.barred}
    known = {person.handle for person in problem.reviewers}
    reasons = {}
    for handle, name in sorted(problem.existing - chosen - problem.filed):
        reason = barred.get(handle) or bars.get((handle, name))
        if handle not in known:
            reason = "is not among the reviewers any more"
        reasons[handle, name] = reason or "no plan keeps more of the existing pairs"
    return reasons
