"""`zoo review`: from the assignment to the opened review."""

from __future__ import annotations

from pathlib import Path

import click

from tools.cli.options import acting, why
from tools.cli.practice import practice
from tools.cli.remarks import say_remarks
from tools.documents import read_text, shown
from tools.process.ledger.events import ReviewAgreed, ReviewFiled, ReviewLost, ReviewRefused
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.review.coverage import coverage, coverage_table
from tools.process.review.frozen import FrozenTree
from tools.process.review.reviewdraft import check_front, draft_text, with_execution
from tools.process.review.reviewfile import load_review, parse_review, review_path, review_problems
from tools.process.review.sealing import reveal_review, seal
from tools.process.review.worktrees import frozen_worktree
from tools.process.review.writing import remarks_on, reviewing
from tools.process.times import both
from tools.text import one_line, table
from zoo.core.errors import ZooError
from zoo.core.files import replacing


@click.group()
def command() -> None:
    """Start, lint, file and reveal a review.

    A filed review is sealed: only its sha256 is public until all are in or the window is over.
    """


command.add_command(practice)


@command.command()
@click.argument("model")
@acting
def agree(model: str, actor: str) -> None:
    """Take a review on."""
    record = Record()
    record.state(model)
    state = record.append(model, actor, ReviewAgreed())
    record.commit(f"{model}: a reviewer agreed")
    click.echo(f"you review {model}{_until(record, state, actor)}; next: zoo review start {model}")


@command.command()
@click.argument("model")
@why("Why, a conflict of interest for example.")
@acting
def refuse(model: str, reason: str, actor: str) -> None:
    """Do not take a review on."""
    record = Record()
    record.state(model)
    record.append(model, actor, ReviewRefused(reason))
    record.commit(f"{model}: a reviewer refused")
    click.echo(f"you do not review {model}; next, the instructor: zoo assign")


@command.command()
@click.argument("model")
@click.option("--no-verify", is_flag=True, help="Do not measure the claims again: it takes long.")
@acting
def start(model: str, no_verify: bool, actor: str) -> None:
    """Check the frozen version out, run it, and write the draft of a review.

    The code of the entry runs with your rights, without the secrets of your environment. Run it
    again to renew the evidence: what you wrote stays as it is.
    """
    from tools.process.review.reexecution import execute

    record = Record()
    state, reviewer = reviewing(record, model, actor)
    path = review_path(record, model, reviewer)
    if path.exists():
        check_front(read_text(path), path)
    assert state.v1 is not None
    commit = state.v1.commit
    tree = frozen_worktree(record.root, model, commit)
    where = tree.relative_to(record.root).as_posix()
    click.echo(f"the frozen version {commit[:12]} is in {where}")
    static = record.policy.submission_checks == "static"

    def say(what: str) -> None:
        click.echo(f"running there: {what}")

    found = execute(tree, model, commit, static=static, verify=not no_verify, say=say)
    fresh = not path.exists()  # asked now: the run may have taken long
    text = draft_text(state, record.policy, reviewer, where) if fresh else _written(path)
    with replacing(path) as partial:
        partial.write_bytes(with_execution(text, found, path).encode())
    failed = [name for name, verdict in found.checks.items() if verdict.startswith("fail")]
    names = f" ({', '.join(failed)})" if failed else ""
    click.echo(f"checks: {len(failed)} of {len(found.checks)} failed{names}")
    for claim in found.claims:
        recorded = f"recorded {claim.recorded}, accepted {claim.accepted}"
        said = f"{claim.claim}: measured {claim.measured} ({recorded}); {claim.note}"
        click.echo(one_line(said))
    what = "the draft is" if fresh else "the evidence is renewed in"
    again = f"; you have filed: zoo review file {model} files it again"
    filed = again if state.reviews[reviewer].status == "filed" else ""
    click.echo(f"{what} {shown(path)}{_until(record, state, reviewer)}{filed}")


@command.command()
@click.argument("model")
@acting
def lint(model: str, actor: str) -> None:
    """Say what your review still lacks, and what of the entry it does not touch.

    The exit status is 1 when the review could not be filed.
    """
    record = Record()
    state, reviewer = reviewing(record, model, actor)
    if not _linted(record, state, reviewer):
        raise ZooError("the review cannot be filed yet: mend what is listed above")
    click.echo(f"ready: zoo review file {model}")


