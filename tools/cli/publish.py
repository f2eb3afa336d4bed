"""`zoo publish`: entries, the site that readers see, and the clean repository."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tools.cli.publishing import citation, entry
from tools.cli.releasing import release


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
def site(preview: bool, out: Path | None) -> None:
    """Build the site from executed notebooks, cards, results and reviews."""
    from tools.notebooks.results import shown
    from tools.process.record import Record
    from tools.publish.site.build import build
    from tools.publish.site.gather import gather

    start, record = time.perf_counter(), Record()
    target = out.absolute() if out else record.root / "build" / "site"
    zoo = gather(record, draft=preview, progress=click.echo)
    report = build(zoo, target, progress=click.echo)
    click.echo(
        f"site: {report.pages} pages, {report.size / 2**20:.1f} MiB, "
        f"{len(report.written)} files written, {len(report.removed)} removed, "
        f"{time.perf_counter() - start:.0f} s\nopen {shown(target / 'index.html')}"
    )


command.add_command(entry)
command.add_command(citation)
command.add_command(release)
