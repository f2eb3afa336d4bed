"""Text of a terminal as HTML: colours as classes."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from tools.publish.site.sanitise import visible

_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_ANSI = re.compile(r"\x1b\[([0-9;]*)m")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")


def ansi(text: str) -> Markup:
    """Text of a terminal: colours as classes, other escape sequences gone."""
    made, state = Markup(""), {"colour": "", "bold": False}
    parts = _ANSI.split(_overwritten(text))
    for place in range(0, len(parts), 2):
        if place:
            _switch(state, parts[place - 1])
        shown = escape(visible(_ESCAPES.sub("", parts[place])))
        names = " ".join(filter(None, [state["colour"], "ansi-bold" if state["bold"] else ""]))
        if shown:
            made += Markup('<span class="{}">{}</span>').format(names, shown) if names else shown
    return made


def _switch(state: dict[str, Any], sequence: str) -> None:
    """Obey one sequence of "select graphic rendition"; colours beyond the eight are ignored."""
    numbers = [int(part) if part else 0 for part in sequence.split(";")[:16]]
    while numbers:
        number = numbers.pop(0)
        if number == 0:
            state |= {"colour": "", "bold": False}
        elif number in (1, 22):
            state["bold"] = number == 1
        elif number in (38, 48):
            del numbers[: 2 if numbers[:1] == [5] else 4]
        elif 30 <= number <= 37 or 90 <= number <= 97:
            state["colour"] = f"ansi-{_COLOURS[number % 10]}"
        elif number == 39:
            state["colour"] = ""


def _overwritten(text: str) -> str:
    """Lines as a terminal leaves them: what stands behind the last carriage return."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
