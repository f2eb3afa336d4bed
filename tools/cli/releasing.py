"""`zoo publish release`: a clean repository for the public."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tools.process.record import Record


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--history",
    type=click.Choice(["fresh", "filtered"]),
    default="fresh",
    show_default=True,
    help="Three new commits, or every commit of this clone, rewritten.",
)
@click.option(
    "--people",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="CSV",
    help="Names, student numbers and addresses that must not occur anywhere.",
)
def release(out: Path, history: str, people: Path | None) -> None:
    """Write the published entries, with everything they need, to a new git repository OUT.

    A gate comes first: grades, addresses, student numbers, secrets, missing consent or licences,
    open findings and code that nobody reviewed each stop it, with file and line. People appear as
    they consented. The same commit gives the same repository, byte for byte.
    """
    from tools.publish.release.make import Stopped
    from tools.publish.release.make import release as write

    start = time.perf_counter()
    try:
        made = write(Record(), out.absolute(), history, people)
    except Stopped as stopped:
        for line in stopped.problems:
            click.echo(line, err=True)
        raise
    for model, stage in made.left_out.items():
        hint = f": zoo publish entry {model} publishes it" if stage == "accepted" else ""
        click.echo(f"left out: {model} is {stage}{hint}")
    click.echo(
        f"{out}: {len(made.published)} entries ({', '.join(made.published)}), {made.files} files,"
        f" {made.commits} commits, {made.commit[:12]}, {time.perf_counter() - start:.0f} s\n"
        f"next: git -C {out} remote add origin ADDRESS && git -C {out} push origin main --tags"
    )
