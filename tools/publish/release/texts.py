"""What changes in files on their way out: short reviews, the roster, rows of other entries."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from tools.process.review.markdown import Line, Section, read_lines, sections, yaml_block
from tools.process.rules.classroom import roster_text
from tools.process.rules.roster import Person
from tools.publish.people import People
from tools.yamltext import Markdown

SILENT = "Not published."
HEAD = """\
# yaml-language-server: $schema=../templates/schemas/roster.schema.json
#
# The people of the published entries, under the names that they consented to.
"""
_ROW = re.compile(r"\| \[`(\w+)`\]\(zoo/\1/.*\n")
_COMMIT = re.compile(r"(?<![0-9a-f])[0-9a-f]{12,40}(?![0-9a-f])")
TILE = 56  # pixels of a row of zoo/samples.png


def short_review(text: str) -> str:
    """Front matter, scores, and each finding's title, block and place; no prose."""
    head, lines = _opened(text)
    parts = [head, *(line.text for line in sections(lines, 2)[0] if line.text.startswith("# "))]
    for section in sections(lines, 2)[1]:
        parts.append(f"## {section.title}")
        if section.title == "Rubric":
            for answer in sections(section.body, 3)[1]:
                parts += [f"### {answer.title}", SILENT]
        elif block := _block(section):
            parts += [block, *(f"**{part}.** {SILENT}" for part in _PARTS)]
        else:
            parts.append(SILENT)
    return "\n\n".join(parts) + "\n"


_PARTS = ("Expected", "Observed", "Suggestion")


def short_response(text: str) -> str:
    """Front matter and each answer with its places; no prose."""
    head, lines = _opened(text)
    parts = [head, *(line.text for line in sections(lines, 2)[0] if line.text.startswith("# "))]
    for section in sections(lines, 2)[1]:
        parts += [f"## {section.title}", _block(section), SILENT]
    return "\n\n".join(parts) + "\n"


def _opened(text: str) -> tuple[str, list[Line]]:
    """The front matter as it stands, and the lines of the prose."""
    document = Markdown(text)
    before = text.split("\n")[: document.prose_line - 1]
    return "\n".join(before).strip("\n"), read_lines(document.prose, document.prose_line)


def _block(section: Section) -> str:
    return "\n".join(line.text for line in yaml_block(section.body)[0])


def with_commits(text: str, renamed: Callable[[str], str | None]) -> str:
    """The text with commits' ids, whole or cut off, as `renamed` says; None leaves one."""

    def one(found: re.Match[str]) -> str:
        return (renamed(found[0]) or found[0])[: len(found[0])]

    return _COMMIT.sub(one, text)


def public_roster(people: People, appearing: Iterable[str], teams: dict[str, str]) -> str:
    """The roster of who appears: no conflicts, and accounts only of who may be recognised.

    Args:
        people: everybody under their public name.
        appearing: handles in lower case.
        teams: the public name of each team.
    """
    rows: list[Person] = []
    for key in sorted(appearing):
        person = people.roster.people[key]
        team = teams.get(person.team or "")
        public = replace(person, handle=people.handle(person.handle), conflicts=[], team=team)
        if key in people.pseudonyms:
            public = replace(public, github_id=None, consent="anonymous")
        rows.append(public)
    return roster_text(sorted(rows, key=lambda person: person.handle.lower()), HEAD)


def without_rows(text: str, published: Iterable[str]) -> str:
    """README.md whose table has the rows of published entries only."""
    kept = set(published)
    return _ROW.sub(lambda row: row[0] if row[1] in kept else "", text)


def cut_picture(data: bytes, rows: list[str], published: Iterable[str]) -> bytes:
    """The picture of all entries' samples, of which `rows` tells the order, without some rows."""
    from PIL import Image

    kept = set(published)
    with Image.open(io.BytesIO(data)) as picture:
        if all(row in kept for row in rows) or picture.height != TILE * len(rows):
            return data
        stay = [at for at, row in enumerate(rows) if row in kept]
        cut = Image.new(picture.mode, (picture.width, TILE * max(1, len(stay))), 255)
        for target, at in enumerate(stay):
            row = picture.crop((0, TILE * at, picture.width, TILE * (at + 1)))
            cut.paste(row, (0, TILE * target))
    out = io.BytesIO()
    cut.save(out, "PNG", optimize=True)
    return out.getvalue()
