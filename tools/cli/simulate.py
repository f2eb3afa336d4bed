"""`zoo simulate`: a whole term, rehearsed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER


@click.command()
@click.option("--people", default=40, show_default=True, help="How many take part, 20 or more.")
@click.option("--seed", default=7, show_default=True, help="Draws who does what.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep clone and private directory in this new folder.",
)
def simulate(people: int, seed: int, keep: Path | None) -> None:
    """Rehearse a whole term in a temporary repository, with a clock of its own.

    Everything happens: late and missing work, disputes, extensions, a withdrawn team, a regrade,
    the end of summer time. The commands are those that people type. The exit status is 1 when one
    fails that must work, or works that must be refused. The same seed makes the same commits.
    """
    from tools.process.grading.private import private_folder

    with tempfile.TemporaryDirectory(prefix="zoo-rehearsal-") as scratch:
        folder = keep.resolve() if keep else Path(scratch)
        private_folder(str(folder / "private"), ZOO_FOLDER.parent)
        if keep and folder.exists() and any(folder.iterdir()):
            raise ZooError(f"{keep} is not empty: name a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        _rehearse(folder, people, seed)
        if keep:
            click.echo(f"kept: {keep}/clone and {keep}/private")


def _rehearse(folder: Path, people: int, seed: int) -> None:
    """Run it, and say how long it took."""
    from tools.process.simulation import rehearse

    start = time.perf_counter()
    outcome = rehearse(folder, people, seed, click.echo)
    seconds = time.perf_counter() - start
    click.echo(
        f"a term of {people} people, seed {seed}, in {seconds:.0f} s;"
        f" its last commit is {outcome.head[:12]}"
    )
