"""Samples per second of every entry with shipped weights, and what a sampler's cache is worth."""

from __future__ import annotations

import inspect
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from zoo.core.errors import ZooError
from zoo.core.registry import entry_names, get_entry

COUNT = 256
# Of the comparison with the naive loop, which passes over an image once for each of its pixels:
CACHED_TEXTS, CACHED_IMAGES = 16, 4  # samples at once
ROUNDS, LONG = 3, 5.0  # repetitions, but only one where the naive loop takes longer, in seconds


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
        recipe = entry.default_recipe
        with torch.no_grad():
            model.sample(8)
            rate = COUNT / _seconds(lambda model=model: model.sample(COUNT))
            if hasattr(model, "vocab_size"):
                tokens = rate * model.event_shape[0]
                found.append(
                    (f"sample {name}", f"{tokens:.0f} tokens/s", f"{recipe}, {COUNT} rows")
                )
            else:
                found.append((f"sample {name}", f"{rate:.0f} images/s", recipe))
            if "cache" in inspect.signature(model.sample).parameters:
                n = CACHED_TEXTS if hasattr(model, "vocab_size") else CACHED_IMAGES
                note = f"{recipe}, naive loop : cached, {n} rows, the same samples"
                found.append((f"cache of {name}", f"{_cache_ratio(model, n):.1f} times", note))
    return found


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _cache_ratio(model: nn.Module, n: int) -> float:
    """Median time of the naive loop over that of the cached one for n samples, in turn."""
    ratios = []
    for _ in range(ROUNDS):
        naive, cached = (
            _seconds(lambda cache=cache: model.sample(n, cache=cache)) for cache in (False, True)
        )
        ratios.append(naive / cached)
        if naive > LONG:
            break
    return statistics.median(ratios)
