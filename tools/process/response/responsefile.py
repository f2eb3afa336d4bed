"""The developers' response: `reviews/<model>/v2/response.md`, an answer and a reason per finding.

Front matter, then one section `## rev-one/F01: title` per finding with a block of YAML and, below
it, the reason. Everything that stands before the block is for orientation only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tools.documents import Form, build, read_text, refuse
from tools.process.findings import Answer, Finding, parse_place
from tools.process.findings import Place as CodePlace
from tools.process.ledger.state import Submission
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
from tools.text import code_span, one_line
from tools.yamltext import Broken, Document, Markdown, Problem, brief
from zoo.core.errors import ZooError, nearest

if TYPE_CHECKING:
    from tools.process.record import Record

TEMPLATE = Path(__file__).resolve().parents[3] / "templates" / "response.md"
PLACEHOLDER = "TODO"  # how the skeleton marks what the developers have to write
QUOTE_LIMIT = 120  # characters of a finding's quote that the skeleton repeats
_HEADING = re.compile(r"(?P<key>[A-Za-z0-9-]+/F\d{2,3})\b:?\s*(?P<title>.*)")


@dataclass(frozen=True)
class ResponseHead:
    """The front matter of a response."""

    entry: str
    version: Literal["v2"]
    developers: list[str]
    ai_use: str


@dataclass(frozen=True)
class AnswerBlock:
    """The block of YAML below a finding's heading."""

    answer: Answer
    where: list[str] = field(default_factory=list)


RESPONSE = Form(
    ResponseHead,
    {
        ResponseHead: {
            "entry": "entry: vae",
            "version": "version: v2",
            "developers": 'developers: ["@dev-one", "@dev-two"]',
            "ai_use": "ai_use: none, or what was used, where, and how a human checked it",
        }
    },
)
BLOCK = Form(
    AnswerBlock,
    {
        AnswerBlock: {
            "answer": "answer: fixed",
            "where": "where: [zoo/vae/model.py:41-45]",
        }
    },
)


@dataclass(frozen=True)
class Reply:
    """The answer to one finding.

    Attributes:
        key: the finding's key, "rev-one/F01".
        answer: fixed, disputed or wont-fix.
        where: places of the fix in version 2, where it lies elsewhere than the finding.
        reason: Markdown.
        line: line of the heading.
    """

    key: str
    answer: Answer
    where: tuple[CodePlace, ...]
    reason: str
    line: int


@dataclass(frozen=True)
class ResponseFile:
    """A complete response; `replies` by finding key, in the order of the file."""

    head: ResponseHead
    replies: dict[str, Reply]

    @property
    def answers(self) -> dict[str, str]:
        """The answer by finding key, as the ledger keeps it."""
        return {key: reply.answer for key, reply in self.replies.items()}


def parse_response(text: str, path: Path | str) -> ResponseFile:
    """Read a response; ZooError "path:line: rule; fix" for its first mistake."""
    draft = _Draft(text)
    refuse(path, draft.problems)
    assert draft.head is not None
    return ResponseFile(draft.head, draft.replies)


def load_response(record: Record, model: str) -> ResponseFile:
    """The response of an entry, from its file."""
    path = record.folder(model) / "v2" / "response.md"
    return parse_response(read_text(path), path)


def replies_in(text: str) -> dict[str, Reply]:
    """The answers by finding key, as far as they can be read."""
    return _Draft(text).replies


def response_problems(
    text: str, state: Submission, findings: Mapping[str, Finding]
) -> list[Problem]:
    """Everything that keeps a response from being filed, by line.

    Args:
        text: of the file.
        state: of the entry.
        findings: by key; each needs exactly one answer.
    """
    draft = _Draft(text)
    problems = list(draft.problems)
    if draft.head is not None:
        problems += _head_problems(draft.document, draft.head, state)
    for key, line in draft.lines.items():
        if key not in findings:
            rule = f"no review of {state.model} has a finding {key}"
            problems.append(Problem(line, key, rule, nearest(key, findings)))
    if not draft.unreadable:
        for key in findings:
            if key not in draft.lines:
                rule = f"the finding {key} is not answered"
                fix = f"zoo respond {state.model} adds its section to the file"
                problems.append(Problem(text.count("\n") + 1, key, rule, fix))
    return sorted(problems, key=lambda problem: problem.line or 0)


def _head_problems(document: Document, head: ResponseHead, state: Submission) -> list[Problem]:
    """The response is that of this entry, by its team."""
    problems = []
    if head.entry != state.model:
        rule = f"this is a response of '{head.entry}', not of {state.model}"
        problems.append(document.problem(("entry",), rule, f"write entry: {state.model}"))
    if {name.lower() for name in head.developers} != {name.lower() for name in state.team}:
        rule = f"the developers of {state.model} are {', '.join(state.team)}"
        team = ", ".join(f'"{name}"' for name in state.team)
        problems.append(document.problem(("developers",), rule, f"write developers: [{team}]"))
    return problems


