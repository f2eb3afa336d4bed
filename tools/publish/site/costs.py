"""What a model costs: its size, its training, and the drawing of a sample.

Drawing is measured once for weights and code, kept in the cache, and the machine is named.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import struct
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.publish.site.zoo import Shown, Zoo
from zoo.core.evidence import code_digest
from zoo.core.registry import ZOO_FOLDER

BATCH = 16


@dataclass(frozen=True)
class Drawing:
    """Drawing samples here.

    Attributes:
        evaluations: how often the network is called for a batch, by its busiest layer.
        seconds: per sample of a batch of 16.
        machine: where the seconds were measured.
    """

    evaluations: int
    seconds: float
    machine: str


def stored_numbers(path: Path) -> int:
    """How many numbers a safetensors file holds, from its header alone."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return sum(math.prod(tensor["shape"]) for tensor in header.values())


def drawing(zoo: Zoo, shown: Shown, recipe: str) -> Drawing | None:
    """What a sample costs; None for an entry that cannot be run here."""
    weights = shown.entry.weights_path(recipe)
    if shown.entry.folder.parent != ZOO_FOLDER or not weights.is_file():
        return None
    digest = code_digest(shown.entry.folder, tuple(shown.entry.card.builds_on))
    parts = [
        Path(__file__).read_bytes(),
        digest.encode(),
        hashlib.sha256(weights.read_bytes()).digest(),
        _machine().encode(),
    ]
    kept = zoo.cached("drawing.json", parts, lambda: _measured(shown, recipe))
    return Drawing(**json.loads(kept))


def _measured(shown: Shown, recipe: str) -> bytes:
    import torch
    from torch import nn

    model = shown.entry.load(recipe)
    calls: Counter[str] = Counter()

    def counted(name: str) -> Any:
        return lambda *_: calls.update([name])

    layers: list[tuple[str, nn.Module]] = [
        (name, module)
        for name, module in model.named_modules()
        if name and next(module.parameters(recurse=False), None) is not None
    ]
    hooks = [module.register_forward_hook(counted(name)) for name, module in layers]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            model.sample(BATCH, torch.Generator().manual_seed(0))
            for hook in hooks:
                hook.remove()
            start = time.perf_counter()
            model.sample(BATCH, torch.Generator().manual_seed(1))
            seconds = (time.perf_counter() - start) / BATCH
    finally:
        torch.set_num_threads(before)
    found = Drawing(max(calls.values(), default=0), float(f"{seconds:.2g}"), _machine())
    return json.dumps(asdict(found)).encode()


def _machine() -> str:
    """The processor in words, one thread of it."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"one thread of {name} ({os.cpu_count()} cores)"
