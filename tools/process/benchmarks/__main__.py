"""Print times, objective, bound, gap and assignment by lot as a Markdown table."""

from __future__ import annotations

import dataclasses
import time

from tools.process.assignment import Plan, Problem, assign
from tools.process.benchmarks.cohort import by_lot, cohort

SIZES = (30, 300, 3000)


def main() -> None:
    """Measure everything; takes about a minute."""
    heads = ("people", "entries", "reviews", "seconds", "squared loads", "preference points")
    print("| " + " | ".join((*heads, "gap", "by lot", "one drops out")) + " |")
    print("|---" * (len(heads) + 3) + "|")
    for size in SIZES:
        problem = cohort(size)
        seconds, plan = _timed(problem)
        lot = by_lot(problem)
        again, after = _timed(_without(problem, plan))
        ours, gap = plan.objective, plan.gap
        row = [
            size,
            len(problem.entries),
            len(plan.pairs),
            f"{seconds:.2f}",
            f"{ours.squares} (bound {plan.bound.squares})",
            f"{ours.preference} (bound {plan.bound.preference})",
            "none, proven" if not any(gap) else f"{gap.squares}, {gap.preference}",
            f"{lot.squares}; {lot.preference} points",
            f"{again:.2f} s, {len(after.dropped)} of {len(plan.pairs)} pairs change",
        ]
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


def _timed(problem: Problem) -> tuple[float, Plan]:
    started = time.perf_counter()
    plan = assign(problem)
    return time.perf_counter() - started, plan


def _without(problem: Problem, plan: Plan) -> Problem:
    """The first person leaves when the plan is in force."""
    first, *others = problem.reviewers
    pairs = frozenset((pair.reviewer, pair.entry) for pair in plan.pairs)
    gone = dataclasses.replace(first, barred="has left")
    return dataclasses.replace(problem, reviewers=(gone, *others), existing=pairs)


if __name__ == "__main__":
    main()
