"""Labels and milestones of pull requests and proposals: projections of the ledger, like the status.

Labels that begin with "zoo:" are the bot's, as are three milestones; everybody else's stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from tools.github.port import Comment, GitHub, Issue
from tools.github.sticky import update_status
from tools.process.ledger.state import OVER, StageName, Submission
from tools.process.obligations import obligations
from tools.process.rules.policy import Policy

PREFIX = "zoo:"
LATE, OVERDUE = f"{PREFIX}late", f"{PREFIX}overdue"
PROPOSAL, FIRST, SECOND = "Proposal", "Version 1", "Version 2"
_WAITING, _GOING, _DONE, _STOPPED, _ALARM = "fbca04", "1d76db", "0e8a16", "cfd3d7", "d73a4a"
_COLOURS = {
    "proposed": _WAITING,
    "accepted": _DONE,
    "published": _DONE,
    "declined": _STOPPED,
    "on-hold": _STOPPED,
    "withdrawn": _STOPPED,
    "missing": _ALARM,
}


@dataclass(frozen=True)
class Label:
    """A label of the bot's: its name, its colour as six hexadecimal digits, what it means."""

    name: str
    colour: str
    description: str


LABELS = (
    *(
        Label(PREFIX + stage, _COLOURS.get(stage, _GOING), f"The entry is {stage}")
        for stage in get_args(StageName)
        if stage != "none"
    ),
    Label(LATE, _ALARM, "Something that the entry waits for is late"),
    Label(OVERDUE, _ALARM, "The list of everything that is late"),
)


def labels_of(state: Submission, now: datetime) -> list[str]:
    """The bot's labels of an entry."""
    if state.stage == "none":
        return []
    late = any(item.late for item in obligations(state, now))
    return [PREFIX + state.stage, *([LATE] if late else [])]


def milestones(policy: Policy) -> dict[str, datetime | None]:
    """The bot's milestones and when they are due."""
    dates = policy.deadlines
    named = {PROPOSAL: dates.proposal, FIRST: dates.v1, SECOND: dates.v2}
    return {title: policy.utc(date) if date else None for title, date in named.items()}


def milestone_of(state: Submission) -> str | None:
    """What an entry works for, or has reached last."""
    stage = state.held_from if state.stage == "on-hold" else state.stage
    if stage in ("none", *OVER):
        return None
    if stage == "proposed":
        return PROPOSAL
    return SECOND if state.v1 else FIRST


def apply_projections(
    github: GitHub,
    number: int,
    state: Submission,
    policy: Policy,
    now: datetime,
    known: Sequence[Comment] = (),
) -> bool:
    """Bring labels, milestone and status of an issue or pull request up to date.

    Args:
        github: the repository.
        number: of the issue or pull request; a proposal of which nothing more will come is closed.
        state: of its entry.
        policy: the course's rules.
        now: the present moment.
        known: comments that were there before.

    Returns:
        Whether anything had to be done.
    """
    issue = github.issue(number)
    if issue is None:
        return False
    changed = project(github, issue, state, policy, now, known)
    return (is_settled(state, issue) and close_proposal(github, issue)) or changed


def project(
    github: GitHub,
    issue: Issue,
    state: Submission,
    policy: Policy,
    now: datetime,
    known: Sequence[Comment] = (),
) -> bool:
    """The same, of an issue or pull request as it was just read."""
    marked = _mark(github, issue, state, policy, now)
    return update_status(github, issue.number, state, policy, now, known) or marked


def is_settled(state: Submission, issue: Issue) -> bool:
    """Whether an issue is an open proposal of which nothing more will come."""
    return not issue.is_pull and issue.is_open and state.stage in (*OVER, "accepted", "published")


def close_proposal(github: GitHub, issue: Issue) -> bool:
    """Close the issue of a proposal."""
    github.close_issue(issue.number)
    return True


def _mark(github: GitHub, issue: Issue, state: Submission, policy: Policy, now: datetime) -> bool:
    """Set labels and milestone where they differ."""
    foreign = [name for name in issue.labels if not name.startswith(PREFIX)]
    wanted = [*foreign, *labels_of(state, now)]
    relabelled = set(wanted) != set(issue.labels)
    if relabelled:
        github.set_labels(issue.number, wanted)
    title, dates = milestone_of(state), milestones(policy)
    moved = issue.milestone != title and (issue.milestone is None or issue.milestone in dates)
    if moved:
        if title:
            github.ensure_milestone(title, dates[title])
        github.set_milestone(issue.number, title)
    return relabelled or moved
