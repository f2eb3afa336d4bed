"""A review: `reviews/<model>/v1/<reviewer>.md`, front matter, rubric, strengths and findings.

The prose is read by its headings outside code fences: `## Summary`, `## Rubric` with a section
`### item: score` per item, `## Strengths`, and one section `## F01: title` per finding, which
begins with a block of YAML and goes on with **Expected.**, **Observed.** and **Suggestion.**
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tools.documents import build, read_text, refuse, shown
from tools.process.findings import FINDING_ID, Finding, parse_place
from tools.process.review.markdown import (
    Line,
    Section,
    Unclosed,
    heading,
    read_lines,
    sections,
    text_of,
    yaml_block,
)
from tools.process.review.reviewform import BLOCK, REVIEW, FindingBlock, ReviewHead
from tools.process.rules.roster import HANDLE
from tools.yamltext import Broken, Document, Markdown, Problem, brief
from zoo.core.errors import ZooError, nearest

if TYPE_CHECKING:
    from tools.process.record import Record

PLACEHOLDER = "TODO"  # how the form marks what the reviewer has to write
LONGEST_LINE = 10_000  # characters
SECTIONS = ("Summary", "Rubric", "Strengths")
PARTS = ("Expected", "Observed", "Suggestion")
_ANSWER = re.compile(r"(?P<id>[a-z][a-z0-9-]*)(?: ?: ?(?P<score>.*))?")
_FINDING = re.compile(rf"(?P<id>{FINDING_ID.pattern})(?: ?: ?(?P<title>.*))?")
_PART = re.compile(rf"\*\*({'|'.join(PARTS)})[.:]\*\*[ \t]*(.*)")


@dataclass(frozen=True)
class RubricAnswer:
    """The answer to one item of the rubric.

    Attributes:
        id: of the item.
        score: 0 to 4.
        reason: what was checked and how; Markdown.
        line: of the heading.
    """

    id: str
    score: int
    reason: str
    line: int


@dataclass(frozen=True)
class ReviewFile:
    """A complete review.

    Attributes:
        head: the front matter.
        summary: Markdown.
        rubric: the answers, in the order of the file.
        strengths: Markdown.
        findings: in the order of the file.
        lines: line by key of the front matter and by name of a section.
    """

    head: ReviewHead
    summary: str
    rubric: tuple[RubricAnswer, ...]
    strengths: str
    findings: tuple[Finding, ...]
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def severities(self) -> dict[str, str]:
        """Severity by finding id, as the ledger keeps it."""
        return {finding.id: finding.severity for finding in self.findings}


def review_path(record: Record, model: str, reviewer: str) -> Path:
    """Where a reviewer's file lies, draft or published."""
    name = record.roster.find(reviewer).handle.removeprefix("@")
    return record.folder(model) / "v1" / f"{name}.md"


