"""The family tree of the papers: time runs to the right, each family has its lane.

Entries are filled, papers that they cite and nobody has reproduced yet are hollow. What is drawn is
worked out here; templates/tree.html.j2 writes it as SVG and as a list.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tools.publish.site.zoo import Shown
from zoo.core.cards import Paper
from zoo.core.families import FAMILIES

_FACTS = Path(__file__).parent / "citations.yaml"
_ARXIV = re.compile(r"(\d\d)(\d\d)\.\d{4,5}")
# Pixels; a year has at least _YEAR, more where the picture would be narrower than the page.
_YEAR, _LETTER, _PAD, _HEIGHT, _ROW, _GAP = 112.0, 7.6, 22.0, 30.0, 44.0, 12.0
_LEFT, _TOP, _LANE, _WIDTH = 132.0, 34.0, 14.0, 1130.0


@dataclass
class Node:
    """A paper in the picture.

    Attributes:
        key: its arXiv id.
        label: short name.
        title: full title.
        family: whose lane it is in.
        date: year with the month as its fraction.
        entry: name of the entry that reproduces it, "" where nobody has.
        cites: keys of the papers it cites.
        builds_on: keys of the papers on whose entries its code builds.
    """

    key: str
    label: str
    title: str
    family: str
    date: float
    entry: str
    cites: list[str]
    builds_on: list[str] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        """Of its box."""
        return len(self.label) * _LETTER + _PAD

    @property
    def year(self) -> int:
        """Of the paper."""
        return int(self.date)


def date_of(paper: Paper) -> float:
    """When a paper came out: by the month in its arXiv id, else in the middle of its year."""
    match = _ARXIV.match(paper.arxiv)
    if match and 1 <= int(match[2]) <= 12:
        return 2000 + int(match[1]) + (int(match[2]) - 0.5) / 12
    return paper.year + 0.5


def draw(shown: list[Shown]) -> dict[str, Any]:
    """Nodes, lines, lanes, years and size of the picture; see templates/tree.html.j2."""
    nodes = _nodes(shown)
    if not nodes:
        return {"nodes": []}
    first, last = (int(pick(node.date for node in nodes.values())) for pick in (min, max))
    year = max(_YEAR, (_WIDTH - _LEFT) / (last + 1 - first))
    for node in nodes.values():
        node.x = _LEFT + (node.date - first) * year
    lanes, bottom = _lanes(list(nodes.values()))
    right = max(node.x + node.width / 2 for node in nodes.values())
    width = max(_LEFT + (last + 1 - first) * year, right + _GAP)
    return {
        "nodes": sorted(nodes.values(), key=lambda node: (node.date, node.label)),
        "edges": [_edge(nodes[a], nodes[b], kind) for a, b, kind in _drawn(nodes)],
        "lanes": lanes,
        "years": [(first + n, _LEFT + n * year) for n in range(last + 1 - first)],
        "width": round(width),
        "height": round(bottom),
        "box": _HEIGHT,
        "list": _listed(nodes),
    }


@functools.cache
def _facts() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(_FACTS.read_text(encoding="utf-8"))["papers"]


def _nodes(shown: list[Shown]) -> dict[str, Node]:
    """The papers of all entries, and those that they cite."""
    facts, nodes = _facts(), {}
    key_of = {item.name: item.entry.card.paper.arxiv or item.name for item in shown}
    for item in shown:
        card, key = item.entry.card, key_of[item.name]
        known = facts.get(key, {"short": item.name, "cites": []})
        nodes[key] = Node(
            key=key,
            label=known["short"],
            title=card.title,
            family=card.family,
            date=date_of(card.paper),
            entry=item.name,
            cites=known["cites"],
            builds_on=[key_of[name] for name in card.builds_on if name in key_of],
        )
    for key in [key for node in nodes.values() for key in node.cites]:
        if key not in nodes:
            fact = facts[key]
            date = date_of(Paper(key, [], 0))
            node = Node(key, fact["short"], fact["title"], fact["family"], date, "", fact["cites"])
            nodes[key] = node
    for node in nodes.values():
        node.cites = [key for key in node.cites if key in nodes]
    return nodes


def _drawn(nodes: dict[str, Node]) -> list[tuple[str, str, str]]:
    """Lines (older, newer, kind): builds_on, citations between entries, and further citations.

    Of the latter, only those that no longer path implies.
    """

    @functools.cache
    def above(key: str) -> frozenset[str]:
        return frozenset(nodes[key].cites).union(*(above(older) for older in nodes[key].cites))

    lines = []
    for key, node in nodes.items():
        lines += [(older, key, "builds") for older in node.builds_on]
        for older in node.cites:
            among_entries = bool(node.entry and nodes[older].entry)
            implied = any(older in above(other) for other in node.cites if other != older)
            if (among_entries or not implied) and older not in node.builds_on:
                lines.append((older, key, "cites"))
    return lines


def _lanes(nodes: list[Node]) -> tuple[list[dict[str, Any]], float]:
    """Places every node in a row of its family's lane where it touches no other."""
    lanes, top = [], _TOP
    for family in FAMILIES:
        rows: list[float] = []  # where the last box of each row ends
        members = [node for node in nodes if node.family == family]
        for node in sorted(members, key=lambda node: (node.date, node.label)):
            start = node.x - node.width / 2
            row = next((n for n, end in enumerate(rows) if end + _GAP <= start), len(rows))
            rows[row : row + 1] = [node.x + node.width / 2]
            node.y = top + _LANE + row * _ROW + _HEIGHT / 2
        if members:
            height = 2 * _LANE + len(rows) * _ROW - (_ROW - _HEIGHT)
            lanes.append({"family": family, "y": top, "height": height})
            top += height
    return lanes, top


def _edge(old: Node, new: Node, kind: str) -> dict[str, str]:
    """A curve from the older paper to the newer one."""
    x0, x1 = old.x + old.width / 2, new.x - new.width / 2
    if x1 - x0 >= 2 * _GAP:
        bend = min((x1 - x0) / 2, 60)
        path = f"M{x0:.0f} {old.y:.0f}C{x0 + bend:.0f} {old.y:.0f} "
        path += f"{x1 - bend:.0f} {new.y:.0f} {x1:.0f} {new.y:.0f}"
    else:  # nearly above each other: from edge to edge
        down = 1 if new.y > old.y else -1
        y0, y1 = old.y + down * _HEIGHT / 2, new.y - down * _HEIGHT / 2
        middle = (y0 + y1) / 2
        path = f"M{old.x:.0f} {y0:.0f}C{old.x:.0f} {middle:.0f} "
        path += f"{new.x:.0f} {middle:.0f} {new.x:.0f} {y1:.0f}"
    return {"path": path, "kind": kind, "from": old.key, "to": new.key}


def _listed(nodes: dict[str, Node]) -> list[dict[str, Any]]:
    """The same in words, the oldest first."""
    return [
        {
            "node": node,
            "builds_on": [nodes[key] for key in node.builds_on],
            "cites": sorted((nodes[key] for key in node.cites), key=lambda other: other.date),
        }
        for node in sorted(nodes.values(), key=lambda node: (node.date, node.label))
        if node.entry
    ]