class _Draft:
    """A response as far as it can be read.

    Attributes:
        head: the front matter, None where it is not right.
        replies: the readable answers by finding key.
        lines: line of the heading by finding key, of every section.
        problems: what is wrong.
        unreadable: whether sections could not be told apart.
    """

    def __init__(self, text: str) -> None:
        self.head: ResponseHead | None = None
        self.replies: dict[str, Reply] = {}
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self.unreadable = True
        try:
            self.document = Markdown(text)
            lines = read_lines(self.document.prose, self.document.prose_line)
        except Broken as broken:
            self.problems.append(broken.problem)
            return
        except Unclosed as open_end:
            self.problems.append(
                Problem(open_end.line, "", str(open_end), f"close it with {open_end.close}")
            )
            return
        self.unreadable = False
        self.head, self.problems = build(RESPONSE, self.document)
        if self.head and self.head.ai_use.strip().startswith(PLACEHOLDER):
            rule, fix = "'ai_use' is not answered yet", RESPONSE.examples[ResponseHead]["ai_use"]
            self.problems.append(self.document.problem(("ai_use",), rule, f"write {fix}"))
        found = sections(lines, 2)[1]
        for line in lines:
            if found and line.number > found[0].line and (heading(line) or (0,))[0] == 1:
                rule = f"a second title, '{brief(line.text)}', ends the section before it"
                self._refuse(line.number, "", rule, "write ###, or put code between ``` lines")
        for section in found:
            self._read(section)

    def _refuse(self, line: int, key: str, rule: str, fix: str) -> None:
        self.problems.append(Problem(line, key, rule, fix))

    def _read(self, section: Section) -> None:
        """One section, which is the answer to one finding."""
        match = _HEADING.fullmatch(section.title)
        if match is None:
            rule = f"'{brief(section.title)}' names no finding"
            fix = "write ## rev-one/F01: title; headings of your own begin with ###"
            self._refuse(section.line, "", rule, fix)
            return
        key = match["key"]
        if key in self.lines:
            rule = f"{key} is answered twice, first in line {self.lines[key]}"
            self._refuse(section.line, key, rule, "keep one of the two sections")
            return
        self.lines[key] = section.line
        block, rest = yaml_block(section.body)
        if not block:
            fix = "begin the section with ```yaml, answer: fixed, ```"
            self._refuse(section.line, key, f"{key} has no block with the answer", fix)
            return
        answer = self._block(key, block)
        reason = text_of(rest).strip()
        said = [line for line in reason.split("\n") if not line.startswith(">")]
        if not "".join(said).strip() or reason.startswith(PLACEHOLDER):
            fix = "say below the block what you changed, or why you leave it"
            self._refuse(block[-1].number, key, f"{key} has no reason", fix)
        elif answer is not None:
            self.replies[key] = Reply(key, *answer, reason, section.line)

    def _block(
        self, key: str, block: Sequence[Line]
    ) -> tuple[Answer, tuple[CodePlace, ...]] | None:
        """The answer and its places; None, and a problem, where they cannot be read."""
        first = block[0].number + 1
        try:
            document = Document("\n".join(line.text for line in block[1:-1]), first)
        except Broken as broken:
            self.problems.append(broken.problem)
            return None
        if document.data.get("answer") == PLACEHOLDER:
            fix = "set 'answer' to fixed, disputed or wont-fix"
            self._refuse(document.find(("answer",))[1], key, f"{key} is not answered yet", fix)
            return None
        answer, problems = build(BLOCK, document)
        self.problems += problems
        if answer is None:
            return None
        try:
            return answer.answer, tuple(parse_place(place) for place in answer.where)
        except ZooError as error:
            rule, _, fix = str(error).partition(": ")
            self._refuse(document.find(("where",))[1], key, rule, fix)
            return None


# ------------------------------------------------------------------------------ the skeleton


def response_template(state: Submission, findings: Mapping[str, Finding]) -> str:
    """The skeleton of a response: every finding with its place and quote, without an answer."""
    head = TEMPLATE.read_text(encoding="utf-8").partition("## {{key}}")[0]
    team = ", ".join(f'"{handle}"' for handle in state.team)
    head = head.replace("{{entry}}", state.model).replace("{{developers}}", team)
    return head + "\n".join(_section(state.model, *item) for item in findings.items())


def with_missing(text: str, state: Submission, findings: Mapping[str, Finding]) -> str:
    """The text with a section to fill in for every finding that has none; nothing else changes."""
    draft = _Draft(text)
    if draft.unreadable:
        return text
    new = [_section(state.model, *item) for item in findings.items() if item[0] not in draft.lines]
    return "\n".join([text.rstrip("\n") + "\n", *new]) if new else text


def _section(model: str, key: str, finding: Finding) -> str:
    """The skeleton's section of one finding."""
    form = TEMPLATE.read_text(encoding="utf-8").partition("## {{key}}")
    about = f"**{finding.severity}** {finding.kind}, {finding.category}, {finding.place}"
    if finding.quote:
        about += f": {code_span(one_line(finding.quote, QUOTE_LIMIT))}"
    title = one_line(finding.title).replace("<!--", "<! --")  # it would open a comment
    words = {"key": key, "entry": model, "about": about, "title": title}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], form[1] + form[2])
