"""`zoo github`: what the workflows call, and the set-up of a repository.

The event is read from the file that GitHub names, never from an argument. Nothing that a stranger
wrote is printed at the beginning of a line, where the runner would take it for a command.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from tools.github.client import API, Client
from tools.github.payloads import Delivery, delivery
from tools.github.port import Comment, Failed, Issue, Run
from tools.github.report import report as report_run
from tools.github.retry import Patience
from tools.github.serving import Desk
from tools.github.setup import faults, require_administrator, settings
from tools.github.transport import Transport
from tools.process import clock
from tools.process.record import Record, find_root
from tools.process.rules.policy import moment, stamp
from tools.text import one_line
from zoo.core.errors import ZooError

T = TypeVar("T")


class Group(click.Group):
    """A group whose log shows no runner a command, whatever a stranger's text brings about."""

    def invoke(self, ctx: click.Context) -> object:
        """Run; what goes wrong is said in lines that begin with our own word."""
        try:
            return super().invoke(ctx)
        except (ZooError, Failed) as error:
            raise ZooError(one_line(error, 1000)) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception:
            for line in traceback.format_exc().splitlines():
                _say(line)
            raise SystemExit(1) from None


@click.group(cls=Group)
def command() -> None:
    """Run the process from pull requests: what the workflows call.

    They read what GitHub Actions sets (GITHUB_REPOSITORY, GITHUB_TOKEN, GITHUB_EVENT_NAME,
    GITHUB_EVENT_PATH); only `init` is for people.
    """


@command.command()
def comment() -> None:
    """Carry out the /zoo commands of a new comment."""
    found = _delivered(Comment)
    _say(_desk().comment(found.subject))


@command.command()
def issue() -> None:
    """Take the proposal of an issue form."""
    found = _delivered(Issue)
    if found.sender.id != found.subject.author.id:
        _say(f"issue {found.subject.number}: edited by somebody else, left alone")
        return
    _say(_desk().proposal(found.subject))


@command.command()
def report() -> None:
    """Say on a pull request what CI found."""
    _say(report_run(_client(), _delivered(Run).subject.id))


@command.command(name="clock")
@click.option("--at", default="", metavar="TIME", help="As 2026-10-19T21:59:59Z [default: now].")
def clock_(at: str) -> None:
    """Send reminders, close what is over, answer missed comments."""
    if at:
        os.environ["ZOO_NOW"] = stamp(_past(at))
    done, wrong = _desk().clock()
    for line in done or ["nothing is due"]:
        _say(line)
    for line in wrong:
        _say(line)
    if wrong:
        raise ZooError(f"{len(wrong)} of this could not be done; the next run tries again")


@command.command()
@click.option(
    "--repository", envvar="GITHUB_REPOSITORY", required=True, help="OWNER/NAME on GitHub."
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
def init(repository: str, dry_run: bool) -> None:
    """Set a repository up for the bot, once.

    Labels, milestones, rules for branches and tags, rights of workflows. What is right already
    stays; people's rights are looked at and never changed.
    """
    github, api, record = _client(repository), _transport(), Record()
    require_administrator(github, api)
    left = 0
    for setting in settings(github, api, record):
        try:
            if setting.fits():
                continue
            if not dry_run:
                setting.make()
            _say(f"{'would set' if dry_run else 'set'}: {setting.name}")
        except Failed as failure:
            left += 1
            _say(f"by hand: {setting.name} ({failure}): {setting.by_hand}")
    wrong = list(faults(github, record))
    for line in wrong:
        _say(f"look at: {line}")
    if left or wrong:
        raise ZooError(f"{left + len(wrong)} things are left for you to mend; see above")
    _say("everything is set" if not dry_run else "nothing else is to be done")


def _desk() -> Desk:
    return Desk(_client(), find_root(), _variable("GITHUB_TOKEN"))


def _client(repository: str = "") -> Client:
    repository = repository or _variable("GITHUB_REPOSITORY")
    return Client(repository, _variable("GITHUB_TOKEN"), base_url=_address())


def _transport() -> Transport:
    patience = Patience(time.sleep, lambda: datetime.now(UTC))
    return Transport(_variable("GITHUB_TOKEN"), _address(), patience)


def _address() -> str:
    return os.environ.get("GITHUB_API_URL") or API


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ZooError(f"{name} is not set: the workflow sets it, or you do")
    return value


def _delivered(kind: type[T]) -> Delivery:
    """What started the workflow; ZooError where it is not for this command or repository."""
    path = Path(_variable("GITHUB_EVENT_PATH"))
    try:
        payload = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise ZooError(f"GITHUB_EVENT_PATH: {path.name} cannot be read as JSON") from None
    name = _variable("GITHUB_EVENT_NAME")
    found = delivery(name, payload)
    if found is None or not isinstance(found.subject, kind):
        raise ZooError(f"the event '{one_line(name)}' is not for this command: see its workflow")
    if found.repository != _variable("GITHUB_REPOSITORY"):
        raise ZooError("the event is of another repository than GITHUB_REPOSITORY: refused")
    return found


def _past(text: str) -> datetime:
    """A moment that is not to come: a ledger that is ahead of its time takes no more events."""
    try:
        at = moment(text)
    except ValueError:
        raise ZooError(f"'{one_line(text)}' is no time: write 2026-10-19T21:59:59Z") from None
    if at > clock.now():
        raise ZooError(f"{text} is to come: the ledgers would refuse everybody until then")
    return at


def _say(line: str) -> None:
    """A line for the log of a run, in which no runner sees a command."""
    click.echo(f"zoo: {one_line(line, 1000)}")
