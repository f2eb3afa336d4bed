"""The claims of an entry beside what was measured, as its page shows them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tools.claims import measured_text
from tools.process.git import git
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.cards import Claim
from zoo.core.evidence import Result
from zoo.core.metrics import METRICS

DIRECTIONS = {
    "lower": "lower is better",
    "higher": "higher is better",
    "one": "1 is the aim",
    "": "",
}


@dataclass(frozen=True)
class Row:
    """One claim.

    Attributes:
        claim: of the card.
        unit: of the metric, "" where it is not registered.
        meaning: what the metric is, in a sentence.
        direction: "lower is better", ….
        accept: "≤ 100.5".
        paper: the paper's value as text, "—" where it has none.
        result: what was measured; None before.
        measured: "95.57 ± 0.25".
        status: key of `gallery.STATUS`.
        how: (label, text) of the measurement: protocol, data, device, seconds, seeds, date.
        command: repeats the measurement.
        baselines: (name, value) of other models under the same protocol, best first.
        further: (name, text) of other numbers of the same measurement.
    """

    claim: Claim
    unit: str
    meaning: str
    direction: str
    accept: str
    paper: str
    result: Result | None
    measured: str
    status: str
    how: list[tuple[str, str]]
    command: str
    baselines: list[tuple[str, float]]
    further: list[tuple[str, str]]


def rows(zoo: Zoo, shown: Shown) -> list[Row]:
    """A row for each claim, in the order of the card."""
    date = measured_on(zoo, shown)
    return [_row(shown, claim, date) for claim in shown.entry.card.claims]


def measured_on(zoo: Zoo, shown: Shown) -> str:
    """Day on which results.json was last committed: "2026-11-20"; "" before that."""
    path = f"zoo/{shown.name}/results.json"
    return git(zoo.root, "log", "-1", "--format=%cs", "--", path, check=False)


def accepted(text: str) -> str:
    """An accepted range in the field's signs: "≤ 100.5", "0.9 … 1.1"."""
    return text.replace("<=", "≤").replace(">=", "≥").replace("..", " … ")


def duration(seconds: float) -> str:
    """A time to two digits: "1.7 s", "47 min", "1.3 h"."""
    if seconds < 99.5:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 5940:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _row(shown: Shown, claim: Claim, date: str) -> Row:
    result, metric = shown.results.get(claim.id), METRICS.get(claim.metric)
    return Row(
        claim=claim,
        unit=metric.unit if metric else "",
        meaning=metric.summary if metric else "",
        direction=DIRECTIONS[metric.direction if metric else ""],
        accept=accepted(claim.accept),
        paper="—" if claim.paper.value is None else f"{claim.paper.value:g}",
        result=result,
        measured=measured_text(result) if result else "—",
        status=result.status if result else "not-measured",
        how=_how(result, date) if result else [],
        command=f"zoo verify {shown.name}",
        baselines=_baselines(result, metric.direction if metric else "") if result else [],
        further=_further(result) if result else [],
    )


def _how(result: Result, date: str) -> list[tuple[str, str]]:
    seeds = ", ".join(map(str, result.seeds)) or "none beyond the fixed draw"
    lines = [
        ("Protocol", result.protocol),
        ("Measured", f"{date or 'not committed yet'}, on {result.device}"),
        ("Took", duration(result.seconds)),
        ("Examples", f"{result.n:,} per seed; seeds: {seeds}"),
        ("Weights", f"recipe {result.recipe}, sha256 {result.weights[:12]}…"),
        ("PyTorch", result.torch),
    ]
    training = result.training
    numbers = ("steps", "seconds")
    if training and all(isinstance(training.get(name), int | float) for name in numbers):
        text = f"{training['steps']:,} steps in {duration(training['seconds'])}"
        lines.append(("Trained", f"{text}, on {training.get('device', 'a device not recorded')}"))
    return lines


def _baselines(result: Result, direction: str) -> list[tuple[str, float]]:
    """What the measurement says of simpler models, from any detail named "baselines…"."""
    found = {
        name: float(value)
        for key, values in result.details.items()
        if key.startswith("baselines") and isinstance(values, dict)
        for name, value in values.items()
        if _is_number(value)
    }
    return sorted(found.items(), key=lambda item: item[1], reverse=direction == "higher")


def _further(result: Result) -> list[tuple[str, str]]:
    """Other numbers of the measurement; long lists and tables stay in results.json."""
    found = []
    for name, value in sorted(result.details.items()):
        if _is_number(value):
            found.append((name.replace("_", " "), f"{value:,.5g}"))
        elif isinstance(value, list) and len(value) <= 5 and all(map(_is_number, value)):
            found.append((name.replace("_", " "), ", ".join(f"{part:,.5g}" for part in value)))
    return found


def _is_number(value: Any) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and math.isfinite(value)
