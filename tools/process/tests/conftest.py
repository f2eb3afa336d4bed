"""A term in a small git repository, with a clock that tests set."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tools.cli import main
from tools.process.git import git
from tools.process.ledger.events import Payload
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.tests.revision import revise
from zoo.core.registry import ZOO_FOLDER

POLICY = """\
time_zone: Europe/Zurich
deadlines: {proposal: "2026-10-05 23:59", v1: "2026-10-19 23:59", v2: "2026-11-16 23:59"}
review: {reviewers_per_entry: 2, reviews_per_person: 3, window_hours: 168}
late: {grace_hours: 24, penalty: 0.25}
revision_days: 7
sign_off_days: 7
regrade_days: 14
submission_checks: static
mutation: {required: 0}
severities:
  blocker: {developers: 30, reviewers: 20}
  major: {developers: 10, reviewers: 8}
  minor: {developers: 3, reviewers: 2}
  nit: {developers: 0, reviewers: 0}
rubric:
  v1:
    - {id: mathematics, question: "Is the mathematics that of the paper?", points: 4}
  v2:
    - {id: response, question: "Is every finding answered?", points: 4}
  review:
    - {id: care, question: "Is the review careful?", points: 4}
"""
ROSTER = """\
people:
  - {handle: "@instructor-one", role: instructor}
  - {handle: "@dev-one", role: developer}
  - {handle: "@dev-two", role: developer}
  - {handle: "@dev-three", role: developer}
  - {handle: "@rev-one", role: reviewer}
  - {handle: "@rev-two", role: reviewer}
  - {handle: "@rev-three", role: reviewer}
"""


class Term:
    """A repository with a policy and a roster; its clock stands until it is set.

    Attributes:
        root: the repository.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self._monkeypatch = root, monkeypatch

    def at(self, moment: str) -> Term:
        """Set the clock: "2026-10-19T21:59:59Z"."""
        self._monkeypatch.setenv("ZOO_NOW", moment)
        return self

    def zoo(self, *arguments: str, by: str | None = None) -> str:
        """What a command prints; it must succeed."""
        result = self.run(*arguments, by=by)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *arguments: str, by: str | None = None) -> str:
        """The last line that a command prints; it must fail as users' mistakes do."""
        result = self.run(*arguments, by=by)
        assert result.exit_code == 1, result.output
        return result.stderr.splitlines()[-1]

    def run(self, *arguments: str, by: str | None = None) -> Result:
        """A command's exit status and output, whatever they are."""
        who = ["--as", by] if by else []
        return CliRunner().invoke(main, [*arguments, *who], catch_exceptions=False)

    def git(self, *arguments: str) -> str:
        """What a git command prints."""
        return git(self.root, *arguments)

    def write(self, path: str, text: str) -> None:
        """Write a file and commit it."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        self.git("add", "--", path)
        self.git("commit", "--quiet", "-m", f"Write {path}", "--", path)

    def propose(self, model: str, by: str, *more: str, paper: str = "1312.6114") -> str:
        """Propose an entry; what the command prints."""
        options = {
            "--title": "Auto-Encoding Variational Bayes",
            "--paper": paper,
            "--family": "latent-variable",
            "--claim": "NLL <= 88 nats",
            "--dataset": "binarized-mnist",
            "--compute": "a laptop",
        }
        pairs = [word for pair in options.items() for word in pair]
        return self.zoo("propose", model, *pairs, *more, by=by)

    def approved(self, model: str, by: str, paper: str = "1312.6114") -> None:
        """Propose an entry and approve it."""
        self.propose(model, by, paper=paper)
        self.zoo("approve", model, by="@instructor-one")

    def happens(self, model: str, actor: str, *payloads: Payload) -> Submission:
        """Record events without the commands that cause them, and commit nothing."""
        for payload in payloads:
            after = self.record.append(model, actor, payload)
        return after

    @property
    def record(self) -> Record:
        """The record as it is now."""
        return Record(self.root)

    def state(self, model: str) -> Submission:
        """Where an entry stands."""
        return self.record.state(model)


def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Term:
    """A term in which nothing has been proposed yet; it is noon of 1 October 2026."""
    root = tmp_path / "clone"
    (root / "reviews").mkdir(parents=True)
    (root / "zoo").mkdir()
    (root / "reviews" / "policy.yaml").write_text(POLICY)
    (root / "reviews" / "roster.yaml").write_text(ROSTER)
    shutil.copy(ZOO_FOLDER.parent / ".gitignore", root)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "A")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    # Neither the settings of who runs the tests nor those of the clone around them.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("ZOO_HANDLE", raising=False)
    monkeypatch.setenv("ZOO_ROOT", str(root))
    monkeypatch.chdir(root)
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "A term begins")
    return Term(root, monkeypatch).at("2026-10-01T10:00:00Z")


@pytest.fixture
def term(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Term:
    """A term that has just begun."""
    return begun(tmp_path, monkeypatch)


@pytest.fixture
def revising(term: Term) -> Term:
    """A toy entry whose two reviews are open; @rev-one has three findings."""
    return revise(term)
