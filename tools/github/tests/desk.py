"""A term under review, its repository on GitHub, and the people there."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from tools.github import filing
from tools.github.inline import compile_inline
from tools.github.port import Pull, User
from tools.github.tests.fake import FakeGitHub
from tools.process.ledger import events as ev
from tools.process.tests.conftest import Term
from tools.process.tests.reviews import COMMIT, FROZEN, REVIEW, assign
from zoo.core.errors import ZooError

NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "id": "intro", "source": ["# Toy\n", "The lesson.\n"]},
            {
                "cell_type": "code",
                "id": "draw",
                "outputs": ["printed"],
                "source": ["a = 1\n", "model.sample(8)"],
            },
        ],
        "nbformat": 4,
    },
    indent=1,
)
ODD = (
    """\
x = "a: #b" # ```
```
---
\ty = 'é\u2028' \\ \U0001f600

<!-- {{x}} --> ## F09: no
"""
    + "w" * 20_000
    + "\n"
)
FINDING = """\
**[major][mathematics]** The mean is taken over pixels

**Expected.** Equation 3 of the paper sums over all pixels.

**Observed.** `log_prob` divides by their number, 784.

**Suggestion.** Write `sum(1)`.
"""


@dataclass
class Desk:
    """A term under review, its repository on GitHub, and the people there."""

    term: Term
    github: FakeGitHub
    people: dict[str, User]
    entry: Pull

    @property
    def commit(self) -> str:
        """Where version 1 was frozen."""
        return self.term.state("toy").v1.commit

    def text(self, by: str = "@rev-one") -> str:
        """A complete review."""
        text = REVIEW.replace(COMMIT, self.commit).replace("@rev-one", by)
        return text.replace("### tests: 2\n\nI planted", "I planted")

    def form(self) -> str:
        """The review without findings."""
        return self.text().partition("## F01")[0]

    def adds(self, changes: dict[str, str | None], by: str = "rev-one") -> Pull:
        """A pull request."""
        return self.github.add_pull(self.people[by], changes)

    def file(self, pull: Pull, by: str = "@rev-one", event_id: str = "comment-1-0") -> str:
        """What the bot answers to /zoo file; the pull request is as it is now."""
        now = self.github.pull_table[pull.number]
        return filing.file_review(self.term.record, self.github, now, by, event_id)

    def refused(self, pull: Pull, by: str = "@rev-one") -> str:
        """The refusal; nothing was recorded."""
        before = (self.term.root / "reviews/toy/events.jsonl").read_bytes()
        with pytest.raises(ZooError) as error:
            self.file(pull, by)
        assert (self.term.root / "reviews/toy/events.jsonl").read_bytes() == before
        assert "\n" not in str(error.value)
        return str(error.value)

    def inline(self, body: str, path: str, first: int | None, last: int | None, **more) -> int:
        """@rev-one comments on lines of the entry; its id."""
        author = self.people[more.pop("by", "rev-one")]
        number = self.entry.number
        said = self.github.say_inline(number, author, body, path, first, last)
        self.github.inline_table[number][-1] = replace(said, **{"commit": self.commit, **more})
        return said.id

    def compiled(self) -> str:
        """The file that the comments on the entry make."""
        number = self.entry.number
        record = self.term.record
        return compile_inline(record, self.github, number, "toy", "@rev-one", self.form())

    def uncompiled(self) -> str:
        """Why they make none."""
        with pytest.raises(ZooError) as error:
            self.compiled()
        assert "\n" not in str(error.value)
        return str(error.value)

    def closed(self) -> None:
        """Reviews are closed: @rev-two has not come."""
        self.term.at("2026-10-20T12:00:00Z")
        self.term.happens("toy", "clock", ev.ReviewsClosed())


@pytest.fixture(name="desk")
def a_desk(term: Term) -> Desk:
    """Version 1 of toy is under review by @rev-one and @rev-two."""
    ids = {"dev-one": 11, "rev-one": 21, "rev-two": 22, "instructor-one": 1}
    roster = (term.root / "reviews/roster.yaml").read_text()
    for name, number in ids.items():
        roster = roster.replace(f'"@{name}", role', f'"@{name}", github_id: {number}, role')
    term.write("reviews/roster.yaml", roster)
    term.write("zoo/toy/lesson.ipynb", NOTEBOOK)
    term.write("zoo/toy/odd.py", ODD)
    assign(term)
    github = FakeGitHub()
    people = {name: github.add_user(name, user_id=number) for name, number in ids.items()}
    people["stranger"] = github.add_user("stranger")
    files = {**FROZEN, "zoo/toy/lesson.ipynb": NOTEBOOK}
    mine = {path: text for path, text in files.items() if path.startswith("zoo/toy/")}
    entry = github.add_pull(people["dev-one"], mine)
    return Desk(term, github, people, entry)
