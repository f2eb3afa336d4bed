"""Options and callbacks for option values that several commands share."""

from __future__ import annotations

import math
import os
import re
import subprocess
from collections.abc import Callable
from typing import Any, TypeVar

import click

from tools.text import one_line
from zoo.core.errors import ZooError

Callback = TypeVar("Callback", bound=Callable[..., Any])
_SECONDS = {"s": 1, "m": 60, "h": 3600, "": 1}


def duration(context: click.Context, option: click.Parameter, text: str | None) -> float:
    """Seconds from "90s", "9m", "2h" or "90"; no text means no limit."""
    if text is None:
        return math.inf
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None:
        raise click.BadParameter(f"'{text}' is no time: write 90s, 9m or 2h")
    return float(match[1]) * _SECONDS[match[2]]


def settings(
    context: click.Context, option: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    """A dict from repeated key=value."""
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"'{pair}': write key=value, e.g. --set steps=100")
    return dict(pair.split("=", 1) for pair in pairs)


def who_acts(handle: str | None = None) -> str:
    """The handle of who acts: the given one, or the one this clone is set up for."""
    if not handle:
        command = ["git", "config", "zoo.handle"]
        handle = (
            os.environ.get("ZOO_HANDLE")
            or subprocess.run(command, capture_output=True, text=True).stdout.strip()
        )
    if not handle:
        raise ZooError(
            "who acts? say --as @handle, or once for this clone: git config zoo.handle @handle"
        )
    return "@" + handle.removeprefix("@")


acting = click.option(
    "--as",
    "actor",
    metavar="@HANDLE",
    callback=lambda context, option, handle: who_acts(handle),
    help="Who acts [default: git config zoo.handle].",
)


def _why(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """One line that says something."""
    if text is not None and not one_line(text):
        raise click.BadParameter("say why, in a line for everybody to read")
    return text and " ".join(text.split())


def why(words: str, *, required: bool = True) -> Callable[[Callback], Callback]:
    """The option `--reason`, whose text goes into a ledger."""
    return click.option("--reason", required=required, callback=_why, help=words)
