"""What the linter of reviews says, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tools.documents import shown
from tools.process.review.lint import Remark
from tools.text import one_line


def say_remarks(path: Path, remarks: Sequence[Remark], err: bool = False) -> bool:
    """Print what is wrong with a review; whether only warnings are left."""
    for remark in remarks:
        mark = "!" if remark.warning else "✖"
        click.echo(f"{mark} {shown(path)}:{remark.line}: {one_line(remark.rule)}", err=err)
        click.echo(click.style(f"    → {one_line(remark.fix)}", dim=True), err=err)
    return all(remark.warning for remark in remarks)
