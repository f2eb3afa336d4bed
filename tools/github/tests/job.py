"""A job of a workflow, as `zoo github …` finds it: an event file, a clone, a remote to push to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import tools.cli.github as module
from tools.cli import main
from tools.github.port import Comment, Issue, Run, User
from tools.github.tests.fake import FakeGitHub
from tools.github.tests.world import World
from tools.process.git import git
from tools.process.record import Record
from tools.process.tests.conftest import Term


class Job:
    """A job of a workflow: its clone, its environment, and GitHub in memory.

    Attributes:
        world: the term and GitHub.
        remote: where the record is pushed to.
        event: the file in which an event is delivered.
    """

    def __init__(self, term: Term, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.world, self.patch = World(term), patch
        self.github: FakeGitHub = self.world.github
        self.remote, self.event = folder / "remote.git", folder / "event.json"
        self._folder = folder
        for name, value in {
            "GITHUB_REPOSITORY": self.github.repository,
            "GITHUB_TOKEN": "token",
            "GITHUB_EVENT_PATH": str(self.event),
        }.items():
            patch.setenv(name, value)
        patch.setattr(module, "Client", lambda *arguments, **options: self.github)

    def begin(self) -> None:
        """What the term has recorded so far is on the remote; the job has a clone of its own."""
        term = self.world.term
        term.git("add", "reviews")
        term.git("commit", "--quiet", "--allow-empty", "-m", "Recorded so far")
        git(self._folder, "clone", "--quiet", "--bare", str(term.root), str(self.remote))
        git(self._folder, "clone", "--quiet", str(self.remote), "job")
        self.patch.setenv("ZOO_ROOT", str(self._folder / "job"))

    def run(self, *words: str, event: str = "", **payload: Any) -> Result:
        """A command, started by an event."""
        self.patch.setenv("GITHUB_EVENT_NAME", event)
        repository = {"full_name": self.github.repository}
        self.event.write_text(json.dumps({"repository": repository, **payload}))
        return CliRunner().invoke(main, ["github", *words])

    def comment(self, comment: Comment) -> Result:
        """`zoo github comment` for a new comment."""
        data = {
            "id": comment.id,
            "issue_url": f"https://api.github.com/repos/a/b/issues/{comment.number}",
            "user": account(comment.author),
            "body": comment.body,
            "created_at": comment.created_at.isoformat(),
            "updated_at": comment.updated_at.isoformat(),
            "html_url": comment.url,
        }
        sender = account(comment.author)
        return self.run(
            "comment", event="issue_comment", action="created", comment=data, sender=sender
        )

    def issue(self, issue: Issue, by: User | None = None, action: str = "opened") -> Result:
        """`zoo github issue` for an issue that somebody opened or edited."""
        data = {
            "number": issue.number,
            "user": account(issue.author),
            "title": issue.title,
            "body": self.github.issue_table[issue.number].body,
            "labels": [{"name": label} for label in issue.labels],
            "state": "open",
            "created_at": issue.created_at.isoformat(),
            "updated_at": self.github.issue_table[issue.number].updated_at.isoformat(),
        }
        sender = account(by or issue.author)
        return self.run("issue", event="issues", action=action, issue=data, sender=sender)

    def report(self, run: Run, **changes: Any) -> Result:
        """`zoo github report` for a run that is over."""
        data = {
            "id": run.id,
            "name": run.workflow,
            "event": run.event,
            "head_sha": run.head_sha,
            "conclusion": run.conclusion,
        }
        sender = account(self.github.bot)
        event = {"action": "completed", "workflow_run": data | changes, "sender": sender}
        return self.run("report", event="workflow_run", **event)

    def recorded(self) -> Record:
        """The record as it is on the remote."""
        name = f"look-{len(list(self._folder.iterdir()))}"
        git(self._folder, "clone", "--quiet", str(self.remote), name)
        return Record(self._folder / name)


def account(user: User) -> dict[str, Any]:
    """An account as GitHub delivers it."""
    return {"id": user.id, "login": user.login, "type": "Bot" if user.is_bot else "User"}
