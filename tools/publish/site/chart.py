"""Strips of marks on one axis, as SVG without a script or a style in it.

One row per measurement, reference lines labelled above them so that no label meets another one.
The narrow form is for phones: it names its lines by letters and explains them below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from tools.text import one_line

_LETTER = 6.7  # pixels, a generous mean for the 12 px sans serif of labels
_LANE = 17


@dataclass(frozen=True)
class Mark:
    """A measurement.

    Attributes:
        name: of the row.
        note: below the name.
        value: where the mark stands.
        sd: half the length of its interval.
        text: the value in words.
        bound: whether the true value can be lower than this one.
        low: of the accepted range; None where it is open.
        high: of the accepted range; None where it is open.
        paper: the paper's own value, if any.
        family: gives the colour.
    """

    name: str
    note: str
    value: float
    sd: float
    text: str
    bound: bool
    low: float | None
    high: float | None
    paper: float | None
    family: str


@dataclass(frozen=True)
class Strip:
    """A figure: marks and (name, value) of reference lines, on a linear or logarithmic axis."""

    marks: list[Mark]
    lines: list[tuple[str, float]]
    unit: str
    description: str
    logarithmic: bool = False


@dataclass
class _Frame:
    """Where things are in one drawing; lengths in pixels."""

    narrow: bool
    left: float
    right: float
    width: int
    row: int
    scale: Callable[[float], float]
    ticks: list[float]
    lanes: dict[int, tuple[int, bool]] = field(default_factory=dict)

    @property
    def top(self) -> float:
        """First row's upper edge."""
        return 6 + _LANE * (1 + max((lane for lane, _ in self.lanes.values()), default=-1)) + 6


def draw(strip: Strip, narrow: bool = False) -> Markup:
    """The figure; a page shows the wide or the narrow one by the width of its window."""
    frame = _frame(strip, narrow)
    lines = sorted(strip.lines, key=lambda line: line[1])
    names = [chr(ord("a") + i) if narrow else name for i, (name, _) in enumerate(lines)]
    xs = [frame.scale(value) for _, value in lines]
    frame.lanes = _lanes(xs, names, frame.width)
    bottom = frame.top + frame.row * len(strip.marks)
    parts = [_ticks(frame, strip, bottom), *_references(frame, xs, names, bottom)]
    for number, mark in enumerate(strip.marks):
        parts.append(_row(frame, mark, frame.top + frame.row * number))
    height = bottom + 42
    if narrow:
        for number, (name, _) in enumerate(lines):
            parts.append(_text(4, height + 12, f"{names[number]}  {name}", "strip-line-name"))
            height += 18
        height += 4 * bool(lines)
    form = "narrow" if narrow else "wide"
    return Markup(
        '<svg class="strip strip-{}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(
        form,
        frame.width,
        round(height),
        frame.width,
        round(height),
        strip.description,
        Markup("\n").join(parts),
    )


def _frame(strip: Strip, narrow: bool) -> _Frame:
    width, left, right = (360, 12, 348) if narrow else (960, 236, 806)
    values = [value for _, value in strip.lines]
    for mark in strip.marks:
        values += [mark.value - mark.sd, mark.value + mark.sd]
        values += [v for v in (mark.low, mark.high, mark.paper) if v is not None]
    if strip.logarithmic:
        values = [value for value in values if value > 0]
        low, high = math.log10(min(values)), math.log10(max(values))
        low, high = low - 0.06 * (high - low or 1), high + 0.06 * (high - low or 1)
        ticks = [
            digit * 10.0**power
            for power in range(math.floor(low), math.ceil(high) + 1)
            for digit in ((1,) if high - low > 2.4 or narrow else (1, 3))
            if low <= math.log10(digit * 10.0**power) <= high
        ]
    else:
        low, high = min(values), max(values)
        room = 0.05 * (high - low or abs(high) or 1)
        low, high = low - room, high + room
        ticks = _linear_ticks(low, high, 4 if narrow else 7)

    def scale(value: float) -> float:
        at = math.log10(max(value, 1e-12)) if strip.logarithmic else value
        share = (at - low) / (high - low)
        return left + (right - left) * min(max(share, 0.0), 1.0)

    return _Frame(narrow, left, right, width, 58 if narrow else 46, scale, ticks)


def _linear_ticks(low: float, high: float, number: int) -> list[float]:
    rough = (high - low) / number
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * d for d in (1, 2, 5, 10) if power * d >= rough)
    first = math.ceil(low / step)
    return [round(step * i, 10) for i in range(first, math.floor(high / step) + 1)]


