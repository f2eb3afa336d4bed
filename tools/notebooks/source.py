"""Reading a notebook before it runs, and the key under which its outputs are remembered."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.notebooks.normalise import METADATA, Json, text
from zoo.core.cards import load_card
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER

_FORMAT = 1  # raise it when `captured` or `assemble` change what they keep


@dataclass(frozen=True)
class Source:
    """A notebook as it lies in the repository, without outputs.

    `root` is the checkout whose `zoo` it imports; `inside` says whether it lies in that checkout.
    """

    path: Path
    root: Path
    inside: bool
    content: Json

    @property
    def name(self) -> str:
        """Name of what it produces: the entry's name for a demo, else the name of the file."""
        return self.path.parent.name if self._is_demo else self.path.stem

    @property
    def _is_demo(self) -> bool:
        return self.path.parent.parent == self.root / "zoo" and self.path.stem == "demo"

    @property
    def code(self) -> list[Json]:
        """The code cells."""
        return [cell for cell in self.content["cells"] if cell["cell_type"] == "code"]

    def parts(self) -> list[Path]:
        """Folders the outputs depend on: an entry and what it builds on, or the whole library."""
        library = self.root / "zoo"
        if not self._is_demo:
            return [library, *([self.path.parent] if self.inside else [])]
        entries, waiting = set(), [self.path.parent.name]
        while waiting:
            name = waiting.pop()
            entries.add(name)
            try:
                builds_on = load_card(library / name).builds_on
            except ZooError:  # a card in the making: depend on everything
                return [library]
            waiting += [other for other in builds_on if other not in entries]
        return [library / "core", *(library / name for name in sorted(entries))]


def read_source(path: Path) -> Source:
    """The notebook at `path`, with an id for every cell; refuses what is not a notebook."""
    path = path.resolve()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells, _ = content["cells"], content["metadata"]
    except FileNotFoundError:
        raise ZooError(f"{path}: no such notebook") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ZooError(
            f"{path}: not a notebook of format 4 ({error or type(error).__name__})"
        ) from None
    kept = [c for c in cells if "injected-parameters" not in c["metadata"].get("tags", [])]
    for number, cell in enumerate(kept, start=1):
        cell.setdefault("id", f"cell-{number}")  # cells had none before format 4.5
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    inside = next((p for p in path.parents if (p / "zoo" / "core").is_dir()), None)
    root = inside or ZOO_FOLDER.parent
    metadata = {k: v for k, v in content["metadata"].items() if k not in ("papermill", "widgets")}
    content |= {"cells": kept, "metadata": metadata | METADATA, "nbformat": 4, "nbformat_minor": 5}
    return Source(path, root, inside is not None, content)


def cache_key(source: Source, parameters: dict[str, Any], environment: dict[str, str]) -> str:
    """Digest of everything the outputs depend on; equal keys give equal outputs.

    That is the code cells with their tags, the parameters, every file of the entry and of
    `zoo/core`, the data at hand, the versions of all packages and the number of threads.
    """
    digest = hashlib.sha256()
    cells = [[text(cell["source"]), cell["metadata"].get("tags", [])] for cell in source.code]
    threads = {k: v for k, v in environment.items() if k.endswith("_THREADS")}
    head = [
        _FORMAT,
        cells,
        sorted(parameters.items()),
        threads,
        sys.version,
        _installed(),
        _data(environment),
    ]
    digest.update(json.dumps(head, default=str).encode())
    for file in sorted(_files(source.parts())):
        digest.update(f"{file.relative_to(source.root)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(folders: Iterable[Path]) -> set[Path]:
    files = (f for folder in folders for f in folder.rglob("*") if f.is_file())
    return {f for f in files if "__pycache__" not in f.parts and f.suffix != ".ipynb"}


def _installed() -> list[str]:
    """Names and versions of all packages on the path, from the names of their metadata folders."""
    folders = [Path(entry) for entry in sys.path if entry and Path(entry).is_dir()]
    return sorted({item.name for folder in folders for item in folder.glob("*.dist-info")})


def _data(environment: dict[str, str]) -> list[tuple[str, int]]:
    """Names and sizes of the prepared data sets: a notebook may show less when one is absent."""
    folder = Path(environment.get("ZOO_DATA", Path.home() / ".cache" / "genzoo"))
    return sorted(
        (os.path.join(where, name), os.stat(os.path.join(where, name)).st_size)
        for where, _, names in os.walk(folder)
        for name in names
    )
