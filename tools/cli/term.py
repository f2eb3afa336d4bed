"""`zoo close`, `extend`, `hold`, `unhold`, `accept`, `reschedule`: what an instructor decides."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

import click

from tools.cli.options import acting, who_acts, why
from tools.process import clock
from tools.process.decisions import CLOSING, closing, extension
from tools.process.history import work
from tools.process.ledger.events import (
    Accepted,
    Held,
    Released,
    ReviewsClosed,
    RulesChanged,
    Stage,
)
from tools.process.ledger.state import ACTIVE, Submission
from tools.process.obligations import obligations, time_is_up
from tools.process.record import Record
from tools.process.rules.policy import moment
from tools.process.times import both
from zoo.core.errors import ZooError


@click.command()
@click.argument("model", required=False)
@click.argument("what", required=False, type=click.Choice(list(CLOSING)))
@click.option("--all", "everything", is_flag=True, help="Close whatever's time is over.")
@click.option("--as", "actor", metavar="@HANDLE", help="Who acts [default: git config zoo.handle].")
def close(model: str | None, what: str | None, everything: bool, actor: str | None) -> None:
    """Close reviews or a version whose time is over.

    Reviews close when all are in, or when the window and the late window are over: who has not
    filed is missing. A version that did not come is declared missing. With --all the clock acts,
    not a person: run it as often as you like.
    """
    if (model is None) != everything:
        raise click.UsageError("name an entry, or say --all")
    record = Record()
    if everything:
        now = clock.now()
        models = [name for name, state in record.states().items() if time_is_up(state, now)]
        for name in models:
            _close(record, name, None, "clock")
    else:
        models = [model]
        _close(record, model, what, who_acts(actor))
    if models:
        record.commit(f"{', '.join(models)}: closed")
    else:
        click.echo("nothing to close: no time is over")


def _close(record: Record, model: str, what: str | None, actor: str) -> None:
    """Close what the stage runs to, or what is asked for; say what came of it."""
    before = record.state(model)
    done = closing(before, what)
    state = record.append(model, actor, done)
    if isinstance(done, ReviewsClosed):
        absent = [
            review.reviewer for review in state.reviews.values() if review.status == "missing"
        ]
        lacking = f"; missing: {', '.join(absent)}" if absent else "; all are in"
        click.echo(f"the reviews of {model} are closed{lacking}")
    else:
        click.echo(f"version {done.version[1]} of {model} is declared missing")
    _say_next(state)


def _say_next(state: Submission) -> None:
    """What the entry waits for now."""
    for owed in obligations(state, clock.now()):
        click.echo(f"Next, {owed.who}: {owed.what} ({owed.command})")


@click.command()
@click.argument("model")
@click.argument("handle", metavar="@HANDLE")
@click.option("--stage", required=True, type=click.Choice(get_args(Stage)), help="For what.")
@click.option("--until", required=True, help='Course time, as in "2026-10-26 23:59".')
@acting
def extend(model: str, handle: str, stage: str, until: str, actor: str) -> None:
    """Give one person more time.

    A version is a team's: an extension of one of them is one for all. A version that was declared
    missing can come again. The reason is not recorded: it stays with you.
    """
    record = Record()
    record.state(model)
    extended = extension(record, handle, stage, until)
    who = extended.who
    state = record.append(model, actor, extended)
    record.commit(f"{model}: {who} has more time for {work(stage)}")
    due = state.due(stage, who) or moment(extended.until)
    click.echo(f"{who} has until {both(due, record.policy.zone)} for {work(stage)} of {model}")


@click.command()
@click.argument("model")
@why("Why, for everybody to read.")
@acting
def hold(model: str, reason: str, actor: str) -> None:
    """Stop the clocks of an entry.

    Nothing can be submitted, filed or signed off until zoo unhold.
    """
    record = Record()
    record.state(model)
    record.append(model, actor, Held(reason))
    record.commit(f"{model}: on hold")
    click.echo(f"{model} is on hold; its clocks run again with: zoo unhold {model}")


@click.command()
@click.argument("model")
@acting
def unhold(model: str, actor: str) -> None:
    """Let them run again.

    The running deadlines of the entry move by the length of the hold.
    """
    record = Record()
    record.state(model)
    state = record.append(model, actor, Released())
    record.commit(f"{model}: no longer on hold")
    click.echo(f"{model} is {state.stage} again")
    _say_next(state)


@click.command()
@click.argument("model")
@acting
def accept(model: str, actor: str) -> None:
    """Accept an entry after its sign-offs.

    Possible when every finding is signed off, or when the time for it is over.
    """
    record = Record()
    record.state(model)
    record.append(model, actor, Accepted())
    record.commit(f"{model}: accepted")
    click.echo(f"{model} is accepted")


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@acting
def reschedule(models: tuple[str, ...], dry_run: bool, actor: str) -> None:
    """Take an edited policy into running entries.

    An entry keeps the dates and quotas of its approval until you do this; name entries, or none
    for all that run.
    """
    record = Record()
    states = record.states()
    for model in models:
        if not _runs(record.state(model)):
            raise ZooError(f"{model} is {states[model].stage}: its dates and quotas stand")
    rules = asdict(record.policy.rules())
    changed = []
    for model in models or [name for name, state in states.items() if _runs(state)]:
        differences = _differences(asdict(states[model].rules), rules, record)
        if differences:
            changed.append(model)
            click.echo(f"{model}: {'; '.join(differences)}")
    if not changed:
        click.echo("nothing changes: running entries have the dates and quotas of the policy")
    elif not dry_run:
        for model in changed:
            record.append(model, actor, RulesChanged(rules))
        record.commit(f"{', '.join(changed)}: dates and quotas of the policy")


def _runs(state: Submission) -> bool:
    """Whether an entry has dates and quotas that can still matter."""
    stage = state.held_from if state.stage == "on-hold" else state.stage
    return stage in (*ACTIVE, "missing")


def _differences(old: dict[str, Any], new: dict[str, Any], record: Record) -> list[str]:
    """What changes, in words: "v1_due Mon 19 Oct … → Mon 26 Oct …"."""

    def text(name: str, value: Any) -> str:
        if name.endswith("_due"):
            return both(moment(value), record.policy.zone) if value else "none"
        return str(value)

    return [
        f"{name} {text(name, old[name])} → {text(name, new[name])}"
        for name in new
        if old[name] != new[name]
    ]
