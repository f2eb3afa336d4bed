"""What is private in a text: addresses, numbers and names of students, grades, secrets."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.documents import read_text
from tools.publish.people import People
from zoo.core.errors import ZooError


@dataclass(frozen=True)
class Found:
    """Something private: where it stands in a text, what it is, the rule and the fix."""

    start: int
    text: str
    rule: str
    fix: str


Rule = Callable[[str], Iterator[Found]]

_MAIL = re.compile(r"(?<![\w.+-])[\w+-]+(?:\.[\w+-]+)*@(?:[\w-]+\.)+[A-Za-z]{2,24}\b")
_NOBODY = re.compile(
    r"(?i).*@(?:[\w-]+\.)*(?:example(?:\.(?:org|com|net|edu))?|invalid|test|localhost)"
    r"|.*@users\.noreply\.[\w.-]+|(?:git|no-?reply)@github\.com"
)
_NUMBER = re.compile(
    r"(?i)\b(?:matric\w*|matrikel\w*|(?:student|enrol+ment|registration)[ -]?(?:id|no|nr|number))"
    r"(?:[ -]?(?:no|nr|number|id|nummer))?\b[\"'.:#=\s]{0,6}(?P<id>[A-Za-z]?\d{5,10})\b"
)
_SECRET = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20}|hf_[A-Za-z]{34}"
    r"|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|xox[abprs]-[\w-]{10,}|sk-(?:[a-z]+-)?[A-Za-z0-9_-]{32,}"
    r"|pypi-[\w-]{50,})|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}"
)
_GRADED = re.compile(r"(?i)\b(?:grades?|graded|points?|marks?|scored?|note|bewertung)\b")
_AMOUNT = re.compile(r"(?<![\w./-])\d{1,3}(?:[.,]\d{1,2})?(?![\w/-]|\.\d)")
SENTENCE = 80  # characters in which a person, a word for grades and a number belong together
_HANDLE = re.compile(r"(?<![\w/.])@([A-Za-z0-9][A-Za-z0-9-]{0,38})")
# How the files of the private directory begin, or what only they say.
_TOP = r"\A\ufeff?(?:(?:#.*)?\n)*"
_GRADE_FILES = {
    "a gradebook": re.compile(r"\AStudent,ID,SIS User ID,|\AID number,Email address,"),
    "the list of who is who": re.compile(
        r"\A(?=.*\b(?:handle|github_username)\b)(?=.*(?:e-?mail|_id\b|id_number|identifier)).*[,;\t].*\n"
    ),
    "grades": re.compile(r'\A\{\s*"@[\w-]+": \{\s*"\w+": \{\s*"grade": '),
    "a private page of grades": re.compile(r"(?m)^This page is for\s+@[\w-]+ alone\."),
    "changes of grades": re.compile(r"\A# Changes since the last release\n\n- @"),
    "grades set by hand": re.compile(_TOP + r"overrides:\n(?:\s*#.*\n)*\s*- \{?(?:who|part): "),
    "requests for regrading": re.compile(_TOP + r"- at: .*\n  entry: .*\n  who: "),
    "a grading sheet": re.compile(_TOP + r"rubric:(?s:.*)\n(?:adjudications|ratings):"),
}


def addresses(text: str) -> Iterator[Found]:
    """E-mail addresses, but those that are nobody's."""
    for found in _MAIL.finditer(text):
        if not _NOBODY.fullmatch(found[0]):
            rule = f"the e-mail address {found[0]}"
            yield Found(found.start(), found[0], rule, "delete it, or write name@example.org")


def numbers(text: str) -> Iterator[Found]:
    """Numbers that are said to be students'."""
    for found in _NUMBER.finditer(text):
        yield Found(
            found.start("id"), found["id"], f"the student number {found['id']}", "delete it"
        )


def secrets(text: str) -> Iterator[Found]:
    """Tokens and private keys, by their usual forms."""
    for found in _SECRET.finditer(text):
        shown = f"{found[0][:8]}…"
        fix = "revoke it where it was issued, then delete it"
        yield Found(found.start(), found[0], f"an access token or key, {shown}", fix)


def grade_files(text: str) -> Iterator[Found]:
    """Files as the grading commands write them, whatever they are called."""
    for what, form in _GRADE_FILES.items():
        if found := form.search(text):
            fix = "private files live outside the repository: git rm it"
            yield Found(found.start(), found[0][:60], f"this is {what}", fix)


