"""`zoo regrade`: ask to look at a grade again, and answer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from tools.cli.options import acting
from tools.process import clock
from tools.process.grading.private import existing, private_folder
from tools.process.ledger.events import RegradeAnswered, RegradeAsked
from tools.process.record import Record
from tools.process.rules.policy import stamp
from tools.process.times import both
from zoo.core.files import replacing

private_option = click.option(
    "--private", metavar="DIR", help="Keep the reason in this directory [default: $ZOO_PRIVATE]."
)


@click.group()
def regrade() -> None:
    """Ask to look at a grade again, or answer.

    That somebody asked is public; the reason is not, and never goes into the repository.
    """


@regrade.command()
@click.argument("model")
@click.option("--reason", required=True, help="What was judged wrongly, and why.")
@private_option
@acting
def ask(model: str, reason: str, private: str | None, actor: str) -> None:
    """Ask the instructor to look at your grade for MODEL again."""
    record = Record()
    folder = _folder(private, record)
    who = record.roster.find(actor).handle
    state = record.append(model, who, RegradeAsked())
    record.commit(f"{model}: {who} asks for a regrade")
    _keep(folder, {"entry": model, "who": who, "asked": reason}, "the instructor")
    click.echo(f"asked on {both(state.regrades[who].asked_at, record.policy.zone)}")


@regrade.command()
@click.argument("model")
@click.argument("handle", metavar="@HANDLE")
@click.option("--reason", required=True, help="What came of it, and why.")
@private_option
@acting
def answer(model: str, handle: str, reason: str, private: str | None, actor: str) -> None:
    """Say that the grade of @HANDLE for MODEL was looked at again.

    Where it changes, edit the grading sheet first and release again: zoo grade --release.
    """
    record = Record()
    folder = _folder(private, record)
    who = record.roster.find(handle).handle
    record.append(model, actor, RegradeAnswered(who))
    record.commit(f"{model}: the regrade for {who} is answered")
    _keep(folder, {"entry": model, "who": who, "answered": reason}, who)
    click.echo(f"answered: {who}, {model}")


def _folder(private: str | None, record: Record) -> Path | None:
    """Where reasons are kept; None where no private directory was named."""
    if not (private or os.environ.get("ZOO_PRIVATE")):
        return None
    return existing(private_folder(private, record.root))


def _keep(folder: Path | None, row: dict[str, str], reader: str) -> None:
    """Append to `<private>/regrades.yaml`, or say to whom the reason has to be sent."""
    if folder is None:
        click.echo(f"the reason is kept nowhere here: send it to {reader}")
        return
    path = folder / "regrades.yaml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    row = {"at": stamp(clock.now()), **row}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in row.items()]
    with replacing(path) as partial:
        partial.write_text(before + "- " + "\n  ".join(lines) + "\n", encoding="utf-8")
