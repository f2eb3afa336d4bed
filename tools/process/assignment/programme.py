"""The integer programme of one stage, over those pairs that may matter, and its bound over all.

Variables are pairs x (reviewer takes entry), steps y (a reviewer's first, second, … further review,
each dearer than the one before: a convex cost of load) and places left open, s by entry and t by
reviewer, which cost more than anything they could save. Rows: an entry's pairs + s = its quota; a
reviewer's pairs + t = their steps; x + x' <= 1 where two teams would review each other. Without the
last the matrix is totally unimodular: the linear programme's vertices are plans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.process.assignment.tables import Flags, Integers, Tables

Cut = tuple[int, int]  # two pairs, by number, of which at most one may be
UNIT = 64  # duals are rounded to 1/UNIT, so that bounds are computed in whole numbers


@dataclass(frozen=True)
class Steps:
    """K further reviews of people: `owner` (K,) whose, `square` (K,) what the square of the load
    grows by, `low` and `high` (K,) bounds.
    """

    owner: Integers
    square: Integers
    low: Integers
    high: Integers


@dataclass(frozen=True)
class Stage:
    """What one stage minimises, and over what; all costs are whole numbers.

    Attributes:
        pair: (R, E) cost of each pair.
        free: (R, E) pairs that may be.
        must: (R, E) pairs that must be.
        step: (K,) cost of each step.
        steps: the steps.
        open_entry: cost of an entry's place that stays open; None where none may.
        open_reviewer: cost of a step without a pair; None where there may be none.
        scale: the solver sees costs divided by this power of two.
    """

    pair: Integers
    free: Flags
    must: Flags
    step: Integers
    steps: Steps
    open_entry: int | None
    open_reviewer: int | None
    scale: float


@dataclass(frozen=True)
class Limit:
    """A cost of pairs (R, E) and steps (K,) that must not come to more than `most`."""

    pair: Integers
    step: Integers
    most: int


@dataclass(frozen=True)
class Solved:
    """A solution of a stage over some columns.

    Attributes:
        columns: (C,) numbers of the pairs, row * E + column, ascending.
        x: (C,) their values.
        steps: (K,) values of the steps.
        left: (E,) places left open by entry.
        idle: steps without a pair, in all.
        bound: no plan costs less; over all pairs after `bound_over_all`.
        reduced: (R, E) reduced costs times UNIT, or None of an integer programme.
        reduced_steps: (K,) likewise.
    """

    columns: Integers
    x: NDArray[np.float64]
    steps: NDArray[np.float64]
    left: NDArray[np.float64]
    idle: float
    bound: int
    reduced: Integers | None = None
    reduced_steps: Integers | None = None

    @property
    def whole(self) -> bool:
        """Whether every pair is taken or not, and nothing is left open."""
        return bool(self.complete and np.all(np.abs(self.x - self.x.round()) < 1e-6))

    @property
    def complete(self) -> bool:
        """Whether nothing is left open."""
        return bool(self.left.sum() + self.idle < 1e-6)

    @property
    def chosen(self) -> Integers:
        """Numbers of the pairs that are taken."""
        return self.columns[self.x > 0.5]


class Programme:
    """Matrices of a stage over some columns."""

    def __init__(self, tables: Tables, stage: Stage, columns: Integers, cuts: list[Cut]) -> None:
        from scipy.sparse import coo_array

        self.tables, self.stage, self.columns = tables, stage, columns
        rows, entries = tables.allowed.shape
        count, steps = len(columns), len(stage.step)
        row, entry = np.divmod(columns, entries)
        variable = np.arange(count + steps + entries + rows)
        first, ends = variable[:count], np.cumsum([count, steps, entries, rows])
        self.parts = list(zip([0, *ends[:-1]], ends, strict=True))
        line = np.concatenate(
            [entry, entries + row, entries + stage.steps.owner, np.arange(entries + rows)]
        )
        place = np.concatenate([first, first, variable[count:]])
        sign = np.ones(len(line))
        sign[2 * count : 2 * count + steps] = -1
        shape = (entries + rows, len(variable))
        self.equal = coo_array((sign, (line, place)), shape=shape).tocsr()
        self.quota = np.concatenate([tables.quota, np.zeros(rows, dtype=np.int64)])

        self.cost = np.concatenate(
            [
                stage.pair.ravel()[columns],
                stage.step,
                np.full(entries, stage.open_entry or 0),
                np.full(rows, stage.open_reviewer or 0),
            ]
        )
        self.open_entry = tables.quota * (stage.open_entry is not None)
        self.open_reviewer = tables.capacity * (stage.open_reviewer is not None)
        self.low = np.concatenate(
            [stage.must.ravel()[columns], stage.steps.low, np.zeros(entries + rows)]
        )
        self.high = np.concatenate(
            [np.ones(count), stage.steps.high, self.open_entry, self.open_reviewer]
        )

        both = np.array(cuts, dtype=np.int64).reshape(-1, 2)
        present = np.isin(both, columns)
        self.cuts = np.flatnonzero(present.all(1))  # a pair without a column is not taken
        where = np.searchsorted(columns, both[self.cuts])
        lines = np.repeat(np.arange(len(self.cuts)), 2)
        entries_of = (np.ones(where.size), (lines, where.ravel()))
        self.exclusive = coo_array(entries_of, shape=(len(self.cuts), len(variable))).tocsr()

    def relaxed(self, cuts: list[Cut]) -> Solved | None:
        """The linear programme's vertex and duals, and from them a bound over all pairs.

        None where it has no solution: pairs that must be exclude each other.
        """
        from scipy.optimize import linprog

        result = linprog(
            self.cost / self.stage.scale,
            A_eq=self.equal,
            b_eq=self.quota,
            A_ub=self.exclusive if len(self.cuts) else None,
            b_ub=np.ones(len(self.cuts)) if len(self.cuts) else None,
            bounds=np.stack([self.low, self.high], axis=1),
            method="highs-ipm",
        )
        if result.status == 2:
            return None
        assert result.status == 0, result.message
        unit = UNIT * self.stage.scale
        dual = np.rint(result.eqlin.marginals * unit).astype(np.int64)
        cut = np.zeros(0, dtype=np.int64)
        if len(self.cuts):
            cut = np.minimum(np.rint(result.ineqlin.marginals * unit), 0).astype(np.int64)
        return self._solved(result.x, *self._bound(dual, cut, cuts))

    def _bound(
        self, dual: Integers, cut: Integers, cuts: list[Cut]
    ) -> tuple[int, Integers, Integers]:
        """Lagrangian bound over all pairs for any duals, in whole numbers; reduced costs."""
        stage, tables = self.stage, self.tables
        entries = len(tables.quota)
        of_entry, of_reviewer = dual[:entries], dual[entries:]
        reduced = stage.pair * UNIT - of_entry[None, :] - of_reviewer[:, None]
        for price, number in zip(cut, self.cuts, strict=True):
            for pair in cuts[number]:
                reduced.ravel()[pair] -= price
        steps = stage.step * UNIT + of_reviewer[stage.steps.owner]
        total = int(of_entry @ tables.quota) + int(cut.sum())
        total += int(np.minimum(reduced, 0).sum(where=stage.free)) + int(
            np.maximum(reduced, 0).sum(where=stage.must)
        )
        total += int(np.where(steps > 0, steps * stage.steps.low, steps * stage.steps.high).sum())
        for price, of, most in (
            (stage.open_entry, of_entry, self.open_entry),
            (stage.open_reviewer, of_reviewer, self.open_reviewer),
        ):
            total += int(np.minimum((price or 0) * UNIT - of, 0) @ most)
        return -(-total // UNIT), reduced, steps  # costs are whole: round up

    def whole(self, nodes: int, limits: tuple[Limit, ...]) -> Solved | None:
        """The integer programme's solution, or None where it has none.

        Args:
            nodes: of the search tree at most; beyond them the bound is what was proven.
            limits: what the stages before have settled.
        """
        from scipy.optimize import Bounds, LinearConstraint, milp

        constraints = [LinearConstraint(self.equal, self.quota, self.quota)]
        if len(self.cuts):
            constraints.append(LinearConstraint(self.exclusive, -np.inf, 1))
        for limit in limits:
            line = np.zeros(len(self.cost))
            line[: len(self.columns)] = limit.pair.ravel()[self.columns]
            line[slice(*self.parts[1])] = limit.step
            constraints.append(LinearConstraint(line[None, :], -np.inf, limit.most))
        integral = np.zeros(len(self.cost))
        integral[: len(self.columns)] = 1
        result = milp(
            self.cost / self.stage.scale,
            integrality=integral,
            bounds=Bounds(self.low, self.high),
            constraints=constraints,
            options={"node_limit": nodes, "mip_rel_gap": 0.0},
        )
        if result.x is None:
            return None
        bound = int(np.ceil(result.mip_dual_bound * self.stage.scale - 0.5))
        return self._solved(result.x, bound)

    def _solved(
        self,
        values: NDArray[np.float64],
        bound: int,
        reduced: Integers | None = None,
        steps: Integers | None = None,
    ) -> Solved:
        x, taken, left, idle = (values[low:high] for low, high in self.parts)
        return Solved(self.columns, x, taken, left, float(idle.sum()), bound, reduced, steps)
