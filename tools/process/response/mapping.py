"""What became of a finding's place between version 1 and version 2: a pure comparison of texts.

Lines. A file is compared line by line, line endings aside. An edit puts n new lines in the stead of
m old ones (m = 0 is an insertion, n = 0 a deletion). It *touches* the lines first..last when it
takes at least one of them away, or when it stands directly before, inside or behind them and n > m:
lines were added there. An edit of a neighbouring line that adds none does not touch. A place behind
the end of a file means its last line, and a place in an empty or absent file all that is written
there.

Cells. A notebook's cell is found by its id, or by its unchanged source where a tool gave out new
ids. Source and type count, outputs and metadata do not. It has *moved* when neither of its
neighbours, among the cells of both versions, is the same as before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Literal

from tools.process.findings import Finding, Place
from zoo.core.errors import ZooError

Status = Literal["untouched", "touched", "deleted", "file-deleted", "moved"]
Edit = tuple[str, int, int, int, int]  # of difflib: tag, old lines i1:i2, new lines j1:j2
CONTEXT = 3


@dataclass(frozen=True)
class Hunk:
    """A hunk of the unified diff.

    Attributes:
        path: file, or file#cell, after the change.
        header: "@@ -40,5 +40,6 @@".
        lines: each with its sign " ", "-" or "+".
    """

    path: str
    header: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.header, *self.lines])


@dataclass(frozen=True)
class Mapped:
    """A finding and what became of its place.

    Attributes:
        finding: the finding.
        status: untouched (though perhaps at other line numbers), touched, deleted, file-deleted,
            or moved (the same text in a renamed file, elsewhere in the file, or between other
            cells).
        hunks: those that touch the place.
        new_place: where its text, or what took its stead, stands now; None where nothing does.
    """

    finding: Finding
    status: Status
    hunks: tuple[Hunk, ...]
    new_place: Place | None

    @property
    def changed(self) -> bool:
        """Whether version 2 does anything at this place."""
        return bool(self.hunks) or self.status == "file-deleted"


def map_findings(
    findings: Mapping[str, Finding],
    before: Callable[[str], str | None],
    after: Callable[[str], str | None],
    renamed: Mapping[str, str],
) -> dict[str, Mapped]:
    """What became of every finding.

    Args:
        findings: by key.
        before: text of a file in version 1, None where there is none.
        after: the same for version 2.
        renamed: new path by old path.
    """
    return {
        key: map_finding(
            finding,
            before(finding.place.path),
            after(renamed.get(finding.place.path, finding.place.path)),
            renamed.get(finding.place.path, finding.place.path),
        )
        for key, finding in findings.items()
    }


def map_finding(finding: Finding, old: str | None, new: str | None, path: str) -> Mapped:
    """What became of one finding, from its file's text in both versions; `path` is the new name."""
    if old is not None and new is None:
        return Mapped(finding, "file-deleted", (), None)
    if finding.place.cell is not None:
        mapped = _map_cell(finding, old, new, path)
    else:
        mapped = _map_lines(finding, split_lines(old), split_lines(new), path)
    if mapped.status == "untouched" and path != finding.place.path:
        return replace(mapped, status="moved")
    return mapped


def hunks_at(place: Place, old: str | None, new: str | None) -> tuple[Hunk, ...]:
    """The hunks that made a place of the new text: the rule above, read from new to old.

    They put or changed at least one of its lines, or took lines away directly beside it.
    """
    if place.cell is not None:
        was, now = _cells(old, place.path).get(place.cell), _cells(new, place.path).get(place.cell)
        return () if was == now else _cell_hunks(was, now, str(place))
    before, after = split_lines(old), split_lines(new)
    low, high = _clamped(place, after)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return tuple(
        _hunk(group, before, after, place.path)
        for group in matcher.get_grouped_opcodes(CONTEXT)
        if any(_touches((tag, j1, j2, i1, i2), low, high) for tag, i1, i2, j1, j2 in group)
    )


