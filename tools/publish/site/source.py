"""Highlighted source of an entry: as it is now, and as it was frozen for the reviewers."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

Version = Literal["v1", "v2"]


def source_href(model: str, version: Version, path: str, line: int | str | None = None) -> str:
    """Where a file's page lies in the site: "entries/vae/source/v1/model.py.html#L12".

    Args:
        model: name of the entry.
        version: "v1" is the frozen version 1; "v2" the frozen version 2 or, before there is one,
            the working tree.
        path: path from the repository's root, with forward slashes.
        line: number of a line from 1, or the id of a notebook's cell.
    """
    page = f"entries/{model}/source/{version}/{quote(path.removeprefix(f'zoo/{model}/'))}.html"
    return page if line is None else f"{page}#{anchor(line)}"


def anchor(line: int | str) -> str:
    """The id of a line ("L12") or of a notebook's cell ("cell-idea")."""
    if isinstance(line, int):
        return f"L{line}"
    return "cell-" + re.sub(r"[^A-Za-z0-9_-]", "-", line)
