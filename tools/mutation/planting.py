"""A wrong text in the place of a module, in this process only: nothing is written to disk."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import CodeType
from typing import Any


def plant(module: str, text: str) -> None:
    """Have a module imported from this text; its file is neither changed nor asked for."""
    sys.meta_path.insert(0, _Planter(module, text))


class _Planter(importlib.abc.MetaPathFinder):
    """Finds one module, with another text."""

    def __init__(self, module: str, text: str) -> None:
        self.module, self.text = module, text

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> Any:
        """Return a spec for the planted module, None for all others."""
        if fullname != self.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        spec.loader = _Loader(fullname, spec.origin)
        spec.loader.text = self.text
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    text: str

    def get_code(self, fullname: str) -> CodeType:
        """Compile the planted text; neither reads nor writes a bytecode cache."""
        return compile(self.text, self.path, "exec")
