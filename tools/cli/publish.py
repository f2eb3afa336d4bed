"""`zoo publish`: entries, the site that readers see, and the clean repository."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from tools.cli.publishing import citation, entry, recheck
from tools.cli.releasing import release
from zoo.core.errors import ZooError


@click.group("publish")
def command() -> None:
    """Publish entries, the site, the clean repository."""


@command.command()
@click.option("--preview", is_flag=True, help="Show entries that are not published, too.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the site; build/site of the clone by default.",
)
@click.option(
    "--checked",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What zoo publish recheck has found, for the badges.",
)
def site(preview: bool, out: Path | None, checked: Path | None) -> None:
    """Build the site from executed notebooks, cards, results and reviews."""
    from tools.notebooks.results import shown
    from tools.process.record import Record
    from tools.publish.afterlife import read_check
    from tools.publish.site.build import build
    from tools.publish.site.gather import gather
    from tools.publish.site.inspect import inspect

    start, record = time.perf_counter(), Record()
    check = read_check(checked) if checked else None
    target = out.absolute() if out else record.root / "build" / "site"
    zoo = gather(record, draft=preview, progress=click.echo)
    report = build(replace(zoo, checked=check), target, progress=click.echo)
    click.echo(
        f"site: {report.pages} pages, {report.size / 2**20:.1f} MiB, "
        f"{len(report.written)} files written, {len(report.removed)} removed, "
        f"{time.perf_counter() - start:.0f} s\nopen {shown(target / 'index.html')}"
    )
    faults = inspect(target, zoo.cached)
    if faults:
        for fault in faults:
            click.echo(fault, err=True)
        rule = f"{len(faults)} faults in the site, listed above"
        raise ZooError(f"{rule}: mend them before anybody else sees it")


command.add_command(entry)
command.add_command(citation)
command.add_command(recheck)
command.add_command(release)
