"""A review written in GitHub's own interface: comments on lines, compiled into a review file.

A comment that begins with `**[major][mathematics]** Title` is a finding, of something missing with
`**[major][evaluation][missing]** Title`; the rest of it is its paragraphs **Expected.**,
**Observed.** and **Suggestion.** Any other comment is talk. The place is that of the comment, the
quote is what stands there in the frozen version, and ids count in the order of writing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn, get_args

import yaml

from tools.github.port import GitHub, InlineComment
from tools.process.findings import FINDING_ID, SEVERITIES, Category, Kind
from tools.process.record import Record
from tools.process.response.mapping import split_lines
from tools.process.review.frozen import Frozen, FrozenTree, notebook_cells, squeezed
from tools.process.review.markdown import Line, Unclosed, heading, read_lines
from tools.process.review.writing import reviewing
from tools.text import one_line
from tools.yamltext import Broken, Markdown, clean
from zoo.core.errors import ZooError, nearest

EXAMPLE = "**[major][mathematics]** Title"
QUOTED = 500  # characters of the frozen lines: enough to find them again
_MARKED = re.compile(r"\s*\*\*\s*\[(?![^\]\n]*\]\()")  # a link in bold is talk
_TAGGED = re.compile(r"\s*\*\*((?:\s*\[[^\]\n]*\])+)\s*\*\*[ \t]*(.*)")
_PART = re.compile(r"\*\*(expected|observed|suggestion)[.:]?\*\*[.:]?[ \t]*(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class _Finding:
    """A comment that is a finding: its tags, its title, and the lines below it."""

    comment: InlineComment
    severity: str
    category: str
    kind: str
    title: str
    body: tuple[Line, ...]


def compile_inline(
    record: Record, github: GitHub, number: int, model: str, actor: str, head: str
) -> str:
    """The review file that a reviewer's comments on lines make, with their form.

    Args:
        record: of the term.
        github: where the comments are.
        number: of the entry's pull request.
        model: the entry.
        actor: handle of the reviewer.
        head: the form: front matter, summary, rubric, strengths, perhaps findings without lines.

    Raises:
        ZooError: a comment that begins like a finding and is none, or was not made at the frozen
            commit; which one, and why.
    """
    state, reviewer = reviewing(record, model, actor)
    assert state.v1 is not None
    commit = state.v1.commit
    account = record.roster.find(reviewer).github_id
    by_age = sorted(github.inline_comments(number), key=lambda comment: comment.id)
    mine = [c for c in by_age if account is not None and c.author.id == account]
    findings = [_read(comment) for comment in mine if _MARKED.match(comment.body)]
    for finding in findings:
        if finding.comment.commit != commit:
            seen = finding.comment.commit[:12]
            where = f"https://github.com/{github.repository}/pull/{number}/files/{commit}"
            rule = f"it was made at {seen}, and version 1 was frozen at {commit[:12]}"
            _refuse(finding.comment, rule, f"delete it and write it at {where}")
    form, last = _form(head)
    frozen = FrozenTree(record.root, commit)
    sections = [
        _section(f"F{at:02d}", finding, frozen) for at, finding in enumerate(findings, last + 1)
    ]
    return "\n\n".join([form, *sections]) + "\n"


def _refuse(comment: InlineComment, rule: str, fix: str) -> NoReturn:
    """Refuse the review because of one comment."""
    raise ZooError(f"{_name(comment)}: {rule}; {fix}")


def _name(comment: InlineComment) -> str:
    lines = f":{comment.first}" if comment.first else ""
    return f"your comment on {one_line(comment.path)}{lines}"


def _read(comment: InlineComment) -> _Finding:
    """The finding that a comment is; ZooError where its first line or its Markdown is broken."""
    first, _, rest = comment.body.replace("\r\n", "\n").lstrip("\n").partition("\n")
    match = _TAGGED.fullmatch(first)
    if match is None:
        _refuse(comment, "its first line is no finding's", f"write {EXAMPLE}")
    tags = [tag.strip().lower() for tag in re.findall(r"\[([^\]]*)\]", match[1])]
    if len(tags) == 2:
        tags.append("mistake")
    if len(tags) != 3:
        _refuse(comment, f"{len(tags)} tags", f"write severity and category: {EXAMPLE}")
    known = (SEVERITIES, get_args(Category), get_args(Kind))
    for name, tag, words in zip(("severity", "category", "kind"), tags, known, strict=True):
        if tag not in words:
            _refuse(comment, f"'{one_line(tag, 40)}' is no {name}", nearest(tag, words))
    title = _visible(match[2], _name(comment))[0].text.strip()
    body = _visible(rest, _name(comment))
    for line in body:
        found = heading(line)
        if found and found[0] <= 2:
            _refuse(comment, f"the heading '{one_line(line.text, 40)}' would end it", "write ###")
    return _Finding(comment, tags[0], tags[1], tags[2], title, tuple(body))


def _visible(text: str, where: str, first: int = 1) -> list[Line]:
    """The lines that a reader sees; what HTML hides stays out, however it was put together."""
    try:
        lines = read_lines(text, first)
        again = read_lines("\n".join(line.text for line in lines))
    except Unclosed as swallowing:
        at = f", line {swallowing.line}"
        raise ZooError(
            f"{where}{at}: {swallowing.what}; close it with {swallowing.close}"
        ) from None
    if [line.text for line in again] != [line.text for line in lines]:
        raise ZooError(f"{where}: a comment in HTML is hidden in it; delete it")
    return lines


def _form(head: str) -> tuple[str, int]:
    """The form without what HTML hides, and the highest number of a finding in it."""
    try:
        document = Markdown(head)
    except Broken as broken:
        problem = broken.problem
        raise ZooError(f"your form, line {problem.line}: {problem.rule}; {problem.fix}") from None
    lines = _visible(document.prose, "your form", document.prose_line)
    titles = [found[1] for line in lines if (found := heading(line)) and found[0] == 2]
    numbers = [int(match[0][1:]) for title in titles if (match := FINDING_ID.match(title))]
    front = clean(head).split("\n")[: document.prose_line - 1]
    prose = re.sub(r"\n{3,}", "\n\n", "\n".join(line.text.rstrip() for line in lines))
    return "\n".join([*front, "", prose.strip("\n")]), max(numbers, default=0)


def _section(name: str, finding: _Finding, frozen: Frozen) -> str:
    """A finding as the review file has it."""
    place, quote = _place(finding, frozen)
    block = {
        "kind": finding.kind,
        "category": finding.category,
        "severity": finding.severity,
        "place": _quoted(place),
    }
    if quote:
        block["quote"] = _quoted(quote)
    said = [f"{key}: {value}" for key, value in block.items()]
    lines = ["```yaml", *said, "```", "", *_labelled(finding.body)]
    return "\n".join([f"## {name}: {finding.title}", "", *lines]).rstrip("\n")


def _labelled(body: tuple[Line, ...]) -> Iterator[str]:
    """The lines of a body, with the labels of its paragraphs as the review file spells them."""
    for line in body:
        match = None if line.code else _PART.fullmatch(line.text)
        yield f"**{match[1].capitalize()}.** {match[2]}".rstrip() if match else line.text.rstrip()


def _quoted(text: str) -> str:
    """Text as one line of YAML."""
    style = {"default_style": '"', "allow_unicode": True, "width": float("inf")}
    return yaml.safe_dump(text, **style).rstrip("\n")


def _place(finding: _Finding, frozen: Frozen) -> tuple[str, str]:
    """Place and quote of a finding; a comment on a whole file has its first line, and no quote."""
    comment = finding.comment
    path = comment.path
    if comment.last is None or path not in frozen:
        return f"{path}:{comment.first or comment.last or 1}", ""
    first, last = comment.first or comment.last, comment.last
    lines = split_lines(frozen[path])[first - 1 : last]
    if not path.endswith(".ipynb"):
        span = f"{first}-{last}" if last > first else f"{first}"
        return f"{path}:{span}", _cut("\n".join(lines))
    cells = list(_cell_lines(frozen[path]))
    found = [name for name, start, end in cells if start <= first and last <= end]
    if not found:
        rule = "these lines of the notebook's JSON belong to no cell, or to several"
        _refuse(comment, rule, "comment on lines of one cell's source")
    source = notebook_cells(frozen[path]).get(found[0], "")
    return f"{path}#{found[0]}", _cut(_source_lines(lines, source))


def _cut(text: str) -> str:
    """The beginning of a quote, without blank lines around it."""
    return text.strip()[:QUOTED].rstrip()


def _source_lines(lines: list[str], source: str) -> str:
    """What lines of a notebook's JSON hold of a cell's source; its first line where that is not."""
    said = []
    for line in lines:
        try:
            text = json.loads(line.strip().rstrip(","))
        except ValueError:
            continue
        if isinstance(text, str) and text.strip() and squeezed(text) in squeezed(source):
            said.append(text)
    return "".join(said) or next((line for line in source.splitlines() if line.strip()), "")


def _cell_lines(text: str) -> Iterator[tuple[str, int, int]]:
    """(id, first line, last line) of every cell in the JSON of a notebook."""
    decoder, blank = json.JSONDecoder(), re.compile(r"[\s,:]*")

    def skip(at: int) -> int:
        match = blank.match(text, at)
        assert match is not None
        return match.end()

    try:
        at = skip(text.index("{") + 1)
        while text[at] != "}":
            key, at = decoder.raw_decode(text, at)
            at = skip(at)
            if key != "cells":
                at = skip(decoder.raw_decode(text, at)[1])
                continue
            at = skip(at + 1)
            while text[at] != "]":
                cell, end = decoder.raw_decode(text, at)
                start, stop = (text.count("\n", 0, index) + 1 for index in (at, end))
                if isinstance(cell, dict) and isinstance(cell.get("id"), str):
                    yield cell["id"], start, stop
                at = skip(end)
            return
    except (ValueError, IndexError):
        return
