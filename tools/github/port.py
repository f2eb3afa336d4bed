"""What the bot asks of GitHub: frozen records, and one Protocol that client and tests fulfil.

Numbers are those of issues and pull requests, which share one count in a repository.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Permission = Literal["admin", "maintain", "write", "triage", "read", "none"]
Reaction = Literal["eyes", "rocket", "confused"]
MAINTAINERS = ("admin", "maintain")  # who may run a term, and change what judges entries
COMMENT_LIMIT = 65_536  # characters of a comment that GitHub takes


@dataclass(frozen=True)
class User:
    """An account: the numeric id survives a renaming, the login does not."""

    id: int
    login: str
    is_bot: bool = False


@dataclass(frozen=True)
class Comment:
    """A comment on an issue or a pull request."""

    id: int
    number: int
    author: User
    body: str
    created_at: datetime
    updated_at: datetime
    url: str = ""


@dataclass(frozen=True)
class Issue:
    """An issue, or the conversation of a pull request.

    `updated_at` moves with its text, its labels and its comments.
    """

    number: int
    author: User
    title: str
    body: str
    labels: tuple[str, ...]
    is_open: bool
    is_pull: bool
    created_at: datetime
    updated_at: datetime
    milestone: str | None = None


@dataclass(frozen=True)
class Pull:
    """A pull request."""

    number: int
    author: User
    base_sha: str
    base_branch: str
    head_sha: str
    head_branch: str
    is_open: bool
    is_draft: bool
    merged: bool


@dataclass(frozen=True)
class ChangedFile:
    """A file that a pull request changes: added, modified, removed or renamed.

    `blob` is git's sha of its content: that of a link or submodule differs from its text's.
    """

    path: str
    status: str
    previous_path: str | None = None
    blob: str = ""


@dataclass(frozen=True)
class InlineComment:
    """A comment on lines of a pull request, part of review `review_id`."""

    id: int
    review_id: int
    author: User
    body: str
    path: str
    first: int | None
    last: int | None
    commit: str


@dataclass(frozen=True)
class Check:
    """How a check run on a commit ended, "success" or another word of GitHub's, and when."""

    conclusion: str
    ended_at: datetime


@dataclass(frozen=True)
class Artifact:
    """What a workflow run left behind; untrusted."""

    id: int
    name: str
    size: int
    expired: bool


@dataclass(frozen=True)
class Run:
    """A workflow run."""

    id: int
    workflow: str
    event: str
    head_sha: str
    conclusion: str | None


class Failed(Exception):
    """GitHub said no, or did not answer after all patience; `status` is the HTTP status or 0."""

    def __init__(self, what: str, status: int = 0) -> None:
        super().__init__(what)
        self.status = status


class GitHub(Protocol):
    """One repository on GitHub. Methods raise `Failed`; lookups give None for 404 and 410."""

    repository: str
    """ "owner/name"."""

    def me(self) -> User:
        """The account that the bot acts as."""

    def permission(self, login: str) -> Permission:
        """What a user may do in the repository; "none" for strangers."""

    def user(self, login: str) -> User | None:
        """An account by its login."""

    def issue(self, number: int) -> Issue | None:
        """An issue or a pull request's conversation."""

    def issues(self, labels: Sequence[str] = (), *, only_open: bool = True) -> Iterator[Issue]:
        """Issues and pull requests, newest first."""

    def pull(self, number: int) -> Pull | None:
        """A pull request."""

    def pulls_with_head(self, sha: str) -> list[Pull]:
        """Open pull requests whose newest commit this is."""

    def changed_files(self, base_sha: str, head_sha: str) -> list[ChangedFile]:
        """What changed between the merge base and a head; ZooError for more than GitHub lists."""

    def file_text(self, path: str, ref: str) -> str | None:
        """A file's text at a commit or branch."""

    def comment(self, comment_id: int) -> Comment | None:
        """A comment, as it is now."""

    def comments(self, number: int) -> Iterator[Comment]:
        """All comments of an issue or pull request, oldest first."""

    def comments_since(self, moment: datetime) -> Iterator[Comment]:
        """All comments in the repository that changed since a moment, oldest first."""

    def create_comment(self, number: int, body: str) -> Comment:
        """Write a comment."""

    def update_comment(self, comment_id: int, body: str) -> None:
        """Change a comment's text."""

    def react(self, comment_id: int, reaction: Reaction) -> None:
        """Add a reaction to a comment; twice is once."""

    def reactions(self, comment_id: int) -> list[tuple[User, str]]:
        """Who reacted how."""

    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        """Replace the labels of an issue or pull request."""

    def set_milestone(self, number: int, title: str | None) -> None:
        """Put an issue or pull request into a milestone of that title, which exists, or none."""

    def inline_comments(self, number: int) -> list[InlineComment]:
        """All comments on lines of a pull request, oldest first."""

    def review_bodies(self, number: int) -> list[Comment]:
        """What reviewers submitted above their comments on lines, oldest first; no empty ones."""

    def check(self, sha: str, name: str) -> Check | None:
        """The newest check run of that name on a commit; None while it has not ended."""

    def merge(self, number: int, sha: str, title: str) -> None:
        """Merge a pull request whose head still is `sha`."""

    def create_issue(self, title: str, body: str, labels: Sequence[str]) -> Issue:
        """Open an issue."""

    def close_issue(self, number: int) -> None:
        """Close an issue."""

    def run(self, run_id: int) -> Run | None:
        """A workflow run."""

    def artifacts(self, run_id: int) -> list[Artifact]:
        """What a run left behind."""

    def download_artifact(self, artifact_id: int, limit: int) -> bytes:
        """The zip of an artifact; Failed when it has more than `limit` bytes."""

    def ensure_label(
        self, name: str, colour: str, description: str, *, dry_run: bool = False
    ) -> bool:
        """Make or adjust a label; whether anything changed, or would change."""

    def ensure_milestone(self, title: str, due: datetime | None, *, dry_run: bool = False) -> bool:
        """Make or adjust a milestone; whether anything changed, or would change."""
