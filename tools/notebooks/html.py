"""Executed notebooks as web pages that cannot run what a notebook printed.

A notebook's Markdown and outputs come from other people. Tags that can act are escaped, and a
content security policy lets the page load nothing but the one pinned script that sets equations.
"""

import base64
import hashlib
import json
from pathlib import Path

from tools.notebooks.normalise import Json

_MATHJAX = "https://cdn.jsdelivr.net/npm/mathjax@3.2.2/es5/tex-svg.js"
_MATHJAX_HASH = "sha384-KKWa9jJ1MZvssLeOoXG6FiOAZfAgmzsIIfw8BXwI9+kYm0lPCbC6yTQPBC00F1/L"
_MATHJAX_SETUP = (
    "window.MathJax = {tex: {inlineMath: [['$', '$'], ['\\\\(', '\\\\)']], processEscapes: true}};"
)
_TAG_NAMES = (
    "a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 "
    "h5 h6 hr i img li ol p pre s small span strong sub summary sup table tbody td tfoot th thead "
    "tr u ul"
)
_ATTRIBUTES = {
    "*": ["class", "id", "title", "style"],
    "a": ["href"],
    "img": ["src", "alt", "width", "height"],
    "td": ["align", "colspan", "rowspan"],
    "th": ["align", "colspan", "rowspan"],
}
_STYLES = ["text-align", "width", "max-width", "font-weight", "font-style", "color"]
_TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{{ resources.zoo_head }}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
"""


def clean(markup: object) -> str:
    """`markup` with every tag that is not plainly presentational escaped, attributes dropped."""
    import bleach
    from bleach.css_sanitizer import CSSSanitizer

    return bleach.clean(
        str(markup),
        tags=_TAG_NAMES.split(),
        attributes=_ATTRIBUTES,
        protocols=["http", "https", "mailto", "data"],
        css_sanitizer=CSSSanitizer(allowed_css_properties=_STYLES),
    )


def _head(mark: str) -> str:
    setup = base64.b64encode(hashlib.sha256(_MATHJAX_SETUP.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{setup}' {_MATHJAX}"
    )
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"/>\n'
        f'<meta name="notebook-digest" content="{mark}"/>\n'
        f"<script>{_MATHJAX_SETUP}</script>\n"
        f'<script src="{_MATHJAX}" integrity="{_MATHJAX_HASH}" crossorigin="anonymous" async>'
        "</script>\n"
    )


def page_mark(executed: bytes) -> str:
    """Digest of what a page is made from: the executed notebook and this exporter."""
    return hashlib.sha256(executed + Path(__file__).read_bytes()).hexdigest()


def is_current(page: Path, executed: bytes) -> bool:
    """Whether `page` was made from exactly these bytes."""
    return page.is_file() and page_mark(executed).encode() in page.read_bytes()


def render(executed: bytes, title: str) -> str:
    """One self-contained page for an executed notebook (the bytes of an .ipynb)."""
    import markupsafe
    import nbformat
    from nbconvert import HTMLExporter

    notebook: Json = nbformat.reads(json.dumps(json.loads(executed)), as_version=4)
    exporter = HTMLExporter(
        raw_template=_TEMPLATE, sanitize_html=True, filters={"clean_html": clean}
    )
    head = markupsafe.Markup(_head(page_mark(executed)))
    page, _ = exporter.from_notebook_node(
        notebook, resources={"zoo_head": head, "metadata": {"name": title}}
    )
    return page
