"""A peer-reviewed zoo of deep generative models: one paper per folder, measured and checked.

    import zoo
    model = zoo.load("vae")          # shipped weights, evaluation mode
    images = model.sample(64)        # (64, 1, 28, 28) in [0, 1]
"""

from zoo.core.registry import entry_names, get_entry, load

__all__ = ["entry_names", "get_entry", "load"]
