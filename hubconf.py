"""Entry points of torch.hub: every entry of the zoo by its name, with its shipped weights.

    torch.hub.load("path/to/a/clone", "vae", source="local")
    torch.hub.load("path/to/a/clone", "vae", source="local", recipe="digits", device="cpu")

The model is in evaluation mode. Where the zoo is on GitHub, its "owner/name" does without `source`.
"""

from collections.abc import Callable as _Callable

from torch import nn as _nn

from zoo import entry_names as _entry_names
from zoo import get_entry as _get_entry
from zoo import load as _load

dependencies = ["torch", "numpy", "safetensors", "yaml"]


def _entry_point(name: str) -> _Callable[..., _nn.Module]:
    """The function that torch.hub calls; the model's code is imported when it is called."""

    def load(recipe: str | None = None, device: str = "cpu") -> _nn.Module:
        return _load(name, recipe, device)

    card = _get_entry(name).card
    paper = f"{', '.join(card.paper.authors)} ({card.paper.year}), arXiv:{card.paper.arxiv}"
    load.__name__ = load.__qualname__ = name
    load.__doc__ = f"""{card.title}: {paper}.

    Args:
        recipe: which of the shipped weights; those of the first claim by default.
        device: where the model shall lie.
    """
    return load


globals().update({_name: _entry_point(_name) for _name in _entry_names()})
