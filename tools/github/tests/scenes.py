"""A term on a GitHub in memory: people with accounts, an entry, its pull request, their talk."""

from __future__ import annotations

from tools.github.bot import Reply, answer, handle_comment
from tools.github.port import Comment, Permission, Pull, User
from tools.github.tests.fake import FakeGitHub
from tools.process import clock
from tools.process.ledger import events as ev
from tools.process.ledger.events import Event
from tools.process.record import Record
from tools.process.tests.conftest import ROSTER, Term
from tools.process.tests.revision import MODEL, notebook

IDS = {
    "instructor-one": 101,
    "dev-one": 201,
    "dev-two": 202,
    "dev-three": 203,
    "rev-one": 301,
    "rev-two": 302,
    "rev-three": 303,
}
PERMISSIONS: dict[str, Permission] = {"instructor-one": "admin"}
CARD = """\
---
title: Toy
paper: {arxiv: "1502.03509", authors: [A. Author], year: 2015}
family: flow
developers: []
claims: []
ai_assistance: none
---
"""
ENTRY = {
    "zoo/toy/README.md": CARD,
    "zoo/toy/model.py": MODEL,
    "zoo/toy/demo.ipynb": notebook("sample(8)"),
}
TEAM = ["@dev-one", "@dev-two"]
PROPOSAL = ev.Proposed("Toy", "1502.03509", "flow", TEAM, ["nll"], "digits", "laptop")


class Scenes:
    """What tests say and see.

    Attributes:
        term: the bot's clone.
        github: the repository on GitHub.
        pull: number of the entry's pull request.
        issue: number of the proposal's issue.
    """

    def __init__(self, term: Term) -> None:
        self.term, self.github = term, FakeGitHub()
        roster = ROSTER
        for login, number in IDS.items():
            self.github.add_user(login, PERMISSIONS.get(login, "read"), user_id=number)
            known = f'"@{login}", github_id: {number}, consent: handle, '
            roster = roster.replace(f'"@{login}", ', known)
        term.write("reviews/roster.yaml", roster)
        term.write("LICENSE", "MIT\n")
        author = self.github.users["dev-one"]
        self.issue = self.github.add_issue(author, "Toy").number
        term.record.append("toy", "@dev-one", PROPOSAL, event_id=f"issue-{self.issue}")
        self.commit()
        self.pull = self.github.add_pull(author, ENTRY, sha=self.committed(ENTRY)).number

    def committed(self, files: dict[str, str], onto: str = "main") -> str:
        """A commit of these files on a side branch, as a fetched pull request is; its sha."""
        git = self.term.git
        git("checkout", "--quiet", "-B", "side", onto)
        for path, text in files.items():
            target = self.term.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            git("add", "--force", "--", path)
        git("commit", "--quiet", "--allow-empty", "-m", "Files")
        sha = git("rev-parse", "HEAD")
        git("checkout", "--quiet", "main")
        return sha

    def push(self, files: dict[str, str], verdict: str | None = "success") -> str:
        """The developers push files; what CI says of them."""
        sha = self.committed(files, self.head.head_sha)
        self.github.push(self.head.head_branch, files, sha=sha)
        self.github.add_check(sha, "Verdict", verdict)
        return sha

    @property
    def head(self) -> Pull:
        """The entry's pull request."""
        return self.github.pull_table[self.pull]

    def user(self, login: str) -> User:
        """An account, one that nobody knows if need be."""
        return self.github.users.get(login) or self.github.add_user(login)

    def merge(self) -> None:
        """What GitHub has merged is pulled."""
        self.term.git("merge", "--quiet", "--no-edit", self.head.head_sha)

    def commit(self) -> None:
        """Commit what tests recorded themselves."""
        self.term.record.commit("Recorded", *self.term.root.glob("reviews/*/events.jsonl"))

    def happens(self, actor: str, *payloads: ev.Payload) -> None:
        """Record events and commit them."""
        self.term.happens("toy", actor, *payloads)
        self.commit()

    def deliver(self, comment: Comment) -> Reply:
        """The bot gets a comment, answers it, and returns what it answers."""
        reply = handle_comment(comment, self.github, Record(self.term.root), clock.now())
        answer(comment, reply, self.github)
        return reply

    def say(self, login: str, body: str, *, at: int | None = None) -> str:
        """Somebody comments in the pull request, or elsewhere; what the bot answers."""
        return self.deliver(self.github.say(at or self.pull, self.user(login), body)).text

    def events(self) -> list[Event]:
        """The ledger of the entry."""
        return self.term.record.events("toy")

    def types(self) -> list[str]:
        """What happened to the entry, by the names of the ledger."""
        return [event.payload.TYPE for event in self.events()]

    def approve(self) -> Scenes:
        """The instructor approves."""
        self.say("instructor-one", "/zoo approve")
        return self

    def submit(self) -> Scenes:
        """Version 1 is frozen."""
        self.approve()
        self.github.add_check(self.head.head_sha, "Verdict", "success")
        self.say("dev-one", "/zoo submit v1")
        return self

    def assign(self) -> Scenes:
        """Two reviewers are assigned."""
        self.submit()
        self.say("instructor-one", "/zoo assign @rev-one\n/zoo assign @rev-two")
        return self
