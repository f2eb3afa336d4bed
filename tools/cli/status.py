"""`zoo status` and `zoo history`: where everything stands, and how it came there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from tools.cli.options import who_acts
from tools.process import clock
from tools.process.board import HEADINGS, row
from tools.process.history import sentence
from tools.process.ledger.state import Submission
from tools.process.obligations import TEAM, Obligation, obligations
from tools.process.record import Record
from tools.process.rules.policy import stamp
from tools.process.times import both, left
from tools.text import escape, one_line, table

_FORMAT = click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
)


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@_FORMAT
@click.option("--as", "actor", metavar="@HANDLE", help="Only what this person owes.")
@click.option("--mine", is_flag=True, help="Only what I owe (git config zoo.handle).")
@click.option("--late", is_flag=True, help="Only what is late.")
def status(models: tuple[str, ...], style: str, actor: str | None, mine: bool, late: bool) -> None:
    """Who owes what until when, and what to type next.

    A board of the entries, then what each waits for, the most urgent first.
    """
    record, now = Record(), clock.now()
    states = {m: record.state(m) for m in models} if models else record.states()
    owed = [item for state in states.values() for item in obligations(state, now)]
    if actor or mine:
        handle = record.roster.find(who_acts(actor)).handle
        owed = [o for o in owed if handle in o.people(states[o.model], record.roster)]
    if late:
        owed = [item for item in owed if item.late]
    if actor or mine or late:  # the board of what is left
        states = {model: states[model] for model in {o.model: None for o in owed}}
    owed.sort(key=lambda item: (item.until is None, item.until or now, item.model))
    render = {"text": _text, "markdown": _markdown, "json": _json}[style]
    click.echo(render(record, states, owed, now))


def _text(
    record: Record, states: Mapping[str, Submission], owed: Sequence[Obligation], now: datetime
) -> str:
    """For a terminal."""
    zone = record.policy.zone
    if not record.models():
        return "Nothing has been proposed yet. A developer begins: zoo propose --help"
    lines = [both(now, zone)]
    if states:
        lines += ["", table([HEADINGS, *(row(state).cells(zone) for state in states.values())])]
    lines += ["", "Who owes what" if owed else "Nobody owes anything."]
    for item in owed:
        date = _date(item, zone, now)
        line = f"{item.model}, {_who(item, states[item.model])}: {item.what}" + (
            date and f", {date}"
        )
        lines.append(f"  {one_line(line)}")
        if item.command:
            lines.append(f"    {one_line(item.command)}")
    return "\n".join(lines)


def _markdown(
    record: Record, states: Mapping[str, Submission], owed: Sequence[Obligation], now: datetime
) -> str:
    """For a comment or a page; everything from the ledgers is escaped."""
    zone = record.policy.zone
    if not record.models():
        return "Nothing has been proposed yet. A developer begins: `zoo propose --help`"
    lines = [f"**{both(now, zone)}**"]
    if states:
        lines += ["", *_grid([HEADINGS, *(row(state).cells(zone) for state in states.values())])]
    if not owed:
        return "\n".join([*lines, "", "Nobody owes anything."])
    lines += ["", *_grid([("entry", "who", "owes", "until", "type")])]
    for item in owed:
        cells = (item.model, _who(item, states[item.model]), item.what, _date(item, zone, now))
        lines.append(_line([*map(_cell, cells), item.command and f"`{one_line(item.command)}`"]))
    return "\n".join(lines)


def _grid(rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; the first row is the header."""
    lines = [_line(map(_cell, cells)) for cells in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return escape(one_line(text))


def _json(
    record: Record, states: Mapping[str, Submission], owed: Sequence[Obligation], now: datetime
) -> str:
    """For programs: times in UTC."""
    document = {
        "now": now,
        "entries": [asdict(row(state)) for state in states.values()],
        "obligations": [
            {**asdict(item), "people": item.people(states[item.model], record.roster)}
            for item in owed
        ],
    }
    return json.dumps(document, indent=2, default=stamp)


def _who(item: Obligation, state: Submission) -> str:
    """Whom it concerns: the team with its members, or the person."""
    return f"team {' '.join(state.team)}" if item.who == TEAM else item.who


def _date(item: Obligation, zone: ZoneInfo, now: datetime) -> str:
    """The deadline in both times and how far away it is; when it has passed, what is left."""
    if item.until is None:
        return ""
    if not item.late:
        return f"until {both(item.until, zone)}, {left(item.until, now)}"
    closing = f"; closes {both(item.closes, zone)}, {left(item.closes, now)}" if item.closes else ""
    return f"LATE, due {both(item.until, zone)}{closing}"


@click.command()
@click.argument("model")
@_FORMAT
def history(model: str, style: str) -> None:
    """Everything that happened to an entry.

    A sentence per event of its ledger, in course time, with the commit at which it was recorded.
    """
    record = Record()
    events = record.events(model)
    if style == "json":
        rows = [
            {
                "at": event.at,
                "actor": event.actor,
                "role": event.role,
                "type": event.payload.TYPE,
                "commit": event.commit,
                "data": asdict(event.payload),
                "sentence": sentence(event, record.policy.zone),
            }
            for event in events
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=stamp))
        return
    for event in events:
        at, said = both(event.at, record.policy.zone), sentence(event, record.policy.zone)
        commit = one_line(event.commit)[:12]
        if style == "markdown":
            click.echo(f"- {at}: {escape(said)} (`{commit}`)")
        else:
            click.echo(f"{at}  {said}  [{commit}]")