@command.command("file")
@click.argument("model")
@acting
def file_(model: str, actor: str) -> None:
    """File your review, sealed; a later filing before the close replaces it."""
    record = Record()
    state, reviewer = reviewing(record, model, actor)
    path = review_path(record, model, reviewer)
    before = path.read_bytes() if path.is_file() else b""
    if not _linted(record, state, reviewer):
        raise ZooError(f"{shown(path)} was not filed: mend what is listed above")
    if path.read_bytes() != before:
        raise ZooError(f"{shown(path)} changed meanwhile: zoo review file {model}")
    digest = seal(record, model, reviewer, before)
    state = record.append(model, reviewer, ReviewFiled(digest))
    record.commit(f"{model}: a review was filed, sealed")
    late = ", late: the penalty of the policy applies" if state.reviews[reviewer].late else ""
    click.echo(f"filed{late}; sha256 {digest}")
    click.echo("it is sealed until reviews are closed; until then you may file it again")


@command.command()
@click.argument("model")
@click.argument("reviewers", nargs=-1, metavar="[@HANDLE]...")
@acting
def reveal(model: str, reviewers: tuple[str, ...], actor: str) -> None:
    """Open filed reviews after the close: your own, or as instructor all that are in this clone."""
    record = Record()
    person = record.roster.find(actor)
    reviews = record.state(model).reviews
    mine = [
        name
        for name, review in reviews.items()
        if review.status in ("filed", "revealed") and person.role == "instructor"
    ]
    if person.role == "instructor" and not (reviewers or mine):
        raise ZooError(f"no review of {model} is filed: zoo status {model} says who owes one")
    named = [record.roster.find(name).handle for name in reviewers] or mine or [person.handle]
    opened: dict[str, Path] = {}
    closed: list[ZooError] = []
    for name in named:
        try:
            opened[name] = reveal_review(record, model, name, person.handle)
        except ZooError as error:
            closed.append(error)
    if opened:
        record.commit(f"{model}: open the reviews of {', '.join(opened)}", *opened.values())
    for name, path in opened.items():
        click.echo(f"{name}: {shown(path)}")
    if closed:
        for error in closed[:-1]:
            click.echo(f"Error: {error}", err=True)
        raise closed[-1]


@command.command()
@click.argument("model")
@click.argument("reviewer", metavar="@HANDLE")
@why("Why nobody has the text, for everybody to read.")
@acting
def lose(model: str, reviewer: str, reason: str, actor: str) -> None:
    """Give up a filed review whose text nobody can produce: it counts as missing."""
    record = Record()
    record.state(model)
    name = record.roster.find(reviewer).handle
    record.append(model, actor, ReviewLost(name, reason))
    record.commit(f"{model}: the review of {name} is lost")
    click.echo(f"the review of {model} by {name} counts as missing")


@command.command()
@click.argument("model")
@click.argument("reviewers", nargs=-1, metavar="[@HANDLE]...")
def show(model: str, reviewers: tuple[str, ...]) -> None:
    """Show the findings of opened reviews."""
    record = Record()
    reviews = record.state(model).reviews
    opened = [name for name, review in reviews.items() if review.status == "revealed"]
    named = [record.roster.find(name).handle for name in reviewers] or opened
    if not named:
        raise ZooError(f"no review of {model} is open yet: zoo status {model} says until when")
    for name in named:
        review = load_review(record, model, name)
        head = review.head
        words = f"{head.verdict}, {head.recommendation}, confidence {head.confidence}"
        scores = ", ".join(f"{answer.id} {answer.score}" for answer in review.rubric)
        click.echo(click.style(f"{name}: {words}", bold=True) + f"\n{scores}")
        rows = [
            (f.id, f.severity, f.kind, str(f.place), one_line(f.title)) for f in review.findings
        ]
        if rows:
            click.echo(table([("", "severity", "kind", "place", "finding"), *rows]))


def _linted(record: Record, state: Submission, reviewer: str) -> bool:
    """Print what is wrong with a review and what it does not touch; whether it may be filed."""
    path = review_path(record, state.model, reviewer)
    if not path.is_file():
        raise ZooError(f"{shown(path)} is missing: zoo review start {state.model} writes it")
    text = read_text(path)
    remarks = remarks_on(record, state, reviewer, text)
    if not review_problems(text):
        assert state.v1 is not None
        frozen = FrozenTree(record.root, state.v1.commit)
        click.echo(coverage_table(coverage(parse_review(text, path), frozen, state.model)))
    return say_remarks(path, remarks)


def _written(path: Path) -> str:
    """The reviewer's file with its own line ends, whatever they are."""
    return path.read_bytes().decode("utf-8")


def _until(record: Record, state: Submission, reviewer: str) -> str:
    """The deadline in words, or nothing while there is none."""
    due = state.due("review", record.roster.find(reviewer).handle)
    return f", due {both(due, record.policy.zone)}" if due else ""
