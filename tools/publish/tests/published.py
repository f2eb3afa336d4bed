"""A term of one published entry: a review by somebody anonymous, an answer, a sign-off."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tools.process.git import git
from tools.process.ledger import events as ev
from tools.process.tests.conftest import POLICY, Term
from tools.process.tests.revision import revise, submitted

ROSTER = """\
people:
  - {handle: "@instructor-one", role: instructor, consent: handle}
  - handle: "@dev-one"
    role: developer
    github_id: 11
    consent: handle
    team: red
    conflicts: ["@rev-two"]
  - {handle: "@dev-two", role: developer, github_id: 12, consent: name, name: "Ada L.", team: red}
  - {handle: "@dev-three", role: developer}
  - {handle: "@rev-one", role: reviewer, github_id: 14, consent: anonymous}
  - {handle: "@rev-two", role: reviewer}
"""
CARD = """\
---
title: Toy
paper: {arxiv: "1502.03509", authors: [A. B.], year: 2015}
family: autoregressive
developers: ["@dev-one", "@dev-two"]
claims: []
deviations: []
acknowledgements: []
ai_assistance: none
builds_on: []
---

# Toy

Thanks to @REV-ONE, who found rev-one/F01.
"""
PROJECT = """\
[project]
name = "toyzoo"
version = "0.1.0"
description = "A zoo of one"
license = "MIT"
authors = [{ name = "The toyzoo maintainers" }]
keywords = ["toys"]
"""
README = """\
# A zoo

| entry | paper |
|---|---|
| [`toy`](zoo/toy/README.md) | 1 |
| [`other`](zoo/other/README.md) | 2 |
"""


def publish(term: Term, **policy: object) -> Term:
    """Everything from the proposal to the publication; `policy` is its section `publication`."""
    publication = f"publication: {json.dumps(policy)}\n"
    term.write("reviews/policy.yaml", POLICY + publication)
    term.write("reviews/roster.yaml", ROSTER)
    term.write("reviews/bids.yaml", 'bids: {"@rev-one": {wants: [toy]}}\n')
    term.write("LICENSE", "MIT License\n")
    term.write("pyproject.toml", PROJECT)
    term.write("README.md", README)
    term.write("zoo/other/recipe.py", '"""Not published."""\n')
    term.write("zoo/core/words.py", '"""Max pooling, by rev-one-and-all."""\n')
    term.write("zoo/toy/README.md", CARD)
    term.write("zoo/toy/recipe.py", '"""Recipes."""\n')
    revise(term)
    submitted(term)
    for number in (1, 2, 3):
        signed = ev.SignedOff(f"rev-one/F0{number}", "verified", "Seen by @rev-one.")
        term.happens("toy", "@rev-one", signed)
    term.happens("toy", "@instructor-one", ev.Accepted(), ev.Published())
    trailer = "Co-authored-by: J <j@" + "uni.edu>"  # in two parts, since this file is released
    message = f"toy: published, thanks to @rev-one\n\n{trailer}"
    term.record.commit(message, "reviews/toy/events.jsonl")
    term.zoo("reconcile")
    return term


def contents(root: Path) -> dict[str, bytes]:
    """Every object of a repository, by id."""
    names = git(root, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    found = {}
    for name in names:
        kind = git(root, "cat-file", "-t", name)
        command = ["git", "cat-file", kind, name]
        found[name] = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    return found


def occurs(root: Path, word: str) -> bool:
    """Whether a text occurs in any object of a repository, in whatever case."""
    return any(word.lower().encode() in data.lower() for data in contents(root).values())