def split_lines(text: str | None) -> list[str]:
    """Lines as git counts them, without their endings; no text has none."""
    lines = (text or "").replace("\r\n", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines


def _map_lines(finding: Finding, old: list[str], new: list[str], path: str) -> Mapped:
    """What became of lines; the module's text gives the rule."""
    place = finding.place
    low, high = _clamped(place, old)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    edits = list(matcher.get_opcodes())  # a copy: the grouping below shortens its own
    hunks = tuple(
        _hunk(group, old, new, path)
        for group in matcher.get_grouped_opcodes(CONTEXT)
        if any(_touches(edit, low, high) for edit in group)
    )
    span = _span(edits, low, high)
    if not hunks:
        there = Place(path, span[0] + 1, span[1]) if span else replace(place, path=path)
        return Mapped(finding, "untouched", (), there)
    if not any(edit[0] == "equal" and edit[1] <= low and high <= edit[2] for edit in edits):
        moved = _only(new, old[low:high]) if _only(old, old[low:high]) is not None else None
        if moved is not None:
            return Mapped(finding, "moved", hunks, Place(path, moved + 1, moved + high - low))
    if span is None:
        return Mapped(finding, "deleted", hunks, None)
    return Mapped(finding, "touched", hunks, Place(path, span[0] + 1, span[1]))


def _clamped(place: Place, lines: list[str]) -> tuple[int, int]:
    """A place's lines from 0, half-open, within the file; (0, 0) in an empty one."""
    assert place.first is not None
    assert place.last is not None
    return max(min(place.first, len(lines)) - 1, 0), min(place.last, len(lines))


def _touches(edit: Edit, low: int, high: int) -> bool:
    """Whether an edit takes one of the old lines low:high away, or adds lines right beside them."""
    tag, i1, i2, j1, j2 = edit
    if tag == "equal" or i1 > high or i2 < low:
        return False
    return (i1 < high and i2 > low) or j2 - j1 > i2 - i1


def _span(edits: list[Edit], low: int, high: int) -> tuple[int, int] | None:
    """The new lines that are, or stand in the stead of, the old lines low:high; None for none."""
    spans = []
    for tag, i1, i2, j1, j2 in edits:
        if tag == "equal" and i1 < high and i2 > low:
            spans.append((j1 + max(low - i1, 0), j1 + min(high, i2) - i1))
        elif (tag == "replace" and i1 < high and i2 > low) or (tag == "insert" and low == high):
            spans.append((j1, j2))
    return (spans[0][0], spans[-1][1]) if spans else None


def _only(lines: list[str], block: list[str]) -> int | None:
    """Where a block of lines stands if it stands there exactly once."""
    size = len(block)
    starts = [at for at in range(len(lines) - size + 1) if lines[at : at + size] == block]
    return starts[0] if size and len(starts) == 1 else None


def _hunk(group: list[Edit], old: list[str], new: list[str], path: str) -> Hunk:
    """A group of edits with its context as a hunk of the unified diff."""
    lines: list[str] = []
    for tag, i1, i2, j1, j2 in group:
        if tag == "equal":
            lines += [f" {line}" for line in old[i1:i2]]
        else:
            lines += [f"-{line}" for line in old[i1:i2]] + [f"+{line}" for line in new[j1:j2]]
    before, after = _extent(group[0][1], group[-1][2]), _extent(group[0][3], group[-1][4])
    return Hunk(path, f"@@ -{before} +{after} @@", tuple(lines))


def _extent(start: int, stop: int) -> str:
    """Lines start:stop as a hunk's header counts them."""
    if stop - start == 1:
        return str(start + 1)
    return f"{start + (stop > start)},{stop - start}"


def _map_cell(finding: Finding, old: str | None, new: str | None, path: str) -> Mapped:
    """What became of a notebook's cell."""
    cell = finding.place.cell
    assert cell is not None
    before, after = _cells(old, finding.place.path), _cells(new, path)
    name = cell
    if cell not in after:
        same = [
            other for other in after if after[other] == before.get(cell) and other not in before
        ]
        name = same[0] if len(same) == 1 else cell
    was, now = before.get(cell), after.get(name)
    there = Place(path, cell=name) if now else None
    if was == now:
        common = [other for other in before if other in after or other == cell]
        stays = [cell if other == name else other for other in after]
        stays = [other for other in stays if other in before]
        aside = all(
            a != b for a, b in zip(_beside(common, cell), _beside(stays, cell), strict=True)
        )
        return Mapped(finding, "moved" if was and aside else "untouched", (), there)
    hunks = _cell_hunks(was, now, f"{path}#{name}")
    return Mapped(finding, "touched" if now else "deleted", hunks, there)


def _cell_hunks(
    was: tuple[str, str] | None, now: tuple[str, str] | None, path: str
) -> tuple[Hunk, ...]:
    """The diff between two (type, source) of a cell."""
    old, new = split_lines(was and was[1]), split_lines(now and now[1])
    groups = SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT)
    hunks = [_hunk(group, old, new, path) for group in groups]
    if was and now and was[0] != now[0]:
        hunks.insert(0, Hunk(path, "@@ type of the cell @@", (f"-{was[0]}", f"+{now[0]}")))
    return tuple(hunks) or (Hunk(path, "@@ an empty cell @@", ()),)


def _beside(order: list[str], cell: str) -> tuple[str | None, str | None]:
    """The neighbours of a cell; None at the ends, and for a cell that is not there."""
    if cell not in order:
        return None, None
    at = order.index(cell)
    return order[at - 1] if at else None, order[at + 1] if at + 1 < len(order) else None


def _cells(text: str | None, path: str) -> dict[str, tuple[str, str]]:
    """(type, source) by id of every cell, in order; ZooError for what is no notebook."""
    if text is None:
        return {}
    try:
        cells: list[dict[str, Any]] = json.loads(text)["cells"]
        return {
            str(cell.get("id", number)): (cell["cell_type"], "".join(cell["source"]))
            for number, cell in enumerate(cells)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ZooError(f"{path} is no notebook (JSON with a list of cells): save it anew") from None
