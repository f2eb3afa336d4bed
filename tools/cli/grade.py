"""`zoo grade`: compute, explain, try out and release grades."""

from __future__ import annotations

import click

from tools.cli.options import settings, who_acts
from tools.process.grading.desk import Desk
from tools.process.grading.explain import comparison, explain_entry, explain_person, grade_table
from tools.process.grading.private import existing, private_folder
from tools.process.grading.whatif import changed_policy
from tools.process.record import Record
from zoo.core.errors import ZooError, nearest


@click.command()
@click.argument("names", nargs=-1, metavar="[@HANDLE | ENTRY]...")
@click.option("--private", metavar="DIR", help="The private directory [default: $ZOO_PRIVATE].")
@click.option("--prepare", is_flag=True, help="Write grading sheets, or add to them what is new.")
@click.option("--explain", is_flag=True, help="Write every lost point out, with its finding.")
@click.option(
    "--what-if",
    "changes",
    multiple=True,
    metavar="PATH=NUMBER",
    callback=settings,
    help="Grades under another number of the policy, as in weights.v1=0.3; may be repeated.",
)
@click.option("--release", is_flag=True, help="Write gradebooks and feedback; record the release.")
@click.option("--as", "actor", metavar="@HANDLE", help="Who releases [default: this clone's].")
def grade(
    names: tuple[str, ...],
    private: str | None,
    prepare: bool,
    explain: bool,
    changes: dict[str, str],
    release: bool,
    actor: str | None,
) -> None:
    """Show everybody's grade; or prepare, explain, try out, release.

    Grades come from the ledgers and from grading sheets in a private directory outside the
    repository. Numbers are exact until they are shown, with two decimals, halves up.
    """
    if prepare + explain + bool(changes) + release > 1:
        raise click.UsageError("say one of --prepare, --explain, --what-if and --release")
    if names and not explain:
        raise click.UsageError("names go with --explain")
    record = Record()
    folder = private_folder(private, record.root)
    if prepare:
        _prepare(Desk(record, folder))
        return
    desk = Desk(record, existing(folder))
    if explain:
        click.echo("\n".join(_explained(desk, names)), nl=False)
    elif changes:
        other = changed_policy(record.policy, changes)
        click.echo(comparison(desk.people, desk.people_under(other)))
    elif release:
        _release(desk, who_acts(actor))
    else:
        click.echo(grade_table(desk.people))
        if desk.locked:
            number = len(desk.locked)
            click.echo(f"\nopen before release: {number} (zoo grade --release lists them)")


def _prepare(desk: Desk) -> None:
    """Say what was written."""
    written = desk.prepare()
    for name in written:
        click.echo(f"written: {desk.folder / name}")
    if not written:
        click.echo(f"{desk.folder} has everything already")


def _explained(desk: Desk, names: tuple[str, ...]) -> list[str]:
    """The explanation of the named people and entries, or of everybody."""
    people, entries = desk.people, desk.entries
    handles = {handle.lower(): handle for handle in people}
    texts = []
    for name in names or people:
        if name.lower() in handles:
            texts.append(explain_person(people[handles[name.lower()]], desk.wording))
        elif name in entries:
            texts.append(explain_entry(entries[name], desk.wording))
        else:
            raise ZooError(f"nothing graded is '{name}': {nearest(name, [*people, *entries])}")
    return texts


def _release(desk: Desk, actor: str) -> None:
    """Release and say what changed; or list what is open."""
    for line in desk.locked:
        click.echo(line)
    release = desk.release(actor)
    click.echo(f"{'released' if release.new else 'released already'}: {release.folder}")
    if release.new and release.changes:
        click.echo(release.changes, nl=False)
