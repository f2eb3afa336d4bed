"""Executed notebooks as HTML that cannot run what a notebook printed.

nbconvert walks the cells and chooses among the forms of an output; the template
`notebook_cells.html.j2` and the functions here say what becomes of each.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tools.publish.site import code, markdown, mathml, sanitise, terminal
from tools.publish.site.code import highlighted
from tools.publish.site.markdown import render_markdown
from tools.publish.site.mathml import to_mathml
from tools.publish.site.sanitise import clean_html, data_address, visible
from tools.publish.site.terminal import ansi
from zoo.core.errors import ZooError

if TYPE_CHECKING:
    from tools.publish.site.zoo import Zoo

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_TEXT = 50_000  # characters of one printed text
LONGEST_HTML = 200_000  # characters of one HTML output
LARGEST_PICTURE = 3_000_000  # bytes
LARGEST_PAGE = 12_000_000  # characters of all outputs together
# The form of an output that is shown, where it has several.
_FORMS = (
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "text/html",
    "text/markdown",
    "text/latex",
    "text/plain",
)


def render_notebook(
    executed: bytes, *, shift: int = 0, files: Mapping[str, str] | None = None
) -> Markup:
    """The cells of an executed notebook, without a page around them.

    Args:
        executed: content of an .ipynb file, of format 4.
        shift: by how much its headings are lowered.
        files: link by relative path, for files that have a page.

    Raises:
        ZooError: the bytes are no notebook.
    """
    import nbformat

    try:
        notebook = nbformat.from_dict(_plain(json.loads(executed)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ZooError(f"not a notebook of format 4 ({type(error).__name__})") from None
    writer = _Writer(shift, files or {})
    body, _ = _exporter(writer).from_notebook_node(notebook)
    return Markup(body)


def notebook_html(
    zoo: Zoo, path: Path, *, shift: int = 0, files: Mapping[str, str] | None = None
) -> Markup:
    """The same for a notebook file, names by consent; remembered while nothing changes."""
    executed = renamed(path.read_bytes(), zoo.people.text)
    options = json.dumps([shift, sorted((files or {}).items())]).encode()

    def make() -> bytes:
        return str(render_notebook(executed, shift=shift, files=files)).encode()

    kept = zoo.cached("notebook.html", [executed, options, *renderers()], make)
    return Markup(kept.decode())


def renamed(executed: bytes, rename: Callable[[str], str]) -> bytes:
    """A notebook with `rename` done to all its text; pictures stay as they are.

    Raises:
        ZooError: the bytes are no notebook.
    """

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return rename(value)
        if isinstance(value, list):
            return [walk(part) for part in value]
        if isinstance(value, dict):
            kept = {key for key in value if key == "id" or key.startswith("image/")}
            return {key: part if key in kept else walk(part) for key, part in value.items()}
        return value

    try:
        content = walk(json.loads(executed))
    except (ValueError, RecursionError) as error:
        raise ZooError(f"not a notebook of format 4 ({type(error).__name__})") from None
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(errors="replace")


@functools.cache
def renderers() -> tuple[bytes, ...]:
    """The code by which notebooks are rendered: what a rendered one depends on."""
    files = [Path(module.__file__) for module in (code, markdown, mathml, sanitise, terminal)]
    return tuple(
        file.read_bytes() for file in (*files, Path(__file__), TEMPLATES / "notebook_cells.html.j2")
    )


def _exporter(writer: _Writer) -> Any:
    from nbconvert.exporters.templateexporter import TemplateExporter

    class Exporter(TemplateExporter):
        """Every text is escaped that no function of the writer has made."""

        file_extension = ".html"

        def _preprocess(self, nb: Any, resources: Any) -> Any:
            # Cells are plain already; validation would give equal ids a random end.
            return nb, resources

        def _create_environment(self) -> Any:
            environment = super()._create_environment()
            environment.autoescape = True
            environment.globals["writer"] = writer
            return environment

    exporter = Exporter(raw_template=(TEMPLATES / "notebook_cells.html.j2").read_text("utf-8"))
    exporter.template_name = "base"
    return exporter


def _plain(content: Any) -> Any:
    """A notebook with the parts that are shown, each of the type that it should have."""
    if not isinstance(content, dict) or content.get("nbformat") != 4:
        raise ValueError("format")
    cells = [
        {
            "cell_type": cell["cell_type"],
            "id": str(cell.get("id", number)),
            "metadata": {},
            "source": _text(cell.get("source", "")),
            "execution_count": cell.get("execution_count"),
            "attachments": cell.get("attachments"),
            "outputs": [_plain_output(output) for output in cell.get("outputs", [])],
        }
        for number, cell in enumerate(content["cells"])
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def _plain_output(output: Any) -> dict[str, Any]:
    metadata = output.get("metadata")
    return {
        "output_type": output["output_type"],
        "name": str(output.get("name", "stdout")),
        "text": _text(output.get("text", "")),
        "traceback": [_text(line) for line in output.get("traceback", [])],
        "data": {name: _text(value) for name, value in output.get("data", {}).items()},
        "metadata": metadata if isinstance(metadata, dict) else {},
    }


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return json.dumps(value)


class _Writer:
    """What becomes of each cell and output; the template calls these functions."""

    def __init__(self, shift: int, files: Mapping[str, str]) -> None:
        self.shift, self.files = shift, files
        self.left = LARGEST_PAGE
        self.heading = ""
        self.ids: set[str] = set()
        self.figures = 0

    def markdown(self, cell: Any) -> Markup:
        """A cell of text; its headings get ids that no other cell has."""
        images = {
            f"attachment:{name}": data_address(mime, content)
            for name, forms in _mapping(cell.get("attachments")).items()
            for mime, text in _mapping(forms).items()
            if mime in _FORMS[:4] and (content := _decoded(_text(text)))
        }
        prefix, number = "", 2
        while True:
            made = render_markdown(
                cell.source, shift=self.shift, prefix=prefix, files=self.files, images=images
            )
            names = {heading.id for heading in markdown.headings(made)}
            if not names & self.ids:
                break
            prefix, number = f"part-{number}-", number + 1
        self.ids |= names
        for heading in markdown.headings(made):
            self.heading = heading.text
        return made

    def code(self, cell: Any) -> Markup:
        """The code of a cell."""
        return highlighted(cell.source, "python")

    def anchor(self, cell: Any) -> str:
        """The id of a cell's element, which no other element has."""
        base = name = "cell-" + re.sub(r"[^A-Za-z0-9_-]", "-", str(cell.get("id", "")))
        number = 2
        while name in self.ids:
            name, number = f"{base}-{number}", number + 1
        self.ids.add(name)
        return name

    def form(self, data: Mapping[str, Any]) -> str:
        """Which form of an output is shown; "" where none can be."""
        return next((name for name in _FORMS if name in data), "")

    def printed(self, text: str) -> Markup:
        """Printed text with the colours of a terminal."""
        return self._within(ansi(_cut(text, LONGEST_TEXT)))

    def html(self, text: str) -> Markup:
        """HTML that was printed; what is too long is left out, since half of it would be broken."""
        if len(text) > LONGEST_HTML:
            return _note(f"an output of {len(text):,} characters")
        return self._within(
            Markup('<div class="output-html" tabindex="0">{}</div>').format(clean_html(text))
        )

    def markdown_output(self, text: str) -> Markup:
        """Markdown that was printed; its headings are out of the table of contents."""
        made = render_markdown(_cut(text, LONGEST_TEXT), shift=6, files=self.files)
        return self._within(Markup(re.sub(r"<h6 id=[^>]*>(.*?)</h6>", r"<p>\1</p>", str(made))))

    def latex(self, text: str) -> Markup:
        """A formula that was printed, between dollar signs or not."""
        tex = text.strip().strip("$").removeprefix("\\displaystyle").strip()
        return self._within(
            Markup('<div class="equation" tabindex="0">{}</div>').format(
                to_mathml(tex, display=True)
            )
        )

    def picture(self, mime: str, output: Any) -> Markup:
        """A picture as `img`, whose scripts no browser runs."""
        text = output.data[mime]
        content = text.encode(errors="replace") if mime == "image/svg+xml" else _decoded(text)
        if len(content) > LARGEST_PICTURE:
            return _note(f"a picture of {len(content):,} bytes")
        if not content:
            return _note("a picture that is none")
        self.figures += 1
        given = _mapping(output.metadata.get(mime))
        described = given.get("alt") or output.metadata.get("alt")
        if not isinstance(described, str):
            described = f"Figure {self.figures}" + (f": {self.heading}" if self.heading else "")
        size = Markup("").join(
            Markup(' {}="{}"').format(side, given[side])
            for side in ("width", "height")
            if isinstance(given.get(side), int) and 0 < given[side] < 5000
        )
        return self._within(
            Markup('<img src="{}" alt="{}"{}>').format(
                data_address(mime, content), visible(described[:500]), size
            )
        )

    def other(self, data: Mapping[str, Any]) -> Markup:
        """A note in the place of what is not shown: scripts, widgets, unknown forms."""
        kinds = ", ".join(sorted(str(kind)[:60] for kind in data)) or "no form"
        return _note(f"an output of a kind that is not shown here ({visible(kinds)})")

    def _within(self, made: Markup) -> Markup:
        """The markup, or a note once the page is full."""
        if len(made) > self.left:
            return _note("a further output, since this page is full")
        self.left -= len(made)
        return made


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}\n… {len(text) - most:,} more characters are in the notebook file"


def _note(what: str) -> Markup:
    return Markup('<p class="left-out">Left out: {}. The notebook file has it.</p>').format(what)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        return b""
