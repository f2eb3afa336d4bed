"""Names that come from outside: what Python, torch, torchvision and numpy call their things.

They are kept in a file, because the same source must have the same fingerprints whatever versions
are installed. `python -m tools.originality.vocabulary` writes it anew; then raise
`fingerprints.VERSION`.
"""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "assets" / "vocabulary.txt"
_MODULES = (
    "builtins",
    "math",
    "random",
    "itertools",
    "functools",
    "collections",
    "dataclasses",
    "pathlib",
    "json",
    "os",
    "copy",
    "numpy",
    "numpy.linalg",
    "numpy.random",
    "scipy.special",
    "scipy.stats",
    "matplotlib.pyplot",
    "torch",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.optim",
    "torch.linalg",
    "torch.optim.lr_scheduler",
    "torch.autograd",
    "torch.autograd.functional",
    "torch.func",
    "torch.fft",
    "torch.distributions",
    "torch.distributions.constraints",
    "torch.distributions.kl",
    "torch.special",
    "torch.utils.data",
    "torchvision.datasets",
    "torchvision.transforms",
    "torchvision.utils",
)


@cache
def vocabulary() -> frozenset[str]:
    """All names in the file."""
    return frozenset(_FILE.read_text(encoding="utf-8").split())


def installed() -> set[str]:
    """The public names of the modules above, and of the classes in them."""
    import zoo.core._torchvision  # noqa: F401 - it imports where its operators are missing

    names = set()
    for module in map(importlib.import_module, _MODULES):
        for name in dir(module):
            thing = getattr(module, name)
            names |= {name, *(dir(thing) if inspect.isclass(thing) else ())}
    return {name for name in names if not name.startswith("_") and len(name) > 1}


if __name__ == "__main__":
    _FILE.write_text("\n".join(sorted(installed())) + "\n", encoding="utf-8")
