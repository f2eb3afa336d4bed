"""What of an entry a review speaks of: files, cells of notebooks, claims of the card."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from tools.process.findings import Place
from tools.process.review.frozen import Frozen, find_quote, notebook_cells
from tools.process.review.reviewfile import ReviewFile
from tools.text import one_line, table
from zoo.core.cards import split_front_matter
from zoo.core.errors import ZooError

UNREAD = (".safetensors", ".png")  # files that nobody reviews line by line
WIDTH = 76  # of the list of what is not touched
_CLAIM = re.compile(r"\s*-?\s*id:\s*[\"']?(?P<id>[\w.-]+)")


@dataclass(frozen=True)
class Part:
    """A file, cell or claim, and what of the review touches it.

    Attributes:
        kind: "file", "cell" or "claim".
        name: path, place of the cell, or id of the claim.
        by: finding ids, and "rubric <item>", "summary" or "strengths" for a mention.
    """

    kind: str
    name: str
    by: tuple[str, ...]


def coverage(review: ReviewFile, frozen: Frozen, model: str) -> list[Part]:
    """Every part of the reviewed entry, files first, with what of the review touches it."""
    folder = f"zoo/{model}/"
    texts = _texts(review)
    quoted = {finding.id: _places(review, finding.id, frozen) for finding in review.findings}
    files, cells, claims = [], [], []
    for path in sorted(frozen):
        if not path.startswith(folder) or path.endswith(UNREAD):
            continue
        found = [name for name, places in quoted.items() if any(p.path == path for p in places)]
        files.append(Part("file", path, _merge(found, _mentions(texts, _file_names(path)))))
        if path.endswith(".ipynb"):
            for cell in notebook_cells(frozen[path]):
                at = Place(path, cell=cell)
                found = [name for name, places in quoted.items() if at in places]
                names = rf"(?:`{re.escape(cell)}`|#{re.escape(cell)}(?![\w-]))"
                cells.append(Part("cell", str(at), _merge(found, _mentions(texts, names))))
    for claim, line in _claims(frozen.get(f"{folder}README.md", "")).items():
        at = Place(f"{folder}README.md", line, line)
        found = [name for name, places in quoted.items() if any(_holds(p, at) for p in places)]
        names = rf"(?<![\w-]){re.escape(claim)}(?![\w-])"
        claims.append(Part("claim", claim, _merge(found, _mentions(texts, names))))
    return [*files, *cells, *claims]


def coverage_table(parts: list[Part]) -> str:
    """How much of each kind is touched, and what is not."""
    rows = [("", "touched", "nothing in the review speaks of")]
    for kind in ("file", "cell", "claim"):
        these = [part for part in parts if part.kind == kind]
        left = [one_line(re.split("[/#]", part.name)[-1]) for part in these if not part.by]
        first, *more = textwrap.wrap(", ".join(left), WIDTH, break_on_hyphens=False) or ["—"]
        rows.append((f"{kind}s", f"{len(these) - len(left)} of {len(these)}", first))
        rows += [("", "", line) for line in more]
    return table(rows)


def _texts(review: ReviewFile) -> dict[str, str]:
    """What the reviewer wrote, by part of the review."""
    texts = {"summary": review.summary, "strengths": review.strengths}
    texts |= {f"rubric {answer.id}": answer.reason for answer in review.rubric}
    for finding in review.findings:
        parts = (finding.title, finding.expected, finding.observed, finding.suggestion)
        texts[finding.id] = "\n".join(parts)
    return texts


def _mentions(texts: dict[str, str], pattern: str) -> list[str]:
    return [name for name, text in texts.items() if re.search(pattern, text)]


def _merge(*names: list[str]) -> tuple[str, ...]:
    """All names once, in order."""
    return tuple(dict.fromkeys(name for group in names for name in group))


def _file_names(path: str) -> str:
    """A pattern of what people call a file: its path, its name, or what the name stands for."""
    name = path.rpartition("/")[2]
    spoken = {"README.md": r"|\bcards?\b", "demo.ipynb": r"|\bnotebooks?\b"}.get(name, "")
    return rf"(?<![\w.]){re.escape(name)}\b{spoken}"


def _places(review: ReviewFile, name: str, frozen: Frozen) -> list[Place]:
    """Where a finding is: its place, and the cell of its quote where it names lines."""
    finding = next(one for one in review.findings if one.id == name)
    path = finding.place.path
    found = find_quote(frozen, path, finding.quote) if path in frozen and finding.quote else None
    return [finding.place, found] if found else [finding.place]


def _claims(card: str) -> dict[str, int]:
    """Line by id of each claim in a card's front matter."""
    try:
        front, _ = split_front_matter(card)
    except ZooError:
        return {}
    lines, inside = {}, False
    for number, line in enumerate(front.split("\n"), 2):
        if re.match(r"[a-z_]+:", line):
            inside = line.startswith("claims:")
        elif inside and (match := _CLAIM.match(line)):
            lines[match["id"]] = number
    return lines


def _holds(place: Place, line: Place) -> bool:
    """Whether a place covers a line."""
    if place.path != line.path or place.first is None or place.last is None:
        return False
    assert line.first is not None
    return place.first <= line.first <= place.last
