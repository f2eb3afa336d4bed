"""The files of a frozen version as git keeps them, whatever the working tree says by now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from tools.process.findings import Place
from tools.process.git import file_at, git, require_commit
from tools.process.response.mapping import split_lines

Frozen = Mapping[str, str]  # text by path; tests pass a dict


class FrozenTree(Mapping[str, str]):
    """Text by path at one commit; bytes that are no UTF-8 are shown by replacement characters."""

    def __init__(self, root: Path, commit: str) -> None:
        require_commit(root, commit)
        self.root, self.commit = root, commit
        self._texts: dict[str, str] = {}

    @cached_property
    def paths(self) -> list[str]:
        """Every file of the commit, sorted."""
        names = git(self.root, "ls-tree", "-r", "-z", "--name-only", self.commit)
        return sorted(name for name in names.split("\0") if name)

    def __getitem__(self, path: str) -> str:
        if path not in self._texts:
            content = file_at(self.root, self.commit, path)
            if content is None:
                raise KeyError(path)
            self._texts[path] = content.decode("utf-8", errors="replace")
        return self._texts[path]

    def __contains__(self, path: object) -> bool:
        return path in self.paths

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def notebook_cells(text: str) -> dict[str, str]:
    """Source by cell id, in the order of the notebook; empty for what is no notebook."""
    try:
        cells = json.loads(text)["cells"]
        return {cell["id"]: "".join(cell["source"]) for cell in cells if cell.get("id")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def text_at(frozen: Frozen, place: Place) -> str:
    """What stands at a place that exists: its lines, or the source of its cell."""
    if place.cell is not None:
        return notebook_cells(frozen[place.path])[place.cell]
    assert place.first is not None
    assert place.last is not None
    return "\n".join(split_lines(frozen[place.path])[place.first - 1 : place.last])


def squeezed(text: str) -> str:
    """The text with every run of white space as one blank: quotes may be wrapped otherwise."""
    return " ".join(text.split())


def find_quote(frozen: Frozen, path: str, quote: str) -> Place | None:
    """Where in a file a quote stands first; None where it does not."""
    wanted, text = squeezed(quote), frozen[path]
    if path.endswith(".ipynb"):
        cells = notebook_cells(text).items()
        return next((Place(path, cell=c) for c, s in cells if wanted in squeezed(s)), None)
    words, lines = [], []
    for number, line in enumerate(split_lines(text), 1):
        words += line.split()
        lines += [number] * len(line.split())
    at = " ".join(words).find(wanted)
    if at < 0 or not wanted:
        return None
    before = " ".join(words)[:at].count(" ")
    return Place(path, lines[before], lines[before + wanted.count(" ")])
