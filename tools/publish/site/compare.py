"""The comparison: likelihoods by data set and unit, samplers by their distance, and the cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.publish.site.chart import Mark, Strip, draw
from tools.publish.site.costs import Drawing, drawing, stored_numbers
from tools.publish.site.measured import accepted, duration
from tools.publish.site.pages import Asset, Page
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.cards import Claim, parse_accept
from zoo.core.evidence import Result
from zoo.core.metrics import METRICS

PAGE = "compare.html"
# Every other likelihood counts as a bound: what is not known to be exact is not shown as exact.
EXACT = ("nll-nats", "bits-per-dim", "nats-per-char")
DISTANCES = ("cnn-fd", "cnn-fd-ratio")
DATA = {
    "binarized-mnist": "MNIST, made binary",
    "mnist": "MNIST, 256 grey levels",
    "binarized-digits": "Digits of 8×8 pixels, made binary",
    "digits": "Digits of 8×8 pixels, grey",
    "tinyshakespeare": "Tiny Shakespeare",
}
UNITS = {
    "nats": "nats per example; fewer are better",
    "bits/dim": "bits per dimension; fewer are better",
    "nats/char": "nats per character; fewer are better",
}


@dataclass(frozen=True)
class Point:
    """A measured claim: where it comes from, its value, and whether that is a bound."""

    shown: Shown
    claim: Claim
    result: Result
    value: float
    sd: float
    bound: bool

    @property
    def text(self) -> str:
        """The value as it is shown, "≤" before a bound."""
        text = f"{self.value:.4g}"
        if self.sd > 0:
            digits = 1 if self.sd >= 1 else 2 if self.sd >= 0.05 else 3 if self.sd >= 0.005 else 4
            text = f"{self.value:.{digits}f} ± {self.sd:.{digits}f}"
        return f"≤ {text}" if self.bound else text


@dataclass(frozen=True)
class Panel:
    """Models that one axis compares.

    Attributes:
        id: anchor.
        title: the data.
        unit: of the axis.
        points: best first.
        baselines: (name, value) of trivial models, best first.
        strip: the figure.
    """

    id: str
    title: str
    unit: str
    points: list[Point]
    baselines: list[tuple[str, float]]
    strip: Strip


@dataclass(frozen=True)
class Cost:
    """What one recipe of an entry costs; "—" where it is not known."""

    shown: Shown
    recipe: str
    numbers: str
    size: str
    training: str
    device: str
    measuring: str
    drawing: Drawing | None


def pages(zoo: Zoo) -> Iterator[Page | Asset]:
    """The page of the comparison, where anything is measured."""
    likelihoods, samplers = likelihood_panels(zoo), sampler_panels(zoo)
    points = [point for panel in (*likelihoods, *samplers) for point in panel.points]
    if not points:
        return
    compared = {point.shown.name for point in points}
    costs = _costs(zoo, points)
    machines = sorted({cost.drawing.machine for cost in costs if cost.drawing})
    yield Page(
        path=PAGE,
        title="Comparison",
        template="compare.html.j2",
        context={
            "likelihoods": likelihoods,
            "samplers": samplers,
            "costs": costs,
            "machines": machines,
            "left_out": [shown for shown in zoo.shown if shown.name not in compared],
            "draw": draw,
            "accepted": accepted,
            "duration": duration,
        },
        description="Likelihoods of all models beside trivial baselines, samplers by their "
        "distance from real images, and what they cost.",
        section="compare",
        styles=("compare.css",),
        search=f"comparison likelihood Fréchet distance cost {' '.join(sorted(compared))}",
    )


def likelihood_panels(zoo: Zoo) -> list[Panel]:
    """A panel for each data set and unit, in the order of the data sets' names.

    Log-densities, of which more is better (logit-nats), have no place on these axes.
    """
    groups: dict[tuple[str, str], list[Point]] = {}
    for shown, claim, result in _measured(zoo):
        unit = METRICS[claim.metric].unit
        if unit.startswith(("nats", "bits")) and METRICS[claim.metric].direction == "lower":
            bound = claim.metric not in EXACT
            point = Point(shown, claim, result, result.value, _finite(result.sd), bound)
            groups.setdefault((claim.dataset, unit), []).append(point)
    return [_likelihoods(*key, points) for key, points in sorted(groups.items())]


def sampler_panels(zoo: Zoo) -> list[Panel]:
    """A panel for each data set that samples were compared with."""
    groups: dict[str, list[Point]] = {}
    for shown, claim, result in _measured(zoo):
        if claim.metric in DISTANCES:
            floor = 1.0 if claim.metric == "cnn-fd-ratio" else float(result.details["floor"])
            value, sd = result.value / floor, _finite(result.sd) / floor
            point = Point(shown, claim, result, value, sd, bound=False)
            groups.setdefault(claim.dataset, []).append(point)
    return [_samplers(dataset, points) for dataset, points in sorted(groups.items())]


def _measured(zoo: Zoo) -> Iterator[tuple[Shown, Claim, Result]]:
    for shown in zoo.shown:
        for claim in shown.entry.card.claims:
            if claim.id in shown.results and claim.metric in METRICS:
                yield shown, claim, shown.results[claim.id]


def _finite(sd: float) -> float:
    return sd if sd == sd else 0.0


def _likelihoods(dataset: str, unit: str, points: list[Point]) -> Panel:
    points = sorted(points, key=lambda point: point.value)
    found = {
        name: float(value)
        for point in points
        for key, values in point.result.details.items()
        if key.startswith("baselines") and isinstance(values, dict)
        for name, value in values.items()
    }
    baselines = sorted(found.items(), key=lambda item: item[1])
    title = DATA.get(dataset, dataset)
    marks = [_mark(point, 1.0) for point in points]
    axis = UNITS.get(unit, unit)
    strip = Strip(marks, baselines, axis, _described(title, axis, points, baselines))
    name = f"{dataset}-{unit}".replace("/", "-per-")
    return Panel(_id(f"likelihood-{name}"), title, unit, points, baselines, strip)


def _samplers(dataset: str, points: list[Point]) -> Panel:
    points = sorted(points, key=lambda point: point.value)
    title = DATA.get(dataset, dataset)
    floor = [("real training images = 1", 1.0)]
    marks = [_mark(point, _floor(point)) for point in points]
    axis = "Fréchet distance ÷ that of real images, logarithmic; 1 is as close as real images are"
    described = _described(title, axis, points, floor)
    strip = Strip(marks, floor, "times the distance of real images", described, logarithmic=True)
    return Panel(_id(f"samplers-{dataset}"), title, "× floor", points, floor, strip)


def _id(name: str) -> str:
    """An id of the page; a data set may have any name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def _floor(point: Point) -> float:
    """What a claim's own numbers are divided by on the axis."""
    return 1.0 if point.claim.metric == "cnn-fd-ratio" else float(point.result.details["floor"])


