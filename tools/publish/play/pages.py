"""A page per entry on which its model runs in the reader's browser."""

from __future__ import annotations

from collections.abc import Iterator

from tools.publish.site.pages import Asset, Page
from tools.publish.site.zoo import Shown, Zoo

PLAYED = ("latent-variable", "adversarial", "flow", "autoregressive", "diffusion")


def play_href(zoo: Zoo, shown: Shown) -> str | None:
    """The page, from the site's root, on which an entry's model runs; None if it has none."""
    return f"play/{shown.name}.html" if shown.entry.card.family in PLAYED else None


def pages(zoo: Zoo) -> Iterator[Page | Asset]:
    """The pages on which models run, their scripts and their models."""
    yield from ()
