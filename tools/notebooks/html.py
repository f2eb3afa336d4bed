"""Executed notebooks as web pages of one file that cannot run what a notebook printed.

Cells are rendered as they are for the site (`tools.publish.site.notebook`): formulas as MathML,
outputs without scripts. A content security policy lets the page load nothing and run nothing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path

_ASSETS = Path(__file__).resolve().parents[1] / "publish" / "site" / "assets"
_STYLES = ("site.css", "prose.css", "notebook.css")
_FONT = "math.woff2"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="notebook-digest" content="{mark}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main class="nb">
{body}</main>
</body>
</html>
"""


def page_mark(executed: bytes) -> str:
    """Digest of what a page is made from: the executed notebook and this exporter."""
    return hashlib.sha256(executed + _code()).hexdigest()


def is_current(page: Path, executed: bytes) -> bool:
    """Whether `page` was made from exactly these bytes."""
    return page.is_file() and page_mark(executed).encode() in page.read_bytes()


def render(executed: bytes, title: str) -> str:
    """One self-contained page for an executed notebook (the bytes of an .ipynb)."""
    from markupsafe import Markup

    from tools.publish.site.notebook import render_notebook

    body = render_notebook(executed)
    style = _style(with_font="<math" in body)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; font-src data:; style-src 'sha256-{digest}'"
    return Markup(_PAGE).format(
        policy=policy, mark=page_mark(executed), title=title, style=Markup(style), body=body
    )


@functools.cache
def _style(with_font: bool) -> str:
    """All style sheets in one; the font of formulas within, where it is needed."""
    style = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _STYLES)
    if not with_font:
        return style
    font = base64.b64encode((_ASSETS / _FONT).read_bytes()).decode()
    return style.replace(f'url("{_FONT}")', f'url("data:font/woff2;base64,{font}")')


@functools.cache
def _code() -> bytes:
    from tools.publish.site.notebook import renderers

    return b"".join([Path(__file__).read_bytes(), _style(True).encode(), *renderers()])
