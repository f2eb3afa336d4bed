"""`zoo publish`: what becomes of entries that passed review, who is credited, what still runs."""

from __future__ import annotations

from pathlib import Path

import click

from tools.cli.options import acting
from tools.process.ledger.events import Published
from tools.process.record import Record
from zoo.core.errors import ZooError


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Every accepted entry.")
@acting
def entry(names: tuple[str, ...], everything: bool, actor: str) -> None:
    """Record that accepted entries are published.

    A gate comes first: consent of everybody whose work appears, answers and sign-offs, the code
    that was frozen as version 2, licences, a whole record. All of them are published, or none.
    """
    if everything == bool(names):
        raise click.UsageError("name entries, or say --all")
    record = Record()
    states = record.states() if everything else {name: record.state(name) for name in names}
    chosen = [m for m, state in states.items() if not everything or state.stage == "accepted"]
    if not chosen:
        click.echo("nothing to publish: no entry is accepted")
        return
    _gate(record, chosen)
    for name in chosen:
        record.append(name, actor, Published())
    record.commit(f"{', '.join(chosen)}: published")
    click.echo("\n".join(f"{name} is published" for name in chosen))


def _gate(record: Record, chosen: list[str]) -> None:
    """Say everything that stands in the way; ZooError if anything does."""
    from tools.publish.standing import problems

    found = {name: problems(record, name) for name in chosen}
    for name in chosen:
        if record.state(name).stage == "published":
            found[name].insert(0, "it is published already: leave it out")
    lines = [f"{name}: {line}" for name, rows in found.items() for line in rows]
    for line in lines:
        click.echo(line, err=True)
    if lines:
        stopped = ", ".join(name for name, rows in found.items() if rows)
        things = f"{len(lines)} thing{'s' * (len(lines) > 1)}"
        raise ZooError(f"nothing was published: {things} to mend in {stopped}, see above")


@click.command()
def citation() -> None:
    """Write CITATION.cff and .zenodo.json from consent and the cards of published entries."""
    from tools.process.git import head
    from tools.publish.citation import citation_files
    from tools.publish.people import people_of
    from zoo.core.files import replacing

    record = Record()
    made = citation_files(record, people_of(record.roster, head(record.root)))
    for path, content in made.items():
        with replacing(record.root / path) as partial:
            partial.write_bytes(content)
    click.echo(f"written: {', '.join(made)}; look at them and commit them")


@click.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="build/still-runs.json",
    show_default=True,
    help="Where the dated result goes, for `zoo publish site --checked`.",
)
def recheck(out: Path) -> None:
    """Run the published notebooks afresh and measure their claims again.

    A notebook that stopped running is a result, not a failure of this command.
    """
    from tools.publish.afterlife import check_text, rerun
    from tools.publish.site.gather import entries_of
    from zoo.core.files import replacing

    entries = entries_of(Record())
    check = rerun(entries, click.echo)
    with replacing(out) as partial:
        partial.write_text(check_text(check), encoding="utf-8")
    bad = [name for name, found in check.entries.items() if not found.notebook.ok]
    click.echo(f"{len(entries)} entries, {len(bad)} stopped running; the result is in {out}")
