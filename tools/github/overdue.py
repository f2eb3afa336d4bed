"""The list of everything that is late in a term, for the instructor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from tools.github.speech import spoken
from tools.github.sticky import code, when, who
from tools.process.history import work
from tools.process.ledger.state import OVER, Submission
from tools.process.obligations import obligations
from tools.process.rules.policy import Policy
from tools.text import escape


def overdue_text(
    states: Mapping[str, Submission], places: Mapping[str, int], policy: Policy, now: datetime
) -> str:
    """A table of what is late or missing; empty where nothing is.

    Args:
        states: of all entries, by name.
        places: number of the issue or pull request of an entry, where it has one.
        policy: the course's rules.
        now: the present moment.
    """
    rows = [
        f"| {_entry(model, places)} | {cells} |"
        for model, state in sorted(states.items())
        for cells in _late(state, policy, now)
    ]
    return "\n".join(["| entry | who | owes | since |", "|---|---|---|---|", *rows]) if rows else ""


def _late(state: Submission, policy: Policy, now: datetime) -> Iterator[str]:
    """Cells of what is late, then of what can come no more unless somebody extends it."""
    for item in obligations(state, now):
        if item.late:
            what = escape(spoken(item.what, state.model))
            yield f"{who(state, item)} | {what} | {when(item, policy)}"
    if state.stage == "missing":
        team = ", ".join(map(code, state.team))
        for version in state.missing:
            yield f"{team} | {work(version)} | missing"
    if state.stage not in (*OVER, "published"):
        for review in state.reviews.values():
            if review.status in ("missing", "lost"):
                yield f"{code(review.reviewer)} | the review | {review.status}"


def _entry(model: str, places: Mapping[str, int]) -> str:
    return f"[{code(model)}](../issues/{places[model]})" if model in places else code(model)
