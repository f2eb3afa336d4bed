"""Practice in a term of the process, with reviews made from the key."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tools.practice.cases import load_case
from tools.practice.exhibits import Exhibit, exhibit
from tools.process.findings import Place
from tools.process.review.frozen import text_at
from tools.process.tests.conftest import Term, term
from zoo.core.registry import ZOO_FOLDER

__all__ = ["term"]

REV = "@rev-one"
CASE = "vae-bounds"
HEAD = """\
---
entry: {entry}
version: v1
commit: "{commit}"
reviewer: "@rev-one"
verdict: partial
recommendation: major-revision
confidence: high
hours: 1.5
conflict_of_interest: none
ai_use: none
---

# Review of {entry} v1

## Summary

Read beside the paper.

## Rubric

### mathematics: 2

Equation 3 was compared with `model.py` term by term; some terms differ.

## Strengths

- It is short.
"""
FINDING = """
## F{number:02d}: {title}

```yaml
kind: {kind}
category: {category}
severity: {severity}
place: {place}
quote: {quote}
```

**Expected.** What the equation of the paper says here.

**Observed.** {observed}

**Suggestion.** Follow the paper.
"""


@pytest.fixture
def made() -> Exhibit:
    """The exhibit that most tests review."""
    return exhibit(load_case(CASE))


def finding(made: Exhibit, number: int, place: Place, **changes: str) -> str:
    """A finding at a place of an exhibit, with a true quote."""
    words = {
        "title": f"Something is wrong at {place}",
        "kind": "mistake",
        "category": "mathematics",
        "severity": "major",
        "observed": f"Number {number}: {place} does something else, see line {place.first}.",
    }
    quote = json.dumps(text_at(made.files, place), ensure_ascii=False)
    return FINDING.format(number=number, place=place, quote=quote, **words | changes)


def from_key(made: Exhibit) -> list[str]:
    """A finding for each fault, as the key has it."""
    return [
        finding(
            made,
            number,
            made.places[fault.id],
            kind=fault.kind,
            category=fault.category,
            severity=fault.severity,
            title=fault.what,
        )
        for number, fault in enumerate(made.case.faults, 1)
    ]


def write(term: Term, made: Exhibit, findings: Sequence[str]) -> str:
    """Start a case and fill its form in; what the form says."""
    term.zoo("review", "practice", "start", made.case.name, by=REV)
    text = HEAD.format(entry=made.case.entry, commit=made.digest) + "".join(findings)
    (term.root / "build/practice" / made.case.name / "review.md").write_text(text)
    return text


def score(term: Term, case: str, *options: str) -> dict:
    """What the score says, as data."""
    return json.loads(
        term.zoo("review", "practice", "score", case, "--format", "json", *options, by=REV)
    )


def here(*entries: str) -> bool:
    """Whether entries are part of this zoo; a release may lack some."""
    return all((ZOO_FOLDER / entry).is_dir() for entry in entries)