def load_review(record: Record, model: str, reviewer: str) -> ReviewFile:
    """A revealed review, from the file that is published; ZooError while it is sealed."""
    handle = record.roster.find(reviewer).handle
    review = record.state(model).reviews.get(handle)
    if review is None:
        known = ", ".join(record.state(model).reviews) or "nobody yet"
        raise ZooError(f"{handle} reviews no {model}: its reviewers are {known}")
    if review.status != "revealed":
        because = "it is opened when reviews are closed" if review.status == "filed" else "wait"
        raise ZooError(f"the review of {model} by {handle} is {review.status}: {because}")
    path = review_path(record, model, handle)
    text = read_text(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != review.sha256:
        fix = f"git checkout -- {path.relative_to(record.root).as_posix()}"
        raise ZooError(f"{shown(path)}:1: not the bytes that were filed; {fix}")
    return parse_review(text, path)


def parse_review(text: str, path: Path | str) -> ReviewFile:
    """Read a review; ZooError "path:line: rule; fix" for its first mistake."""
    draft = _Draft(text)
    refuse(path, draft.problems)
    assert draft.head is not None
    written = draft.written
    return ReviewFile(
        head=draft.head,
        summary=written["Summary"],
        rubric=tuple(draft.rubric),
        strengths=written["Strengths"],
        findings=tuple(draft.findings),
        lines=draft.lines,
    )


def review_problems(text: str) -> list[Problem]:
    """Everything that keeps a text from being a review, by line."""
    return sorted(_Draft(text).problems, key=lambda problem: problem.line or 0)


def _said(text: str) -> str:
    """The text without outer white space; nothing for the form's placeholder."""
    return "" if text.strip().startswith(PLACEHOLDER) else text.strip()


class _Draft:
    """A review as far as it can be read."""

    def __init__(self, text: str) -> None:
        self.head: ReviewHead | None = None
        self.written = dict.fromkeys(("Summary", "Strengths"), "")
        self.rubric: list[RubricAnswer] = []
        self.findings: list[Finding] = []
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        try:
            self.document = Markdown(text)
            lines = read_lines(self.document.prose, self.document.prose_line)
        except Broken as broken:
            self.problems.append(broken.problem)
            return
        except Unclosed as swallowing:
            self._refuse(swallowing.line, swallowing.what, f"close it with {swallowing.close}")
            return
        self._read_head()
        self._read_prose(lines)

    def _refuse(self, line: int, rule: str, fix: str) -> None:
        self.problems.append(Problem(line, "", rule, fix))

    def _read_head(self) -> None:
        """The front matter, with the rules that its types cannot say."""
        head, problems = build(REVIEW, self.document)
        self.lines = {key.value: key.line for key, _ in self.document.node.value}
        self.problems += problems
        self.head = head
        if head is None:
            return
        for rule in _head_rules(head):
            self.problems.append(self.document.problem(*rule))

    def _read_prose(self, lines: Sequence[Line]) -> None:
        """Every section, once."""
        _, found = sections(lines, 2)
        for line in lines:
            if len(line.text) > LONGEST_LINE:
                self._refuse(line.number, f"a line of {len(line.text)} characters", "wrap it")
            if found and line.number > found[0].line and (heading(line) or (0,))[0] == 1:
                rule = f"a second title, '{brief(line.text)}', ends the section before it"
                self._refuse(line.number, rule, "write ###, or put code between ``` lines")
        for section in found:
            if match := _FINDING.fullmatch(section.title):
                self._once(match["id"], section)
                self._read_finding(match["id"], match["title"] or "", section)
            elif section.title in SECTIONS:
                self._once(section.title, section)
                self._read_section(section)
            else:
                self._refuse(
                    section.line,
                    f"unknown section '{brief(section.title)}'",
                    f"{nearest(section.title, SECTIONS)}; a finding is '## F01: title'",
                )
        for name in SECTIONS:
            if name not in self.lines:
                last = lines[-1].number if lines else 1
                self._refuse(last, f"the section '## {name}' is missing", "add it")

    def _once(self, name: str, section: Section) -> None:
        if name in self.lines:
            what = "the finding" if FINDING_ID.fullmatch(name) else "the section"
            rule = f"{what} {name} occurs twice, first in line {self.lines[name]}"
            self._refuse(section.line, rule, "give each finding an id of its own, keep one section")
        self.lines.setdefault(name, section.line)

    def _read_section(self, section: Section) -> None:
        """Summary and strengths as text, the rubric item by item."""
        if section.title != "Rubric":
            self.written[section.title] = _said(section.text)
            if not self.written[section.title]:
                rule = f"the section '## {section.title}' says nothing yet"
                self._refuse(section.line, rule, "write it; comments do not count")
            return
        for answer in sections(section.body, 3)[1]:
            self._read_answer(answer)

    def _read_answer(self, section: Section) -> None:
        match = _ANSWER.fullmatch(section.title)
        if match is None:
            rule = f"'{brief(section.title)}' is no answer to a rubric item"
            self._refuse(section.line, rule, "write '### mathematics: 3'")
            return
        name, score = match["id"], (match["score"] or "").strip()
        if any(answer.id == name for answer in self.rubric):
            self._refuse(section.line, f"the rubric item '{name}' is answered twice", "keep one")
        elif not re.fullmatch("[0-4]", score):
            given = f"is no score: {brief(score)}" if score else "has no score"
            rule = f"the rubric item '{name}' {given}"
            self._refuse(section.line, rule, f"write '### {name}: ' and a number from 0 to 4")
        else:
            reason = _said(section.text)
            self.rubric.append(RubricAnswer(name, int(score), reason, section.line))

    def _read_finding(self, name: str, title: str, section: Section) -> None:
        """One finding: its title, its block, its three parts."""
        before = len(self.problems)
        if not _said(title):
            self._refuse(section.line, f"{name} has no title", f"write '## {name}: ' and one line")
        block, rest = yaml_block(section.body)
        found = self._read_block(name, section, block)
        parts = self._read_parts(name, section, rest)
        if len(self.problems) > before or found is None:
            return
        place = parse_place(found.place)
        words = {key: value for key, value in vars(found).items() if key != "place"}
        parts = {key.lower(): value for key, value in parts.items()}
        self.findings.append(
            Finding(id=name, title=title.strip(), place=place, line=section.line, **words, **parts)
        )

    def _read_block(
        self, name: str, section: Section, block: Sequence[Line]
    ) -> FindingBlock | None:
        """The block of YAML; None, and a problem, where it cannot be read."""
        if not block:
            fix = "begin it with a ```yaml block of kind, category, severity, place and quote"
            self._refuse(section.line, f"{name} has no ```yaml block", fix)
            return None
        try:
            yaml = "\n".join(line.text for line in block[1:-1])
            document = Document(yaml, block[0].number + 1)
        except Broken as broken:
            self.problems.append(broken.problem)
            return None
        found, problems = build(BLOCK, document)
        self.problems += problems
        if found is None:
            return None
        try:
            parse_place(found.place)
        except ZooError as error:
            rule, _, fix = str(error).partition(": ")
            self.problems.append(document.problem(("place",), rule, fix))
        return found

    def _read_parts(self, name: str, section: Section, body: Sequence[Line]) -> dict[str, str]:
        """Text by part; every part occurs once and says something."""
        starts = [(at, _PART.fullmatch(line.text)) for at, line in enumerate(body) if not line.code]
        found = [(at, match) for at, match in starts if match]
        ends = [*(at for at, _ in found), len(body)][1:]
        parts: dict[str, str] = {}
        for (at, match), end in zip(found, ends, strict=True):
            if match[1] in parts:
                self._refuse(body[at].number, f"{name} has **{match[1]}.** twice", "keep one")
            parts[match[1]] = _said(f"{match[2]}\n{text_of(body[at + 1 : end])}")
        for part in PARTS:
            if not parts.get(part):
                what = "is empty" if part in parts else "is missing"
                fix = f"write '**{part}.** ' and the text, in a paragraph of its own"
                self._refuse(section.line, f"{name}: **{part}.** {what}", fix)
        return parts


def _head_rules(head: ReviewHead) -> Iterator[tuple[tuple[str], str, str]]:
    """(key, rule, fix) for values of the right type that are not right."""
    if not re.fullmatch(r"[0-9a-f]{40}", head.commit):
        rule = f"'{brief(head.commit)}' is no commit"
        yield ("commit",), rule, "write all 40 digits, as they stood in the form when it was begun"
    if not HANDLE.fullmatch(head.reviewer):
        yield ("reviewer",), f"'{brief(head.reviewer)}' is no handle", 'write it with @: "@rev-one"'
    if not 0 < head.hours <= 200:
        yield ("hours",), f"{head.hours:g} hours of work", "write the honest time: hours: 3.5"
    for key, example in (
        ("conflict_of_interest", 'conflict_of_interest: "none", or what it is'),
        ("ai_use", 'ai_use: "none", or what was used and how you checked it'),
    ):
        if not _said(getattr(head, key)):
            yield (key,), f"'{key}' is not answered yet", f"write {example}"
