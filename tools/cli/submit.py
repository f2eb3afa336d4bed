"""`zoo submit`, `zoo withdraw`, `zoo addendum`: what the developers of an entry say of it."""

from __future__ import annotations

from pathlib import Path

import click

from tools.cli.options import acting, why
from tools.process import clock
from tools.process.git import git, head
from tools.process.ledger.events import Addendum, Event, Submitted, Withdrawn
from tools.process.ledger.machine import Rejection, apply
from tools.process.obligations import obligations
from tools.process.record import Record
from tools.process.tags import make_tag
from tools.process.times import both
from tools.text import one_line
from zoo.core.errors import ZooError

LONGEST = 1000  # characters of an addendum


@click.command()
@click.argument("model")
@click.argument("version", type=click.Choice(["v1", "v2"]))
@acting
def submit(model: str, version: str, actor: str) -> None:
    """Freeze version 1 or 2 of an entry.

    Runs the checks that the policy asks for; when they pass, the present commit is what reviewers
    read, tagged MODEL/v1 or MODEL/v2. Version 2 answers every finding first (zoo respond).
    """
    record = Record()
    root, frozen = record.root, head(record.root)
    _refuse_early(record, model, version, actor, frozen)
    _refuse_uncommitted(root, model)
    passed = _run_checks(record, model)
    _refuse_uncommitted(root, model)
    if head(root) != frozen:
        raise ZooError(
            f"another commit was made while the checks ran: zoo submit {model} {version}"
        )
    state = record.append(model, actor, Submitted(version, frozen, passed, 0))
    made = state.v1 if version == "v1" else state.v2
    assert made is not None
    make_tag(root, model, version, made)
    record.commit(f"{model}: version {version[1]} submitted by {made.by}")
    late = ", late: the penalty of the policy applies" if made.late else ""
    click.echo(f"{model} {version} is frozen at {frozen[:12]}, {passed} checks passed{late}")
    click.echo(f"Submitted {both(made.at, record.policy.zone)}; publish the tag: git push --tags")
    for owed in obligations(state, made.at):
        click.echo(f"Next, {owed.who}: {owed.what} ({owed.command})")


def _refuse_early(record: Record, model: str, version: str, actor: str, frozen: str) -> None:
    """Refuse what the ledger will refuse before the checks take their time."""
    state, now = record.state(model), clock.now()
    handle = record.roster.find(actor).handle
    trial = Event(
        "trial", model, now, handle, "developer", frozen, Submitted(version, frozen, 0, 0)
    )
    outcome = apply(state, trial, now)
    if isinstance(outcome, Rejection):
        raise ZooError(str(outcome))


def _refuse_uncommitted(root: Path, model: str) -> None:
    """What is frozen must be what the checks see: the entry's files, and the core under them."""
    if not (root / "zoo" / model).is_dir():
        raise ZooError(f"there is no zoo/{model}: zoo new {model} begins it")
    changed = git(root, "status", "--porcelain", "--", f"zoo/{model}", "zoo/core").splitlines()
    if changed:
        paths = ", ".join(line[3:] for line in changed[:3]) + (", …" if len(changed) > 3 else "")
        raise ZooError(f"not committed: {paths}; a version is a commit: git add, git commit")


def _run_checks(record: Record, model: str) -> int:
    """How many checks passed; ZooError after listing what failed."""
    from tools.checks import Status, Subject, run_checks

    static = record.policy.submission_checks == "static"
    report = run_checks([Subject(model, record.root)], static=static, progress=True)
    for result in report.results:
        for finding in result.findings:
            click.echo(f"{finding.place}: {finding.rule} → {finding.fix}", err=True)
    if not report.ok:
        failing = ", ".join(report.failing(model))
        raise ZooError(f"checks of {model} fail ({failing}): mend, commit, and submit again")
    return sum(result.status is Status.PASS for result in report.results)


@click.command()
@click.argument("model")
@why("Why, for everybody to read.")
@acting
def withdraw(model: str, reason: str, actor: str) -> None:
    """Give an entry up.

    Its reviewers are free. This cannot be taken back.
    """
    record = Record()
    record.state(model)
    record.append(model, actor, Withdrawn(reason))
    record.commit(f"{model}: withdrawn")
    click.echo(f"{model} is withdrawn")


@click.command()
@click.argument("model")
@click.argument("text")
@acting
def addendum(model: str, text: str, actor: str) -> None:
    """Add what was found after the acceptance: a mistake and where it is, a further measurement.

    The entry stays as it was accepted: the addendum stands beside it in the record, in zoo show and
    on its page. TEXT is one line for everybody to read. It cannot be taken back.
    """
    record = Record()
    record.state(model)
    said = one_line(text, limit=LONGEST + 1)
    if len(said) > LONGEST:
        raise ZooError(f"an addendum has {LONGEST} characters at most: write the rest elsewhere")
    record.append(model, actor, Addendum(said))
    record.commit(f"{model}: an addendum")
    click.echo(f"recorded beside {model}: {said}")
