"""An honest review of a small entry, and the frozen files it speaks of."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tools.process.ledger import events as ev
from tools.process.ledger.state import Review, Submission, Submitted
from tools.process.rules.policy import Charge, Policy, Rubric, RubricItem, Severities

if TYPE_CHECKING:
    from tools.process.tests.conftest import Term

FILE = "reviews/toy/v1/rev-one.md"
COMMIT = "0123456789abcdef" * 2 + "01234567"
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
MODEL = """\
def log_prob(x):
    logits = layer(x)
    terms = x * logits - softplus(logits)
    return terms.mean(1)
"""
CARD = """\
---
title: Toy
claims:
  - id: digits-nll
    dataset: digits
  - id: digits-samples
    dataset: digits
---

# Toy
"""


def notebook(**cells: str) -> str:
    """A notebook with these cells."""
    listed = [{"id": name, "cell_type": "code", "source": [text]} for name, text in cells.items()]
    return json.dumps({"cells": listed, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


FROZEN = {
    "zoo/toy/README.md": CARD,
    "zoo/toy/demo.ipynb": notebook(title="import zoo", draw="model.sample(8)\nshow()"),
    "zoo/toy/model.py": MODEL,
    "zoo/toy/test_toy.py": "def test_sum(): ...\n",
    "zoo/toy/weights/digits.safetensors": "",
    "zoo/other/model.py": "unlike = 1\n",
}
REVIEW = f"""\
---
entry: toy
version: v1
commit: "{COMMIT}"
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

I read all of it beside the paper.

## Rubric

<!-- a score and the reason -->

### mathematics: 3

Equation 3 was compared with `model.py` term by term; one reduction differs.

### tests: 2

I planted a wrong sign in softplus and the tests passed.

## Strengths

- It is short.

## F01: The mean is taken over pixels

```yaml
kind: mistake
category: mathematics
severity: major
place: zoo/toy/model.py:3-4
quote: "terms.mean(1)"
```

**Expected.** Equation 3 of the paper sums over all pixels.

**Observed.** `log_prob` divides by their number:

```python
## F09: a comment of the quoted code, and no finding
```

**Suggestion.** Write `sum(1)`.

## F02: No test compares with a sum over all images

```yaml
kind: missing
category: code
severity: minor
place: zoo/toy/test_toy.py:1
```

**Expected.** A test on all 16 images of four pixels.

**Observed.** The only test, `test_sum`, is empty.

**Suggestion.** Add one.
"""


def policy() -> Policy:
    """Two rubric items."""
    items = [RubricItem(name, f"Is the {name} right?", 4) for name in ("mathematics", "tests")]
    charges = Severities(*[Charge(1, 1)] * 4)
    return Policy("Etc/UTC", Rubric(items, items, items), charges)


def state() -> Submission:
    """Version 1 is frozen, @rev-one and @rev-two review it."""
    reviews = {name: Review(name, NOW) for name in ("@rev-one", "@rev-two")}
    return Submission("toy", v1=Submitted(COMMIT, NOW, "@dev-one", False), reviews=reviews)


def changed(*pairs: tuple[str, str]) -> str:
    """The honest review with texts replaced that each occur exactly once."""
    text = REVIEW
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    return text


def assign(term: Term, card: str = CARD) -> Term:
    """Freeze version 1 of toy in a repository; its two reviewers have it in hand."""
    for path, text in (FROZEN | {"zoo/toy/README.md": card}).items():
        term.write(path, text)
    proposal = ev.Proposed("Toy", "1502.03509", "flow", ["@dev-one"], ["nll"], "digits", "laptop")
    term.happens("toy", "@dev-one", proposal)
    term.happens("toy", "@instructor-one", ev.Approved(asdict(term.record.policy.rules())))
    term.happens("toy", "@dev-one", ev.Submitted("v1", term.git("rev-parse", "HEAD"), 9, 0))
    term.happens("toy", "@instructor-one", ev.Assigned("@rev-one"), ev.Assigned("@rev-two"))
    return term


def written(term: Term, by: str = "@rev-one", text: str = REVIEW) -> str:
    """A reviewer's file, complete; its text."""
    commit = term.state("toy").v1.commit
    text = text.replace(COMMIT, commit).replace("@rev-one", by)
    text = text.replace("### tests: 2\n\nI planted", "I planted")
    path = term.root / f"reviews/toy/v1/{by[1:]}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return text
