"""Just enough Markdown to read forms: headings outside code fences, comments taken out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"\s*(?P<marks>`{3,}(?=[^`]*$)|~{3,})\s*(?P<info>.*?)\s*")
_HEADING = re.compile(r" {0,3}(?P<marks>#{1,6})[ \t]+(?P<title>.*?)(?:[ \t]+#+)?[ \t]*")
_SPAN_OR_COMMENT = re.compile(r"(?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)|<!--")


@dataclass(frozen=True)
class Line:
    """One line of a form, without its comments.

    Attributes:
        number: from 1, in the file.
        text: what a reader of the finished page sees of it.
        code: whether it lies in a code fence or is its border.
        fence: for the line that opens a fence the word after it, "yaml", or ""; else None.
    """

    number: int
    text: str
    code: bool = False
    fence: str | None = None


@dataclass(frozen=True)
class Section:
    """A heading and the lines below it, up to the next heading of its level or a higher one."""

    title: str
    line: int
    body: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The body as it was written, without comments and outer blank lines."""
        return text_of(self.body)


class Unclosed(ValueError):
    """A code fence or a comment that swallows the rest of the file; `line` is where it opens."""

    def __init__(self, line: int, what: str, close: str) -> None:
        super().__init__(what)
        self.line, self.what, self.close = line, what, close


def read_lines(text: str, first: int = 1) -> list[Line]:
    """The lines of a text whose first line has the number `first`.

    Raises:
        Unclosed: a comment or fence without an end, or a fence in a fence of the same length.
    """
    lines: list[Line] = []
    fence, opened, comment = "", 0, 0
    for number, raw in enumerate(text.split("\n"), first):
        if fence:
            lines.append(Line(number, raw, code=True))
            mark = raw.strip()
            if mark.startswith(fence):
                if mark.strip(fence[0]):  # "```yaml": a forgotten end would swallow what follows
                    raise Unclosed(opened, f"this code fence is open at line {number}", fence)
                fence = ""
            continue
        shown, open_comment = _without_comments(raw, bool(comment))
        comment = (comment or number) if open_comment else 0
        match = _FENCE.fullmatch(shown)
        if match is None:
            lines.append(Line(number, shown))
        else:
            fence, opened = match["marks"], number
            lines.append(Line(number, shown, code=True, fence=match["info"]))
    if fence:
        raise Unclosed(opened, "this code fence is never closed", fence)
    if comment:
        raise Unclosed(comment, "this comment is never closed", "-->")
    return lines


def _without_comments(raw: str, inside: bool) -> tuple[str, bool]:
    """A line without its comments, and whether one stays open at its end."""
    shown, at = "", 0
    while True:
        if inside:
            end = raw.find("-->", at)
            if end < 0:
                return shown, True
            at, inside = end + 3, False
        match = _SPAN_OR_COMMENT.search(raw, at)
        if match is None:
            return shown + raw[at:], False
        inside = match[0] == "<!--"
        shown += raw[at : match.start() if inside else match.end()]
        at = match.end()


def heading(line: Line) -> tuple[int, str] | None:
    """Level and title of a heading; None for any other line."""
    match = None if line.code else _HEADING.fullmatch(line.text)
    return (len(match["marks"]), match["title"]) if match else None


def sections(lines: Sequence[Line], level: int) -> tuple[tuple[Line, ...], list[Section]]:
    """The lines before the first heading of a level, and its sections."""
    starts: list[tuple[int, str | None]] = []  # a higher heading ends a section and begins none
    for index, line in enumerate(lines):
        found_level, title = heading(line) or (7, "")
        if found_level <= level:
            starts.append((index, title if found_level == level else None))
    ends = [*(index for index, _ in starts[1:]), len(lines)]
    found = [
        Section(title, lines[index].number, tuple(lines[index + 1 : end]))
        for (index, title), end in zip(starts, ends, strict=True)
        if title is not None
    ]
    return tuple(lines[: starts[0][0]] if starts else lines), found


def text_of(lines: Sequence[Line]) -> str:
    """Lines as text, without outer blank lines."""
    return "\n".join(line.text.rstrip() for line in lines).strip("\n")


def yaml_block(body: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    """The first fenced block of YAML with its borders, none where there is none, and the rest."""
    start = next((n for n, line in enumerate(body) if line.fence in ("yaml", "yml")), None)
    if start is None:
        return (), body
    end = start + 1
    while end < len(body) and body[end].code and body[end].fence is None:
        end += 1
    return body[start:end], body[end:]
