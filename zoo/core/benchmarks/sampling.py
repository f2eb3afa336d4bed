"""Samples per second of every entry with shipped weights."""

from __future__ import annotations

import time

import torch

from zoo.core.errors import ZooError
from zoo.core.registry import entry_names, get_entry

COUNT = 256


def rows() -> list[tuple[str, str, str]]:
    """Rows (what, figure, note); the first call of each model is not counted."""
    found = []
    for name in entry_names():
        entry = get_entry(name)
        try:
            model = entry.load()
        except ZooError as error:
            found.append((f"sample {name}", "—", str(error)))
            continue
        with torch.no_grad():
            model.sample(8)
            started = time.perf_counter()
            model.sample(COUNT)
            seconds = time.perf_counter() - started
        found.append((f"sample {name}", f"{COUNT / seconds:.0f} images/s", entry.default_recipe))
    return found
