"""`zoo roster`: the people of a term."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from tools.documents import read_text
from tools.process.ledger.file import writing
from tools.process.record import Record, find_root
from tools.process.rules.classroom import HEAD, head_of, merge, read_classroom, roster_text
from tools.process.rules.config import check_people, parse_roster
from tools.process.rules.roster import Roster
from zoo.core.files import replacing


@click.group()
def command() -> None:
    """Import and check the people of a term."""


@command.command("import")
@click.argument("file", metavar="CSV", type=click.Path(dir_okay=False, path_type=Path))
def take(file: Path) -> None:
    """Take people from a classroom's CSV into reviews/roster.yaml.

    The first line names the columns: github_username (or handle), and if you like github_id, team,
    role and consent: name, handle, anonymous or none (yes is handle, no is none). E-mail addresses
    and student numbers are not taken, names only of who consents to appear by name. Who is in the
    roster already keeps conflicts, and whatever the CSV does not say.
    """
    path = find_root() / "reviews" / "roster.yaml"
    classroom = read_classroom(file)
    with writing(path.parent):
        before = read_text(path) if path.is_file() else ""
        old = parse_roster(before, path) if before else Roster({})
        merged = merge(old, classroom)
        if merged.people != list(old.people.values()):
            text = roster_text(merged.people, head_of(before) or HEAD)
            parse_roster(text, path)
            with replacing(path) as partial:
                partial.write_text(text, encoding="utf-8")
    for person in merged.added:
        click.echo(f"+ {person.handle} ({person.role}{f', {person.team}' * bool(person.team)})")
    for change in merged.changed:
        click.echo(f"~ {change}")
    for handle in merged.absent:
        click.echo(f"? {handle} is not in the CSV; kept")
    for line in classroom.without_account:
        click.echo(f"? line {line} of the CSV has no GitHub account; left out")
    if classroom.left_out:
        click.echo(f"Columns not taken: {', '.join(classroom.left_out)}")
    counts = f"{len(merged.added)} new, {len(merged.changed)} changed"
    click.echo(f"{len(merged.people)} people, {counts}; next: zoo roster check, then commit it")


@command.command()
def check() -> None:
    """Check policy, roster and bids; the first mistake is named with its line."""
    record = Record()
    people = record.roster.people.values()
    check_people(record.policy, record.roster, record.bids)
    roles = Counter(person.role for person in people)
    teams = {person.team for person in people} - {None}
    silent = sum(person.consent == "none" for person in people)
    counts = ", ".join(_counted(number, role) for role, number in roles.items())
    click.echo(
        f"{len(people)} people ({counts}), {_counted(len(teams), 'team')},"
        f" {_counted(len(record.bids), 'bid')}; {silent} without consent to publication"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
