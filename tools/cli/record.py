"""`zoo fsck` and `zoo reconcile`: prove the record whole, rebuild what follows from it."""

from __future__ import annotations

import click

from tools.process.fsck import examine
from tools.process.projections import rebuild
from tools.process.record import Record
from tools.text import one_line
from zoo.core.errors import ZooError

LONGEST = 600  # characters of a remark, which may quote what strangers wrote


@click.command()
def fsck() -> None:
    """Prove that the record is whole.

    Every ledger replays, was only ever appended to, and agrees with tags, review files and people.
    The exit status is 1 when something was changed that must not change; remarks do not count.
    """
    record = Record()
    faults, remarks = examine(record)
    for line in faults:
        click.secho(f"✖ {one_line(line, LONGEST)}", fg="red")
    for line in remarks:
        click.echo(f"· {one_line(line, LONGEST)}")
    models = record.models()
    events = 0 if faults else sum(len(record.events(model)) for model in models)
    if faults:
        raise ZooError(f"{len(faults)} fault{'s' * (len(faults) > 1)} in the record")
    ledgers = f"{len(models)} ledger{'s' * (len(models) != 1)}"
    click.secho(f"✔ the record is whole: {ledgers}, {events} events", fg="green")


@click.command()
def reconcile() -> None:
    """Rebuild tags, sign-off pages and the board from the ledgers.

    After a merge that git could not finish, or where somebody edited a ledger, it first puts the
    ledgers together from all that was committed. A second run does nothing.
    """
    done = rebuild(Record())
    for line in done:
        click.echo(line)
    if not done:
        click.echo("everything is as the ledgers say")
