"""The passages that two documents have in common, for a person to judge side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from tools.originality.index import UnitPrints, fingerprinted
from tools.originality.sources import Document
from tools.text import code_lines


@dataclass(frozen=True)
class Excerpt:
    """Lines of one file.

    Attributes:
        place: the file, or the cell of a notebook.
        unit: the function.
        start: number of the first line.
        lines: their texts.
        marked: the numbers of those that stand in the other document too.
    """

    place: str
    unit: str
    start: int
    lines: tuple[str, ...]
    marked: frozenset[int]

    def numbered(self) -> Iterator[tuple[int, str, bool]]:
        """Number, text, and whether it is marked, of every line.

        A stranger wrote the text: no sign that a terminal would obey gets through.
        """
        for number, text in enumerate(self.lines, self.start):
            plain = "".join(c if c == "\t" or c.isprintable() else "�" for c in text)
            yield number, plain, number in self.marked


@dataclass(frozen=True)
class Passage:
    """Two functions with code in common.

    Attributes:
        first, second: what stands in the two documents.
        shared: fingerprints in common.
        longest: lines of the longest run of statements that all stand in the other.
    """

    first: Excerpt
    second: Excerpt
    shared: int
    longest: int


def passages(first: Document, second: Document, rare: frozenset[int]) -> list[Passage]:
    """The functions of the first beside their counterparts in the second, most alike first.

    Args:
        first: a document with its code.
        second: another.
        rare: the fingerprints that count.
    """
    theirs = fingerprinted(second.pieces)
    found = []
    for mine in fingerprinted(first.pieces):
        values = mine.hashes & rare
        best = max(theirs, key=lambda unit: len(values & unit.hashes), default=None)
        if best is not None and (common := values & best.hashes):
            one, other = _excerpt(mine, common), _excerpt(best, common)
            found.append(Passage(one, other, len(common), _longest_run(mine, common)))
    return sorted(found, key=lambda passage: (-passage.shared, passage.first.place))


def _excerpt(unit: UnitPrints, common: frozenset[int]) -> Excerpt:
    inside = [item for item in unit.prints if item.hash in common]
    marked = {line for item in inside for line in range(item.line, item.end + 1)}
    start, end = min(marked), max(marked)
    lines = tuple(code_lines(unit.piece.text)[start - 1 : end])
    return Excerpt(unit.piece.place, unit.unit.name, start, lines, frozenset(marked))


def _longest_run(unit: UnitPrints, common: frozenset[int]) -> int:
    """Lines from the first to the last of consecutive statements with nothing but common code."""
    longest = run = first = 0
    for line, items in groupby(unit.prints, key=lambda item: item.line):
        statement = list(items)
        if not all(item.hash in common for item in statement):
            run = 0
            continue
        first = line if run == 0 else first
        run = max(item.end for item in statement) - first + 1
        longest = max(longest, run)
    return longest
