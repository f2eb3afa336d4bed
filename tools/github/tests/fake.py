"""A GitHub in memory that fulfils the port, for tests of what the bot decides.

Tests set the stage (`add_user`, `add_pull`, `say`, …), let the bot act, and look at what is there
and at `writes`. How GitHub's own answers look is not proven here: see test_contract.py.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, get_args

from tools.github.port import (
    Artifact,
    ChangedFile,
    Check,
    Comment,
    Failed,
    InlineComment,
    Issue,
    Permission,
    Pull,
    Reaction,
    Run,
    User,
)
from tools.github.tests.stage import Stage, Write

Method = TypeVar("Method", bound=Callable[..., Any])


def _asked(method: Method) -> Method:
    """A call of the port: it is counted, and may fail as a test has planned."""

    @functools.wraps(method)
    def call(self: FakeGitHub, *arguments: object, **named: object) -> object:
        self.calls.append(method.__name__)
        fault = self.due(method.__name__)
        if fault and not fault.done:
            raise fault.error
        result = method(self, *arguments, **named)
        if fault:
            raise fault.error
        return result

    return call  # type: ignore[return-value]


def _writes(method: Method) -> Method:
    """A call that changes something: recorded in `writes` once it took effect."""

    @functools.wraps(method)
    def write(self: FakeGitHub, *arguments: object, **named: object) -> object:
        result = method(self, *arguments, **named)
        self.writes.append(Write(method.__name__, (*arguments, *named.values())))
        return result

    return _asked(write)


class FakeGitHub(Stage):
    """The port over a stage."""

    @_asked
    def me(self) -> User:
        return self.bot

    @_asked
    def permission(self, login: str) -> Permission:
        return self.permissions.get(login, "none")

    @_asked
    def user(self, login: str) -> User | None:
        return self.users.get(login)

    @_asked
    def issue(self, number: int) -> Issue | None:
        return self.issue_table.get(number)

    @_asked
    def issues(self, labels: Sequence[str] = (), *, only_open: bool = True) -> Iterator[Issue]:
        newest = [self.issue_table[number] for number in sorted(self.issue_table, reverse=True)]
        return iter(
            [i for i in newest if (i.is_open or not only_open) and set(labels) <= set(i.labels)]
        )

    @_asked
    def pull(self, number: int) -> Pull | None:
        return self.pull_table.get(number)

    @_asked
    def pulls_with_head(self, sha: str) -> list[Pull]:
        return [p for p in self.pull_table.values() if p.is_open and p.head_sha == sha]

    @_asked
    def changed_files(self, base_sha: str, head_sha: str) -> list[ChangedFile]:
        for sha in (base_sha, head_sha):
            if sha not in self.commits:
                raise Failed(f"there is no commit {sha}", 404)
        known = set(self.ancestors(base_sha))
        common = next((sha for sha in self.ancestors(head_sha) if sha in known), None)
        before = self.commits[common] if common else {}
        after = self.commits[head_sha]
        changed = [path for path in sorted(before | after) if before.get(path) != after.get(path)]
        return [
            ChangedFile(path, _status(path in before, path in after), blob=_blob(after.get(path)))
            for path in changed
        ]

    @_asked
    def file_text(self, path: str, ref: str) -> str | None:
        return self.commits.get(self.branches.get(ref, ref), {}).get(path)

    @_asked
    def comment(self, comment_id: int) -> Comment | None:
        return self.comment_table.get(comment_id)

    @_asked
    def comments(self, number: int) -> Iterator[Comment]:
        self._existing(number)
        return iter([c for c in self.comment_table.values() if c.number == number])

    @_asked
    def comments_since(self, moment: datetime) -> Iterator[Comment]:
        late = [c for c in self.comment_table.values() if c.updated_at >= moment]
        return iter(sorted(late, key=lambda comment: (comment.updated_at, comment.id)))

    @_writes
    def create_comment(self, number: int, body: str) -> Comment:
        return self.say(number, self.bot, body)

    @_writes
    def update_comment(self, comment_id: int, body: str) -> None:
        self._existing_comment(comment_id)
        self.edit(comment_id, body)

    @_writes
    def react(self, comment_id: int, reaction: Reaction) -> None:
        self._existing_comment(comment_id)
        if reaction not in get_args(Reaction):
            raise Failed(f"there is no reaction {reaction}", 422)
        given = self.reaction_table.setdefault(comment_id, [])
        if (self.bot, reaction) not in given:
            given.append((self.bot, reaction))

    @_asked
    def reactions(self, comment_id: int) -> list[tuple[User, str]]:
        self._existing_comment(comment_id)
        return list(self.reaction_table.get(comment_id, ()))

    @_writes
    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        self._existing(number)
        self.change(number, labels=tuple(labels))

    @_writes
    def set_milestone(self, number: int, title: str | None) -> None:
        if title is not None and title not in self.milestones:
            raise Failed(f"there is no milestone '{title}'", 404)
        self._existing(number)
        self.change(number, milestone=title)

    @_asked
    def inline_comments(self, number: int) -> list[InlineComment]:
        self._existing(number)
        return list(self.inline_table.get(number, ()))

    @_asked
    def review_bodies(self, number: int) -> list[Comment]:
        self._existing(number)
        return list(self.body_table.get(number, ()))

    @_asked
    def check(self, sha: str, name: str) -> Check | None:
        return self.checks.get((sha, name))

    @_writes
    def merge(self, number: int, sha: str, title: str) -> None:
        pull = self.pull_table.get(number)
        if pull is None:
            raise Failed(f"there is no pull request {number}", 404)
        if pull.merged and pull.head_sha == sha:
            return
        if not pull.is_open or pull.is_draft:
            raise Failed(f"pull request {number} cannot be merged", 405)
        if pull.head_sha != sha:
            raise Failed(f"the head of pull request {number} moved", 409)
        changes = {c.path: self.commits[sha].get(c.path) for c in self._changes(pull)}
        self.push("main", changes)
        self.pull_table[number] = replace(pull, is_open=False, merged=True)
        self.change(number, is_open=False)

    @_writes
    def create_issue(self, title: str, body: str, labels: Sequence[str]) -> Issue:
        return self.add_issue(self.bot, title, body, labels)

    @_writes
    def close_issue(self, number: int) -> None:
        self._existing(number)
        self.change(number, is_open=False)
        if number in self.pull_table:
            self.pull_table[number] = replace(self.pull_table[number], is_open=False)

    @_asked
    def run(self, run_id: int) -> Run | None:
        return self.run_table.get(run_id)

    @_asked
    def artifacts(self, run_id: int) -> list[Artifact]:
        return [artifact for run, artifact, _ in self.artifact_table.values() if run == run_id]

    @_asked
    def download_artifact(self, artifact_id: int, limit: int) -> bytes:
        _, artifact, content = self.artifact_table.get(artifact_id, (0, None, b""))
        if artifact is None or artifact.expired:
            raise Failed(f"artifact {artifact_id} is gone", 410)
        if len(content) > limit:
            raise Failed(f"artifact {artifact_id} has more than {limit} bytes")
        return content

    @_writes
    def ensure_label(
        self, name: str, colour: str, description: str, *, dry_run: bool = False
    ) -> bool:
        changed = self.labels.get(name) != (colour, description)
        if not dry_run:
            self.labels[name] = (colour, description)
        return changed

    @_writes
    def ensure_milestone(self, title: str, due: datetime | None, *, dry_run: bool = False) -> bool:
        known = self.milestones.get(title)
        changed = title not in self.milestones or due not in (None, known)
        if changed and not dry_run:
            self.milestones[title] = due
        return changed

    def _existing(self, number: int) -> Issue:
        if number not in self.issue_table:
            raise Failed(f"there is no issue {number}", 404)
        return self.issue_table[number]

    def _existing_comment(self, comment_id: int) -> None:
        if comment_id not in self.comment_table:
            raise Failed(f"there is no comment {comment_id}", 404)

    def _changes(self, pull: Pull) -> list[ChangedFile]:
        # Not through `changed_files` itself: that would count as a call of the bot's.
        return FakeGitHub.changed_files.__wrapped__(self, pull.base_sha, pull.head_sha)  # type: ignore[attr-defined]


def _status(was: bool, now_is: bool) -> str:
    return "modified" if was and now_is else "added" if now_is else "removed"


def _blob(text: str | None) -> str:
    """What git calls a content; nothing for none."""
    if text is None:
        return ""
    content = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
