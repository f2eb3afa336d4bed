"""`zoo respond` and `zoo verify-fix`: the developers' answers, and what reviewers say of them."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from tools.cli.options import acting
from tools.documents import read_text, shown
from tools.process.findings import Finding, Outcome
from tools.process.ledger.events import Answered
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.response.answering import open_findings, response_remarks
from tools.process.response.mapping import Hunk, Mapped
from tools.process.response.responsefile import (
    Reply,
    load_response,
    parse_response,
    replies_in,
    response_template,
    with_missing,
)
from tools.process.response.signing import own_findings, sign
from tools.process.response.versions import Versions
from tools.process.review.lint import Remark
from tools.process.times import both
from tools.text import one_line, table
from zoo.core.errors import ZooError
from zoo.core.files import replacing, sha256_of

COLOURS = {"+": "green", "-": "red"}


@click.command()
@click.argument("model")
@click.option("--file", "filing", is_flag=True, help="Record the answers, commit the response.")
@click.option("--hunks", is_flag=True, help="Show what changed at every finding's place.")
@acting
def respond(model: str, filing: bool, hunks: bool, actor: str) -> None:
    """Answer every finding of the reviews, in reviews/MODEL/v2/response.md.

    The first run writes the file with a section for each finding; fill it in. Later runs check it
    and show what became of the lines of each finding since version 1. What you wrote stays.
    """
    record = Record()
    state = record.state(model)
    if state.v1 is None or state.revealed_at is None:
        raise ZooError(f"the reviews of {model} are not open yet: see zoo status {model}")
    findings = open_findings(record, state)
    path = record.folder(model) / "v2" / "response.md"
    fresh = not path.exists()
    text = _completed(path, state, findings)
    versions = Versions(record.root, state.v1.commit)
    mapped = versions.mapped(findings)
    replies = replies_in(text)
    click.echo(_table(mapped, replies))
    if hunks:
        for key, change in mapped.items():
            click.echo("\n" + click.style(f"{key}: {one_line(change.finding.title)}", bold=True))
            _show(change.hunks)
    if not fresh or filing:
        _report(path, response_remarks(text, state, mapped, versions))
    if filing:
        answers = parse_response(text, path).answers
        record.append(model, actor, Answered(sha256_of(path), answers))
        record.commit(f"{model}: answer the reviews", path)
        click.echo(f"recorded {len(findings)} answers; next: zoo submit {model} v2")


def _completed(path: Path, state: Submission, findings: Mapping[str, Finding]) -> str:
    """The response's text, after sections for findings that have none were written into it."""
    if path.exists():
        old = read_text(path)
        text = with_missing(old, state, findings)
        done = "added sections for new findings to"
    else:
        old, text = "", response_template(state, findings)
        done = f"wrote a section for each of {len(findings)} findings: fill in"
    if text != old:
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
        click.echo(f"{done} {shown(path)}\n")
    return text


def _table(mapped: Mapping[str, Mapped], replies: Mapping[str, Reply]) -> str:
    """A row per finding: what was answered, and what became of its place since version 1."""
    rows = [("finding", "severity", "answer", "place", "now")]
    for key, change in mapped.items():
        answer = replies[key].answer if key in replies else "?"
        finding = change.finding
        rows.append((key, finding.severity, answer, str(finding.place), _now(change)))
    return table(rows)


def _now(change: Mapped) -> str:
    """What became of a place, in a few words."""
    if change.new_place is None:
        return change.status.replace("-", " ")
    lines = [line for hunk in change.hunks for line in hunk.lines]
    counts = ", ".join(
        f"{sign}{count}" for sign in "+-" if (count := sum(line[0] == sign for line in lines))
    )
    there, path = str(change.new_place), change.finding.place.path
    if change.new_place.path == path:
        there = there.removeprefix(path)
    return f"{change.status} {there}" + (f" ({counts})" if counts else "")


def _show(hunks: Iterable[Hunk]) -> None:
    """Print hunks in colour, signs that a terminal would obey taken out."""
    for hunk in hunks:
        click.secho(f"{hunk.path} {hunk.header}", fg="cyan")
        for line in hunk.lines:
            plain = "".join(c if c.isprintable() or c == "\t" else "�" for c in line)
            click.secho(plain, fg=COLOURS.get(line[0]))


def _report(path: Path, remarks: list[Remark]) -> None:
    """Print every remark; ZooError where one keeps the response from being filed."""
    if remarks:
        click.echo()
    for remark in remarks:
        kind = click.style("warning: ", fg="yellow") if remark.warning else ""
        click.echo(f"{shown(path)}:{remark.line}: {kind}{remark.rule}; {remark.fix}")
    count = sum(not remark.warning for remark in remarks)
    if count:
        things = f"{count} thing{'s' * (count > 1)}"
        raise ZooError(f"{shown(path)}: {things} to mend before it can be filed")


@click.command("verify-fix")
@click.argument("model")
@click.argument("finding", required=False)
@click.option("--outcome", type=click.Choice(typing.get_args(Outcome)), help="What you found.")
@click.option("--reason", default="", help="What is still open; needed unless verified.")
@acting
def verify_fix(
    model: str, finding: str | None, outcome: str | None, reason: str, actor: str
) -> None:
    """Sign off what became of FINDING, one of yours; without one, list them with what changed."""
    if bool(finding) != bool(outcome):
        raise click.UsageError("name a finding and its --outcome, or neither to list yours")
    record = Record()
    state = record.state(model)
    reviewer, findings = own_findings(record, state, actor)
    if finding and outcome:
        key, state, page = sign(record, state, actor, finding, outcome, reason)
        record.commit(f"{model}: sign off {key}: {outcome}", page)
        click.echo(f"{key}: {outcome}")
    else:
        _list(record, state, findings)
    _remaining(record, state, reviewer, list(findings))


def _list(record: Record, state: Submission, findings: Mapping[str, Finding]) -> None:
    """Every finding with its answer, the reason, and what changed from version 1 to version 2."""
    assert state.v1 is not None
    assert state.v2 is not None
    versions = Versions(record.root, state.v1.commit, state.v2.commit)
    replies = load_response(record, state.model).replies if state.answers else {}
    for key, change in versions.mapped(findings).items():
        found, signature = change.finding, state.signatures.get(key)
        outcome = signature.outcome if signature else "to be signed"
        click.secho(f"{key} ({found.severity}, {outcome}): {one_line(found.title)}", bold=True)
        click.echo(f"{found.place}: {_now(change)}")
        hunks = list(change.hunks)
        if key in replies:
            reply = replies[key]
            click.echo(f"{reply.answer}: {one_line(reply.reason, 2000)}")
            for place in reply.where:
                hunks += [hunk for hunk in versions.hunks_at(place) if hunk not in hunks]
        _show(hunks)
        click.echo()


def _remaining(record: Record, state: Submission, reviewer: str, keys: list[str]) -> None:
    """Say what is still to be signed, and until when."""
    left = [key for key in keys if key in state.unsigned]
    if not left:
        click.echo("all of your findings are signed off")
        return
    due = state.due("sign-off", reviewer)
    until = f" until {both(due, record.policy.zone)}" if due else ""
    click.echo(f"{len(left)} of {len(keys)} to be signed off{until}, next:")
    click.echo(f"zoo verify-fix {state.model} {left[0].partition('/')[2]} --outcome verified")
