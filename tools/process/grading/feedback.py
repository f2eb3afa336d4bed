"""The private page of one person: their grade, explained, and what the instructor says about it."""

from __future__ import annotations

from tools.process.grading.amounts import exact, plain
from tools.process.grading.explain import Wording, explain_person
from tools.process.grading.grades import EntryGrade, PersonGrade
from tools.process.grading.sheets import Adjudication
from tools.process.rules.policy import Policy
from tools.text import one_line

NOTE = 2000  # characters of a note
FOOT = """\
---
Numbers are exact until the end, then rounded to two decimals, halves up. This page is for
{handle} alone. Something wrong? Within {days} days: zoo regrade ask ENTRY --reason "…"
"""


def feedback_page(grade: PersonGrade, wording: Wording, policy: Policy) -> str:
    """The page, as Markdown: nobody else's grade, and of others only what is public."""
    blocks = [explain_person(grade, wording).rstrip()]
    for entry in grade.reviewed:
        blocks += [_rating(entry, grade.handle), _verdicts(entry, grade.handle)]
    blocks += [_notes(entry) for entry in grade.entries]
    blocks.append(FOOT.format(handle=grade.handle, days=policy.regrade_days))
    return "\n\n".join(filter(None, blocks))


def _rating(entry: EntryGrade, handle: str) -> str:
    """The points of this person's review, with the instructor's note."""
    rating = entry.sheet.ratings.get(handle.removeprefix("@"))
    if rating is None:
        return ""
    lines = [
        f"- {name}: {'open' if points is None else plain(exact(points))}"
        for name, points in rating.points.items()
    ]
    note = [f"- {one_line(rating.note, NOTE)}"] if rating.note else []
    return "\n".join([f"## Rating of the review of {entry.model}", "", *lines, *note])


def _verdicts(entry: EntryGrade, handle: str) -> str:
    """What the instructor says about this person's own findings."""
    mine = {
        key: word
        for key, word in sorted(entry.sheet.adjudications.items())
        if key.split("/")[0] == handle.removeprefix("@") and word.verdict
    }
    lines = []
    for key, word in mine.items():
        verdict = word.verdict + (f" of {word.of}" if word.of else "")
        severity = f", as {word.severity}" if word.severity else ""
        lines.append(f"- {key}: {verdict}{severity}{_note(word)}")
    title = f"## Your findings in {entry.model}"
    return "\n".join([title, "", *lines]) if lines else ""


def _notes(entry: EntryGrade) -> str:
    """What the instructor says to the developers about findings in their entry."""
    lines = [
        f"- {key}{_note(word)}"
        for key, word in sorted(entry.sheet.adjudications.items())
        if word.note
    ]
    return "\n".join([f"## Notes on findings in {entry.model}", "", *lines]) if lines else ""


def _note(word: Adjudication) -> str:
    """The note behind a finding's key."""
    return f": {one_line(word.note, NOTE)}" if word.note else ""
