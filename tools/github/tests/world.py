"""A term on GitHub, with a clock that tests set."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field

from tools.github.clockwork import Report, strike
from tools.github.tests.fake import FakeGitHub
from tools.process import clock
from tools.process.ledger import events as ev
from tools.process.tests.conftest import Term

IDS = {"dev-one": 11, "dev-two": 12, "rev-one": 21, "rev-two": 22, "instructor-one": 31}
MARK = re.compile(r"<!-- zoo:reminder (.*) -->")


@dataclass
class World:
    """A term on GitHub."""

    term: Term
    github: FakeGitHub = field(default_factory=FakeGitHub)

    def __post_init__(self) -> None:
        people = [
            f'  - {{handle: "@{login}", role: {_role(login)}, github_id: {number}}}'
            for login, number in IDS.items()
        ]
        self.term.write("reviews/roster.yaml", "\n".join(["people:", *people]) + "\n")
        for login, number in IDS.items():
            self.github.add_user(login, user_id=number)

    def approved(self, model: str = "vae", paper: str = "1312.6114") -> None:
        """An entry of both developers, which waits for version 1."""
        team = ["@dev-one", "@dev-two"]
        proposal = ev.Proposed("Toy", paper, "flow", team, ["nll"], "digits", "laptop")
        rules = asdict(self.term.record.policy.rules())
        self.term.happens(model, "@dev-one", proposal)
        self.term.happens(model, "@instructor-one", ev.Approved(rules))

    def submitted(self, model: str = "vae") -> None:
        """Version 1 is in, and the window of two reviewers is open until 8 October."""
        self.approved(model)
        self.term.happens(model, "@dev-one", ev.Submitted("v1", "a" * 40, 9, 0))
        pair = ev.Assigned("@rev-one"), ev.Assigned("@rev-two")
        self.term.happens(model, "@instructor-one", *pair)

    def pull(self, path: str = "zoo/vae/model.py", by: str = "dev-one") -> int:
        """A pull request that changes a file; its number."""
        return self.github.add_pull(self.github.users[by], {path: "x"}).number

    def strike(self, at: str) -> Report:
        """A run of the clock."""
        self.term.at(at)
        return strike(self.github, self.term.record, clock.now())

    def marks(self, number: int) -> list[str]:
        """Marks of the reminders in a conversation, in their order."""
        found = (MARK.match(body) for body in self.github.said(number))
        return [match[1] for match in found if match]


def _role(login: str) -> str:
    return {"dev": "developer", "rev": "reviewer"}.get(login.partition("-")[0], "instructor")
