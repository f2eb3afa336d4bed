"""Commands in a comment: lines of plain paragraph text that begin with "/zoo".

The comment is read as Markdown, so that what a reader sees as code, a quote, a list, a heading, a
table, a link or HTML is never a command. All commands of a comment are read before any runs.
"""

from __future__ import annotations

import functools
import re
import shlex
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.github.grammar import Argument, Verb
from tools.github.port import COMMENT_LIMIT
from tools.github.verbs import names, rows
from tools.text import one_line
from zoo.core.errors import nearest

COMMAND_LIMIT, WORD_LIMIT, REASON_LIMIT = 20, 200, 2_000
SHOWN = 80  # characters of a line that a reply repeats

_PREFIX = re.compile(r"/zoo(?:\s+|$)", re.IGNORECASE)
# Telephones and word processors turn two hyphens into a dash.
_REASON = re.compile(r"(?:^|\s)(?:--|—|–)(?:\s+|$)")
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # categories of characters that nobody sees
_TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9-]*)[^>]*?(?P<empty>/?)>")
_NO_TEXT = re.compile(r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>", re.DOTALL)
_VOID = ("br", "hr", "img", "input", "wbr", "col", "source")  # elements that nothing closes


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        index: its place among the commands of the comment, from 0.
        verb: in lower case, as in the table.
        arguments: words by the names in the table; "" for an optional one that was left out.
        reason: what follows "--", or "".
        text: as it was written.
    """

    index: int
    verb: str
    arguments: dict[str, str]
    reason: str
    text: str


@dataclass(frozen=True)
class Malformed:
    """A line that begins like a command and is none: its text, why, and what to write."""

    line: str
    why: str
    fix: str


class _Wrong(Exception):
    """Why a line is no command, and what to write."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.why, self.fix = why, fix


def parse(body: str) -> list[Command] | Malformed:
    """All commands of a comment in their order, or the first line that cannot be understood."""
    if "zoo" not in _visible(body).lower():
        return []
    if len(body) > COMMENT_LIMIT:
        rule = f"the comment has {len(body):,} characters"
        return Malformed("", rule, f"{COMMENT_LIMIT:,} are the most")
    commands: list[Command] = []
    for line in _lines(body):
        try:
            if len(commands) == COMMAND_LIMIT:
                raise _Wrong(f"more than {COMMAND_LIMIT} commands", "write several comments")
            commands.append(_command(len(commands), line))
        except _Wrong as wrong:
            return Malformed(one_line(line.text, SHOWN), wrong.why, wrong.fix)
    return commands


# ------------------------------------------------------------------------- lines of a comment


@dataclass(frozen=True)
class _Line:
    """A line that begins with "/zoo"; `wrong` is why it is no command, where Markdown says so."""

    text: str
    wrong: _Wrong | None = None


@functools.cache
def _markdown() -> MarkdownIt:
    """The Markdown of GitHub, as far as it decides what is plain text.

    "text_join" is left out: it would make an escaped or encoded slash look like one that is typed.
    """
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")


def _lines(body: str) -> Iterator[_Line]:
    """The lines that begin with "/zoo" and stand in plain paragraphs, or were meant to."""
    source = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    inside = 0  # HTML elements that are open
    block = ""
    for token in _markdown().parse("\n".join(source)):
        if token.type.endswith("_open"):
            block = token.type
        if token.type == "html_block":
            inside = _open_elements(inside, token.content)
        elif token.type == "inline" and block == "paragraph_open" and token.level == 1:
            inside, found = _of_paragraph(token.children or [], inside)
            yield from found
        elif token.type == "inline" and token.map and not inside:
            yield from _swallowed(source, token, block)


def _of_paragraph(children: list[Token], inside: int) -> tuple[int, list[_Line]]:
    """The commands of a top-level paragraph; HTML elements that are open after it."""
    found: list[_Line] = []
    line: list[Token] = []
    plain = inside == 0
    for token in [*children, Token("softbreak", "", 0)]:
        if token.type in ("softbreak", "hardbreak"):
            if plain and (command := _of_line(line)):
                found.append(command)
            line, plain = [], inside == 0 and token.level == 0
            continue
        if token.type == "html_inline":
            inside = _open_elements(inside, token.content)
        line.append(token)
    return inside, found


def _of_line(tokens: list[Token]) -> _Line | None:
    """A command, when the line's first token is plain text that begins with "/zoo"."""
    if not tokens or tokens[0].type != "text":
        return None
    text = "".join(map(_written, tokens)).strip(" \t")
    if not _PREFIX.match(_visible(text)):
        return None
    for token in tokens:
        if token.type in ("link_open", "image", "html_inline"):
            what = {"link_open": "a link", "image": "an image"}.get(token.type, "HTML")
            return _Line(text, _Wrong(f"there is {what} in it", "a command is plain text"))
    return _Line(text)


def _written(token: Token) -> str:
    """What stood in the source for a token."""
    if token.type == "code_inline":
        return f"{token.markup}{token.content}{token.markup}"
    return token.content if token.content else token.markup


def _swallowed(source: list[str], token: Token, block: str) -> Iterator[_Line]:
    """Lines at the margin that Markdown makes part of what stands around them.

    "> quoted" with "/zoo accept" directly below it shows the command in the quote: to say nothing
    would lose it, to obey would be wrong.
    """
    assert token.map
    inert = any(child.type == "code_inline" for child in token.children or [])
    for line in source[slice(*token.map)]:
        if not inert and _PREFIX.match(line) and not block.startswith("t"):
            fix = "leave an empty line before and after it"
            yield _Line(line, _Wrong("it is part of a quote, a list or a heading", fix))


def _open_elements(inside: int, html: str) -> int:
    """How many HTML elements are open after a piece of HTML."""
    for tag in _TAG.finditer(_NO_TEXT.sub("", html)):
        if tag["close"]:
            inside = max(0, inside - 1)
        elif not tag["empty"] and tag["name"].lower() not in _VOID:
            inside += 1
    return inside


def _visible(text: str) -> str:
    """The text without characters that nobody sees; line ends and tabs stay."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _HIDDEN)


# -------------------------------------------------------------------------- words of a command


def _command(index: int, line: _Line) -> Command:
    """The command of a line."""
    if line.wrong:
        raise line.wrong
    hidden = next((c for c in line.text if c not in _visible(c)), None)
    if hidden is not None:
        rule = f"it holds the invisible character U+{ord(hidden):04X}"
        raise _Wrong(rule, "type the line anew instead of copying it")
    said = line.text[_PREFIX.match(line.text).end() :]  # type: ignore[union-attr]
    dash = _REASON.search(said)
    words = _split(said[: dash.start()] if dash else said)
    reason = said[dash.end() :].strip() if dash else ""
    if not words:
        raise _Wrong("it has no verb", "write /zoo help")
    verb = words.pop(0).lower()
    if verb not in names():
        raise _Wrong(f"there is no verb '{one_line(verb, SHOWN)}'", nearest(verb, names()))
    row = rows(verb)[0]  # the rows of a verb differ in who may say it, not in how it is written
    arguments = dict(_arguments(row, words))
    _check_reason(row, reason, dash is not None)
    return Command(index, verb, arguments, reason, one_line(line.text, REASON_LIMIT))


def _split(text: str) -> list[str]:
    """Words; "several words" in quotes are one. Nothing else has a meaning."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    lexer.whitespace = "".join({c for c in text if c.isspace()} | {" "})
    try:
        words = list(lexer)
    except ValueError:
        raise _Wrong("a quote is not closed", "close it, or put -- before the reason") from None
    for word in words:
        if len(word) > WORD_LIMIT:
            raise _Wrong(f"a word has {len(word)} characters", f"{WORD_LIMIT} are the most")
    return words


def _arguments(row: Verb, words: list[str]) -> Iterator[tuple[str, str]]:
    """(name, word) of each argument, choices in lower case."""
    rest = list(words)
    for argument in row.arguments:
        if not rest:
            if not argument.optional:
                raise _Wrong(f"{argument.shown} is missing", f"write {row.usage}")
            yield argument.name, ""
            continue
        word = rest.pop(0)
        if not argument.fits(word):
            raise _misfit(argument, one_line(word, SHOWN))
        yield argument.name, word.lower() if argument.choices else word
    if rest:
        rule = f"'{one_line(rest[0], SHOWN)}' is one word too many"
        raise _Wrong(rule, f"write {row.usage}")


def _misfit(argument: Argument, word: str) -> _Wrong:
    if argument.choices:
        rule = f"'{word}' is none of {', '.join(argument.choices)}"
        return _Wrong(rule, nearest(word.lower(), argument.choices))
    return _Wrong(f"'{word}' is no {argument.shown}", f"write it as {argument.example}")


def _check_reason(row: Verb, reason: str, dashed: bool) -> None:
    """A reason where one is needed, and none where it would be lost."""
    if dashed and row.reason == "none":
        raise _Wrong(f"{row.verb} keeps no reason", f"write {row.usage}")
    if not reason and (dashed or row.reason == "required"):
        raise _Wrong("the reason is missing", f"write {row.usage}")
    if len(reason) > REASON_LIMIT:
        rule = f"the reason has {len(reason):,} characters"
        raise _Wrong(rule, f"{REASON_LIMIT:,} are the most")
