"""What GitHub delivers to a workflow, as one typed record; None for all that the bot ignores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.github import reading
from tools.github.port import Comment, Issue, Pull, Run, User
from tools.text import one_line
from zoo.core.errors import ZooError


@dataclass(frozen=True)
class Review:
    """A review that was submitted in GitHub's own review interface."""

    id: int
    number: int
    author: User
    commit: str


@dataclass(frozen=True)
class Tick:
    """A schedule is due."""

    cron: str


Subject = Comment | Issue | Pull | Review | Run | Tick


@dataclass(frozen=True)
class Delivery:
    """Something happened.

    Attributes:
        event: GitHub's name of the event, "issue_comment".
        action: what happened, "created"; empty for a schedule.
        repository: "owner/name".
        sender: who caused it; not always the author of its subject.
        subject: what it happened to, as GitHub delivered it: it may have changed since.
    """

    event: str
    action: str
    repository: str
    sender: User
    subject: Subject


def delivery(event: str, payload: Any) -> Delivery | None:
    """A delivery by the name of its event and its JSON.

    Raises:
        ZooError: an event that concerns the bot is not as GitHub describes it.
    """
    action = payload.get("action", "") if isinstance(payload, dict) else ""
    read = _READERS.get((event, action)) if isinstance(action, str) else None
    if read is None:
        return None
    try:
        repository, sender = payload["repository"]["full_name"], reading.user(payload["sender"])
        return Delivery(event, action, repository, sender, read(payload))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = one_line(f"{event} {action}".strip())
        raise ZooError(f"'{what}' is not as GitHub describes it ({type(error).__name__})") from None


def _review(payload: Any) -> Review:
    review = payload["review"]
    author, number = reading.user(review["user"]), payload["pull_request"]["number"]
    return Review(review["id"], number, author, review["commit_id"])


def _tick(payload: Any) -> Tick:
    return Tick(payload["schedule"])


def _part(read: Callable[[Any], Subject], name: str) -> Callable[[Any], Subject]:
    return lambda payload: read(payload[name])


# Comments act once, when they are written: an edited or deleted one is not in this table.
_READERS: dict[tuple[str, str], Callable[[Any], Subject]] = {
    ("issue_comment", "created"): _part(reading.comment, "comment"),
    ("issues", "opened"): _part(reading.issue, "issue"),
    ("issues", "edited"): _part(reading.issue, "issue"),
    ("pull_request", "opened"): _part(reading.pull, "pull_request"),
    ("pull_request", "synchronize"): _part(reading.pull, "pull_request"),
    ("pull_request", "closed"): _part(reading.pull, "pull_request"),
    ("pull_request_review", "submitted"): _review,
    ("workflow_run", "completed"): _part(reading.run, "workflow_run"),
    ("schedule", ""): _tick,
}
