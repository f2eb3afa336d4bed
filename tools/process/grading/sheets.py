"""What the instructor writes about an entry, and the rules that a grading sheet obeys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tools.process.findings import Outcome, Severity
from tools.process.ledger.events import Version
from tools.process.ledger.state import Submission
from tools.process.rules.policy import Policy, RubricItem
from tools.yamltext import Place
from zoo.core.errors import nearest

PartName = Literal["v1", "v2", "review", "final"]
PARTS: tuple[PartName, ...] = ("v1", "v2", "review", "final")
Broken = tuple[Place, str, str]  # place in the file, rule, fix


@dataclass(frozen=True)
class VersionPoints:
    """Points by rubric item; null is not yet graded."""

    v1: dict[str, float | None] = field(default_factory=dict)
    v2: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class OwnFinding:
    """A finding of the instructor's.

    Attributes:
        id: "I01", unique in the sheet.
        title: one line.
        severity: as for reviewers' findings.
        place: "zoo/vae/model.py:40".
        quote: what stands there.
        version: the version it was found in.
        outcome: what became of a finding in v1 in v2; null while that is unknown.
    """

    id: str
    title: str
    severity: Severity
    place: str
    version: Version
    quote: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Adjudication:
    """The instructor's word on a reviewer's finding.

    Attributes:
        verdict: null while it is not adjudicated.
        of: with "duplicate", the key of the other finding: "rev-two/F01" or "I01".
        severity: with "valid", the right severity where the reviewer's is not.
        outcome: with "valid", what became of it in v2, where the sign-off is wrong or absent.
        note: for the people concerned.
    """

    verdict: Literal["valid", "invalid", "duplicate"] | None = None
    of: str | None = None
    severity: Severity | None = None
    outcome: Outcome | None = None
    note: str = ""


@dataclass(frozen=True)
class Rating:
    """Points of a review by item of the policy's rubric for reviews, and a note to its writer."""

    points: dict[str, float | None] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Sheet:
    """The grading sheet of one entry: `<private>/<model>.yaml`.

    Attributes:
        rubric: points of both versions.
        findings: the instructor's own findings.
        adjudications: by finding key, "rev-one/F01".
        ratings: by reviewer, without "@".
    """

    rubric: VersionPoints = field(default_factory=VersionPoints)
    findings: list[OwnFinding] = field(default_factory=list)
    adjudications: dict[str, Adjudication] = field(default_factory=dict)
    ratings: dict[str, Rating] = field(default_factory=dict)


@dataclass(frozen=True)
class Override:
    """A grade that the instructor sets by hand; it stands beside the computed one."""

    who: str
    part: PartName
    value: float
    reason: str


def sheet_problems(sheet: Sheet, state: Submission, policy: Policy) -> Iterator[Broken]:
    """Every rule that a sheet breaks, with its place in the file."""
    for version in ("v1", "v2"):
        place = ("rubric", version)
        points = getattr(sheet.rubric, version)
        yield from _points_problems(points, getattr(policy.rubric, version), place)
    yield from _own_problems(sheet)
    yield from _adjudication_problems(sheet, state)
    reviewers = {handle.removeprefix("@") for handle in state.reviews}
    for name, rating in sheet.ratings.items():
        if name not in reviewers:
            yield ("ratings", name), f"'{name}' does not review this", nearest(name, reviewers)
        place = ("ratings", name, "points")
        yield from _points_problems(rating.points, policy.rubric.review, place)


def _points_problems(
    points: Mapping[str, float | None], items: Sequence[RubricItem], place: Place
) -> Iterator[Broken]:
    """Unknown items, and points outside of 0 to the item's maximum."""
    most = {item.id: item.points for item in items}
    for name, value in points.items():
        if name not in most:
            yield (*place, name), f"no rubric item '{name}'", nearest(name, most)
        elif value is not None and not 0 <= value <= most[name]:
            yield (*place, name), f"'{name}' has {value:g} points", f"write 0 to {most[name]:g}"


def _own_problems(sheet: Sheet) -> Iterator[Broken]:
    """Rules of the instructor's own findings."""
    seen = set()
    for number, finding in enumerate(sheet.findings):
        place = ("findings", number, "id")
        if not (finding.id[:1] == "I" and finding.id[1:].isdecimal()):
            yield place, f"'{finding.id}' is no id of your own finding", "write I01"
        if finding.id in seen:
            yield place, f"the id '{finding.id}' occurs twice", "use the next free one"
        seen.add(finding.id)
        if finding.version == "v2" and finding.outcome is not None:
            place = ("findings", number, "outcome")
            yield place, "a finding in v2 has no outcome in v2", "take the key 'outcome' out"


def _adjudication_problems(sheet: Sheet, state: Submission) -> Iterator[Broken]:
    """Rules of the adjudications: known keys, and `of` with duplicates only."""
    own = {finding.id: finding for finding in sheet.findings}
    reported = state.findings
    known = {*reported, *own}
    for key, word in sheet.adjudications.items():
        place = ("adjudications", key)
        if key not in reported:
            yield place, f"no finding '{key}' in the reviews", nearest(key, reported)
        if word.verdict != "duplicate" and word.of is not None:
            yield (*place, "of"), "'of' goes with 'verdict: duplicate' only", "take it out"
        if word.verdict != "valid" and (word.severity or word.outcome):
            rule = "'severity' and 'outcome' go with 'verdict: valid' only"
            yield place, rule, "take them out"
        if word.verdict == "duplicate":
            if word.of is None:
                yield place, "a duplicate names the other finding", "add of: rev-two/F01"
            elif word.of not in known:
                yield (*place, "of"), f"no finding '{word.of}'", nearest(word.of, known)
            elif word.of in own and own[word.of].version == "v2":
                rule = f"{key} is a finding in v1, and {word.of} one in v2"
                yield (*place, "of"), rule, "adjudicate it as what it is in v1"


def override_problems(overrides: Sequence[Override], people: Iterable[str]) -> Iterator[Broken]:
    """Rules of the overrides, which the file lists under `overrides`; handles as in the roster."""
    people, seen = set(people), set()
    for number, item in enumerate(overrides):
        place = ("overrides", number)
        if item.who not in people:
            rule = f"nobody to be graded is '{item.who}'"
            yield (*place, "who"), rule, nearest(item.who, people)
        if (item.who, item.part) in seen:
            yield place, f"a second override of {item.part} for {item.who}", "keep one"
        seen.add((item.who, item.part))
        if not 0 <= item.value <= 100:
            yield (*place, "value"), f"{item.value:g} is no grade", "write 0 to 100"
        if not item.reason.strip():
            yield (*place, "reason"), "the reason is empty", "say why, for the person to read"
