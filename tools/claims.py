"""A claim beside its measured value, as `zoo show` and the landing page print it."""

from __future__ import annotations

from zoo.core.cards import Claim
from zoo.core.evidence import Result, load_results
from zoo.core.metrics import METRICS
from zoo.core.registry import Entry


def claim_cells(entry: Entry, claim: Claim) -> tuple[str, ...]:
    """Claim, metric with unit, data, paper's value, accepted range, measured value, status."""
    result = load_results(entry.store).get(claim.id)
    metric = METRICS.get(claim.metric)
    unit = f" ({metric.unit})" if metric and metric.unit else ""
    paper = "—" if claim.paper.value is None else f"{claim.paper.value:g}"
    measured = measured_text(result) if result else "—"
    status = result.status if result else "not measured"
    return claim.id, claim.metric + unit, claim.dataset, paper, claim.accept, measured, status


def measured_text(result: Result) -> str:
    """A value with its spread, to the digits the spread supports: "87.62 ± 0.27"."""
    if result.sd == 0 or result.sd != result.sd:
        return f"{result.value:.4g}"
    digits = 2 if result.sd >= 0.05 else 3 if result.sd >= 0.005 else 4
    return f"{result.value:.{digits}f} ± {result.sd:.{digits}f}"


def difference(claim: Claim, old: Result, new: Result) -> str:
    """Why the recorded result does not hold; "" when it does."""
    if old.protocol != new.protocol:
        return f"recorded by {old.protocol}, now {new.protocol}: zoo verify --record"
    if old.data != new.data:
        return "the test data are not the recorded ones"
    if not METRICS[claim.metric].agrees(old.value, new.value):
        tolerance = METRICS[claim.metric].tolerance
        return f"recorded {measured_text(old)}; they differ by more than {tolerance:g} relatively"
    return ""
