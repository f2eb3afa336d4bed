"""Two stages (keep and balance, then preferences), each a relaxation with its proof.

The relaxation is solved over few of the R × E pairs; reduced costs over all of them say which are
missing, until none is. Its exact duals then tell which pairs every optimum of the first stage takes
or leaves, and the second stage is solved among those, with the cuts against teams that review each
other added as they are violated. Only where the result is not whole, an integer programme follows:
first over the pairs of small reduced cost, then, if it does not reach the bound, over every pair
whose reduced cost is within the gap, which proves the optimum.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import product

import numpy as np

from tools.process.assignment.problem import AVOIDED, KNOWN, WANTED
from tools.process.assignment.programme import UNIT, Cut, Limit, Programme, Solved, Stage, Steps
from tools.process.assignment.tables import TIE, Integers, Tables

SMALL = 40_000  # pairs that are all columns from the beginning
FIRST, MORE = 12, 6  # else: columns per person and entry to begin with, and to add in a round
NEAR = 8  # pairs per place of the first integer programme
WIDE = 150_000  # pairs that an integer programme may have
NODES = 20_000  # of a search tree


@dataclass(frozen=True)
class Found:
    """The best plan found, as numbers of its pairs, and what bounds every plan.

    Attributes:
        chosen: numbers of the pairs, row * E + column.
        kept: no plan keeps more existing pairs.
        squares: no such plan has a smaller sum of squared loads.
        preference: no such plan has more preference points.
        open: numbers of the entries whose quota is not filled; a plan only if there is none.
        proven: whether it is certain that no plan fills more places.
    """

    chosen: Integers
    kept: int
    squares: int
    preference: int
    open: Integers
    proven: bool = True


def solve(tables: Tables) -> Found:
    """The exact optimum; its bound differs from it only where the programme was too large."""
    return _Solver(tables).solve()


class _Solver:
    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.cuts: list[Cut] = []
        self.cut: set[tuple[int, int]] = set()  # pairs of entries whose cuts are there
        owner = np.repeat(np.arange(len(tables.base)), tables.capacity)
        first = np.cumsum(tables.capacity) - tables.capacity
        load = tables.base[owner] + np.arange(len(owner)) - first[owner]
        none, one = np.zeros_like(owner), np.ones_like(owner)
        self.steps = Steps(owner, 2 * load + 1, none, one)
        self.base = int((tables.base**2).sum())
        # Whole-number weights: one more than all that is less important can come to.
        self.keep = int(self.steps.square.sum()) + self.base + 1
        self.unfilled = self.keep * (int(tables.existing.sum()) + 1)
        places = max(int(tables.quota.sum()), 1)
        self.point = TIE << places.bit_length()
        self.wishes = tables.tie - tables.score * self.point
        self.columns = self._first_columns()

    def solve(self) -> Found:
        """Stage by stage."""
        load = self._load_stage()
        first = self._price(load)
        assert first is not None, "places may stay open"
        worth = self._load_cost(first)
        if not first.complete:
            return self._found(first, first.bound, 0)
        if worth == first.bound:
            second, bound = self._wishes_on_face(load, first)
            if second is not None:
                return self._found(second, first.bound, bound)
        return self._everything(load, first)

    def _load_stage(self) -> Stage:
        tables = self.tables
        return Stage(
            pair=-self.keep * tables.existing.astype(np.int64),
            free=tables.allowed,
            must=np.zeros_like(tables.allowed),
            step=self.steps.square,
            steps=self.steps,
            open_entry=self.unfilled,
            open_reviewer=None,
            scale=1.0,
        )

    def _load_cost(self, solved: Solved) -> int:
        """What a solution costs in the first stage, in whole numbers."""
        chosen = solved.chosen
        rows, _ = np.divmod(chosen, len(self.tables.names))
        load = self.tables.base + np.bincount(rows, minlength=len(self.tables.base))
        kept = int(self.tables.existing.ravel()[chosen].sum())
        left = round(float(solved.left.sum()))
        return int((load**2).sum()) - self.base - self.keep * kept + self.unfilled * left

    def _found(self, solved: Solved, load_bound: int, wishes_bound: int) -> Found:
        kept, squares = divmod(load_bound, self.keep)
        return Found(
            chosen=solved.chosen,
            kept=-kept,
            squares=squares + self.base,
            preference=-(wishes_bound // self.point),
            open=np.flatnonzero(solved.left > 0.5),
        )

    def _first_columns(self) -> Integers:
        """Per person and entry the cheapest pairs, and all existing ones."""
        if self.tables.allowed.sum() <= SMALL:
            return np.flatnonzero(self.tables.allowed)
        return np.union1d(
            self._cheapest(self.wishes, self.tables.allowed, FIRST),
            np.flatnonzero(self.tables.existing),
        )

    def _cheapest(self, cost: Integers, among: np.ndarray, count: int) -> Integers:
        """Numbers of the cheapest pairs of each person and of each entry."""
        masked = np.where(among, cost, np.iinfo(np.int64).max)
        chosen = np.zeros(among.shape, dtype=bool)
        for axis in (0, 1):
            most = min(count, among.shape[axis])
            best = np.argpartition(masked, most - 1, axis=axis).take(range(most), axis=axis)
            np.put_along_axis(chosen, best, True, axis=axis)
        return np.flatnonzero(chosen & among)

    def _price(self, stage: Stage, exclusive: bool = False) -> Solved | None:
        """The relaxation over all pairs: columns and cuts are added until none is missing."""
        while True:
            cuts = self.cuts if exclusive else []
            usable = stage.free.ravel()[self.columns]
            programme = Programme(self.tables, stage, self.columns[usable], cuts)
            solved = programme.relaxed(cuts)
            if solved is None:
                return None
            assert solved.reduced is not None
            missing = stage.free & (solved.reduced < 0)
            missing.ravel()[solved.columns] = False
            if missing.any():
                more = self._cheapest(solved.reduced, missing, MORE)
                self.columns = np.union1d(self.columns, more)
            if exclusive and self._separate(solved):
                continue
            if not missing.any() or (exclusive and self._reaches(solved)):
                return solved

    def _worth(self, solved: Solved) -> int:
        """What a solution costs in the second stage, in whole numbers."""
        return int(self.wishes.ravel()[solved.chosen].sum())

    def _reaches(self, solved: Solved) -> bool:
        """Whether a solution of the second stage is a plan as good as its bound, but for ties."""
        return solved.whole and self._worth(solved) // self.point == solved.bound // self.point

    def _separate(self, solved: Solved) -> bool:
        """Add the cuts that a solution violates; whether there were any."""
        tables, entries = self.tables, len(self.tables.names)
        most: dict[tuple[int, int], float] = {}
        for pair, value in zip(solved.columns, solved.x, strict=True):
            if value > 1e-6:
                row, column = divmod(int(pair), entries)
                for own in tables.develops[row]:
                    most[own, column] = max(most.get((own, column), 0.0), float(value))
        found = False
        for own, other in sorted(most):
            if own < other and most[own, other] + most.get((other, own), 0.0) > 1 + 1e-6:
                assert (own, other) not in self.cut, "the solver broke a cut"
                self.cut.add((own, other))
                found = True
                for mate, peer in product(tables.teams[own], tables.teams[other]):
                    if tables.allowed[mate, other] and tables.allowed[peer, own]:
                        self.cuts.append((mate * entries + other, peer * entries + own))
        return found

    def _wishes_stage(self, load: Stage, first: Solved, slack: int) -> Stage:
        """The second stage, among what may occur within `slack` of the first stage's optimum."""
        assert first.reduced is not None
        assert first.reduced_steps is not None
        limit, steps = slack * UNIT, first.reduced_steps
        low, high = self.steps.low, self.steps.high
        penalty = 16 * (WANTED + KNOWN - AVOIDED) * self.point
        return Stage(
            pair=self.wishes,
            free=load.free & (first.reduced <= limit),
            must=load.free & (first.reduced < -limit),
            step=np.zeros_like(load.step),
            steps=dataclasses.replace(
                self.steps,
                low=np.where(steps < -limit, 1, low),
                high=np.where(steps > limit, 0, high),
            ),
            open_entry=penalty,
            open_reviewer=penalty,
            scale=float(1 << 16),
        )

    def _wishes_on_face(self, load: Stage, first: Solved) -> tuple[Solved | None, int]:
        """The second stage among all optima of the first, and its bound; None if it has no plan."""
        stage = self._wishes_stage(load, first, slack=0)
        relaxed = self._price(stage, exclusive=True)
        if relaxed is None or not relaxed.complete:
            return None, 0
        if relaxed.whole:
            return relaxed, relaxed.bound
        assert relaxed.reduced is not None
        closed = dataclasses.replace(stage, open_entry=None, open_reviewer=None)
        size = int(stage.free.sum())
        cost = np.where(stage.free, np.abs(relaxed.reduced), np.iinfo(np.int64).max).ravel()
        near = NEAR * int(self.tables.quota.sum())
        while True:
            nearest = np.argpartition(cost, near)[:near] if near < size else np.arange(cost.size)
            columns = np.union1d(nearest[stage.free.ravel()[nearest]], np.flatnonzero(stage.must))
            columns = np.union1d(columns, relaxed.chosen)
            solved = self._branch(closed, columns)
            if solved is not None:
                worth = self._worth(solved)
                if worth // self.point == relaxed.bound // self.point:
                    return solved, relaxed.bound
                # A better plan takes no pair whose reduced cost exceeds the gap.
                within = int((cost <= (worth - relaxed.bound) * UNIT).sum())
                if near >= min(within, WIDE):
                    return solved, solved.bound if near >= within else relaxed.bound
                near = min(within, WIDE)
            elif near >= size:
                return None, 0
            else:
                near *= 4

    def _branch(
        self, stage: Stage, columns: Integers, limits: tuple[Limit, ...] = ()
    ) -> Solved | None:
        """The integer programme over some pairs; cuts are added until no teams are reciprocal."""
        while True:
            solved = Programme(self.tables, stage, columns, self.cuts).whole(NODES, limits)
            if solved is None or not self._separate(solved):
                return solved

    def _everything(self, load: Stage, first: Solved) -> Found:
        """Both stages as integer programmes: teams that review each other cost load or keeping."""
        allowed = np.flatnonzero(self.tables.allowed)
        all_pairs = len(allowed) <= WIDE
        columns = allowed if all_pairs else self.columns
        best = self._branch(load, columns)
        assert best is not None, "places may stay open"
        bound, worth = best.bound if all_pairs else first.bound, self._load_cost(best)
        if not best.complete:
            found = self._found(best, bound, 0)
            return dataclasses.replace(found, proven=all_pairs and bound >= worth)
        stage = self._wishes_stage(load, first, worth - first.bound)
        stage = dataclasses.replace(stage, open_entry=None, open_reviewer=None)
        kept, squares = divmod(worth, self.keep)
        existing = self.tables.existing.astype(np.int64)
        limits = (
            Limit(-existing, np.zeros_like(stage.step), kept),
            Limit(np.zeros_like(existing), self.steps.square, squares),
        )
        solved = self._branch(stage, columns[stage.free.ravel()[columns]], limits)
        assert solved is not None, "the first stage's plan is one"
        return self._found(solved, bound, solved.bound if all_pairs else self._most_wishes())

    def _most_wishes(self) -> int:
        """A bound of the second stage that always holds: each entry gets whom it suits best."""
        cost = np.sort(np.where(self.tables.allowed, self.wishes, np.iinfo(np.int64).max), axis=0)
        place = np.arange(len(cost))[:, None] < self.tables.quota[None, :]
        return int(cost.sum(where=place))
