"""Where a command is said: the entry, the pull request, the asker; and what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tools.github.authority import Asker
from tools.github.boundaries import entries
from tools.github.port import ChangedFile, GitHub, Pull
from tools.process.git import file_at, git
from tools.process.ledger.events import Payload
from tools.process.ledger.state import Submission
from tools.process.record import Record
from zoo.core.errors import ZooError

FILE_LIMIT = 512 * 1024  # bytes of a review or response that is read from a pull request
_REVIEWS = re.compile(r"reviews/([a-z][a-z0-9_]*)/.")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Subject:
    """What an issue or pull request is about.

    Attributes:
        model: name of the entry; "" where there is none.
        pull: None for an issue.
        changes: the files that the pull request changes.
        why: why there is no entry.
    """

    model: str
    pull: Pull | None = None
    changes: tuple[ChangedFile, ...] = ()
    why: str = ""


@dataclass
class Scene:
    """One command at one place.

    Attributes:
        record: of the term.
        github: the repository.
        number: of the issue or pull request.
        subject: what it is about.
        asker: who wrote the comment.
        event_id: identity of the command, for the ledger.
        now: the present moment.
        written: files that came with an event, to be committed.
        appended: whether an event was recorded, which is to be committed.
    """

    record: Record
    github: GitHub
    number: int
    subject: Subject
    asker: Asker
    event_id: str
    now: datetime
    written: list[Path] = field(default_factory=list)
    appended: bool = False

    @property
    def model(self) -> str:
        """Name of the entry."""
        return self.subject.model

    @property
    def said_at(self) -> datetime:
        """When the comment was written, by GitHub's clock."""
        return self.record.said_at or self.now

    @property
    def state(self) -> Submission:
        """Where the entry stands; the empty state where there is none."""
        return self.record.state(self.model) if self.model else Submission("")

    @property
    def pull(self) -> Pull:
        """The open pull request; ZooError on an issue, or when it is over."""
        pull = self.subject.pull
        if pull is None:
            raise ZooError("this is an issue: say it in the pull request of the entry")
        if not pull.is_open:
            raise ZooError(f"pull request {pull.number} is closed: say it in an open one")
        return pull

    def append(self, payload: Payload, *, part: int = 0, model: str = "") -> Submission:
        """Record that something happens now.

        Args:
            payload: what happens.
            part: tells the events of one command apart.
            model: another entry than this one.
        """
        name = f"{self.event_id}-{part}" if part else self.event_id
        handle = self.asker.handle
        after = self.record.append(model or self.model, handle, payload, event_id=name)
        self.appended = True
        return after

    def fetched(self) -> str:
        """The newest commit of the pull request, fetched: its files are data, nothing runs."""
        return fetched(self.record.root, self.pull)

    def file(self, path: str) -> bytes | None:
        """A file of the pull request's newest commit; None where there is none."""
        commit = self.fetched()
        size = git(self.record.root, "cat-file", "-s", f"{commit}:{path}", check=False)
        if size and int(size) > FILE_LIMIT:
            raise ZooError(f"{path} has {size} bytes: {FILE_LIMIT} are the most")
        return file_at(self.record.root, commit, path)


@dataclass(frozen=True)
class Done:
    """What came of a command.

    Attributes:
        text: one line of Markdown, in which nobody is mentioned.
        block: more of it, below all lines.
        later: what is done on GitHub once the record is pushed; the line it adds.
        refused: whether nothing came of it.
        recorded: whether an earlier delivery did it.
    """

    text: str
    block: str = ""
    later: Callable[[GitHub], str] | None = None
    refused: bool = False
    recorded: bool = False


def fetched(root: Path, pull: Pull) -> str:
    """The head of a pull request as a commit of this clone.

    Raises:
        ZooError: it cannot be had, because the branch moved meanwhile for example.
    """
    commit = pull.head_sha
    if not _COMMIT.fullmatch(commit):
        raise ZooError(f"pull request {pull.number} has no commit: push one")
    if not _is_here(root, commit):
        reference = f"refs/pull/{pull.number}/head"
        git(root, "fetch", "--quiet", "--no-tags", "origin", reference, check=False)
    if not _is_here(root, commit):
        raise ZooError(f"the commit {commit[:12]} cannot be fetched: comment again")
    return commit


def _is_here(root: Path, commit: str) -> bool:
    return git(root, "cat-file", "-t", commit, check=False) == "commit"


def subject_of(github: GitHub, record: Record, number: int) -> Subject:
    """The entry whose files a pull request changes, or that an issue has proposed."""
    pull = github.pull(number)
    if pull is None:
        found = [m for m in record.models() if f"issue-{number}" in record.state(m).seen]
        return Subject(found[0]) if found else Subject("", why="this issue proposes no entry")
    changes = tuple(github.changed_files(pull.base_sha, pull.head_sha))
    models = set(entries(changes)) or _reviewed(changes)
    why = ""
    if not into_default(record.root, pull):
        why = "this pull request is not into the default branch, where the record is: change that"
    elif not models:
        why = "this pull request touches no entry: its files lie in zoo/MODEL/"
    elif len(models) > 1:
        why = f"this pull request touches {', '.join(sorted(models))}: one entry each, please"
    elif not models <= set(record.models()):
        why = f"nobody has proposed {min(models)}: an entry begins with the form of a proposal"
    return Subject("" if why else models.pop(), pull, changes, why)


def into_default(root: Path, pull: Pull) -> bool:
    """Whether a pull request is into the branch of the record, which the bot has checked out.

    What CI says of a commit counts for that branch alone: another has other workflows.
    """
    return pull.base_branch == git(root, "symbolic-ref", "--short", "HEAD")


def _reviewed(changes: Sequence[ChangedFile]) -> set[str]:
    """The entries whose reviews or responses a pull request brings."""
    return {found[1] for change in changes if (found := _REVIEWS.match(change.path))}
