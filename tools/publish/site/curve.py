"""Training curves as pictures that are made when the site is built: SVG with classes only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup, escape

from tools.publish.site.sanitise import visible
from zoo.core.curves import Curve

WIDTH, HEIGHT = 340, 210
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 14, 40
_AXES = ("step", "seconds")


@dataclass(frozen=True)
class Drawn:
    """One scalar over the steps of a run.

    Attributes:
        name: of the scalar.
        svg: the picture; it has a title and a description.
        summary: first and last value in words.
    """

    name: str
    svg: Markup
    summary: str


def draw(curve: Curve, prefix: str) -> list[Drawn]:
    """A picture for each scalar of a curve, on a logarithmic axis of steps.

    Args:
        curve: what was logged.
        prefix: of ids, unique in the page.
    """
    drawn = []
    for column, name in enumerate(curve.columns):
        if name in _AXES:
            continue
        points = [
            (float(row[0]), float(row[column]))
            for row in curve.rows
            if row[0] and row[0] > 0 and row[column] is not None and math.isfinite(row[column])
        ]
        if len(points) > 1:
            drawn.append(_picture(name, points, f"{prefix}-{len(drawn)}"))
    return drawn


def _picture(name: str, points: list[tuple[float, float]], prefix: str) -> Drawn:
    (first, start), (last, end) = points[0], points[-1]
    summary = f"{start:.4g} at step {first:,.0f}, {end:.4g} at step {last:,.0f}"
    ticks = _ticks(min(y for _, y in points), max(y for _, y in points))
    low, high = ticks[0], ticks[-1]

    def across(step: float) -> float:
        span = math.log(last / first) or 1.0
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(step / first) / span

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    label = escape(visible(name.replace("_", " ")))
    parts = [
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{prefix}-t {prefix}-d">',
        f'<title id="{prefix}-t">{label} during training</title>',
        f'<desc id="{prefix}-d">{escape(summary)}</desc>',
    ]
    for tick in ticks:
        y = f"{up(tick):.1f}"
        parts.append(f'<path class="rule" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="at-y" x="{LEFT - 7}" y="{y}" dy="0.35em">{_short(tick)}</text>')
    for step in _powers(first, last):
        x = f"{across(step):.1f}"
        parts.append(f'<path class="tick" d="M{x} {HEIGHT - BOTTOM}v5"/>')
        parts.append(f'<text class="at-x" x="{x}" y="{HEIGHT - BOTTOM + 17}">{_short(step)}</text>')
    parts.append(
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 5}">'
        "training step (log scale)</text>"
    )
    line = "L".join(f"{across(step):.1f} {up(value):.1f}" for step, value in points)
    parts.append(f'<path class="line" d="M{line}"/>')
    parts.append(f'<circle class="end" cx="{across(last):.1f}" cy="{up(end):.1f}" r="3.2"/></svg>')
    return Drawn(name.replace("_", " "), Markup("".join(parts)), summary)


def _ticks(low: float, high: float) -> list[float]:
    """Round values from just below the lowest to just above the highest."""
    span = (high - low) or abs(high) or 1.0
    raw = span / 4
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * count, 12) for count in range(first, max(last, first + 1) + 1)]


def _powers(first: float, last: float) -> list[float]:
    """Round steps within the run: powers of ten, with 2 and 5 times them where there is room."""
    factors = (1,) if last / first > 500 else (1, 3) if last / first > 30 else (1, 2, 5)
    found = [
        factor * 10.0**power
        for power in range(int(math.log10(first)), int(math.log10(last)) + 1)
        for factor in factors
    ]
    return [step for step in found if first <= step <= last]


def _short(value: float) -> str:
    """A number for an axis: "−0.5", "30k"."""
    text = f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"
    return text.replace("-", "−")