def _lanes(xs: list[float], names: list[str], width: int) -> dict[int, tuple[int, bool]]:
    """(lane above the plot from 0, whether the text ends at its line) by number of the line.

    A label stands to the right of its line, above every line that its text would meet: those are
    its right neighbours, so that the lanes fall from left to right. What would leave the picture
    stands to the left of its line, above all others.
    """
    lanes: dict[int, tuple[int, bool]] = {}
    leaving = []
    for i in reversed(range(len(xs))):
        end = xs[i] + 5 + _LETTER * len(names[i])
        if end > width:
            leaving.append(i)
            continue
        met = [lanes[j][0] for j in range(i + 1, len(xs)) if j in lanes and xs[j] <= end + 6]
        lanes[i] = (1 + max(met, default=-1), False)
    for i in reversed(leaving):
        lanes[i] = (1 + max((lane for lane, _ in lanes.values()), default=-1), True)
    return lanes


def _references(frame: _Frame, xs: list[float], names: list[str], bottom: float) -> list[Markup]:
    parts = []
    for i, (x, name) in enumerate(zip(xs, names, strict=True)):
        lane, left = frame.lanes[i]
        y = frame.top - 6 - _LANE * lane
        parts.append(_line(x, y - 10, x, bottom, "strip-reference"))
        end = "end" if left else "start"
        parts.append(_text(x - 5 if left else x + 5, y, name, "strip-line-name", end))
    return parts


def _ticks(frame: _Frame, strip: Strip, bottom: float) -> Markup:
    parts = [_line(frame.left, bottom, frame.right, bottom, "strip-axis")]
    for tick in frame.ticks:
        x = frame.scale(tick)
        parts += [
            _line(x, frame.top, x, bottom, "strip-grid"),
            _text(x, bottom + 16, f"{tick:g}", "strip-tick", "middle"),
        ]
    middle = (frame.left + frame.right) / 2
    parts.append(_text(middle, bottom + 34, strip.unit, "strip-tick", "middle"))
    return Markup("\n").join(parts)


def _row(frame: _Frame, mark: Mark, top: float) -> Markup:
    y = top + (40 if frame.narrow else frame.row / 2)
    scale, x = frame.scale, frame.scale(mark.value)
    parts = [_line(frame.left, top, frame.width - 4, top, "strip-rule")]
    if frame.narrow:
        # Lines stop where words are.
        blank = '<rect class="strip-blank" x="0" y="{:.1f}" width="{}" height="25"/>'
        parts.append(Markup(blank).format(top + 1, frame.width))
        name = one_line(mark.name, 16)
        parts.append(_text(4, top + 17, name, "strip-name"))
        end = 12 + 1.5 * len(name) * _LETTER  # bold and larger than a label
        room = frame.width - 12 - end - 1.35 * len(mark.text) * _LETTER
        note = one_line(mark.note.partition(" ·")[0], max(int(room / _LETTER), 1))
        parts.append(_text(end, top + 17, note, "strip-note"))
        parts.append(_text(frame.width - 4, top + 17, mark.text, "strip-value", "end"))
    else:
        parts.append(_text(4, y - 3, one_line(mark.name, 26), "strip-name"))
        parts.append(_text(4, y + 14, one_line(mark.note, 34), "strip-note"))
        parts.append(_text(frame.width - 4, y + 5, mark.text, "strip-value", "end"))
    low = frame.left if mark.low is None else scale(mark.low)
    high = frame.right if mark.high is None else scale(mark.high)
    parts.append(
        Markup(
            '<rect class="strip-accept" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="16"/>'
        ).format(low, y - 8, max(high - low, 1))
    )
    for bound in (mark.low, mark.high):
        if bound is not None:
            parts.append(_line(scale(bound), y - 8, scale(bound), y + 8, "strip-limit"))
    parts.append(_mark(mark, scale, x, y))
    return Markup('<g class="family-{}">{}</g>').format(mark.family, Markup("\n").join(parts))


def _mark(mark: Mark, scale: Callable[[float], float], x: float, y: float) -> Markup:
    parts = []
    if mark.paper is not None:
        path = f"M{scale(mark.paper):.1f} {y - 8:.1f}l6 8-6 8-6-8z"
        parts.append(Markup('<path class="strip-paper" d="{}"/>').format(path))
    low, high = scale(mark.value - mark.sd), scale(mark.value + mark.sd)
    parts.append(_line(low, y, high, y, "strip-interval"))
    if high - low > 14:  # longer than the dot: show its ends
        parts += [_line(end, y - 5, end, y + 5, "strip-interval") for end in (low, high)]
    if mark.bound:
        arrow = f"M{x - 6:.1f} {y:.1f}h-14m5-5l-5 5 5 5"
        parts.append(Markup('<path class="strip-arrow" d="{}"/>').format(arrow))
    kind = "strip-bound" if mark.bound else "strip-exact"
    dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="5.5"/>')
    parts.append(dot.format(kind, x, y))
    return Markup("\n").join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> Markup:
    text = '<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'
    return Markup(text).format(name, x1, y1, x2, y2)


def _text(x: float, y: float, text: str, name: str, anchor: str = "start") -> Markup:
    words = '<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'
    return Markup(words).format(name, x, y, anchor, escape(text))
