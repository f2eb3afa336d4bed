"""What is checked: an entry's folder, or the house around the entries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tools.yamltext import Broken, Markdown

HOUSE = "house"  # the subject that stands for zoo.core, the tools and the lessons
SCRATCH = ("__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache")


@dataclass(frozen=True)
class Subject:
    """A folder under check. Nothing here imports what it reads."""

    name: str
    root: Path
    """The repository's root."""

    @property
    def is_house(self) -> bool:
        """True for the house, false for an entry."""
        return self.name == HOUSE

    @property
    def folder(self) -> Path:
        """The entry's folder; for the house the library that all entries share."""
        return self.root / "zoo" / ("core" if self.is_house else self.name)

    def files(self) -> list[Path]:
        """All files below the folder, sorted, without what programs leave behind."""
        return sorted(
            path
            for path in self.folder.rglob("*")
            if path.is_file() and not any(part in SCRATCH for part in path.parts)
        )

    def relative(self, path: Path) -> str:
        """`path` as findings show it: relative to the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def text(self, path: Path) -> str:
        """The file's text; byte-order marks and bad bytes are the layout check's business."""
        return path.read_bytes().decode("utf-8-sig", errors="replace")

    def python_files(self) -> list[Path]:
        """The Python files below the folder."""
        return [path for path in self.files() if path.suffix == ".py"]

    @cached_property
    def front_matter(self) -> dict[str, Any]:
        """The card's front matter as it stands, unchecked; empty where it cannot be read."""
        path = self.folder / "README.md"
        try:
            return Markdown(self.text(path)).data if path.is_file() else {}
        except Broken:
            return {}

    @property
    def builds_on(self) -> set[str]:
        """Entries that the card names under `builds_on`; none where the card cannot be read."""
        named = self.front_matter.get("builds_on")
        return {str(name) for name in named} if isinstance(named, list) else set()

    @cached_property
    def trees(self) -> dict[Path, ast.Module]:
        """Syntax trees of the Python files; SyntaxError where one does not parse."""
        return {path: ast.parse(self.text(path), str(path)) for path in self.python_files()}


def entry_subjects(root: Path) -> list[Subject]:
    """Every entry below `root`, complete or not, sorted by name.

    Any folder of `zoo/` that holds a file is an entry: one without a card must be reported, not
    overlooked.
    """
    folders = sorted(path for path in (root / "zoo").iterdir() if path.is_dir())
    subjects = [Subject(path.name, root) for path in folders]
    return [s for s in subjects if s.name not in ("core", *SCRATCH) and s.files()]


def walk_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes in the order of their lines, so that findings come in reading order."""
    return iter(sorted(ast.walk(tree), key=lambda node: getattr(node, "lineno", 0)))
