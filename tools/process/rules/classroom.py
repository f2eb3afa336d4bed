"""A classroom's CSV and the public roster: reading the one, merging it into the other.

E-mail addresses and student numbers stay in the CSV: only what a `Person` holds is taken, a name
only of who consents to appear by name.
"""

from __future__ import annotations

import csv
import io
import json
import re
import typing
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from tools.documents import located, read_text
from tools.process.rules.roster import HANDLE, Consent, Person, Role, Roster
from tools.yamltext import Broken, brief, clean

# A person's field: the names of its column, as GitHub Classroom and others write them.
COLUMNS = {
    "handle": ("handle", "github_username", "github", "username"),
    "github_id": ("github_id",),
    "team": ("team", "team_name", "group", "group_name"),
    "role": ("role",),
    "consent": ("consent",),
    "name": ("name", "full_name"),
}
# What a form's answers mean beside the words of the roster.
ANSWERS: dict[str, Consent] = {word: word for word in typing.get_args(Consent)}
ANSWERS |= dict.fromkeys(("yes", "true", "1"), "handle") | dict.fromkeys(
    ("no", "false", "0"), "none"
)
SELDOM = ("name", "active")  # written only where they differ from the default
HEAD = """\
# yaml-language-server: $schema=../templates/schemas/roster.schema.json
#
# The people of the term. `zoo roster import` rewrites the list and keeps this comment.
# No e-mail addresses in this public file, and no names but with consent: name.
"""


@dataclass(frozen=True)
class Row:
    """One account of a CSV; None where the CSV says nothing.

    Attributes:
        line: the line of the CSV.
        name: of who consents to appear by name.
    """

    line: int
    handle: str
    github_id: int | None = None
    team: str | None = None
    role: Role | None = None
    consent: Consent | None = None
    name: str | None = None


@dataclass(frozen=True)
class Classroom:
    """What a CSV holds.

    Attributes:
        path: of the CSV.
        rows: its accounts, each once.
        without_account: lines of people who have no GitHub account yet.
        left_out: names of the columns that were not taken.
    """

    path: Path
    rows: list[Row]
    without_account: list[int]
    left_out: list[str]


@dataclass
class Merge:
    """A new roster and what is new in it, as lines for the instructor."""

    people: list[Person]
    added: list[Person] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def read_classroom(path: Path) -> Classroom:
    """Read a CSV with commas, semicolons or tabs; ZooError "path:line: rule; fix"."""
    with located(path):
        text = clean(read_text(path))
        (line, header), *records = _records(text) or [(1, [])]
        columns = _columns(header, line)
        rows, empty = [], []
        for line, cells in records:
            if len(cells) > len(header):
                rule = f"{len(cells)} cells below {len(header)} column names"
                raise Broken(line, rule, "quote text that holds the separator")
            values = {name: cells[at].strip() for name, at in columns.items() if at < len(cells)}
            if values.get("handle"):
                rows.append(_row(line, values))
            else:
                empty.append(line)
        _refuse_twice(rows)
    if not any(row.name for row in rows):
        columns.pop("name", None)
    taken = {header[at] for at in columns.values()}
    return Classroom(path, rows, empty, [name for name in header if name not in taken])


def merge(roster: Roster, classroom: Classroom) -> Merge:
    """The roster with what the CSV says; conflicts and what it does not say stay as they are.

    People are known by their GitHub id, which survives a renaming, then by their handle.

    Raises:
        ZooError: CSV and roster contradict each other about whose an account is.
    """
    with located(classroom.path):
        return _merge(roster, classroom.rows)


def _merge(roster: Roster, new: list[Row]) -> Merge:
    by_id = {person.github_id: person for person in roster.people.values() if person.github_id}
    people = dict(roster.people)
    result, rows = Merge([]), set[str]()
    for row in new:
        old = by_id.get(row.github_id) or roster.people.get(row.handle.lower())
        key = old.handle.lower() if old else row.handle.lower()
        other = old and old.github_id and row.github_id and old.github_id != row.github_id
        if other or key in rows:
            rule = f"{row.handle} has another github_id in reviews/roster.yaml"
            raise Broken(row.line, rule, "correct one of the two")
        if key != row.handle.lower() and row.handle.lower() in roster.people:
            rule = f"{row.handle} is somebody else in reviews/roster.yaml"
            raise Broken(row.line, rule, "correct or delete that line first")
        rows.add(key)
        people[key] = _updated(old, row)
        if people[key].consent == "name" and people[key].name is None:
            rule = f"{row.handle} consents to appear by name, and there is none"
            raise Broken(row.line, rule, "add a column name, or write handle")
        if old is None:
            result.added.append(people[key])
            continue
        if old.handle.lower() != row.handle.lower():
            result.changed.append(f"{old.handle}: now {row.handle} on GitHub; ledgers keep the old")
        if old != people[key]:
            result.changed.append(f"{old.handle}: {_changes(old, people[key])}")
    result.absent = [person.handle for key, person in people.items() if key not in rows]
    result.people = list(people.values())
    return result


