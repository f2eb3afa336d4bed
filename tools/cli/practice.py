"""`zoo review practice`: review an entry with known faults, and see which ones you found."""

from __future__ import annotations

import hashlib
import json
import textwrap
from pathlib import Path

import click

from tools.cli.options import acting
from tools.cli.remarks import say_remarks
from tools.documents import read_text, shown
from tools.practice.cases import Fault, case_names, load_case
from tools.practice.exhibits import Exhibit, exhibit, write_exhibit
from tools.practice.results import add_result
from tools.practice.scoring import Score, score
from tools.process.findings import Finding
from tools.process.record import Record
from tools.process.review.coverage import coverage, coverage_table
from tools.process.review.lint import lint_review
from tools.process.review.reviewdraft import draft_text
from tools.process.review.reviewfile import ReviewFile, parse_review, review_problems
from tools.process.review.writing import form_remarks
from tools.text import one_line, table
from zoo.core.errors import ZooError
from zoo.core.files import replacing

WIDTH = 96  # columns of an explanation
UNKNOWN = "not in the key: it may still be true"


@click.group(invoke_without_command=True)
@click.pass_context
def practice(context: click.Context) -> None:
    """Review entries with known faults; without a command, list them.

    Practice is on trust: the key lies in templates/practice/, as the entries themselves do in zoo/.
    """
    if context.invoked_subcommand is None:
        cases = [load_case(name) for name in case_names()]
        rows = [(case.name, case.entry, case.title) for case in cases]
        click.echo(table([("case", "entry", "about"), *rows]))
        click.echo("next: zoo review practice start CASE")


@practice.command()
@click.argument("case")
@acting
def start(case: str, actor: str) -> None:
    """Write a practice submission and the form of its review.

    It comes without weights, and with few of the entry's tests, since the others would give the
    faults away. What you wrote in the form stays as it is.
    """
    record = Record()
    made = exhibit(load_case(case))
    path = _form(record, case)
    folder = path.parent
    if path.exists():
        _refuse_stale(made, _head_commit(read_text(path)), path)
    write_exhibit(made, folder)
    where = folder.relative_to(record.root).as_posix()
    if not path.exists():
        entry = made.case.entry
        text = draft_text(made.state(actor), record.policy, actor, where)
        text = text.replace(f"zoo review lint {entry}", f"zoo review practice score {case}")
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
    click.echo(f"the submission is in {where}/zoo/{made.case.entry}, the form is {where}/review.md")
    click.echo(f"its tests: cd {where} && python -m pytest zoo/{made.case.entry}")
    click.echo(f"then: zoo review practice score {case}")


@practice.command("score")
@click.argument("case")
@click.option("--record", "keep", is_flag=True, help="Add the score to reviews/practice/.")
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@acting
def score_(case: str, keep: bool, style: str, actor: str) -> None:
    """Lint your practice review as a real one, and compare it with the key.

    A finding matches a fault in the same file, at most 3 lines apart, each at most once; a place of
    more than 20 lines matches nothing. What is missing matches by its category, anywhere in the
    file. Places decide, not words: read the key also for what you found.
    """
    record = Record()
    made = exhibit(load_case(case))
    path = _form(record, case)
    if not path.is_file():
        raise ZooError(f"{shown(path)} is missing: zoo review practice start {case} writes it")
    review = _linted(record, made, path, actor, err=style == "json")
    found = score(made, review.findings)
    if keep:
        handle = record.roster.find(actor).handle
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        file = add_result(record, handle, case, digest, found)
        record.commit(f"Practice of {handle}: {case}", file)
    click.echo(_json(made, found) if style == "json" else _text(made, found))


def _form(record: Record, case: str) -> Path:
    return record.root / "build" / "practice" / case / "review.md"


def _linted(record: Record, made: Exhibit, path: Path, actor: str, err: bool) -> ReviewFile:
    """The review, once the linter of real reviews has nothing to say."""
    text = read_text(path)
    if review_problems(text):
        remarks = form_remarks(text)
    else:
        review = parse_review(text, path)
        _refuse_stale(made, review.head.commit, path)
        click.echo(coverage_table(coverage(review, made.files, made.case.entry)), err=err)
        remarks = lint_review(review, made.files, record.policy, made.state(actor), actor)
    if not say_remarks(path, remarks, err):
        raise ZooError("the review is not scored yet: mend what is listed above")
    return review


def _head_commit(text: str) -> str:
    """What a form says that it reviews, whatever else is wrong with it; empty for nothing."""
    lines = (line for line in text.splitlines() if line.startswith("commit:"))
    return next(lines, "").removeprefix("commit:").strip().strip("\"'")


def _refuse_stale(made: Exhibit, commit: str, path: Path) -> None:
    """A review is scored by the key of the files that it speaks of."""
    if commit != made.digest:
        rule = f"{shown(path)} is not about this submission: the entry or the case changed"
        raise ZooError(f"{rule}; move it away and zoo review practice start {made.case.name}")


def _json(made: Exhibit, found: Score) -> str:
    """The score with everything that explains it."""

    def told(fault: Fault) -> dict[str, str]:
        keys = ("id", "kind", "category", "severity", "what", "why", "notice")
        place = str(made.places[fault.id])
        return {**{key: getattr(fault, key) for key in keys}, "place": place}

    def mine(finding: Finding) -> dict[str, str]:
        keys = ("id", "title", "kind", "category", "severity")
        return {**{key: getattr(finding, key) for key in keys}, "place": str(finding.place)}

    document = {
        "case": made.case.name,
        "recall": found.recall,
        "precision": found.precision,
        "severities_agree": found.agreeing,
        "found": [{"fault": told(a), "finding": mine(b)} for a, b in found.found],
        "missed": [told(fault) for fault in found.missed],
        "unmatched": [{**mine(finding), "note": UNKNOWN} for finding in found.unmatched],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _text(made: Exhibit, found: Score) -> str:
    """The score, and a lesson for each fault that was missed."""
    hits, faults = len(found.found), len(made.case.faults)
    findings = hits + len(found.unmatched)
    lines = [
        f"recall {hits} of {faults} faults, precision {hits} of {findings} findings, "
        f"severity as in the key {found.agreeing} of {hits}"
    ]
    for fault, finding in found.found:
        differs = f", the key says {fault.severity}" if fault.severity != finding.severity else ""
        lines.append(f"✔ {made.places[fault.id]} by {finding.id} ({finding.severity}{differs})")
        lines += _paragraph(fault.what)
    for fault in found.missed:
        what = f"{fault.severity}, {fault.category}, {fault.kind}"
        lines.append(f"✖ {made.places[fault.id]} was missed ({what})")
        for words in (fault.what, f"Why: {fault.why}", f"To notice: {fault.notice}"):
            lines += _paragraph(words)
    for finding in found.unmatched:
        lines.append(f"? {finding.id} {one_line(finding.title)} ({finding.place}): {UNKNOWN}")
    return "\n".join(lines)


def _paragraph(words: str) -> list[str]:
    text = " ".join(words.split())
    return textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ")
