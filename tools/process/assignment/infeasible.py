"""Why there is no plan: the constraint and the people, in one line.

A set of entries cannot be served when it has more places than all who may review them can fill
(Hall's condition); the minimum cut of a flow from entries to reviewers finds such a set, and
leaving entries out while it stays one makes it small. Else teams would review each other.
"""

from __future__ import annotations

import numpy as np

from tools.process.assignment.problem import Problem
from tools.process.assignment.solver import Found
from tools.process.assignment.tables import Tables

NAMED = 8  # people or entries in a message
HELP = "raise reviews_per_person, lower reviewers_per_entry or add a reviewer to the roster"


def explain(problem: Problem, tables: Tables, pairs: list[tuple[int, int]], found: Found) -> str:
    """One line that names the constraint, the entries and the people.

    Args:
        problem: that has no plan.
        tables: of the problem.
        pairs: of the plan that was found, by row and column.
        found: the same plan; it leaves places open.
    """
    spare = _spare(problem, tables)
    need, most = int(tables.quota.sum()), sum(spare)
    if need > most:
        people = _count(sum(s > 0 for s in spare), "person", "people")
        entries = _count(int((tables.quota > 0).sum()), "entry", "entries")
        verb = "needs" if entries.startswith("1 ") else "need"
        return (
            f"{entries} {verb} {_places(problem, need)}, but {people} can do at most {most}"
            f"{_barred(problem)}: {HELP}"
        )
    for column in np.flatnonzero(tables.allowed.sum(0) < tables.quota):
        return _lonely(problem, tables, int(column))
    crowded = _crowded(tables)
    if crowded:
        return _crowd(problem, tables, crowded)
    return _mutual(tables, pairs, found)


def _spare(problem: Problem, tables: Tables) -> list[int]:
    """By reviewer, how many reviews they can still take on."""
    people = {person.handle: person for person in problem.reviewers}
    rest = [people[handle] for handle in tables.handles]
    return [
        0 if person.barred else max(person.capacity - int(base), 0)
        for person, base in zip(rest, tables.base, strict=True)
    ]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _places(problem: Problem, number: int, what: str = "review") -> str:
    """How many reviews are needed, on top of those that are filed."""
    return _count(number, f"more {what}" if problem.filed else what)


def _list(texts: list[str]) -> str:
    """At most `NAMED` of the texts, and how many more there are."""
    more = len(texts) - NAMED
    return ", ".join(texts[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _barred(problem: Problem) -> str:
    reasons = sorted({person.barred for person in problem.reviewers if person.barred})
    if not reasons:
        return ""
    first = [person.handle for person in problem.reviewers if person.barred == reasons[0]]
    more = ", …" if len(reasons) > 1 else ""
    return f" ({_list([f'{handle} {reasons[0]}' for handle in sorted(first)])}{more})"


def _lonely(problem: Problem, tables: Tables, column: int) -> str:
    """An entry that fewer people may review than it needs."""
    entry, need = tables.names[column], int(tables.quota[column])
    people = {person.handle: person for person in problem.reviewers}
    can = [h for h, may in zip(tables.handles, tables.allowed[:, column], strict=True) if may]
    reasons = []
    for row, handle in enumerate(tables.handles):
        if handle in can or (handle, entry) in problem.filed:
            continue
        person, base = people[handle], tables.base[row]
        full = f"has {base} of at most {person.capacity} reviews already"
        reasons.append(f"{handle} {tables.bars.get((handle, entry)) or person.barred or full}")
    only = f"only {_list(can)} may" if can else "nobody may"
    why = f" ({_list(reasons)})" if reasons else ""
    return f"{entry} needs {_places(problem, need, 'reviewer')}, but {only} review it{why}: {HELP}"


def _flow(tables: Tables, columns: list[int]) -> tuple[int, list[int]]:
    """How many places of these entries can be filled, and the entries of the minimum cut."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    rows, count = len(tables.handles), len(columns)
    row, place = np.nonzero(tables.allowed[:, columns])
    source, sink = count + rows, count + rows + 1
    start = np.concatenate([np.full(count, source), place, count + np.arange(rows)])
    end = np.concatenate([np.arange(count), count + row, np.full(rows, sink)])
    most = np.concatenate([tables.quota[columns], np.ones(len(row)), tables.capacity])
    graph = csr_array((most.astype(np.int32), (start, end)), shape=(sink + 1, sink + 1))
    result = maximum_flow(graph, source, sink)
    residual = csr_array(graph - result.flow)
    residual.data = np.maximum(residual.data, 0)
    residual.eliminate_zeros()
    reached = breadth_first_order(residual, source, return_predecessors=False)
    return int(result.flow_value), sorted(columns[node] for node in reached if node < count)


def _crowded(tables: Tables) -> list[int]:
    """A small set of entries that the people who may review them cannot serve; empty if none."""
    everything = [int(column) for column in np.flatnonzero(tables.quota)]
    filled, columns = _flow(tables, everything)
    if filled == tables.quota.sum():
        return []
    for column in list(columns) if len(columns) <= 64 else []:
        fewer = [other for other in columns if other != column]
        if fewer and _flow(tables, fewer)[0] < tables.quota[fewer].sum():
            columns = fewer
    return columns


def _crowd(problem: Problem, tables: Tables, columns: list[int]) -> str:
    """Entries that compete for the same people."""
    need, filled = int(tables.quota[columns].sum()), _flow(tables, columns)[0]
    entries = _list([tables.names[column] for column in columns])
    mostly = np.minimum(tables.capacity, tables.allowed[:, columns].sum(1))
    who = [f"{tables.handles[row]} at most {mostly[row]}" for row in np.flatnonzero(mostly)]
    return (
        f"{entries} together need {_places(problem, need)}, but the people who may review them can "
        f"do {filled} ({_list(who)}): {HELP}"
    )


def _mutual(tables: Tables, pairs: list[tuple[int, int]], found: Found) -> str:
    """Plans exist, but in each of them two teams review each other."""
    column = int(found.open[0])
    chosen, entry = set(pairs), tables.names[column]
    got = sum(other == column for _, other in pairs)
    blocked = []
    for row in np.flatnonzero(tables.allowed[:, column]):
        for mate, own in tables.reciprocal(int(row), column):
            if (mate, own) in chosen:
                mutual = f"{tables.handles[mate]} of its team reviews {tables.names[own]}"
                blocked.append(f"{tables.handles[row]} may not while {mutual}")
    why = f" ({_list(sorted(set(blocked)))})" if blocked else ""
    what = "leaves no plan" if found.proven else "may leave no plan, none was found"
    return (
        f"reciprocity {what}: no two teams may review each other, and then {entry} gets "
        f"{got} of the {_count(int(tables.quota[column]), 'reviewer')} it still needs{why}: {HELP}"
    )
