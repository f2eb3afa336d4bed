"""`zoo new`: the skeleton of an entry."""

from __future__ import annotations

import click

from tools.scaffold import create_entry
from zoo.core.registry import ZOO_FOLDER


@click.command()
@click.argument("name")
@click.option("--title", default="TODO", help="The paper's title.")
@click.option("--arxiv", default="TODO", help="The paper's arXiv identifier, such as 1312.6114.")
@click.option("--family", default="baseline", show_default=True, help="The family of the model.")
def command(name: str, title: str, arxiv: str, family: str) -> None:
    """Start an entry: write zoo/NAME with everything but the author's work.

    Places to fill in say TODO; `zoo check NAME` lists what is missing.
    """
    create_entry(ZOO_FOLDER.parent, name, title, arxiv, family)
    click.echo(f"zoo/{name} is ready: write model.py first, then run `zoo check {name}`")
