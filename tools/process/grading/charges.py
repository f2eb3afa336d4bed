"""What each finding costs whom: duplicates merged, charges derived from verdicts, never typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tools.process.findings import SEVERITIES
from tools.process.grading.amounts import exact, plain
from tools.process.grading.sheets import Sheet
from tools.process.ledger.events import Version
from tools.process.ledger.state import Submission
from tools.process.rules.policy import Policy
from zoo.core.errors import ZooError


@dataclass(frozen=True)
class Flaw:
    """One fault, however many people found it.

    Attributes:
        key: of its canonical finding: "rev-one/F01", or "I01" for one of the instructor's.
        version: the version it was found in.
        severity: the reviewer's or, where it was corrected, the instructor's.
        valid: the verdict; None while it is not adjudicated.
        reporters: reviewers who reported it; none where only the instructor found it.
        outcome: what became of it in v2; None where nobody, or not everybody alike, has said so.
    """

    key: str
    version: Version
    severity: str
    valid: bool | None
    reporters: tuple[str, ...]
    outcome: str | None


@dataclass(frozen=True)
class Loss:
    """Points lost, of 100, with their cause.

    Attributes:
        points: exactly; negative where points are given back.
        what: the finding, the rubric item, or the rule.
        how: the arithmetic that makes `points`, or blank where there is none.
        finding: key of the finding behind it, or blank.
    """

    points: Fraction
    what: str
    how: str = ""
    finding: str = ""


def canonical(sheet: Sheet, key: str) -> str:
    """The finding that `key` is a duplicate of, at the end of the chain, or itself.

    Raises:
        ZooError: the chain comes back to where it was.
    """
    chain = [key]
    while (word := sheet.adjudications.get(chain[-1])) and word.verdict == "duplicate" and word.of:
        if word.of in chain:
            circle = " → ".join([*chain[chain.index(word.of) :], word.of])
            raise ZooError(f"duplicates go round in a circle: {circle}; call one of them valid")
        chain.append(word.of)
    return chain[-1]


def merge(state: Submission, sheet: Sheet) -> list[Flaw]:
    """All flaws of an entry, the most severe first, each with everybody who reported it."""
    own = {finding.id: finding for finding in sheet.findings}
    reported = state.findings
    groups: dict[str, list[str]] = {key: [] for key in own}
    for key in reported:
        groups.setdefault(canonical(sheet, key), []).append(key)
    handles = {handle.removeprefix("@"): handle for handle in state.reviews}
    flaws = []
    for key, members in groups.items():
        word = sheet.adjudications.get(key)
        mine = own.get(key)
        said = {state.signatures[m].outcome for m in members if m in state.signatures}
        corrected = mine.outcome if mine else word and word.outcome
        flaw = Flaw(
            key=key,
            version=mine.version if mine else "v1",
            severity=mine.severity if mine else (word and word.severity) or reported[key],
            valid=True if mine else word.verdict == "valid" if word and word.verdict else None,
            reporters=tuple(sorted({handles[member.split("/")[0]] for member in members})),
            outcome=corrected or (said.pop() if len(said) == 1 else None),
        )
        flaws.append(flaw)
    return sorted(flaws, key=lambda flaw: (SEVERITIES.index(flaw.severity), flaw.key))


def costs(policy: Policy, severity: str) -> Fraction:
    """What a valid finding of this severity costs the developers."""
    return exact(getattr(policy.severities, severity).developers)


def developer_charges(flaws: Iterable[Flaw], version: Version, policy: Policy) -> list[Loss]:
    """What valid findings take off a version.

    Version 1: each of its flaws once. Version 2: flaws of version 1 that were not fixed, in full,
    or were partly fixed, by half; and flaws that the instructor found in version 2.
    """
    losses = []
    for flaw in flaws:
        if not flaw.valid:
            continue
        full = costs(policy, flaw.severity)
        cause = f"{flaw.key} ({flaw.severity})"
        if flaw.version == version:
            losses.append(Loss(full, cause, finding=flaw.key))
        elif version == "v2" and flaw.outcome == "partial":
            losses.append(Loss(full / 2, f"{cause}, partly fixed", f"{plain(full)} / 2", flaw.key))
        elif version == "v2" and flaw.outcome == "not-fixed":
            losses.append(Loss(full, f"{cause}, not fixed", finding=flaw.key))
    return [loss for loss in losses if loss.points]


def missed_charges(flaws: Iterable[Flaw], policy: Policy) -> list[Loss]:
    """What each reviewer of an entry loses for flaws of v1 that none of its reviewers reported."""
    losses = [
        Loss(
            exact(getattr(policy.severities, flaw.severity).reviewers),
            f"{flaw.key} ({flaw.severity}), found by the instructor and by no reviewer",
            finding=flaw.key,
        )
        for flaw in flaws
        if flaw.valid and flaw.version == "v1" and not flaw.reporters
    ]
    return [loss for loss in losses if loss.points]


def recall_losses(
    flaws: Sequence[Flaw], reviewer: str, policy: Policy, full: Fraction
) -> list[Loss]:
    """The part of `full` that a reviewer loses for valid flaws of v1 that they did not report.

    A flaw weighs what it costs the developers; where all of them cost nothing, all weigh one.
    """
    valid = [flaw for flaw in flaws if flaw.valid and flaw.version == "v1"]
    weights = {flaw.key: costs(policy, flaw.severity) for flaw in valid}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, Fraction(1))
    total = sum(weights.values(), Fraction(0))
    losses = [
        Loss(
            full * weights[flaw.key] / total,
            f"recall: {flaw.key} ({flaw.severity}) was not reported",
            f"{plain(full)} × {plain(weights[flaw.key])} / {plain(total)}",
            flaw.key,
        )
        for flaw in valid
        if reviewer not in flaw.reporters
    ]
    return [loss for loss in losses if loss.points]


def precision_losses(
    flaws: Sequence[Flaw], reviewer: str, policy: Policy, full: Fraction
) -> list[Loss]:
    """The part of `full` that a reviewer loses for findings of theirs that are invalid.

    A finding weighs what it costs the developers, and at least one, so that no nit is for nothing;
    one reported twice weighs once.
    """
    reported = [flaw for flaw in flaws if reviewer in flaw.reporters and flaw.valid is not None]
    weights = {flaw.key: max(costs(policy, flaw.severity), Fraction(1)) for flaw in reported}
    total = sum(weights.values(), Fraction(0))
    return [
        Loss(
            full * weights[flaw.key] / total,
            f"precision: {flaw.key} ({flaw.severity}) is invalid",
            f"{plain(full)} × {plain(weights[flaw.key])} / {plain(total)}",
            flaw.key,
        )
        for flaw in reported
        if not flaw.valid
    ]
