"""What tests put on the GitHub of `fake.py`, and what they see there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tools.github.port import (
    Artifact,
    Check,
    Comment,
    Failed,
    InlineComment,
    Issue,
    Permission,
    Pull,
    Run,
    User,
)
from tools.process import clock


@dataclass(frozen=True)
class Write:
    """Something that the bot changed on GitHub: the port's method and its arguments."""

    method: str
    arguments: tuple[object, ...]


@dataclass
class Fault:
    """The `nth` call from now (of a method, when given) fails, before or after it took effect."""

    nth: int
    error: Failed
    method: str | None
    done: bool


class Stage:
    """One repository with its people, files, conversations and runs, and faults to come.

    Attributes:
        repository: "owner/name".
        bot: the account that the bot acts as.
        calls: names of the port's methods in the order of their calls, failed ones included.
        writes: what the bot changed, in order.
        users: accounts by login.
        issue_table, pull_table, comment_table: by number, number and id.
        reaction_table: per comment, (user, content) in order.
        inline_table, body_table: per pull request, comments on its lines, bodies of reviews.
        commits, parents, branches: files of each commit, its first parent, tips.
        labels: colour and description by name. milestones: due date by title.
        run_table, artifact_table: runs by id; artifacts with their run and bytes by id.
    """

    def __init__(self, repository: str = "zoo-course/zoo") -> None:
        self.repository = repository
        self.bot = User(41898282, "github-actions[bot]", is_bot=True)
        self.calls: list[str] = []
        self.writes: list[Write] = []
        self.users: dict[str, User] = {self.bot.login: self.bot}
        self.permissions: dict[str, Permission] = {}
        self.issue_table: dict[int, Issue] = {}
        self.pull_table: dict[int, Pull] = {}
        self.comment_table: dict[int, Comment] = {}
        self.reaction_table: dict[int, list[tuple[User, str]]] = {}
        self.inline_table: dict[int, list[InlineComment]] = {}
        self.body_table: dict[int, list[Comment]] = {}
        self.commits: dict[str, dict[str, str]] = {}
        self.parents: dict[str, str | None] = {}
        self.branches: dict[str, str] = {}
        self.checks: dict[tuple[str, str], Check | None] = {}
        self.labels: dict[str, tuple[str, str]] = {}
        self.milestones: dict[str, datetime | None] = {}
        self.run_table: dict[int, Run] = {}
        self.artifact_table: dict[int, tuple[int, Artifact, bytes]] = {}
        self._faults: list[Fault] = []
        self._last_id = 1000
        self.branches["main"] = self.add_commit({})

    # People

    def add_user(
        self,
        login: str,
        permission: Permission = "read",
        *,
        user_id: int | None = None,
        is_bot: bool = False,
    ) -> User:
        """An account and what it may do in the repository."""
        user = User(user_id or self._next_id(), login, is_bot)
        self.users[login], self.permissions[login] = user, permission
        return user

    def rename(self, old: str, new: str) -> User:
        """Give an account another login; the old one is unknown from now on."""
        user = self.users[new] = replace(self.users.pop(old), login=new)
        self.permissions[new] = self.permissions.pop(old)
        return user

    # Files

    def add_commit(
        self, files: Mapping[str, str], *, parent: str | None = None, sha: str | None = None
    ) -> str:
        """A commit that holds exactly these files; its sha, made up unless given."""
        made = hashlib.sha1(str(self._next_id()).encode()).hexdigest()
        sha = sha or made
        self.commits[sha], self.parents[sha] = dict(files), parent
        return sha

    def push(
        self, branch: str, changes: Mapping[str, str | None], *, sha: str | None = None
    ) -> str:
        """Commit changed files (None removes one) on a branch; open pull requests follow."""
        before = self.branches[branch]
        files = {**self.commits[before], **changes}
        kept = {path: text for path, text in files.items() if text is not None}
        head = self.branches[branch] = self.add_commit(kept, parent=before, sha=sha)
        for number, pull in self.pull_table.items():
            if pull.is_open and pull.head_branch == branch:
                self.pull_table[number] = replace(pull, head_sha=head)
        return head

    # Issues, pull requests, comments

    def add_issue(
        self, author: User, title: str, body: str = "", labels: Sequence[str] = ()
    ) -> Issue:
        """An open issue."""
        now = clock.now()
        number = self._next_number()
        issue = Issue(number, author, title, body, tuple(labels), True, False, now, now)
        self.issue_table[issue.number] = issue
        return issue

    def add_pull(
        self,
        author: User,
        changes: Mapping[str, str | None],
        *,
        title: str = "A pull request",
        body: str = "",
        sha: str | None = None,
    ) -> Pull:
        """An open pull request into main that makes these changes (None removes a file)."""
        number = self._next_number()
        branch, base = f"branch-{number}", self.branches["main"]
        self.branches[branch] = base
        head = self.push(branch, changes, sha=sha)
        now = clock.now()
        self.issue_table[number] = Issue(number, author, title, body, (), True, True, now, now)
        self.pull_table[number] = Pull(
            number, author, base, "main", head, branch, True, False, False
        )
        return self.pull_table[number]

    def say(self, number: int, author: User, body: str, *, at: datetime | None = None) -> Comment:
        """Somebody comments on an issue or a pull request."""
        if number not in self.issue_table:
            raise Failed(f"there is no issue {number}", 404)
        comment_id, moment = self._next_id(), at or clock.now()
        url = f"https://github.com/{self.repository}/issues/{number}#issuecomment-{comment_id}"
        comment = Comment(comment_id, number, author, body, moment, moment, url)
        self.comment_table[comment_id] = comment
        self.change(number)
        return comment

    def change(self, number: int, **fields: Any) -> Issue:
        """Something changes in an issue or pull request."""
        before = self.issue_table[number]
        moved = max(before.updated_at, clock.now())
        self.issue_table[number] = replace(before, **{"updated_at": moved, **fields})
        return self.issue_table[number]

    def edit(self, comment_id: int, body: str) -> Comment:
        """Somebody changes a comment."""
        before = self.comment_table[comment_id]
        self.comment_table[comment_id] = replace(before, body=body, updated_at=clock.now())
        return self.comment_table[comment_id]

    def delete(self, comment_id: int) -> None:
        """Somebody deletes a comment."""
        del self.comment_table[comment_id]
        self.reaction_table.pop(comment_id, None)

    def say_inline(
        self,
        number: int,
        author: User,
        body: str,
        path: str,
        first: int | None,
        last: int | None,
        *,
        review_id: int | None = None,
    ) -> InlineComment:
        """Somebody comments on lines of a pull request's head."""
        commit = self.pull_table[number].head_sha
        comment = InlineComment(
            self._next_id(), review_id or self._next_id(), author, body, path, first, last, commit
        )
        self.inline_table.setdefault(number, []).append(comment)
        return comment

    def say_review(self, number: int, author: User, body: str) -> Comment:
        """Somebody submits a review of a pull request with this text above its comments."""
        comment = Comment(self._next_id(), number, author, body, clock.now(), clock.now())
        self.body_table.setdefault(number, []).append(comment)
        return comment

    def said(self, number: int) -> list[str]:
        """What the bot's comments on an issue or pull request say now, oldest first."""
        comments = self.comment_table.values()
        return [c.body for c in comments if c.number == number and c.author == self.bot]

    # Checks, runs, artifacts

    def add_check(self, sha: str, name: str, conclusion: str | None) -> None:
        """A check run on a commit, which ends now; None while it has not ended."""
        self.checks[sha, name] = Check(conclusion, clock.now()) if conclusion else None

    def add_run(
        self,
        head_sha: str,
        *,
        workflow: str = "CI",
        event: str = "pull_request",
        conclusion: str | None = "success",
    ) -> Run:
        """A workflow run."""
        run = Run(self._next_id(), workflow, event, head_sha, conclusion)
        self.run_table[run.id] = run
        return run

    def add_artifact(
        self, run: Run, name: str, content: bytes, *, expired: bool = False
    ) -> Artifact:
        """What a run leaves behind: the bytes are those of a zip, or of what claims to be one."""
        artifact = Artifact(self._next_id(), name, len(content), expired)
        self.artifact_table[artifact.id] = (run.id, artifact, content)
        return artifact

    # Faults

    def fail(
        self,
        nth: int = 1,
        *,
        method: str | None = None,
        status: int = 502,
        done: bool = False,
    ) -> None:
        """Let the nth call from now fail, of any method or of this one.

        Args:
            nth: 1 is the next call.
            method: count only calls of this method of the port.
            status: the HTTP status of the failure; 0 for no answer.
            done: the call takes effect, only its answer is lost.
        """
        if method is not None and not hasattr(self, method):
            raise AttributeError(method)
        error = Failed(f"GitHub answered {status}", status)
        self._faults.append(Fault(nth, error, method, done))

    def due(self, method: str) -> Fault | None:
        """The fault that hits this call."""
        hit = None
        for fault in list(self._faults):
            if fault.method in (None, method):
                fault.nth -= 1
                if fault.nth == 0:
                    self._faults.remove(fault)
                    hit = hit or fault
        return hit

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _next_number(self) -> int:
        return max(self.issue_table, default=0) + 1

    def ancestors(self, sha: str | None) -> Iterator[str]:
        """A commit and what it stands on, newest first."""
        while sha is not None:
            yield sha
            sha = self.parents[sha]
