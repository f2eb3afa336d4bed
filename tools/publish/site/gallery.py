"""The front page: a card for each entry."""

from __future__ import annotations

from collections.abc import Iterator

from tools.publish.site.pages import Asset, Page
from tools.publish.site.zoo import Zoo


def pages(zoo: Zoo) -> Iterator[Page | Asset]:
    """The gallery."""
    yield Page(
        path="index.html",
        title="genzoo",
        template="gallery.html.j2",
        context={"shown": zoo.shown},
        section="gallery",
    )
