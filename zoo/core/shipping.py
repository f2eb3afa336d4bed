"""Putting trained weights into an entry's folder, in the size that git can bear."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from zoo.core.checkpoints import load_weights, read_about, save_weights
from zoo.core.curves import save_curve
from zoo.core.errors import ZooError
from zoo.core.registry import Entry
from zoo.core.runs import logged_rows

LIMIT = 8 * 2**20  # bytes per shipped file


def ship_weights(entry: Entry, recipe: str, source: Path) -> Path:
    """Copy a run's weights to `weights/<recipe>.safetensors`, in float16 if too large.

    What the run logged goes to `curves/<recipe>.json`.

    Args:
        entry: the entry.
        recipe: the recipe the weights were trained with.
        source: a run's weights.safetensors.

    Raises:
        ZooError: the weights are not of this recipe, or too large even in float16.
    """
    config = entry.config(recipe)
    about = read_about(source)
    _refuse_other_config(source, about.get("config", {}), config, recipe)
    model = load_weights(source, entry.task(config).build())
    size = source.stat().st_size
    if size > 2 * LIMIT:
        raise ZooError(
            f"{source} has {size / 2**20:.0f} MiB: shipped weights have at most 16, halved"
        )
    target = entry.weights_path(recipe)
    training = about.get("training", {})
    save_weights(target, model, config, half=size > LIMIT, training=training)
    logged = logged_rows(source.parent / "metrics.jsonl")
    if logged:
        save_curve(entry.store, recipe, logged, target)
    return target


def _refuse_other_config(source: Path, stored: dict[str, Any], config: Any, recipe: str) -> None:
    wanted = json.loads(json.dumps(dataclasses.asdict(config)))
    for name in sorted(stored.keys() | wanted.keys()):
        if stored.get(name) != wanted.get(name):
            raise ZooError(
                f"{source} was trained with {name}={stored.get(name)}, recipe '{recipe}' has "
                f"{wanted.get(name)}: train the recipe as it stands, with another --out"
            )
