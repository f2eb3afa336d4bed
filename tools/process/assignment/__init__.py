"""Who reviews what: the exact optimum of a small integer programme, with its proof.

`assign(problem, seed)` is a pure function. Every entry gets exactly its reviewers and nobody more
than they can take; nobody reviews their own team, a person they have a conflict with, or a team
that reviews them. Among all such plans it takes, in this order,

1. one that keeps the most existing pairs, so that little changes when somebody drops out;
2. one with the smallest sum of squared loads: as few heavily loaded people as possible;
3. one with the most preference points (`problem.WANTED`, `KNOWN`, `AVOIDED`);
4. the one that the seed draws.

`Plan.bound` is what no plan can surpass; a gap of zero is a proof that the plan is the best.
"""

from __future__ import annotations

from tools.process.assignment.plan import Objective, Pair, Plan, assign
from tools.process.assignment.problem import Entry, Problem, Reviewer, input_sha256

__all__ = [
    "Entry",
    "Objective",
    "Pair",
    "Plan",
    "Problem",
    "Reviewer",
    "assign",
    "input_sha256",
]
