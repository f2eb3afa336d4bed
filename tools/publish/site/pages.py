"""What a section of the site gives to the builder: pages to render and files to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.publish.site.zoo import Zoo


@dataclass(frozen=True)
class Page:
    """One HTML page.

    Attributes:
        path: where in the site, always a file, since a folder does not open from disk:
            "entries/vae.html".
        title: plain text.
        template: file in templates/; it extends base.html.j2.
        context: variables of the template. All text in it is escaped when rendered; only what a
            sanitiser has made is wrapped in `markupsafe.Markup`.
        description: one plain sentence for search engines and link previews.
        section: which item of the navigation is current: "gallery", "compare", "lessons", "about".
        styles: further style sheets in assets/, beside site.css.
        scripts: scripts in assets/, loaded deferred in this order, beside theme.js and search.js.
        policy: further sources by directive of the content-security policy, such as
            {"script-src": ["'wasm-unsafe-eval'"]}.
        search: plain text by which the search finds this page; "" keeps it out of the index.
    """

    path: str
    title: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    section: str = ""
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    policy: dict[str, list[str]] = field(default_factory=dict)
    search: str = ""


@dataclass(frozen=True)
class Asset:
    """A file of the site: its bytes, or the file that is copied."""

    path: str
    content: bytes | Path


Section = Callable[[Zoo], Iterator[Page | Asset]]
