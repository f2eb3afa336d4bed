"""Grades as a learning-management system reads them, and who is who there: `people.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from tools.documents import read_text, shown
from tools.process.grading.amounts import rounded
from tools.process.grading.grades import PersonGrade
from tools.process.grading.sheets import PARTS
from tools.process.rules.roster import Roster
from tools.yamltext import brief
from zoo.core.errors import ZooError, nearest

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so runs in a spreadsheet


@dataclass(frozen=True)
class Student:
    """A row of `<private>/people.csv`: whose handle it is, for Canvas and for Moodle."""

    handle: str
    name: str = ""
    canvas_id: str = ""
    sis_user_id: str = ""
    sis_login_id: str = ""
    section: str = ""
    email: str = ""
    id_number: str = ""


COLUMNS = [field.name for field in fields(Student)]


def load_people(path: Path, roster: Roster) -> dict[str, Student]:
    """Rows by handle as the roster spells it; none where there is no file.

    Raises:
        ZooError: "people.csv:3: …" for an unknown column or handle, or one that occurs twice.
    """
    if not path.exists():
        return {}
    place = shown(path)
    reader = csv.reader(io.StringIO(read_text(path)), strict=True)
    rows: dict[str, Student] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        for name in header:
            if name not in COLUMNS:
                hint = nearest(name, COLUMNS)
                raise ZooError(f"{place}:1: unknown column '{brief(name)}'; {hint}")
        if "handle" not in header:
            raise ZooError(f"{place}:1: the column 'handle' is missing; add it")
        for cells in reader:
            line = f"{place}:{reader.line_num}"
            if not any(cells):
                continue
            if len(cells) != len(header):
                rule = f"{len(cells)} cells in {len(header)} columns"
                raise ZooError(f"{line}: {rule}; quote a cell that holds a comma")
            row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            known = roster.people.get(row["handle"].lower())
            if known is None:
                hint = nearest(row["handle"], roster.people)
                raise ZooError(f"{line}: '{row['handle']}' is not in reviews/roster.yaml; {hint}")
            if known.handle in rows:
                raise ZooError(f"{line}: {known.handle} occurs twice; keep one row")
            rows[known.handle] = Student(**{**row, "handle": known.handle})
    except csv.Error as error:
        raise ZooError(f"{place}:{reader.line_num}: not CSV: {error}; mend the quotes") from None
    return rows


def people_text(rows: Iterable[Student]) -> str:
    """The text of a `people.csv`."""
    return _csv([COLUMNS, *([getattr(row, name) for name in COLUMNS] for row in rows)])


def canvas_text(people: Mapping[str, PersonGrade], students: Mapping[str, Student]) -> str:
    """A gradebook for Canvas; what is missing or open stays blank, which leaves it as it is."""
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *PARTS],
        ["    Points Possible", "", "", "", "", *["100"] * len(PARTS)],
    ]
    for handle, grade in people.items():
        who = students[handle]
        cells = [who.name, who.canvas_id, who.sis_user_id, who.sis_login_id, who.section]
        rows.append([*map(harmless, cells), *_numbers(grade)])
    return _csv(rows)


def moodle_text(people: Mapping[str, PersonGrade], students: Mapping[str, Student]) -> str:
    """A gradebook for Moodle, to be matched by e-mail address or by id number."""
    rows = [["ID number", "Email address", *PARTS]]
    for handle, grade in people.items():
        who = students[handle]
        rows.append([harmless(who.id_number), harmless(who.email), *_numbers(grade)])
    return _csv(rows)


def harmless(cell: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _numbers(grade: PersonGrade) -> list[str]:
    values = [grade.parts[name].value for name in PARTS]
    return ["" if value is None else rounded(value) for value in values]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    """Rows as CSV, with plain line ends."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
