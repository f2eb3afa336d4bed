"""Handing grades out: the lock, the files of a release, and what changed since the last one.

Every release is kept whole in `<private>/releases/001/`, written at once or not at all; the newest
one is copied to the private directory itself.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.process.grading.explain import Wording, computed, result
from tools.process.grading.feedback import feedback_page
from tools.process.grading.gradebook import Student, canvas_text, moodle_text
from tools.process.grading.grades import EntryGrade, PersonGrade
from tools.process.grading.sheets import PARTS
from tools.process.rules.policy import Policy
from zoo.core.errors import ZooError
from zoo.core.files import replacing


@dataclass(frozen=True)
class Release:
    """A release that was written: where, whether just now, and what changed since the last one."""

    folder: Path
    new: bool
    changes: str


def locked_by(
    entries: Mapping[str, EntryGrade],
    people: Mapping[str, PersonGrade],
    students: Mapping[str, Student],
) -> list[str]:
    """One line for everything that keeps grades from being released, by entry."""
    lines = [
        f"{entry.model}: {item.text}" for entry in entries.values() for item in entry.questions
    ]
    for handle in people:
        if handle not in students or not students[handle].name:
            lines.append(f"people.csv: no name of {handle}")
    return lines


def release_files(
    people: Mapping[str, PersonGrade],
    students: Mapping[str, Student],
    wording: Wording,
    policy: Policy,
) -> dict[str, str]:
    """The files of a release by path: gradebooks, a page for everybody, all grades as JSON."""
    pages = {
        f"feedback/{handle.removeprefix('@')}.md": feedback_page(grade, wording, policy)
        for handle, grade in people.items()
    }
    return {
        "gradebook-canvas.csv": canvas_text(people, students),
        "gradebook-moodle.csv": moodle_text(people, students),
        **pages,
        "grades.json": json.dumps(_document(people), indent=2, ensure_ascii=False) + "\n",
    }


def _document(people: Mapping[str, PersonGrade]) -> dict[str, dict[str, dict[str, str]]]:
    """Grades by handle and part: what counts, what was computed, why it was overridden."""
    document: dict[str, dict[str, dict[str, str]]] = {}
    for handle, grade in people.items():
        document[handle] = {}
        for name, part in grade.parts.items():
            row = {"grade": result(part), "computed": computed(part)}
            if part.override:
                row["reason"] = part.override.reason
            document[handle][name] = row
    return document


def changes(before: str, after: str) -> str:
    """A line for every grade that differs between two `grades.json`: who, from, to."""
    old, new = json.loads(before), json.loads(after)
    lines = []
    for handle in sorted(old.keys() | new.keys()):
        for part in PARTS:
            was, now = (
                grades.get(handle, {}).get(part, {}).get("grade", "–") for grades in (old, new)
            )
            if was != now:
                lines.append(f"- {handle} {part}: {was} → {now}")
    return "\n".join(["# Changes since the last release", "", *(lines or ["No grade."])]) + "\n"


def publish(folder: Path, files: dict[str, str]) -> Release:
    """Write a release, unless the last one says the same.

    Raises:
        ZooError: the folder cannot be written; the last release stands.
    """
    releases = folder / "releases"
    earlier = sorted(releases.glob("[0-9][0-9][0-9]"))
    last = earlier[-1] if earlier else None
    new = last is None or any(_text(last / name) != text for name, text in files.items())
    if new:
        if last is not None:
            summary = changes(_text(last / "grades.json"), files["grades.json"])
            files = {**files, "changes.md": summary}
        last = releases / f"{len(earlier) + 1:03d}"
        _write_at_once(last, files)
    assert last is not None
    for path in sorted(last.rglob("*.*")):
        with replacing(folder / path.relative_to(last)) as partial:
            partial.write_bytes(path.read_bytes())
    return Release(last, new, _text(last / "changes.md"))


def _write_at_once(target: Path, files: Mapping[str, str]) -> None:
    """A new folder with these files, or none."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=".partial-"))
        try:
            for name, text in files.items():
                path = partial / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(text.encode())
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ZooError(f"cannot write {target}: {error.strerror or error}") from error


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
