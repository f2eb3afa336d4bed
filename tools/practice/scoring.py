"""A practice review against the key: what it found, what it missed, what the key does not have.

The rule: a finding and a fault match when they are in the same file and at most `NEAR` lines lie
between their places; a place of more than `WIDEST` lines is none. What is missing has no line of
its own: there a finding of kind "missing" and of the fault's category matches anywhere in the file.
The nearest pairs are matched first, each finding and each fault at most once. Places alone decide:
nobody has compared the words, so the key is shown for what was found, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.practice.cases import Fault
from tools.practice.exhibits import Exhibit
from tools.process.findings import Finding, Place

NEAR = 3
WIDEST = 20


@dataclass(frozen=True)
class Score:
    """How a review did.

    Attributes:
        found: pairs of a fault and the finding that matches it, in the order of the key.
        missed: faults without a finding.
        unmatched: findings without a fault.
    """

    found: tuple[tuple[Fault, Finding], ...]
    missed: tuple[Fault, ...]
    unmatched: tuple[Finding, ...]

    @property
    def recall(self) -> float:
        """The share of the faults that were found."""
        return len(self.found) / (len(self.found) + len(self.missed))

    @property
    def precision(self) -> float | None:
        """The share of the findings that are faults of the key; None without findings."""
        findings = len(self.found) + len(self.unmatched)
        return len(self.found) / findings if findings else None

    @property
    def agreeing(self) -> int:
        """How many faults were found with the severity of the key."""
        return sum(fault.severity == finding.severity for fault, finding in self.found)


def score(made: Exhibit, findings: Sequence[Finding]) -> Score:
    """Match findings with the faults of an exhibit."""
    faults = made.case.faults
    pairs = [
        (apart, at, number)
        for at, fault in enumerate(faults)
        for number, finding in enumerate(findings)
        if (apart := distance(fault, made.places[fault.id], finding)) is not None
    ]
    chosen: dict[int, int] = {}
    for _, at, number in sorted(pairs):
        if at not in chosen and number not in chosen.values():
            chosen[at] = number
    return Score(
        found=tuple((faults[at], findings[number]) for at, number in sorted(chosen.items())),
        missed=tuple(fault for at, fault in enumerate(faults) if at not in chosen),
        unmatched=tuple(f for n, f in enumerate(findings) if n not in chosen.values()),
    )


def distance(fault: Fault, at: Place, finding: Finding) -> int | None:
    """How many lines a finding is from a fault, 0 where they share one; None for no match."""
    place = finding.place
    if place.path != at.path or place.cell is not None:
        return None
    if fault.kind == "missing":
        alike = finding.kind == "missing" and finding.category == fault.category
        if alike:
            return 0
    assert place.first is not None
    assert place.last is not None
    assert at.first is not None
    assert at.last is not None
    apart = max(place.first - at.last, at.first - place.last, 0)
    wide = place.last - place.first >= WIDEST
    return None if wide or apart > NEAR else apart
