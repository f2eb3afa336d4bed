"""Version 1 beside a later version: what became of the places that a review names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tools.process.findings import Finding, Place
from tools.process.git import git
from tools.process.response.mapping import Hunk, Mapped, hunks_at, map_findings, split_lines
from tools.process.review.frozen import FrozenTree, notebook_cells


class Versions:
    """Two versions of a repository.

    Args:
        root: the repository.
        old: commit of version 1.
        new: commit of the later version; None for the files as they lie there now.
    """

    def __init__(self, root: Path, old: str, new: str | None = None) -> None:
        self._root, self._old = root, FrozenTree(root, old)
        self._new = FrozenTree(root, new) if new else None
        options = ("-M", "--no-ext-diff", "--diff-filter=R", "--name-status", "-z")
        names = git(root, "diff", *options, old, *([new] if new else [])).split("\0")
        self._renamed = dict(zip(names[1::3], names[2::3], strict=True))

    def mapped(self, findings: Mapping[str, Finding]) -> dict[str, Mapped]:
        """What became of each finding's place."""
        return map_findings(findings, self._old.get, self._later, self._renamed)

    def exists(self, place: Place) -> bool:
        """Whether the later version has these lines or this cell."""
        text = self._later(place.path)
        if text is None:
            return False
        if place.cell is not None:
            return place.cell in notebook_cells(text)
        assert place.last is not None
        return place.last <= len(split_lines(text))

    def hunks_at(self, place: Place) -> tuple[Hunk, ...]:
        """What was changed at a place of the later version."""
        before = {new: old for old, new in self._renamed.items()}.get(place.path, place.path)
        return hunks_at(place, self._old.get(before), self._later(place.path))

    def _later(self, path: str) -> str | None:
        if self._new is not None:
            return self._new.get(path)
        file = self._root / path
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None
