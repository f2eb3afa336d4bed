"""Text for people: one printable line, Markdown that shows as it is, columns of a table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MESSAGE_LIMIT = 300  # characters of a finding's text: a finding is a line, not a log


def one_line(text: object, limit: int = MESSAGE_LIMIT) -> str:
    """`text` as one printable line of at most `limit` characters.

    Messages quote files that strangers wrote: control and formatting characters (terminal escapes,
    bidirectional overrides) are dropped and the runner's log commands (`##[...]`) are broken up.
    """
    spaced = " ".join(str(text).split())
    plain = "".join(c for c in spaced if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    plain = plain.replace("##[", "## [")
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no markup, link, mention or reference survives.

    Every sign but the harmless ones becomes a character reference. GitHub looks for mentions and
    issue numbers after that, in the finished page, so a zero-width space follows these signs.
    """
    plain = "".join(c if c.isalnum() or c in " ,/-" else f"&#{ord(c)};" for c in text)
    return plain.replace("&#64;", "&#64;&#8203;").replace("&#35;", "&#35;&#8203;")


def code_span(text: str) -> str:
    """Text as a span of code, whatever back-ticks it holds: no markup, and nobody is mentioned."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    ticks = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def code_block(text: str, language: str = "") -> str:
    """Text as a block of code, whatever fences it holds."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def code_lines(source: str) -> list[str]:
    """The lines of Python as Python numbers them: `splitlines` ends one at a form feed too."""
    return re.split(r"\r\n|\r|\n", source)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first row is the header."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])
