"""Reading what lies in the private directory, with the line of every mistake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tools.documents import Form, read_text, read_yaml, refuse
from tools.process.grading.grades import graded_people
from tools.process.grading.sheets import (
    Adjudication,
    Broken,
    Override,
    OwnFinding,
    Rating,
    Sheet,
    VersionPoints,
    override_problems,
    sheet_problems,
)
from tools.process.ledger.state import Submission
from tools.process.rules.policy import Policy
from tools.process.rules.roster import Roster
from tools.yamltext import Document

T = TypeVar("T")


@dataclass(frozen=True)
class Overrides:
    """`<private>/overrides.yaml`."""

    overrides: list[Override] = field(default_factory=list)


SHEET = Form(
    Sheet,
    {
        Sheet: {
            "rubric": "rubric: {v1: {mathematics: 27}, v2: {mathematics: null}}",
            "findings": "findings: a list with id, title, severity, place and version, or []",
            "adjudications": "adjudications: {rev-one/F01: {verdict: valid}}",
            "ratings": "ratings: {rev-one: {points: {depth: 4}}}",
        },
        VersionPoints: {
            "v1": "v1: {mathematics: 27}, with null for what is not graded yet",
            "v2": "v2: {mathematics: 27}, with null for what is not graded yet",
        },
        OwnFinding: {
            "id": "id: I01",
            "title": "title: The mask admits the pixel itself",
            "severity": "severity: major",
            "place": 'place: "zoo/vae/model.py:40-44"',
            "version": "version: v1",
            "quote": 'quote: "self.weight.tril(0)"',
            "outcome": "outcome: verified, partial or not-fixed; null while it is unknown",
        },
        Adjudication: {
            "verdict": "verdict: valid, invalid or duplicate; null while it is undecided",
            "of": "of: rev-two/F01",
            "severity": "severity: minor",
            "outcome": "outcome: partial",
            "note": 'note: "for the people concerned"',
        },
        Rating: {
            "points": "points: {depth: 4}, with null for what is not rated yet",
            "note": 'note: "for the reviewer"',
        },
    },
)
OVERRIDES = Form(
    Overrides,
    {
        Overrides: {"overrides": "overrides: a list with who, part, value and reason, or []"},
        Override: {
            "who": 'who: "@dev-one"',
            "part": "part: v1, v2, review or final",
            "value": "value: 85",
            "reason": 'reason: "illness in the last week"',
        },
    },
)


def load_sheet(path: Path, state: Submission, policy: Policy) -> Sheet | None:
    """An entry's sheet; None where it was not prepared yet."""
    if not path.exists():
        return None
    sheet, document = read_yaml(SHEET, read_text(path), path)
    _refuse(path, document, sheet_problems(sheet, state, policy))
    return sheet


def load_sheets(
    folder: Path, states: dict[str, Submission], policy: Policy
) -> dict[str, Sheet | None]:
    """The sheets of all entries."""
    return {
        model: load_sheet(folder / f"{model}.yaml", state, policy)
        for model, state in sorted(states.items())
    }


def load_overrides(path: Path, roster: Roster) -> list[Override]:
    """The overrides, with handles as the roster spells them; none where there is no file."""
    if not path.exists():
        return []
    read, document = read_yaml(OVERRIDES, read_text(path), path)
    known = {person.handle.lower(): person.handle for person in graded_people(roster)}
    spelt = [replace(item, who=known.get(item.who.lower(), item.who)) for item in read.overrides]
    _refuse(path, document, override_problems(spelt, known.values()))
    return spelt


def _refuse(path: Path, document: Document, broken: Iterable[Broken]) -> None:
    """Raise for the first broken rule, with its line."""
    refuse(path, [document.problem(*rule) for rule in broken])
