"""The report as text for a terminal, Markdown for a comment, GitHub annotations and JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import click

from tools.checks.findings import Finding, Report, Result, Status
from tools.text import escape

MARKS = {Status.PASS: "✔", Status.FAIL: "✖", Status.SKIP: "–"}
_COLOURS = {Status.PASS: "green", Status.FAIL: "red", Status.SKIP: "yellow"}
COMMENT_LIMIT = 60_000  # characters; GitHub refuses comments above 65,536


def text(report: Report) -> str:
    """For people: a block per subject, a line per check, two per finding. click strips colours."""
    lines = []
    for subject in report.subjects:
        lines.append(click.style(subject, bold=True))
        for result in report.of(subject):
            lines.append(_text_line(result))
            for finding in result.findings:
                lines.append(f"      {finding.place}: {finding.rule}")
                lines.append(click.style(f"        → {finding.fix}", dim=True))
    colour = "green" if report.ok else "red"
    return "\n".join([*lines, click.style(report.verdict(), fg=colour, bold=True)]) + "\n"


def _text_line(result: Result) -> str:
    """One check: mark, name and what is worth a word."""
    note = result.note or (f"{result.seconds:.1f} s" if result.seconds >= 1 else "")
    mark = click.style(MARKS[result.status], fg=_COLOURS[result.status])
    return f"  {mark} {result.check:<12} {note}".rstrip()


def markdown(report: Report) -> str:
    """For a pull-request comment: a table of verdicts, then what failed.

    Everything from outside is escaped: a report quotes files, paths and exceptions of strangers.
    """
    checks = list(dict.fromkeys(result.check for result in report.results))
    lines = [f"### {'✔' if report.ok else '✖'} zoo check: {report.verdict()}", ""]
    lines += ["| | " + " | ".join(checks) + " |", "|---|" + ":-:|" * len(checks)]
    for subject in report.subjects:
        found = {result.check: MARKS[result.status] for result in report.of(subject)}
        cells = " | ".join(found.get(check, "") for check in checks)
        lines.append(f"| {escape(subject)} | {cells} |")
    for result in report.results:
        if result.status is Status.FAIL:
            lines += ["", f"**{escape(result.subject)} · {result.check}**", ""]
            lines += [_markdown_line(finding) for finding in result.findings]
    return _cut(lines)


def _markdown_line(finding: Finding) -> str:
    """A list item: place, rule, fix."""
    place, rule, fix = escape(finding.place), escape(finding.rule), escape(finding.fix)
    return f"- <code>{place}</code> {rule}<br>→ {fix}"


def _cut(lines: list[str]) -> str:
    """The lines as text, cut at a line's end when the comment would be too long."""
    size = 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > COMMENT_LIMIT:
            more = f"- … and {len(lines) - number} more lines: run `zoo check`"
            return "\n".join([*lines[:number], more]) + "\n"
    return "\n".join(lines) + "\n"


def github(report: Report) -> str:
    """Workflow commands that annotate the lines of a pull request."""
    lines = []
    for result in report.results:
        for finding in result.findings:
            where = f"file={_property(finding.path)},line={finding.line or 1}"
            title = _property(f"zoo check: {result.check}")
            message = _message(f"{finding.rule} → {finding.fix}")
            lines.append(f"::error {where},title={title}::{message}\n")
    return "".join(lines)


def _message(text: str) -> str:
    """Text after the second `::` of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A value before it, where commas and colons separate."""
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def as_json(report: Report) -> str:
    """For programs: the verdict and every result."""
    data = {"ok": report.ok, **dataclasses.asdict(report)}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


RENDERERS: dict[str, Callable[[Report], str]] = {
    "text": text,
    "markdown": markdown,
    "github": github,
    "json": as_json,
}
