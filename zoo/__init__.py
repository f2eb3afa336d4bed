"""A peer-reviewed zoo of deep generative models: one paper per folder, measured and checked.

`zoo.load("vae")` gives a model with shipped weights in evaluation mode; its `sample(64)` gives
images (64, 1, 28, 28) with values in [0, 1].
"""

from zoo.core.registry import entry_names, get_entry, load

__all__ = ["entry_names", "get_entry", "load"]