@dataclass(frozen=True)
class Private:
    """Rules that follow from a course.

    Attributes:
        people: who is who in public.
        student_id: the pattern of student numbers, or None.
        known: what a list of people says about them: kind by text.
    """

    people: People
    student_id: str | None
    known: dict[str, str]

    def rules(self) -> tuple[Rule, ...]:
        """All rules on texts."""
        course = (self._grades, self._ids, self._listed, self._hidden)
        return (addresses, numbers, secrets, grade_files, *course)

    @cached_property
    def _handles(self) -> set[str]:
        """Of everybody who has a grade, as they stand in texts of the release."""
        graded = (p for p in self.people.roster.people.values() if p.role != "instructor")
        return {self.people.handle(person.handle)[1:].lower() for person in graded}

    def _grades(self, text: str) -> Iterator[Found]:
        """A line with a person of the course, a word for grades, and an amount."""
        for at, line in _lines(text, "@"):
            people = [m for m in _HANDLE.finditer(line) if m[1].lower() in self._handles]
            words = list(_GRADED.finditer(line)) if people else []
            amounts = list(_AMOUNT.finditer(line)) if words else []
            for who, word, amount in itertools.product(people, words, amounts):
                first = min(who.start(), word.start(), amount.start())
                last = max(who.end(), word.end(), amount.end())
                if last - first <= SENTENCE:
                    rule = f"what looks like the {word[0].lower()} of {who[0]}: {amount[0]}"
                    yield Found(at + amount.start(), line[first:last], rule, "delete it")
                    break

    def _ids(self, text: str) -> Iterator[Found]:
        """Numbers of the institution's form."""
        if self.student_id is not None:
            for found in re.finditer(rf"(?<!\w)(?:{self.student_id})(?!\w)", text):
                yield Found(found.start(), found[0], f"the student number {found[0]}", "delete it")

    def _listed(self, text: str) -> Iterator[Found]:
        """Names, numbers and addresses of people in the list."""
        if self.known:
            for found in self._list.finditer(text):
                kind = self.known[" ".join(found[0].lower().split())]
                rule = f"the {kind} of a person, {' '.join(found[0].split())}"
                yield Found(found.start(), found[0], rule, "delete it")

    @cached_property
    def _list(self) -> re.Pattern[str]:
        words = sorted(self.known, key=len, reverse=True)
        forms = (r"\s+".join(map(re.escape, word.split())) for word in words)
        return re.compile(rf"(?i)(?<!\w)(?:{'|'.join(forms)})(?!\w)")

    def _hidden(self, text: str) -> Iterator[Found]:
        """Handles of who must not be recognised, where nothing could replace them."""
        if found := self.people.leftover(text):
            rule = f"'{found[0]}' is the handle of somebody who appears anonymously"
            fix = "write it with @, reword it, or allow it as an ordinary word"
            yield Found(found.start(), found[0], rule, fix)


def _lines(text: str, sign: str) -> Iterator[tuple[int, str]]:
    """(position, line) of lines with a sign in them."""
    if sign in text:
        at = 0
        for line in text.split("\n"):
            if sign in line:
                yield at, line
            at += len(line) + 1


COLUMNS = {
    "name": ("name", "full_name", "student", "student_name"),
    "student number": (
        *("identifier", "student_id", "matriculation", "matriculation_number", "id_number"),
        *("sis_user_id", "sis_login_id", "canvas_id", "registration", "number"),
    ),
    "e-mail address": ("email", "e-mail", "mail", "email_address"),
}


def known_people(path: Path, people: People) -> dict[str, str]:
    """What a CSV says of people, in lower case: "name", "student number", or "e-mail address".

    Names of who consents to appear by name are not among them.

    Raises:
        ZooError: there is no such file, or no column that says anything.
    """
    text = read_text(path)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    public = {(who.name or "").lower() for who in people.roster.people.values()}
    known: dict[str, str] = {}
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    titles = {title: title.strip().lower().replace(" ", "_") for title in reader.fieldnames or ()}
    kinds = {
        title: kind for title, name in titles.items() for kind in COLUMNS if name in COLUMNS[kind]
    }
    if not kinds:
        names = ", ".join(names[0] for names in COLUMNS.values())
        raise ZooError(f"{path}:1: no column tells who people are; name one of them {names}")
    for row in reader:
        for title, kind in kinds.items():
            word = " ".join((row.get(title) or "").lower().split())
            family, comma, given = word.partition(", ")
            forms = {word, f"{given} {family}"} if kind == "name" and comma else {word}
            if len(word) >= 4 and not forms & public:
                known |= dict.fromkeys(forms, kind)
    return known