def _mark(point: Point, scale: float) -> Mark:
    match = parse_accept(point.claim.accept)
    sign, bound = match["sign"], float(match["bound"] or 0)
    low = bound if sign == ">=" else None if sign else float(match["low"])
    high = bound if sign == "<=" else None if sign else float(match["high"])
    paper = point.claim.paper.value
    return Mark(
        name=point.shown.name,
        note=f"{point.claim.id} · {'bound' if point.bound else METRICS[point.claim.metric].id}",
        value=point.value,
        sd=point.sd,
        text=point.text,
        bound=point.bound,
        low=None if low is None else low / scale,
        high=None if high is None else high / scale,
        paper=None if paper is None else paper / scale,
        family=point.shown.entry.card.family,
    )


def _described(title: str, axis: str, points: list[Point], lines: list[tuple[str, float]]) -> str:
    """The figure in words; the table below it has every number."""
    said = "; ".join(f"{point.shown.name} {point.text}" for point in points)
    beside = "; ".join(f"{name} {value:.4g}" for name, value in lines)
    return f"{title}, {axis}. {said}. For reference: {beside or 'nothing'}."


def _costs(zoo: Zoo, points: list[Point]) -> list[Cost]:
    """A row for each recipe, by entry; the longest of its measurements counts."""
    recipes: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        recipes.setdefault((point.shown.name, point.result.recipe), []).append(point)
    return [_cost(zoo, recipe, of) for (_, recipe), of in sorted(recipes.items())]


def _cost(zoo: Zoo, recipe: str, points: list[Point]) -> Cost:
    shown, training = points[0].shown, points[0].result.training
    weights = shown.entry.weights_path(recipe)
    there = weights.is_file()
    seconds = training.get("seconds")
    longest = max((point.result for point in points), key=lambda result: result.seconds)
    return Cost(
        shown=shown,
        recipe=recipe,
        numbers=f"{stored_numbers(weights):,}" if there else "—",
        size=f"{weights.stat().st_size / 2**20:.1f} MiB" if there else "—",
        training="—" if seconds is None else duration(float(seconds)),
        device=str(training.get("device", "—")),
        measuring=f"{duration(longest.seconds)}, {longest.device}",
        drawing=drawing(zoo, shown, recipe),
    )


__all__ = ["Panel", "Point", "likelihood_panels", "pages", "sampler_panels"]
