"""`zoo reproduce`: train and measure the claims that lack results, within a time budget."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tools.cli.options import duration
from zoo.core.registry import entry_names, get_entry


@click.command()
@click.argument("names", nargs=-1)
@click.option("--pending", is_flag=True, help="Of all entries, those claims without a result.")
@click.option("--budget", callback=duration, help="Time for everything, e.g. 9m [no limit].")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for runs, weights and results [runs for runs; the rest goes into the entries].",
)
@click.option("--device", help="cpu or cuda [cuda where there is one].")
def reproduce(
    names: tuple[str, ...], pending: bool, budget: float, out: Path | None, device: str | None
) -> None:
    """Train and measure claims.

    With names: every claim of those entries. With --pending: of all entries (or of those named),
    the claims that have no current result. Interrupted or out of time, the same command goes on
    where it stopped; a run that is finished in the folder of runs is taken as it is, so delete it
    there to train anew. A folder given by --out mirrors zoo/, so that what a borrowed
    machine brought is taken over by copying <out>/zoo/ onto zoo/.
    """
    if not names and not pending:
        raise click.UsageError("name entries, or use --pending")
    from tools.reproduction import Reproduction

    entries = [get_entry(name) for name in names or entry_names()]  # all names, before any work
    work = Reproduction(budget, out, device, click.echo)
    for entry in entries:
        work.entry(entry, only_pending=pending)
    if work.unfinished:
        click.echo(f"Unfinished: {', '.join(work.unfinished)}; repeat the command to go on")
        sys.exit(3)
