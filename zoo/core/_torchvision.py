"""The only module that imports torchvision.

torchvision's wheel is compiled against a CUDA build of torch. Beside a CPU-only torch its compiled
operators do not load and the import fails, although data sets and transforms need none of them.
Declaring the two schemas that torchvision registers fake kernels for lets the import succeed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

_library: torch.library.Library | None = None  # the declarations live as long as this reference


def _declare_missing_operators() -> None:
    global _library
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    for binary in Path(spec.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(binary))
        except OSError:
            continue
    if hasattr(torch.ops.torchvision, "nms"):
        return  # a matching build: nothing to declare
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


_declare_missing_operators()

from torchvision import datasets  # noqa: E402

__all__ = ["datasets"]
