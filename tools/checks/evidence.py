"""The evidence for the card's claims: results, the code they belong to, and the shipped weights."""

from __future__ import annotations

from collections.abc import Iterator

from tools.checks.findings import Finding
from tools.checks.registry import check
from tools.checks.subject import Subject
from zoo.core.cards import Card, Claim, load_card
from zoo.core.errors import ZooError
from zoo.core.evidence import Result, code_digest, load_results, status_of
from zoo.core.files import sha256_of
from zoo.core.metrics import METRICS


@check("evidence", needs=("syntax", "card"))
def evidence(subject: Subject) -> Iterator[Finding]:
    """Every claim has a result that was measured with today's code on the shipped weights."""
    place = f"{subject.relative(subject.folder)}/results.json"
    card = load_card(subject.folder)
    try:
        results = load_results(subject.folder)
    except (ZooError, UnicodeDecodeError):
        fix = f"restore it from git, or run: zoo verify {subject.name} --record"
        yield Finding(place, "not as the tools wrote it", fix, 1)
        return
    for claim in card.claims:
        if claim.id in results:
            yield from _claim(subject, card, claim, results[claim.id])
        else:
            yield Finding(
                place,
                f"the claim '{claim.id}' has no result",
                f"train and measure: zoo reproduce {subject.name} --pending",
            )
    for name in sorted(results.keys() - {claim.id for claim in card.claims}):
        fix = f"name the claim in the card, or run: zoo verify {subject.name} --record"
        yield Finding(place, f"a result for '{name}', which the card does not claim", fix)


def _claim(subject: Subject, card: Card, claim: Claim, result: Result) -> Iterator[Finding]:
    """Rules on one claim and its result."""
    here = subject.relative(subject.folder)
    place, again = f"{here}/results.json", f"measure again: zoo verify {subject.name} --record"
    label = f"the result of '{claim.id}'"
    if result.code != code_digest(subject.folder, card.builds_on):
        yield Finding(place, f"{label} is stale: the code changed after it", again)
    if result.protocol != METRICS[claim.metric].protocol:
        current = METRICS[claim.metric].protocol
        yield Finding(place, f"{label} is by {result.protocol}, not by {current}", again)
    if result.recipe != claim.recipe:
        rule = f"{label} is of recipe {result.recipe}, the card says {claim.recipe}"
        yield Finding(place, rule, again)
    if result.status != (status := status_of(claim, result.value)):
        rule = f"{label} says {result.status}, but {result.value:.6g} against {claim.accept} is"
        yield Finding(place, f"{rule} {status}", again)
    weights = subject.folder / "weights" / f"{claim.recipe}.safetensors"
    if not weights.is_file():
        fix = f"train and ship them: zoo reproduce {subject.name} --pending"
        yield Finding(subject.relative(weights), f"the weights of '{claim.id}' are missing", fix)
    elif result.weights != sha256_of(weights):
        rule = f"not the weights that '{claim.id}' was measured on"
        yield Finding(subject.relative(weights), rule, again)
