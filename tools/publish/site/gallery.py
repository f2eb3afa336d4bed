"""The front page: a card for each entry, filters, and the family tree of the papers."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tools.claims import measured_text
from tools.publish.afterlife import badge
from tools.publish.site import outcomes, tree
from tools.publish.site.pages import Asset, Page
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.families import FAMILIES
from zoo.core.metrics import METRICS

# Status of a claim: (kind of badge, sign, words).
STATUS = {
    "reproduced": ("ok", "✔", "reproduced"),
    "partial": ("partial", "◐", "partial"),
    "not-reproduced": ("miss", "✖", "not reproduced"),
    "not-measured": ("", "○", "not measured yet"),
}
_SIDE = 480  # pixels of a card's picture at most, for a card of half that on a dense screen
_PIXELS = 40_000_000


@dataclass(frozen=True)
class Headline:
    """The first claim of an entry.

    Attributes:
        status: a key of STATUS.
        measured: "95.57 ± 0.25", "" before the first measurement.
        unit: of the metric.
        metric: its id.
        dataset: measured on.
        accept: the range fixed before training.
        paper: the paper's value, "" where it has none.
    """

    status: str
    measured: str = ""
    unit: str = ""
    metric: str = ""
    dataset: str = ""
    accept: str = ""
    paper: str = ""


@dataclass(frozen=True)
class Picture:
    """A card's picture: path in the site, bytes, width and height in pixels."""

    path: str
    content: bytes
    width: int
    height: int


def pages(zoo: Zoo) -> Iterator[Page | Asset]:
    """The gallery and the pictures of its cards."""
    cards = []
    for number, shown in enumerate(sorted(zoo.shown, key=_age), start=1):
        picture = picture_of(zoo, shown)
        if picture:
            yield Asset(picture.path, picture.content)
        cards.append(_card(zoo, number, shown, picture))
    yield Page(
        path="index.html",
        title="genzoo: peer-reviewed generative models",
        template="gallery.html.j2",
        context={
            "cards": cards,
            "filters": _filters(cards),
            "status": STATUS,
            "tree": tree.draw(zoo.shown),
            "totals": _totals(zoo, cards),
        },
        description="Deep generative models, reproduced from their papers, measured and reviewed.",
        section="gallery",
        styles=("gallery.css",),
        scripts=("gallery.js",),
    )


def headline(shown: Shown) -> Headline:
    """The claim that an entry's card shows."""
    if not shown.entry.card.claims:
        return Headline("not-measured")
    claim = shown.entry.card.claims[0]
    result, metric = shown.results.get(claim.id), METRICS.get(claim.metric)
    return Headline(
        status=result.status if result else "not-measured",
        measured=measured_text(result) if result else "",
        unit=metric.unit if metric else "",
        metric=claim.metric,
        dataset=claim.dataset,
        accept=claim.accept.replace("<=", "≤").replace(">=", "≥").replace("..", " … "),
        paper="" if claim.paper.value is None else f"{claim.paper.value:g}",
    )


def picture_of(zoo: Zoo, shown: Shown) -> Picture | None:
    """The entry's samples at a card's size; None where it has no picture that can be read.

    It is decoded and written anew, so that what is served is a picture and nothing else.
    """
    source = shown.entry.folder / "samples.png"
    if not source.is_file():
        return None
    content = source.read_bytes()
    try:
        code = Path(__file__).read_bytes()
        small = zoo.cached("card.png", [content, code], lambda: _small(content))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    width, height = Image.open(io.BytesIO(small)).size
    return Picture(f"entries/{shown.name}/card.png", small, width, height)


def _small(content: bytes) -> bytes:
    image = Image.open(io.BytesIO(content), formats=["PNG"])
    if image.width * image.height > _PIXELS:
        raise ValueError("a picture too large to show")
    image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _age(shown: Shown) -> tuple[float, str]:
    return tree.date_of(shown.entry.card.paper), shown.name


def _card(zoo: Zoo, number: int, shown: Shown, picture: Picture | None) -> dict[str, Any]:
    card, review = shown.entry.card, outcomes.summary(shown)
    return {
        "number": number,
        "name": shown.name,
        "title": card.title,
        "family": card.family,
        "year": card.paper.year,
        "authors": _authors(card.paper.authors),
        "data": sorted({claim.dataset for claim in card.claims}),
        "headline": headline(shown),
        "claims": Counter(
            shown.results[claim.id].status if claim.id in shown.results else "not-measured"
            for claim in card.claims
        ),
        "review": review["badge"],
        "afterlife": badge(zoo, shown.name),
        "stage": shown.state.stage if shown.state else "no ledger",
        "picture": picture,
    }


def _authors(names: list[str]) -> str:
    last = [name.split()[-1] for name in names if name.split()]
    if len(last) > 3:
        return f"{last[0]} et al."
    return " & ".join(filter(None, [", ".join(last[:-1]), *last[-1:]]))


def _filters(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of choices, each with the number of its entries; where all are alike there is no row."""
    family = Counter(card["family"] for card in cards)
    data = Counter(name for card in cards for name in card["data"])
    status = Counter(card["headline"].status for card in cards)
    rows = [
        ("family", "Family", [(n, n.replace("-", " "), family[n]) for n in FAMILIES if family[n]]),
        ("data", "Data", [(name, name, count) for name, count in sorted(data.items())]),
        ("status", "Result", [(n, STATUS[n][2], status[n]) for n in STATUS if status[n]]),
    ]
    return [
        {"name": name, "label": label, "choices": choices, "total": len(cards)}
        for name, label, choices in rows
        if len(choices) > 1
    ]


def _totals(zoo: Zoo, cards: list[dict[str, Any]]) -> dict[str, int]:
    findings = [key for shown in zoo.shown if shown.state for key in shown.state.findings]
    return {
        "entries": len(cards),
        "families": len({card["family"] for card in cards}),
        "claims": sum(sum(card["claims"].values()) for card in cards),
        "reproduced": sum(card["claims"]["reproduced"] for card in cards),
        "findings": len(findings),
    }
