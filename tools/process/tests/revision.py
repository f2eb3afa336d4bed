"""A toy entry under revision: two findings in lines, one in a notebook cell."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from tools.process.ledger import events as ev

if TYPE_CHECKING:
    from tools.process.tests.conftest import Term

MODEL = "".join(f"line {number}\n" for number in range(1, 21))
PLACES = ("zoo/toy/model.py:5", "zoo/toy/model.py:15-16", "zoo/toy/demo.ipynb#draw")
QUOTES = ("line 5", "line 15", "sample(8)")
RESPONSE = "reviews/toy/v2/response.md"
PAGE = "reviews/toy/v2/rev-one.md"


def notebook(source: str) -> str:
    """A notebook with the one cell "draw"."""
    cell = {"id": "draw", "cell_type": "code", "source": [source], "outputs": [], "metadata": {}}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def review(commit: str) -> str:
    """A review of that commit."""
    head = f"""\
---
entry: toy
version: v1
commit: {commit}
reviewer: "@rev-one"
verdict: partial
recommendation: minor-revision
confidence: high
hours: 1.5
conflict_of_interest: none
ai_use: none
---

# Review of toy v1

## Summary

I read all of it.

## Rubric

### mathematics: 3

Equation 3 agrees with lines 5 to 7.

## Strengths

- It is short.
"""
    rows = zip(PLACES, QUOTES, strict=True)
    return head + "".join(
        f"""
## F0{number}: Finding {number}

```yaml
kind: mistake
category: code
severity: major
place: {place}
quote: "{quote}"
```

**Expected.** The paper has another number in equation 3.

**Observed.** The line says `{quote}`.

**Suggestion.** Change the number.
"""
        for number, (place, quote) in enumerate(rows, 1)
    )


def revise(term: Term) -> Term:
    """An entry whose one review, with three findings, was opened; the other never came."""
    term.write("zoo/toy/demo.ipynb", notebook("sample(8)"))
    term.write("zoo/toy/model.py", MODEL)
    commit = term.git("rev-parse", "HEAD")
    text = review(commit)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    team = ["@dev-one", "@dev-two"]
    proposal = ev.Proposed("Toy", "1502.03509", "flow", team, ["nll"], "digits", "laptop")
    term.happens("toy", "@dev-one", proposal)
    term.happens("toy", "@instructor-one", ev.Approved(asdict(term.record.policy.rules())))
    term.happens("toy", "@dev-one", ev.Submitted("v1", commit, 9, 0))
    term.happens("toy", "@instructor-one", ev.Assigned("@rev-one"), ev.Assigned("@rev-two"))
    term.happens("toy", "@rev-one", ev.ReviewFiled(sha256))
    term.at("2026-10-12T10:00:00Z")
    term.happens("toy", "clock", ev.ReviewsClosed())
    findings = {f"F0{number}": "major" for number in (1, 2, 3)}
    opened = ev.ReviewRevealed("@rev-one", sha256, findings, "partial", "minor-revision")
    term.happens("toy", "@instructor-one", opened)
    path = term.root / "reviews/toy/v1/rev-one.md"
    path.parent.mkdir()
    path.write_text(text)
    term.record.commit("toy: reviews", path, "reviews/toy/events.jsonl")
    return term


def answered(term: Term, *answers: str, where: str = "") -> None:
    """Fill the skeleton in, wherever it stands."""
    path = term.root / RESPONSE
    text = path.read_text().replace("ai_use: TODO", "ai_use: none")
    text = text.replace("TODO: the reason", "Equation 3 has it so.")
    for answer in answers:
        text = text.replace("answer: TODO", f"answer: {answer}", 1)
    path.write_text(text.replace("where: []", f"where: [{where}]", 1))


def fixed(term: Term) -> None:
    """Version 2 in the working tree: line 5 is another, line 15 has moved down, the cell is new."""
    text = MODEL.replace("line 5\n", "line five\nand more\n")
    term.write("zoo/toy/model.py", text)
    term.write("zoo/toy/demo.ipynb", notebook("sample(16)"))


def submitted(term: Term) -> None:
    """Version 2 is in, every finding answered."""
    term.zoo("respond", "toy", by="@dev-one")
    fixed(term)
    answered(term, "fixed", "disputed", "fixed")
    term.zoo("respond", "toy", "--file", by="@dev-one")
    commit = term.git("rev-parse", "HEAD")
    term.happens("toy", "@dev-one", ev.Submitted("v2", commit, 9, 0))
