"""Grades for people: a table, and every lost point written out to be followed with a calculator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tools.process.grading.amounts import plain, rounded
from tools.process.grading.charges import Loss
from tools.process.grading.grades import EntryGrade, Part, PersonGrade
from tools.process.grading.sheets import PARTS
from tools.text import one_line, table

Wording = Mapping[str, Mapping[str, str]]  # a line about each finding, by entry and key
NO_NUMBER = {"missing": "missing", "open": "open", "none": "–"}


def result(part: Part) -> str:
    """What counts: a number with two decimals, or why there is none."""
    return NO_NUMBER[part.status] if part.value is None else rounded(part.value)


def computed(part: Part) -> str:
    """What the rules make, whatever the instructor set by hand."""
    return NO_NUMBER[part.status] if part.score is None else rounded(part.score)


def grade_table(people: Mapping[str, PersonGrade]) -> str:
    """One line per person; an override stands beside the computed grade."""
    rows = [["who", *PARTS]]
    for handle, grade in people.items():
        cells = [
            result(part) + (f" (computed: {computed(part)})" if part.override else "")
            for part in grade.parts.values()
        ]
        rows.append([handle, *cells])
    return table(rows)


def comparison(before: Mapping[str, PersonGrade], after: Mapping[str, PersonGrade]) -> str:
    """One line per person; "83.00 → 84.50" where something would change."""
    rows = [["who", *PARTS]]
    for handle, grade in before.items():
        pairs = [(result(grade.parts[n]), result(after[handle].parts[n])) for n in PARTS]
        rows.append([handle, *(old if old == new else f"{old} → {new}" for old, new in pairs)])
    return table(rows)


def explain_person(grade: PersonGrade, wording: Wording) -> str:
    """Everything about one person's grade, as Markdown."""
    blocks = [f"# {grade.handle}: {result(grade.parts['final'])}"]
    for name, part in reversed(grade.parts.items()):
        if part.status != "none" or part.override:
            blocks.append(f"{name}: {_sum(part)}")
        if name == "review" and grade.project.status != "none":
            blocks.append(f"project (v1 and v2): {_sum(grade.project)}")
    for entry in grade.entries:
        blocks += [explain_part(entry, version, wording) for version in ("v1", "v2")]
    blocks += [explain_part(entry, grade.handle, wording) for entry in grade.reviewed]
    return "\n\n".join(blocks) + "\n"


def explain_entry(entry: EntryGrade, wording: Wording) -> str:
    """The scores of one entry and of its reviews, as Markdown."""
    names = [version for version in ("v1", "v2") if getattr(entry, version).status != "none"]
    parts = [explain_part(entry, name, wording) for name in (*names, *entry.reviews)]
    return "\n\n".join([f"# {entry.model}", *parts]) + "\n"


def explain_part(entry: EntryGrade, name: str, wording: Wording) -> str:
    """Version "v1" or "v2", or the review by "@handle": from 100 down to the score."""
    part = entry.reviews[name] if name in entry.reviews else getattr(entry, name)
    what = (
        f"review of {entry.model} by {name}" if name in entry.reviews else f"{entry.model} {name}"
    )
    if part.score is None:
        return f"## {what}: {NO_NUMBER[part.status]}\n\n{part.why}"
    lines = [f"## {what}: {rounded(part.score)}", "", "100 at first"]
    lines += _lost(part.losses, wording.get(entry.model, {}))
    return "\n".join([*lines, f"= {plain(part.score)}"])


def _lost(losses: Iterable[Loss], titles: Mapping[str, str]) -> Iterable[str]:
    """One line for each loss: its points, its cause, the arithmetic."""
    for loss in losses:
        title = f", “{one_line(titles[loss.finding])}”" if loss.finding in titles else ""
        amount = plain(abs(loss.points))
        how = f": {loss.how} = {amount}" if loss.how else ""
        yield f"{'-' if loss.points > 0 else '+'} {amount} {loss.what}{title}{how}"


def _sum(part: Part) -> str:
    """A part in one line: the arithmetic of its mean, and the instructor's own number."""
    number = computed(part)
    if part.score is not None and part.how:
        number = f"{part.how} = {plain(part.score)}, that is {number}"
    elif part.why:
        number = f"{number} ({part.why})"
    if part.override is None:
        return number
    reason = one_line(part.override.reason)
    return f"{result(part)}, set by the instructor ({reason}); computed: {number}"