def _updated(old: Person | None, row: Row) -> Person:
    """A person with what a row says; a handle stays for the term, since ledgers hold it."""
    names = ("github_id", "team", "role", "consent", "name")
    said = {name: getattr(row, name) for name in names if getattr(row, name) is not None}
    person = replace(old or Person(row.handle, "developer"), **said)
    return person if person.consent == "name" else replace(person, name=None)


def _changes(old: Person, new: Person) -> str:
    """What differs between two versions of a person."""
    names = [item.name for item in fields(Person)]
    pairs = [(name, getattr(old, name), getattr(new, name)) for name in names]
    return ", ".join(
        f"{name} {json.dumps(was)} → {json.dumps(now)}" for name, was, now in pairs if was != now
    )


def roster_text(people: list[Person], head: str = HEAD) -> str:
    """`reviews/roster.yaml` with one person per line below the comment `head`."""
    lines = []
    for person in people:
        pairs = (
            f"{item.name}: {json.dumps(getattr(person, item.name), ensure_ascii=False)}"
            for item in fields(Person)
            if item.name not in SELDOM or getattr(person, item.name) != item.default
        )
        lines.append(f"  - {{{', '.join(pairs)}}}\n")
    return head + ("people:\n" + "".join(lines) if lines else "people: []\n")


def head_of(text: str) -> str:
    """The comment that a roster begins with."""
    lines = clean(text).splitlines(keepends=True)
    kept = next((n for n, line in enumerate(lines) if line.strip() and line[0] != "#"), len(lines))
    return "".join(lines[:kept])


def _records(text: str) -> list[tuple[int, list[str]]]:
    """(first line, cells) of each record that is not blank."""
    header = text.lstrip("\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=header.count), strict=True)
    records, line = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                records.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise Broken(line, f"not a CSV: {error}", "export the file again") from None
    return records


def _columns(header: list[str], line: int) -> dict[str, int]:
    """The position of each field of a person; the handle's must be there."""
    found: dict[str, int] = {}
    for at, title in enumerate(header):
        name = title.strip().lower().replace(" ", "_")
        for column in [column for column, names in COLUMNS.items() if name in names]:
            if column in found:
                rule = f"'{header[found[column]]}' and '{title}' both hold the {column}"
                raise Broken(line, rule, "delete one of the two columns")
            found[column] = at
    if "handle" not in found:
        rule = "no column with GitHub accounts"
        raise Broken(line, rule, f"name one of them {' or '.join(COLUMNS['handle'])}")
    return found


def _row(line: int, values: dict[str, str]) -> Row:
    """An account from the cells of its record."""
    handle = "@" + values["handle"].removeprefix("@")
    if not HANDLE.fullmatch(handle):
        raise Broken(line, f"'{brief(handle)}' is no handle", "write it as on GitHub")
    number = values.get("github_id", "")
    if number and not re.fullmatch(r"[1-9][0-9]{0,17}", number):
        rule = f"'{brief(number)}' is no GitHub id"
        raise Broken(line, rule, "write digits only, as GitHub exports it, or nothing")
    role = values.get("role", "").lower()
    if role and role not in typing.get_args(Role):
        rule = f"unknown role '{brief(role)}'"
        raise Broken(line, rule, f"use one of {', '.join(typing.get_args(Role))}, or nothing")
    consent = values.get("consent", "").lower()
    if consent and consent not in ANSWERS:
        rule = f"consent is '{brief(consent)}'"
        raise Broken(line, rule, "write name, handle, anonymous, none, yes or no, or nothing")
    return Row(
        line,
        handle,
        int(number) if number else None,
        values.get("team") or None,
        typing.cast(Role, role) if role else None,
        ANSWERS.get(consent),
        (values.get("name") or None) if consent == "name" else None,
    )


def _refuse_twice(rows: list[Row]) -> None:
    """No account comes twice, by its handle or by its number."""
    seen: dict[str | int, int] = {}
    for row in rows:
        for key, value in ((row.handle.lower(), row.handle), (row.github_id, row.github_id)):
            if key is not None and key in seen:
                rule = f"{value} stands in line {seen[key]} already"
                raise Broken(row.line, rule, "keep one of the two lines")
            if key is not None:
                seen[key] = row.line
