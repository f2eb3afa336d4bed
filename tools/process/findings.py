"""Findings of a review: a mistake or a missing point, at a place in the frozen version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from zoo.core.errors import ZooError

Kind = Literal["mistake", "missing"]
Category = Literal[
    "mathematics",
    "model",
    "training",
    "evaluation",
    "data",
    "reproducibility",
    "code",
    "documentation",
    "attribution",
]
Severity = Literal["blocker", "major", "minor", "nit"]
Answer = Literal["fixed", "disputed", "wont-fix"]
Outcome = Literal["verified", "partial", "not-fixed"]
Verdict = Literal["reproduced", "partial", "not-reproduced"]
Recommendation = Literal["accept", "minor-revision", "major-revision", "reject"]

SEVERITIES: tuple[str, ...] = get_args(Severity)
FINDING_ID = re.compile(r"F\d{2,3}")
_PLACE = re.compile(r"(?P<path>[^\s:#]+)(:(?P<first>\d+)(-(?P<last>\d+))?|#(?P<cell>[\w-]+))")


@dataclass(frozen=True)
class Place:
    """Lines of a file, or a cell of a notebook, at the frozen commit.

    Attributes:
        path: path from the repository's root, with forward slashes.
        first: first line, from 1; None for a notebook cell.
        last: last line, inclusive; None for a notebook cell.
        cell: id of the notebook cell; None for lines.
    """

    path: str
    first: int | None = None
    last: int | None = None
    cell: str | None = None

    def __str__(self) -> str:
        if self.cell is not None:
            return f"{self.path}#{self.cell}"
        return f"{self.path}:{self.first}" + (f"-{self.last}" if self.last != self.first else "")


def parse_place(text: str) -> Place:
    """Read "path:12", "path:12-20" or "path.ipynb#cell-id"; ZooError for anything else."""
    match = _PLACE.fullmatch(text.strip())
    rule = "write zoo/vae/model.py:40-44, or zoo/vae/demo.ipynb#cell-id for a notebook"
    if match is None:
        raise ZooError(f"place '{text}' names no lines: {rule}")
    path = match["path"]
    if path.startswith("/") or ".." in path.split("/"):
        raise ZooError(f"place '{text}' leaves the repository: {rule}")
    if match["cell"]:
        return Place(path, cell=match["cell"])
    first = int(match["first"])
    last = int(match["last"] or first)
    if not 1 <= first <= last:
        raise ZooError(f"place '{text}': lines count from 1, the smaller first")
    return Place(path, first, last)


@dataclass(frozen=True)
class Finding:
    """One itemised fault, as its reviewer wrote it.

    Attributes:
        id: "F01", unique in its review.
        title: one line.
        kind: a mistake, or something that is missing.
        category: what part of the work it concerns.
        severity: blocker (a claim or the mathematics is wrong), major (a reader is misled or a
            number would change), minor (no number changes), nit (taste).
        place: where, at the frozen commit.
        quote: exact text that stands at the place.
        expected: what the paper or the truth says.
        observed: what the frozen version does, with evidence.
        suggestion: what to do.
        line: line of the finding's heading in the review file, for messages.
    """

    id: str
    title: str
    kind: Kind
    category: Category
    severity: Severity
    place: Place
    quote: str
    expected: str
    observed: str
    suggestion: str
    line: int = 0


def finding_key(reviewer: str, finding_id: str) -> str:
    """The name of a finding within its entry: "dev-one/F01" for @dev-one's F01."""
    return f"{reviewer.removeprefix('@')}/{finding_id}"
